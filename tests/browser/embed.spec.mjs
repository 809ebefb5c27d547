// Charts on other pages: the custom element, several of them on one page, their end; the page for frames.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { BTC, ETH, launch } from './support/deck.mjs';
import { serveFiles } from './support/files.mjs';
import { wasmBytes } from './support/memory.mjs';
import { Relay } from './support/relay.mjs';
import { holds, until } from './support/wait.mjs';

/** What a host page may say of everything, and must not reach the chart. */
const LOUD = `* { letter-spacing: 3px; text-transform: uppercase; line-height: 3; color: red; cursor: wait }
  div, section, p, button, a { border: 5px solid red !important; padding: 9px !important; font: 30px serif !important }
  .root, .stage, .chart, .pane { display: none !important } :root { --bg: red; --text: red } html { font-size: 40px }`;

let relay;
let browser;
let host;
let stranger;
let folder;
before(async () => {
  // A host page of another origin, with no policy but what a browser has by itself; and one that no list has.
  folder = await mkdtemp(join(tmpdir(), 'tapedeck-host-'));
  const html = `<!doctype html><title>host</title><link rel="icon" href="data:,"><div id="app">the host's own</div>`;
  await writeFile(join(folder, 'index.html'), html);
  await writeFile(join(folder, 'loud.html'), html.replace('</title>', `</title><style>${LOUD}</style>`));
  host = await serveFiles(folder);
  stranger = await serveFiles(folder);
  const lists = { TAPEDECK_ALLOWED_ORIGINS: host.origin, TAPEDECK_FRAME_ANCESTORS: host.origin };
  relay = await Relay.start(undefined, { ...lists, SYMBOLS: `${BTC},${ETH}` });
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await relay?.stop();
  host?.close();
  stranger?.close();
  await rm(folder, { recursive: true, force: true });
});

async function open(url = host.url) {
  const page = await browser.newPage({ viewport: { width: 1200, height: 900 } });
  const complaints = [];
  page.on('console', (m) => ['error', 'warning'].includes(m.type()) && complaints.push(m.text()));
  page.on('pageerror', (error) => complaints.push(error.message));
  const sockets = [];
  page.on('websocket', (socket) => sockets.push(socket));
  await page.goto(url);
  return { page, complaints, sockets };
}

const embed = (page) =>
  page.evaluate((src) => document.head.append(Object.assign(document.createElement('script'), { type: 'module', src })), `${relay.url}/embed.js`);

const add = (page, id, attributes) =>
  page.evaluate(([id, attributes]) => {
    const element = Object.assign(document.createElement('tapedeck-chart'), { id });
    window.heard ??= {};
    window.heard[id] = [];
    for (const name of ['ready', 'symbolchange', 'timeframechange', 'bar', 'status', 'error']) {
      element.addEventListener(name, ({ detail }) => window.heard[id].push([name, detail]));
    }
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    document.body.append(element);
  }, [id, attributes]);

const heard = (page, id, name) =>
  page.evaluate(([id, name]) => window.heard[id].filter((one) => one[0] === name).map((one) => one[1]), [id, name]);

const bars = (page, id, of = 'price') => page.evaluate(([id, of]) => document.getElementById(id).bars(of), [id, of]);

test('three charts share a socket, say what happens and leave nothing behind', async () => {
  const { page, complaints, sockets } = await open();
  await embed(page);
  await add(page, 'a', { symbol: BTC, timeframe: '5m', venue: 'sim', panes: 'oi' });
  await add(page, 'b', { symbol: BTC, timeframe: '1H', venue: 'sim', theme: 'light', panes: '' });
  await add(page, 'c', { symbol: ETH, timeframe: '1m', panes: '' });
  for (const id of ['a', 'b', 'c']) {
    await until(`${id} to be ready`, async () => (await heard(page, id, 'ready')).length === 1);
    assert.ok((await bars(page, id)).length > 0, `${id} holds bars`);
    assert.deepEqual(await heard(page, id, 'error'), []);
  }
  await until('a bar', async () => (await heard(page, 'a', 'bar')).length > 0);
  assert.equal(sockets.length, 1, 'one socket for all');
  assert.equal(await page.locator('#app').innerText(), "the host's own", 'the host page is left alone');

  const gap = async (id) => {
    const rows = await bars(page, id);
    return rows.at(-1)?.timestamp - rows.at(-2)?.timestamp;
  };
  await holds('bars of each timeframe', async () =>
    assert.deepEqual([await gap('a'), await gap('b'), await gap('c')], [300_000, 3_600_000, 60_000]));
  const background = (id) =>
    page.evaluate((id) => getComputedStyle(document.getElementById(id).shadowRoot.querySelector('.root')).backgroundColor, id);
  assert.deepEqual([await background('a'), await background('b')], ['rgb(11, 14, 17)', 'rgb(255, 255, 255)']);
  await until('the font', () => page.evaluate(() => [...document.fonts].some((font) => font.family.includes('IBM Plex Mono'))));
  const range = await page.evaluate(() => document.getElementById('a').visibleRange());
  assert.ok(range.from < range.to);
  assert.deepEqual(await page.evaluate(async () => {
    const blob = await document.getElementById('a').snapshot();
    return [blob.type, blob.size > 1_000];
  }), ['image/png', true]);
  assert.match(await page.evaluate(() => {
    try {
      return String(document.getElementById('a').bars('nonsense'));
    } catch (error) {
      return error.message;
    }
  }), /no series "nonsense": use price, volume/);

  // Its menu offers what an embed can do, and what is told stands in its own place.
  await page.locator('#a .chart').click({ button: 'right', position: { x: 300, y: 100 } });
  const menu = page.locator('#a dialog');
  await until('the menu', async () => (await menu.getByRole('button').allInnerTexts()).includes('Save a picture'));
  assert.ok((await menu.getByRole('button').allInnerTexts()).every((name) => !/alert/i.test(name)));
  await page.keyboard.press('Escape');
  assert.doesNotMatch(await page.locator('#a .chart').getAttribute('aria-label'), /Alt/);
  assert.equal(await page.locator('#a .toasts').count(), 1);

  // Attributes change what is shown.
  await page.evaluate((eth) => {
    document.getElementById('a').setAttribute('symbol', eth);
    document.getElementById('a').setAttribute('timeframe', '15m');
  }, ETH);
  await until('the other symbol', async () => (await heard(page, 'a', 'symbolchange')).at(-1)?.symbol === ETH);
  await until('the other timeframe', async () => (await heard(page, 'a', 'timeframechange')).at(-1)?.timeframe === '15m');
  await until('its bars', async () => (await bars(page, 'a')).length > 1 && (await gap('a')) === 900_000);

  // Moved within the page it goes on; taken out it ends, and with the last the socket.
  const before = (await bars(page, 'b')).length;
  await page.evaluate(() => document.body.prepend(document.getElementById('b')));
  assert.equal((await bars(page, 'b')).length, before);
  await page.evaluate(() => document.querySelectorAll('tapedeck-chart').forEach((element) => element.remove()));
  await until('the socket to close', () => sockets.every((socket) => socket.isClosed()));
  assert.deepEqual(complaints, []);
  await page.close();
});

test('fifty charts come and go and leave no memory behind', async () => {
  const { page, complaints, sockets } = await open();
  await embed(page);
  const session = await page.context().newCDPSession(page);
  const heap = async () => {
    await session.send('HeapProfiler.collectGarbage');
    await session.send('HeapProfiler.collectGarbage');
    return (await session.send('Runtime.getHeapUsage')).usedSize;
  };
  // The linear memory only ever grows: what it has grown to says the most that was held at a time.
  const wasm = () => wasmBytes(page);
  // Five at a time, each of its own kind.
  const round = async (name) => {
    const ids = [0, 1, 2, 3, 4].map((i) => `${name}-${i}`);
    for (const [i, id] of ids.entries()) {
      await add(page, id, { symbol: i % 2 ? ETH : BTC, timeframe: ['5m', '1m', '1H'][i % 3], venue: 'sim', panes: i % 2 ? '' : 'oi' });
    }
    // All five load their history at once.
    for (const id of ids) await until(`${id} to be ready`, async () => (await heard(page, id, 'ready')).length === 1, 60_000);
    await page.evaluate((ids) => {
      for (const id of ids) {
        document.getElementById(id).remove();
        delete window.heard[id];
      }
    }, ids);
    await until('the socket to close', () => sockets.every((socket) => socket.isClosed()));
    // Listeners of elements that are gone are given back with them, when the browser collects those.
    return heap();
  };
  // The first rounds load code and warm caches.
  for (const name of ['a', 'b', 'c']) await round(name);
  const before = { heap: await heap(), wasm: await wasm() };
  for (let i = 0; i < 10; i += 1) await round(`round${i}`);
  const after = { wasm: await wasm() };
  await until('the heap to come back', async () => {
    after.heap = await heap();
    return after.heap <= before.heap * 1.1;
  }).catch(() => {});
  assert.ok(after.heap <= before.heap * 1.1, `heap of ${before.heap} bytes grew to ${after.heap} over 50 charts`);
  // How many of five load at the same moment differs from round to round, and with it the most that is held; each
  // chart holds some megabytes, so that kept ones would be far beyond this.
  const grown = after.wasm - before.wasm;
  assert.ok(grown <= 10e6, `wasm of ${before.wasm} bytes grew to ${after.wasm} over 50 charts`);
  assert.deepEqual(complaints, []);
  await page.close();
});

test('a chart is no part of the host\'s looks or storage, and says what it cannot use', async () => {
  const { page, complaints } = await open(`${host.url}loud.html`);
  let waiting = 0;
  page.on('request', () => (waiting += 1));
  for (const end of ['requestfinished', 'requestfailed']) page.on(end, () => (waiting -= 1));
  // What a chart says is said for six seconds; they are over when the test says so.
  await page.evaluate(() => {
    const real = window.setTimeout;
    window.due = [];
    window.setTimeout = (act, ms, ...rest) => (ms === 6_000 ? window.due.push(act) : real(act, ms, ...rest));
  });
  await page.evaluate(() => localStorage.setItem('tapedeck.settings', '{"symbol":"ETHUSDT-PERP","timeframe":"1D","panes":["cvd"]}'));
  await embed(page);
  await add(page, 'a', { symbol: BTC, timeframe: '7m', panes: 'oi,profit', theme: 'pink', venue: 'mtgox' });
  await add(page, 'b', { symbol: 'DOGEUSDT-PERP' });
  await add(page, 'c', { symbol: BTC, relay: 'ftp://elsewhere' });
  const said = async (id) => (await heard(page, id, 'error')).map(({ message }) => message);
  const line = (id) => page.evaluate((id) => document.getElementById(id).shadowRoot.querySelector('.wrong').innerText, id);
  await until('a and b to be ready', async () => (await Promise.all(['a', 'b'].map((id) => heard(page, id, 'ready')))).every((one) => one.length));

  const values = 'timeframe="7m" cannot be used: write 1m, 5m, 15m, 30m, 1H, 4H, 1D, 1W or 1M. ' +
    'panes="oi,profit" cannot be used: write a list of oi, funding, cvd, liq, rsi, macd, spread, depth, or leave it empty. ' +
    'theme="pink" cannot be used: write dark or light.';
  const all = `${values} venue="mtgox": it does not list ${BTC}, sim is shown.`;
  await holds('what a cannot use', async () => {
    assert.deepEqual(await said('a'), [values, all]);
    assert.equal(await line('a'), all);
  });
  const unlisted = `symbol="DOGEUSDT-PERP": the relay does not list it, ${BTC} is shown.`;
  await holds('what b cannot', async () => assert.deepEqual(await said('b'), [unlisted]));
  assert.deepEqual(await said('c'), ['relay="ftp://elsewhere" cannot be used: write an address like https://relay.example.']);
  // Mended, it goes on as if nothing had been.
  await page.evaluate(({ eth, url }) => {
    const [a, b, c] = ['a', 'b', 'c'].map((id) => document.getElementById(id));
    for (const [name, value] of Object.entries({ timeframe: '15m', panes: 'oi', theme: 'light', venue: 'sim' })) a.setAttribute(name, value);
    b.setAttribute('symbol', eth);
    c.setAttribute('relay', url);
  }, { eth: ETH, url: relay.url });
  await until('c to be ready', async () => (await heard(page, 'c', 'ready')).length === 1);
  await until('the other symbol', async () => (await heard(page, 'b', 'symbolchange')).at(-1)?.symbol === ETH);
  await holds('nothing to be wrong', async () => assert.deepEqual(await Promise.all(['a', 'b', 'c'].map(line)), ['', '', '']));

  const looks = await page.evaluate(() => {
    const root = document.getElementById('c').shadowRoot;
    const stage = getComputedStyle(root.querySelector('.stage'));
    const { letterSpacing, textTransform, color, lineHeight, cursor, height, display, borderTopWidth } = stage;
    return { letterSpacing, textTransform, color, lineHeight, cursor, height, display, borderTopWidth };
  });
  assert.deepEqual(looks, {
    letterSpacing: 'normal', textTransform: 'none', color: 'rgb(230, 234, 238)', lineHeight: '16px', cursor: 'auto',
    height: '420px', display: 'block', borderTopWidth: '0px',
  });
  // The other way round, too: the chart's sheets do not touch the host, and nothing is stored there.
  assert.equal(await page.evaluate(() => getComputedStyle(document.getElementById('app')).paddingTop), '9px');
  const stored = await page.evaluate(() => [Object.keys(localStorage), Object.keys(window).filter((name) => name === 'tapedeck')]);
  assert.deepEqual(stored, [['tapedeck.settings'], []]);
  const opened = (await heard(page, 'c', 'symbolchange'))[0];
  assert.deepEqual([opened.symbol, opened.timeframe], [BTC, '5m'], 'what another page stored here is not read');
  await page.screenshot({ path: 'tests/browser/out/embed-loud.png', fullPage: true });
  // It may be gone by then.
  assert.ok(await page.evaluate(() => window.due.length > 0), 'the symbol that is not listed was said');
  await page.evaluate(() => document.querySelectorAll('tapedeck-chart').forEach((element) => element.remove()));
  await until('the last answers', () => waiting === 0);
  await page.evaluate(() => window.due.forEach((act) => act()));
  await page.evaluate(() => new Promise((done) => setTimeout(done, 0)));
  assert.deepEqual(complaints, []);
  await page.close();
});

test('a frame shows the chart and answers the page around it', async () => {
  const { page, complaints } = await open();
  await page.evaluate(([src, wanted]) => {
    window.told = [];
    window.addEventListener('message', ({ data, origin }) => window.told.push({ ...data, origin }));
    const frame = Object.assign(document.createElement('iframe'), { src: `${src}/embed?symbol=${wanted}&tf=5m&panes=`, id: 'frame' });
    Object.assign(frame.style, { width: '800px', height: '400px' });
    document.body.append(frame);
  }, [relay.url, BTC]);
  const told = (pick) => page.evaluate(() => window.told).then((all) => all.filter(pick));
  await until('the frame to be ready', async () => (await told((m) => m.event === 'ready')).length === 1);
  const send = (message) =>
    page.evaluate((message) => document.getElementById('frame').contentWindow.postMessage(message, '*'), message);
  // A frame beside it is not the framing page: it is neither obeyed nor answered.
  await page.evaluate(() => {
    const srcdoc = `<script>parent.frames[0].postMessage({ tapedeck: 1, id: 6, get: 'bars', of: 'price' }, '*');
      parent.frames[0].postMessage({ tapedeck: 1, set: { timeframe: '1W' } }, '*'); parent.asked = true</script>`;
    document.body.append(Object.assign(document.createElement('iframe'), { srcdoc }));
  });
  await until('the other frame to ask', () => page.evaluate(() => window.asked));
  const messages = [
    { tapedeck: 1, id: 7, get: 'bars', of: 'price' },
    { tapedeck: 1, id: 8, get: 'everything' },
    { tapedeck: 2, id: 9, get: 'bars', of: 'price' },
    { tapedeck: 1, id: 10, set: { colour: 'red' } },
    { tapedeck: 1, id: 11, get: 'bars', of: 'nonsense' },
    { tapedeck: 1, id: 12 },
    { hello: 'of another script' },
    { tapedeck: 1, id: 13, get: 'visibleRange' },
    { tapedeck: 1, id: 14, get: 'snapshot' },
  ];
  for (const message of messages) await send(message);
  await until('the last answer', async () => (await told((m) => m.id === 14)).length === 1);
  const answers = (await told((m) => m.id !== undefined)).sort((a, b) => a.id - b.id);
  assert.ok(answers.every((m) => m.tapedeck === 1 && m.origin === relay.url));
  assert.deepEqual(answers.map((m) => [m.id, m.error ?? typeof m.value]), [
    [7, 'object'],
    [8, 'get is bars, visibleRange or snapshot, not everything'],
    [9, 'this frame speaks version 1, not 2'],
    [10, 'set takes symbol, venue, timeframe, panes, theme, not colour'],
    [11, answers[4].error],
    [12, 'a message has set or get'],
    [13, 'object'],
    [14, 'object'],
  ]);
  assert.match(answers[4].error, /no series "nonsense": use price, volume/);
  assert.ok(answers[0].value.length > 0 && answers[6].value.from < answers[6].value.to);
  assert.deepEqual(await told((m) => m.event === 'timeframechange'), []);
  await send({ tapedeck: 1, set: { timeframe: '1H', theme: 'light' } });
  await until('the timeframe', async () => (await told((m) => m.event === 'timeframechange')).at(-1)?.detail.timeframe === '1H');
  await send({ tapedeck: 1, set: { timeframe: '7m' } });
  await until('the refusal', async () => (await told((m) => m.event === 'error')).at(-1)?.detail.message.includes('timeframe="7m"'));
  assert.deepEqual(complaints, []);
  await page.close();

  // Who is not on the list sees no chart, and the policy says why.
  const other = await open(stranger.url);
  await other.page.evaluate((src) => document.body.append(Object.assign(document.createElement('iframe'), { src })), `${relay.url}/embed?symbol=${BTC}`);
  await until('the refusal', () => other.complaints.some((text) => /frame-ancestors/.test(text)));
  assert.ok(other.page.frames().every((frame) => !frame.url().startsWith(relay.url)));
  await embed(other.page);
  await until('the module to be refused', () => other.complaints.some((text) => /embed\.js.*CORS/.test(text)));
  await other.page.close();
});

test('the examples work under the policies they name', async () => {
  const readme = await readFile('examples/README.md', 'utf8');
  const here = (text) => text.replaceAll('https://relay.example', relay.url).replaceAll('wss://relay.example', relay.url.replace('http', 'ws'));
  for (const name of ['plain.html', 'iframe.html']) {
    const policy = readme.split('\n').find((line) => line.includes(`](${name})`)).split('`').at(-2);
    const html = here(await readFile(`examples/${name}`, 'utf8'));
    // The page's own script by its hash.
    const [, script] = /<script>([^]*?)<\/script>/.exec(html);
    const hash = `'sha256-${createHash('sha256').update(script).digest('base64')}'`;
    const whole = `default-src 'none'; ${here(policy).replace('{own}', hash)}; img-src data:`;
    const icon = '<link rel="icon" href="data:,">';
    await writeFile(join(folder, name), html.replace('<title>', `<meta http-equiv="Content-Security-Policy" content="${whole}">${icon}$&`));
  }
  const said = (page) => page.locator('output').innerText();
  const plain = await open(`${host.url}plain.html`);
  await until('a close', async () => /^\d/.test(await said(plain.page)));
  await plain.page.screenshot({ path: 'tests/browser/out/example-plain.png', fullPage: true });
  const framed = await open(`${host.url}iframe.html`);
  await until('a close', async () => /^\d/.test(await said(framed.page)));
  await framed.page.getByRole('button').click();
  const pressed = () => framed.page.frames()[1].evaluate(() => document.querySelector('tapedeck-chart').getAttribute('timeframe'));
  await until('the timeframe', async () => (await pressed()) === '1H');
  await framed.page.screenshot({ path: 'tests/browser/out/example-iframe.png', fullPage: true });
  for (const { page, complaints } of [plain, framed]) {
    assert.deepEqual(complaints, []);
    await page.close();
  }
});
