// The relay goes away and comes back: the page says so, keeps its values, and is live again without a reload.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { BTC, Deck, launch } from './support/deck.mjs';
import { Relay } from './support/relay.mjs';
import { until } from './support/wait.mjs';

let relay;
let browser;
before(async () => {
  relay = await Relay.start();
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await relay?.stop();
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
  const bars = await deck.bars('price');
  const times = bars.map((bar) => bar.timestamp);
  assert.equal(new Set(times).size, times.length, 'no bar twice');
  for (let i = 1; i < times.length; i += 1) assert.equal(times[i] - times[i - 1], 60_000, `after bar ${i - 1}`);
  // A refused connection is the browser's own line in the console; it cannot be kept from there.
  await deck.close([/WebSocket connection to/, /Failed to load resource/, /ERR_CONNECTION_REFUSED/]);
});
