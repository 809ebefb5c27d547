// Scroll-back: older bars arrive by themselves, behind and without a gap.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BTC, Deck } from './support/deck.mjs';
import { stage } from './support/stage.mjs';
import { until } from './support/wait.mjs';

const { relay, browser } = await stage();

test('dragging into the past loads older bars and leaves the view where it is', async () => {
  // The first three answers with minutes fail: the newest are asked for again, and what stands behind them too.
  const asked = [];
  let refused = 0;
  const deck = await Deck.visit(browser, relay, { symbol: BTC, tf: '1m' }, {}, (page) =>
    page.route('**/api/candles?*', async (route) => {
      const query = new URL(route.request().url()).searchParams;
      asked.push(query);
      if (query.get('interval') !== '1m' || refused === 3) return route.continue();
      refused += 1;
      return route.fulfill({ status: 503, json: { error: { code: 'busy', message: 'later' } } });
    }));
  await deck.live();
  await until('the first history', async () => (await deck.bars('price')).length >= 1_000, 60_000);
  assert.equal(refused, 3);
  // By number, so that a closed session before the oldest bar is not taken for the beginning.
  const older = asked.filter((query) => query.has('to'));
  assert.ok(older.length > 0 && older.every((query) => query.has('limit') && !query.has('from')), `${older}`);
  const first = (await deck.bars('price'))[0].timestamp;
  // Over the same minutes bar and watchlist come to the same change.
  await deck.at('watch-toggle').click();
  await deck.at('watchlist').getByRole('button', { name: 'Add' }).click();
  await until('one change in both', async () => {
    const both = await deck.page.evaluate(() => ['.quote .change', '.watched .change'].map((at) => document.querySelector(at).innerText));
    if (!/\d/.test(both[0]) || both[0] !== both[1]) throw new Error(`${both}`);
    return true;
  }, 30_000);
  await deck.at('watch-toggle').click();
  const { x, y, box } = await deck.middle('pane-price');
  await until('older bars', async () => {
    await deck.page.mouse.move(box.x + 100, y);
    await deck.page.mouse.down();
    await deck.page.mouse.move(x + box.width / 2 - 120, y, { steps: 4 });
    await deck.page.mouse.up();
    await deck.page.mouse.wheel(-2_000, 0);
    return (await deck.bars('price'))[0].timestamp < first;
  }, 60_000);
  const bars = await deck.bars('price');
  for (let i = 1; i < bars.length; i += 1) {
    assert.equal(bars[i].timestamp - bars[i - 1].timestamp, 60_000, `after bar ${i - 1}`);
  }
  const range = await deck.visibleRange();
  assert.ok(range.to < Date.now() - 60_000, 'the view stays in the past');
  await deck.screenshot('scrolled-back');
  await deck.close([/503/]);
});

test('a date range in the address opens there', async () => {
  const from = Date.UTC(...utcDay(Date.now() - 5 * 86_400_000));
  const to = from + 86_400_000;
  const deck = await Deck.open(browser, relay, { symbol: BTC, tf: '5m', from, to });
  await until('the range', async () => {
    const range = await deck.visibleRange();
    return range && range.from < to && range.to > from && range.to <= to + 86_400_000;
  });
  await deck.close();
});

function utcDay(ms) {
  const day = new Date(ms);
  return [day.getUTCFullYear(), day.getUTCMonth(), day.getUTCDate()];
}
