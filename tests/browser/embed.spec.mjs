// Charts on other pages: the custom element, several of them on one page, their end; the page for frames.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';
import { BTC, launch } from './support/deck.mjs';
import { Relay } from './support/relay.mjs';
import { until } from './support/wait.mjs';

const ETH = 'ETHUSDT-PERP';

let relay;
let browser;
let host;
before(async () => {
  // A host page of another origin, with no policy but what a browser has by itself.
  host = createServer((request, response) => {
    response.setHeader('content-type', 'text/html');
    response.end('<!doctype html><title>host</title><link rel="icon" href="data:,"><div id="app">the host\'s own</div>');
  });
  await new Promise((done) => host.listen(0, '127.0.0.1', done));
  host.origin = `http://127.0.0.1:${host.address().port}`;
  process.env.TAPEDECK_ALLOWED_ORIGINS = host.origin;
  process.env.TAPEDECK_FRAME_ANCESTORS = host.origin;
  relay = await Relay.start();
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await relay?.stop();
  host?.close();
});

async function open() {
  const page = await browser.newPage({ viewport: { width: 1200, height: 900 } });
  const complaints = [];
  page.on('console', (m) => ['error', 'warning'].includes(m.type()) && complaints.push(m.text()));
  page.on('pageerror', (error) => complaints.push(error.message));
  const sockets = [];
  page.on('websocket', (socket) => sockets.push(socket));
  await page.goto(host.origin);
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
    return rows.at(-1).timestamp - rows.at(-2).timestamp;
  };
  assert.deepEqual([await gap('a'), await gap('b'), await gap('c')], [300_000, 3_600_000, 60_000]);
  const background = (id) =>
    page.evaluate((id) => getComputedStyle(document.getElementById(id).shadowRoot.querySelector('.root')).backgroundColor, id);
  assert.deepEqual([await background('a'), await background('b')], ['rgb(11, 14, 17)', 'rgb(255, 255, 255)']);
  assert.ok(await page.evaluate(() => [...document.fonts].some((font) => font.family.includes('IBM Plex Mono'))));
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

  // Attributes change what is shown.
  await page.evaluate((eth) => {
    document.getElementById('a').setAttribute('symbol', eth);
    document.getElementById('a').setAttribute('timeframe', '15m');
  }, ETH);
  await until('the other symbol', async () => (await heard(page, 'a', 'symbolchange')).at(-1)?.symbol === ETH);
  assert.equal((await heard(page, 'a', 'timeframechange')).at(-1).timeframe, '15m');
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

test('charts that come and go leave no memory behind', async () => {
  const { page, complaints } = await open();
  await embed(page);
  const session = await page.context().newCDPSession(page);
  const heap = async () => {
    await session.send('HeapProfiler.collectGarbage');
    await session.send('HeapProfiler.collectGarbage');
    return (await session.send('Runtime.getHeapUsage')).usedSize;
  };
  const round = async (id) => {
    await add(page, id, { symbol: BTC, timeframe: '5m', venue: 'sim', panes: '' });
    await until(`${id} to be ready`, async () => (await heard(page, id, 'ready')).length === 1);
    await page.evaluate((id) => {
      document.getElementById(id).remove();
      delete window.heard[id];
    }, id);
  };
  // The first rounds load code and warm caches.
  for (let i = 0; i < 5; i += 1) await round(`warm${i}`);
  const before = await heap();
  const rounds = Number(process.env.EMBEDS ?? 10);
  for (let i = 0; i < rounds; i += 1) await round(`e${i}`);
  let after;
  await until('the heap to come back', async () => {
    after = await heap();
    return after <= before * 1.1;
  }).catch(() => assert.fail(`heap of ${before} bytes grew to ${after} over ${rounds} charts`));
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
  await send({ tapedeck: 1, id: 7, get: 'bars', of: 'price' });
  await send({ tapedeck: 1, id: 8, get: 'everything' });
  await send({ tapedeck: 2, id: 9, get: 'bars', of: 'price' });
  await until('an answer', async () => (await told((m) => m.id === 8)).length === 1);
  const [answer] = await told((m) => m.id === 7);
  assert.ok(answer.tapedeck === 1 && answer.value.length > 0 && answer.origin === relay.url);
  assert.match((await told((m) => m.id === 8))[0].error, /bars, visibleRange or snapshot/);
  assert.equal((await told((m) => m.id === 9)).length, 0, 'another version is not answered');
  await send({ tapedeck: 1, set: { timeframe: '1H' } });
  await until('the timeframe', async () => (await told((m) => m.event === 'timeframechange')).at(-1)?.detail.timeframe === '1H');
  assert.deepEqual(complaints, []);
  await page.close();
});
