// Nine timeframes in the browser equal an independent fold of the relay's 1m bars, the forming bar included.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { BTC, Deck, launch } from './support/deck.mjs';
import { difference, fold, TIMEFRAMES } from './support/fold.mjs';
import { Relay } from './support/relay.mjs';
import { until } from './support/wait.mjs';

const DAY = 86_400_000;

let relay;
let browser;
let deck;
before(async () => {
  relay = await Relay.start();
  browser = await launch();
  deck = await Deck.open(browser, relay, { symbol: BTC });
});
after(async () => {
  await browser?.close();
  await relay?.stop();
});

const minutes = async (from, to) => relay.rows('/api/candles', { symbol: BTC, interval: '1m' }, from, to);

for (const timeframe of TIMEFRAMES) {
  test(`${timeframe} equals the fold of the minutes`, async () => {
    await deck.timeframe(timeframe);
    const now = Date.now();
    const past = await minutes(now - 29 * DAY, now - 600_000);
    assert.ok(past.length > 40_000, `${past.length} minutes of history`);
    // The market moves between the two reads: compare only when the page showed the same bar before and after.
    const compared = await until(`the bars of ${timeframe} to equal the fold`, async () => {
      const before = await deck.bars('price');
      const recent = await minutes(past.at(-1).timestamp + 60_000, Date.now() + 60_000);
      const shown = await deck.bars('price');
      if (JSON.stringify(before.at(-1)) !== JSON.stringify(shown.at(-1))) return false;
      const known = [...past, ...recent];
      const expected = new Map(fold(known, timeframe).map((bar) => [bar.timestamp, bar]));
      const whole = shown.filter((bar) => bar.timestamp >= known[0].timestamp);
      const wrong = whole.map((bar) => difference(bar, expected.get(bar.timestamp) ?? {})).filter(Boolean);
      if (wrong.length > 0) throw new Error(`${wrong.length} of ${whole.length} bars differ: ${wrong[0]}`);
      assert.equal(whole.at(-1)?.timestamp, [...expected.keys()].at(-1), 'the forming bar is among them');
      return whole.length;
    });
    assert.ok(compared >= 1, `${compared} bars compared`);
    assert.equal(deck.query().get('tf'), timeframe);
  });
}

test('switching through all nine leaves the console clean', async () => {
  await deck.close();
});
