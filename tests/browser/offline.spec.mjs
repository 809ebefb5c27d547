// The line to the relay: polled while sockets are refused, slow, asleep; and the relay goes away and comes back. The
// page says so, keeps its values, and is live again without a reload.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BTC, Deck } from './support/deck.mjs';
import { stage } from './support/stage.mjs';
import { holds, until } from './support/wait.mjs';

const { relay, browser } = await stage();

/** Stands between page and relay: sockets can be refused, silenced and spoken on. */
class Gate {
  refuse = false;
  silent = false;
  sockets = [];

  async install(page) {
    await page.routeWebSocket(/\/ws$/, (socket) => {
      this.sockets.push(socket);
      if (this.refuse) return void socket.close({ code: 1013 });
      const server = socket.connectToServer();
      server.onMessage((message) => this.silent || socket.send(message));
    });
  }
}

test('sockets refused: polled every 5 s, then live again without a hole', async () => {
  const gate = new Gate();
  const deck = await Deck.visit(browser, relay, { symbol: BTC, tf: '1m' }, {}, (page) => gate.install(page));
  await deck.live();
  await until('bars', async () => (await deck.bars('price')).length > 0);
  const polls = [];
  deck.page.on('request', (request) => request.url().includes('/api/snapshot') && polls.push({ url: request.url(), at: Date.now() }));
  assert.equal(gate.sockets.length, 1, 'one socket');
  gate.sockets[0].send('{"type":"slow","dropped":1,"conflated":2}');
  await until('the page to say that it is slow', async () => /slow/.test(await deck.at('connection-status').innerText()));

  gate.refuse = true;
  gate.sockets[0].close({ code: 1013 });
  await until('offline, with the next attempt', async () => {
    const text = await deck.page.locator('.banner').innerText();
    return (await deck.state()) === 'offline' && /Next attempt|Trying now/.test(text);
  });
  await until('polling', async () => (await deck.state()) === 'polling', 20_000);
  assert.ok(gate.sockets.length >= 3, `${gate.sockets.length} sockets before: one that broke, two refused`);
  const before = (await deck.bars('price')).at(-1);
  const tried = gate.sockets.length;
  await until('values by polling', async () => {
    const last = (await deck.bars('price')).at(-1);
    return last.timestamp > before.timestamp || last.volume > before.volume;
  });
  await until('the socket to be tried on', () => gate.sockets.length > tried);
  // A poll asks once for each venue and symbol, one after the other.
  const begun = () => polls.filter(({ url }) => url === polls[0].url).map(({ at }) => at);
  await until('four polls', () => begun().length >= 4, 40_000);
  const waits = begun().slice(1).map((at, i) => at - begun()[i]);
  assert.ok(waits.every((ms) => ms > 3_000 && ms < 10_000), `each 5 s: ${waits}`);
  await deck.screenshot('polling');

  gate.refuse = false;
  await deck.live();
  await until('the banner to be gone', async () => (await deck.page.locator('.banner').count()) === 0);
  const polled = polls.length;
  gate.silent = true;
  // As after sleep: the line has to show at once that it lives, and does not.
  await deck.page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')));
  const woke = Date.now();
  await until('the line to be given up', async () => (await deck.state()) !== 'live');
  assert.ok(Date.now() - woke < 9_000, 'sooner than silence alone would be noticed');
  assert.equal(polls.filter(({ at }) => at < woke + 4_000).length, polled, 'no polling while a socket lives');
  gate.silent = false;
  await deck.live();
  await until('contiguous bars', async () => {
    const times = (await deck.bars('price')).map((bar) => bar.timestamp);
    return times.every((time, i) => i === 0 || time - times[i - 1] === 60_000);
  });
  await deck.close([/WebSocket connection to/]);
});

test('killed and started again: offline, then live, with contiguous bars', async () => {
  const deck = await Deck.open(browser, relay, { symbol: BTC, tf: '1m' });
  await deck.page.evaluate(() => (window.sameDocument = true));
  const held = (await deck.bars('price')).length;
  await relay.kill();
  await until('the page to notice', async () => (await deck.state()) === 'offline', 40_000);
  assert.ok((await deck.bars('price')).length >= held, 'the last values stay');
  const words = await deck.page.locator('body').innerText();
  assert.match(words, /relay/i, 'the page says what is gone');
  await deck.screenshot('offline');

  await relay.restart();
  await deck.live();
  assert.equal(await deck.page.evaluate(() => window.sameDocument), true, 'without a reload');
  const first = (await deck.bars('price')).at(-1);
  await until('the forming bar to move again', async () => {
    const last = (await deck.bars('price')).at(-1);
    return last.timestamp > first.timestamp || last.volume > first.volume;
  });
  await holds('one bar per minute', async () => {
    const times = (await deck.bars('price')).map((bar) => bar.timestamp);
    for (let i = 1; i < times.length; i += 1) assert.equal(times[i] - times[i - 1], 60_000, `after bar ${i - 1}`);
  });
  // A refused connection is the browser's own line in the console; it cannot be kept from there.
  await deck.close([/WebSocket connection to/, /Failed to load resource/, /ERR_CONNECTION_REFUSED/]);
});
