// Scroll-back: older bars arrive by themselves, behind and without a gap.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BTC, Deck } from './support/deck.mjs';
import { stage } from './support/stage.mjs';
import { until } from './support/wait.mjs';

const { relay, browser } = await stage();

test('dragging into the past loads older bars and leaves the view where it is', async () => {
  const deck = await Deck.open(browser, relay, { symbol: BTC, tf: '1m' });
  await until('the first history', async () => (await deck.bars('price')).length >= 1_000);
  const first = (await deck.bars('price'))[0].timestamp;
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
  await deck.close();
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
