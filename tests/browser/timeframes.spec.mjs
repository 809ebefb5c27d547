// Nine timeframes in the browser equal an independent fold of the relay's 1m bars, the forming bar included.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BTC, Deck } from './support/deck.mjs';
import { bucketOf, difference, fold, TIMEFRAMES } from './support/fold.mjs';
import { stage } from './support/stage.mjs';
import { until } from './support/wait.mjs';

const DAY = 86_400_000;

const { relay, browser } = await stage();
const deck = await Deck.open(browser, relay, { symbol: BTC });
await deck.listen(BTC);

for (const timeframe of TIMEFRAMES) {
  test(`${timeframe} equals the fold of the minutes`, async () => {
    await deck.timeframe(timeframe);
    const now = Date.now();
    const query = { symbol: BTC, interval: '1m' };
    const closed = (await relay.rows('/api/candles', query, now - 29 * DAY, now)).filter((bar) => bar.closed);
    assert.ok(closed.length > 40_000, `${closed.length} minutes of history`);
    // The market moves on while we read: the page must show one of the states of the forming minute that were sent.
    const compared = await until(`the bars of ${timeframe} to equal the fold`, async () => {
      const shown = (await deck.bars('price')).filter((bar) => bar.timestamp >= closed[0].timestamp);
      const heard = await deck.minutes();
      const known = new Map(closed.map((bar) => [bar.timestamp, bar]));
      for (const bar of heard.filter((bar) => bar.closed)) known.set(bar.timestamp, bar);
      const forming = heard.filter((bar) => !bar.closed && !known.has(bar.timestamp));
      assert.ok(forming.length > 0, 'a forming minute was heard');
      const past = fold([...known.values()], timeframe);
      const edge = bucketOf(forming[0].timestamp, timeframe);
      const wrong = shown
        .filter((bar) => bar.timestamp < edge)
        .map((bar) => difference(bar, past.find((other) => other.timestamp === bar.timestamp) ?? {}))
        .filter(Boolean);
      if (wrong.length > 0) throw new Error(`${wrong.length} of ${shown.length} bars differ: ${wrong[0]}`);
      const inside = [...known.values()].filter((bar) => bar.timestamp >= edge);
      const states = forming.map((minute) => fold([...inside, minute], timeframe).at(-1));
      const open = shown.at(-1);
      if (!states.some((state) => difference(open, state) === '')) {
        throw new Error(`the forming bar differs from all ${states.length} states: ${difference(open, states.at(-1))}`);
      }
      return shown.length;
    });
    assert.ok(compared >= 1, `${compared} bars compared`);
    assert.equal(deck.query().get('tf'), timeframe);
  });
}

test('switching through all nine leaves the console clean', async () => {
  await deck.close();
});
