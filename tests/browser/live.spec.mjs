// The deck plays: a moving chart with all panes, labelled DEMO.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BTC, Deck } from './support/deck.mjs';
import { stage } from './support/stage.mjs';
import { until } from './support/wait.mjs';

const { relay, browser } = await stage();

test('the chart moves and says DEMO', async () => {
  const deck = await Deck.open(browser, relay, { symbol: BTC });
  await until('DEMO in sight', async () => (await deck.mode()) === 'demo' && (await deck.page.getByText('DEMO', { exact: true }).first().isVisible()));
  const first = (await deck.bars('price')).at(-1);
  await until('the forming bar to change', async () => {
    const last = (await deck.bars('price')).at(-1);
    return last.timestamp > first.timestamp || last.close !== first.close || last.volume > first.volume;
  });
  await deck.screenshot('demo-dark');
  await deck.close();
});

test('every pane has data of the last day and stands on the bars of the price pane', async () => {
  const deck = await Deck.open(browser, relay, { symbol: BTC, panes: 'oi,funding,liq,cvd' });
  for (const pane of ['price', 'oi', 'funding', 'cvd', 'liq']) {
    await until(`rows in ${pane}`, async () => (await deck.bars(pane)).length > 10);
    await deck.middle(`pane-${pane}`);
  }
  await until('a day of minutes', async () => {
    const price = await deck.bars('price');
    return price.at(-1).timestamp - price[0].timestamp >= 23 * 3_600_000;
  });
  await until('a value on the funding panel', async () => /\d/.test(await deck.at('funding-panel').getAttribute('data-value')));
  await deck.close();
});

test('bars ascend, one per minute, with nothing missing', async () => {
  const deck = await Deck.open(browser, relay, { symbol: BTC, tf: '1m' });
  // Live bars may be there before the history behind them.
  await until('the newest 300 bars', async () => (await deck.bars('price')).length >= 300);
  const bars = await deck.bars('price');
  for (let i = 1; i < bars.length; i += 1) {
    assert.equal(bars[i].timestamp - bars[i - 1].timestamp, 60_000, `after bar ${i - 1}`);
  }
  await deck.close();
});

test('the attribution of the chart library is visible', async () => {
  const deck = await Deck.open(browser, relay);
  const attribution = deck.at('attribution').first();
  await until('it to be seen', () => attribution.isVisible());
  const href = await attribution.evaluate((element) => (element.closest('a') ?? element.querySelector('a'))?.href ?? '');
  assert.match(href, /^https:\/\/www\.tradingview\.com\//);
  await deck.close();
});
