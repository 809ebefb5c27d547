// Habits: keys on the chart, the palette, horizontal lines, pictures and CSV, scale modes.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { keepCharts, linesDrawn } from './support/charts.mjs';
import { BTC, Deck } from './support/deck.mjs';
import { stage } from './support/stage.mjs';
import { holds, until } from './support/wait.mjs';

const { relay, browser } = await stage();

const focused = (deck) => deck.page.evaluate(() => document.activeElement.id || document.activeElement.dataset.testid);
const marks = (deck) => deck.page.evaluate((symbol) => JSON.parse(localStorage.getItem(`tapedeck.marks.${symbol}`)), BTC);
const gone = (deck, id) => until(`${id} to be gone`, async () => (await deck.at(id).count()) === 0);

test('digits, letters and commands lead somewhere, and focus comes back', async () => {
  const deck = await Deck.open(browser, relay, { symbol: BTC, tf: '5m' });
  const { page } = deck;
  const chart = page.locator('#chart').first();
  const pressed = (tf) => until(`${tf}`, async () => (await deck.at(`timeframe-${tf}`).getAttribute('aria-pressed')) === 'true');
  const onChart = () => until('focus on the chart', async () => (await focused(deck)) === 'chart');
  // A press on the chart gives it focus.
  await chart.click({ position: { x: 300, y: 200 } });
  await onChart();
  await page.keyboard.press('1');
  await deck.at('dialog-timeframe').waitFor();
  await page.keyboard.type('5');
  await page.keyboard.press('Enter');
  await pressed('15m');
  await gone(deck, 'dialog-timeframe');
  await onChart();
  await page.keyboard.press('4');
  await deck.at('dialog-timeframe').waitFor();
  await page.keyboard.type('h');
  await page.keyboard.press('Enter');
  await pressed('4H');
  // A letter searches for a symbol.
  await page.keyboard.press('e');
  await until('the search', async () => (await page.getByLabel('Search symbol').inputValue()) === 'e');
  await page.keyboard.type('th');
  await page.keyboard.press('Escape');
  await onChart();
  // The palette finds by words; Escape gives focus back.
  await page.keyboard.press('Control+k');
  await deck.at('dialog-palette').waitFor();
  await page.keyboard.type('timeframe 30');
  await page.keyboard.press('Enter');
  await pressed('30m');
  await gone(deck, 'dialog-palette');
  await onChart();
  await page.keyboard.press('?');
  await deck.at('dialog-help').waitFor();
  // Tab stays inside.
  for (let press = 0; press < 5; press += 1) {
    await page.keyboard.press('Tab');
    assert.ok(await page.evaluate(() => document.activeElement === document.body || document.activeElement.closest('dialog')), 'focus stays in the dialog');
  }
  await page.keyboard.press('Escape');
  await gone(deck, 'dialog-help');
  // Switched off, single keys do nothing.
  await page.keyboard.press('Control+k');
  await deck.at('dialog-palette').waitFor();
  await page.keyboard.type('settings');
  await page.keyboard.press('Enter');
  await deck.at('setting-shortcuts-1').check();
  await page.keyboard.press('Escape');
  await gone(deck, 'dialog-settings');
  await chart.focus();
  await page.keyboard.press('5');
  await page.keyboard.press('Alt+l');
  await until('the scale to be logarithmic', async () => (await marks(deck))?.scale.mode === 'log');
  assert.equal(await deck.at('dialog-timeframe').count(), 0);
  await deck.close();
});

test('lines are drawn, dragged, kept and removed; neither they nor new colours move the axes', async () => {
  const deck = await Deck.visit(browser, relay, { symbol: BTC, tf: '5m', panes: 'cvd' }, {}, keepCharts);
  await deck.live();
  await until('bars', async () => (await deck.bars('price')).length > 0);
  const { page } = deck;
  const chart = await page.locator('#chart').first().boundingBox();
  const [x, y] = [chart.x + 300, chart.y + 200];
  const axes = () =>
    page.evaluate(() => {
      const [chart] = window.charts;
      const sides = chart.panes().map((pane) => pane.priceScale('right').options());
      return {
        margins: sides.map(({ scaleMargins }) => scaleMargins),
        free: sides[0].autoScale,
        spacing: chart.timeScale().options().barSpacing,
        ground: chart.options().layout.background.color,
      };
    });
  // An axis scaled by hand stays so when a line is drawn, until the view is reset.
  const side = chart.x + chart.width - 30;
  await page.mouse.move(side, y);
  await page.mouse.down();
  await page.mouse.move(side, y + 40, { steps: 4 });
  await page.mouse.up();
  await until('the axis to be held', async () => (await axes()).free === false);
  await page.mouse.move(x, y);
  await page.keyboard.press('Alt+h');
  const [drawn] = (await until('a line', () => marks(deck))).lines;
  assert.equal(Math.round(drawn * 10) / 10, drawn, 'on the tick');
  assert.equal((await axes()).free, false, 'scaled as before');
  await page.keyboard.press('Alt+r');
  await until('the axis to be free', async () => (await axes()).free);
  // Zoomed; other colours leave spacing and margins as they are.
  const plain = await axes();
  await page.locator('#chart').first().focus();
  await page.keyboard.press('+');
  const zoomed = await until('wider bars', async () => {
    const now = await axes();
    return now.spacing > plain.spacing && now;
  });
  assert.deepEqual(zoomed.margins, [{ top: 0.12, bottom: 0.22 }, { top: 0.28, bottom: 0.1 }]);
  await deck.at('theme-toggle').first().click();
  const other = await until('other colours', async () => {
    const now = await axes();
    return now.ground !== zoomed.ground && now;
  });
  assert.deepEqual(other, { ...zoomed, ground: other.ground });
  // The axis moved with what is in view: where the line is now.
  const height = () =>
    page.evaluate(() => {
      const price = window.charts[0].panes()[0].getSeries().find((one) => one.priceLines().length > 0);
      return price.priceToCoordinate(price.priceLines()[0].options().price);
    });
  const kept = (what, is) =>
    until(what, async () => {
      const [line] = (await marks(deck)).lines;
      return is(line) && line;
    });
  const grip = async () => {
    await page.mouse.move(x, chart.y + (await height()) + 1);
    await page.mouse.down();
  };
  // Let go over something else, it stays where the chart ends.
  await grip();
  await page.mouse.move(x, chart.y + 20, { steps: 5 });
  await page.mouse.move(x, 5);
  await page.mouse.up();
  const above = await kept('a higher price', (line) => line > drawn);
  await page.mouse.move(x, y);
  await holds('it to be no longer under the pointer', async () => assert.deepEqual((await linesDrawn(page))[0], [above]));
  // Let go where no event came from: the next move without a button ends it.
  await grip();
  await page.mouse.move(x, y - 60, { steps: 5 });
  await page.evaluate(([x, y]) => document.elementFromPoint(x, y).dispatchEvent(new PointerEvent('pointermove', { bubbles: true, composed: true, clientX: x, clientY: y })), [x, y - 60]);
  const between = await kept('a lower price', (line) => line < above);
  await page.mouse.move(x, y + 90);
  await holds('it to be let go', async () => assert.deepEqual((await linesDrawn(page))[0], [between]));
  await page.mouse.up();
  await grip();
  await page.mouse.move(x, y + 60, { steps: 5 });
  await page.mouse.up();
  const moved = await kept('a lower price still', (line) => line < between);
  const range = await deck.visibleRange();
  await page.reload();
  await deck.live();
  await until('bars', async () => (await deck.bars('price')).length > 0);
  assert.deepEqual((await marks(deck)).lines, [moved], 'kept over a reload');
  await until('the same view: the drag did not scroll', async () => Math.abs((await deck.visibleRange()).to - range.to) < 600_000);
  // A right click says what can be done there; near the line, removing it is one of these.
  await page.mouse.click(x, y + 60, { button: 'right' });
  await deck.at('dialog-spot').waitFor();
  await page.getByRole('button', { name: 'Remove the line' }).click();
  await until('no line', async () => (await marks(deck)).lines.length === 0);
  await deck.close();
});

test('what is shown is saved as a picture and as CSV', async () => {
  const deck = await Deck.open(browser, relay, { symbol: BTC, tf: '15m' }, { acceptDownloads: true, permissions: ['clipboard-read', 'clipboard-write'] });
  const { page } = deck;
  const [picture] = await Promise.all([page.waitForEvent('download'), page.keyboard.press('Alt+s')]);
  assert.match(picture.suggestedFilename(), /^BTCUSDT-PERP_sim_15m_.*\.png$/);
  const bytes = await readFile(await picture.path());
  assert.deepEqual([...bytes.subarray(1, 4)], [...Buffer.from('PNG')]);
  assert.ok(bytes.length > 10_000);
  const [file] = await Promise.all([page.waitForEvent('download'), page.keyboard.press('Alt+e')]);
  const [head, ...rows] = (await readFile(await file.path(), 'utf8')).trim().split('\n').map((line) => line.split(','));
  const { from, to } = await deck.visibleRange();
  const shown = (await deck.bars('price')).filter(({ timestamp }) => timestamp >= from && timestamp <= to);
  assert.equal(rows.length, shown.length);
  const record = Object.fromEntries(head.map((name, at) => [name, rows[0][at]]));
  const { timestamp, open, high, low, close, volume } = shown[0];
  assert.deepEqual(
    [record.timestamp, record.symbol, record.venue, record.interval, record.open, record.high, record.low, record.close, record.volume].join(),
    [timestamp, BTC, 'sim', '15m', open, high, low, close, volume].join(),
  );
  assert.ok(head.includes('liquidation_value_long') && head.some((name) => name.startsWith('open_interest')), head.join());
  await deck.close();
});
