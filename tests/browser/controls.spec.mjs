// Pickers, address, theme, legend, precision, phone layout.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BTC, Deck, ETH } from './support/deck.mjs';
import { stage } from './support/stage.mjs';
import { until } from './support/wait.mjs';

const { relay, browser } = await stage();

test('picking another symbol shows its bars and writes the address', async () => {
  const deck = await Deck.open(browser, relay, { symbol: BTC });
  await deck.choose('symbol-select', ETH);
  await until('ETH in the address', () => deck.query().get('symbol') === ETH);
  const expected = await relay.get('/api/latest-candle', { symbol: ETH, interval: '1m' });
  await until('bars of ETH', async () => {
    const last = (await deck.bars('price')).at(-1);
    return last && Math.abs(last.close / expected.close - 1) < 0.05;
  });
  await deck.close();
});

test('the address alone restores symbol, timeframe, theme and panes', async () => {
  const deck = await Deck.open(browser, relay, { symbol: ETH, tf: '15m', theme: 'light', panes: 'oi' });
  assert.equal(await deck.at('timeframe-15m').getAttribute('aria-pressed'), 'true');
  const bars = await deck.bars('price');
  assert.ok(bars.at(-1).close < 20_000, 'prices of ETH, not of BTC');
  assert.equal(bars[1].timestamp - bars[0].timestamp, 15 * 60_000);
  assert.equal(await deck.page.locator('html').getAttribute('data-theme'), 'light');
  assert.ok(await deck.at('pane-oi').first().isVisible());
  assert.equal(await deck.at('pane-cvd').count(), 0, 'panes that were not asked for are off');
  await deck.screenshot('light-15m');
  await deck.close();
});

test('the theme button switches and the choice survives a reload', async () => {
  const deck = await Deck.open(browser, relay, { symbol: BTC });
  const theme = () => deck.page.locator('html').getAttribute('data-theme');
  const background = () => deck.page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const [first, dark] = [await theme(), await background()];
  await deck.at('theme-toggle').first().click();
  await until('the other theme', async () => (await theme()) !== first);
  const second = await theme();
  assert.notEqual(await background(), dark);
  await deck.page.reload();
  await deck.live();
  assert.equal(await theme(), second);
  await deck.close();
});

test('the legend follows the crosshair', async () => {
  const deck = await Deck.open(browser, relay, { symbol: BTC });
  const legend = deck.at('legend').first();
  const { box } = await deck.middle('pane-price');
  const texts = new Set();
  for (const share of [0.3, 0.5, 0.7]) {
    await deck.page.mouse.move(box.x + box.width * share, box.y + box.height / 2);
    await until('a legend', async () => /O.*H.*L.*C.*V/s.test(await legend.innerText()));
    texts.add(await until('another legend', async () => {
      const text = await legend.innerText();
      return !texts.has(text) && text;
    }));
  }
  assert.equal(texts.size, 3, 'three places, three bars');
  await deck.close();
});

test('a price near 1e-6 is shown with the digits of its tick', async () => {
  const symbols = await relay.get('/api/symbols');
  const small = symbols.find((row) => row.tick_size < 1e-6);
  assert.ok(small, 'the simulated market has a coin with a small tick');
  const deck = await Deck.open(browser, relay, { symbol: small.symbol });
  const close = (await deck.bars('price')).at(-1).close;
  assert.ok(close > 0 && close < 1e-4, `close ${close}`);
  const digits = Math.round(-Math.log10(small.tick_size));
  const prices = await until('four prices', async () => {
    const legend = await deck.at('legend').first().innerText();
    const found = [...legend.matchAll(/[OHLC]\s*(0\.\d+)/g)].map((match) => match[1]);
    return found.length === 4 && found;
  });
  for (const price of prices) assert.equal(price.length - 2, digits, `${price} has the ${digits} digits of the tick`);
  await deck.close();
});

test('a phone shows the chart in its full width without sideways scrolling', async () => {
  const phone = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, hasTouch: true, isMobile: true };
  const deck = await Deck.open(browser, relay, { symbol: BTC }, phone);
  const { box } = await deck.middle('pane-price');
  assert.ok(box.width >= 300, `the chart is ${box.width} px wide`);
  const overflow = await deck.page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  assert.ok(overflow <= 0, `${overflow} px stick out`);
  for (const name of ['1m', '1H']) {
    const height = (await deck.at(`timeframe-${name}`).boundingBox()).height;
    assert.ok(height >= 44, `${name} is ${height} px high`);
  }
  await deck.screenshot('phone');
  await deck.close();
});
