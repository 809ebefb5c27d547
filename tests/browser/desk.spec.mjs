// Several charts on one page: layouts, the active chart, links between charts, workspaces, all of it after a reload.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { keepCharts, linesDrawn } from './support/charts.mjs';
import { BTC, Deck, ETH } from './support/deck.mjs';
import { Memory } from './support/memory.mjs';
import { stage } from './support/stage.mjs';
import { holds, until } from './support/wait.mjs';

const { relay, browser } = await stage();

/** What each chart says that it shows. */
const names = (deck) => deck.page.locator('.cell-name').allInnerTexts();
const charts = (deck) => deck.page.locator('.cell').count();
const stored = (deck, key) => deck.page.evaluate((key) => JSON.parse(localStorage.getItem(`tapedeck.${key}`)), key);
const activate = async (deck, place) => {
  await deck.at(place).locator('.cell-name').click();
  await until(`${place} to be active`, async () => /active/.test(await deck.at(place).getAttribute('class')));
};

test('four charts: active, linked, restored, saved, shared, and back to one', async () => {
  const deck = await Deck.visit(browser, relay, { symbol: BTC, tf: '5m', panes: 'cvd' }, {}, async (page) => {
    page.sockets = 0;
    page.on('websocket', () => (page.sockets += 1));
    await keepCharts(page);
  });
  await deck.live();
  await until('bars', async () => (await deck.bars('price')).length > 0);
  const panes = (symbol, wanted) =>
    until(`${symbol} to be kept with ${wanted}`, async () => JSON.stringify((await stored(deck, `view.${symbol}`))?.panes) === JSON.stringify(wanted));
  await panes(BTC, ['cvd']);
  await deck.at('layout-menu').click();
  await deck.at('layout-2x2').click();
  await until('four charts', async () => (await charts(deck)) === 4);
  await until('four named charts', async () => (await names(deck)).every((name) => name.startsWith(BTC)));
  assert.equal(deck.page.sockets, 1, 'one socket for all');

  // Lines drawn in two charts of a symbol are in all of them, and in what is kept.
  await until('four painted charts', async () =>
    deck.page.evaluate(() => document.querySelectorAll('.chart-skeleton, .notice').length === 0));
  for (const [place, share] of [['chart-0', 0.3], ['chart-1', 0.6]]) {
    await activate(deck, place);
    const before = (await stored(deck, `marks.${BTC}`))?.lines.length ?? 0;
    const box = await deck.at(place).locator('.chart').boundingBox();
    await deck.page.mouse.move(box.x + box.width / 2, box.y + box.height * share);
    await deck.page.keyboard.press('Alt+h');
    await until('another line', async () => (await stored(deck, `marks.${BTC}`)).lines.length === before + 1);
  }
  const { lines } = await stored(deck, `marks.${BTC}`);
  await holds('both lines in all four', async () => assert.deepEqual(await linesDrawn(deck.page), [lines, lines, lines, lines]));
  // What is drawn on the bars is each chart's own, also in what is remembered.
  const drawn = async () => (await stored(deck, 'settings')).drawn.liquidations;
  await deck.at('chart-1').getByTestId('indicators').click();
  await deck.at('chart-1').getByRole('button', { name: 'Liquidations' }).click();
  await until('the choice to be remembered', async () => (await drawn()) === false);
  await activate(deck, 'chart-0');
  await until('it to be as the first chart has it', async () => (await drawn()) === true);

  await activate(deck, 'chart-2');
  await deck.choose('symbol-select', ETH);
  await deck.timeframe('1H');
  await until('ETH in the third alone', async () => {
    const shown = await names(deck);
    return shown.filter((name) => name.startsWith(ETH)).length === 1 && shown[2].startsWith(ETH) && shown[2].endsWith('1H');
  });
  await until('window.tapedeck to speak of the active chart', async () => {
    const bars = await deck.bars('price');
    return bars.length > 1 && bars.at(-1).close < 20_000 && bars[1].timestamp - bars[0].timestamp === 3_600_000;
  });
  await until('every chart to have painted', async () =>
    deck.page.evaluate(() => document.querySelectorAll('.chart-skeleton, .notice').length === 0));
  // A chart beside others has no panes; those kept for its symbol are not its own.
  await until('its zoom to be kept', async () => (await stored(deck, `view.${ETH}`))?.bars);
  assert.equal((await stored(deck, `view.${ETH}`)).panes, null);
  await panes(BTC, ['cvd']);
  await deck.screenshot('layout-2x2');

  await deck.page.reload();
  await deck.live();
  await until('the same after a reload', async () => {
    const shown = await names(deck);
    return shown.length === 4 && shown[2].startsWith(ETH) && shown[2].endsWith('1H') && shown[0].startsWith(BTC);
  });
  await holds('the same to be active', async () => assert.match(await deck.at('chart-2').getAttribute('class'), /active/));

  await deck.at('layout-menu').click();
  await deck.at('workspace-name').fill('Majors');
  await deck.page.getByRole('button', { name: 'Save' }).click();
  const download = deck.page.waitForEvent('download');
  await deck.at('workspace').getByText('Export').click();
  const file = await (await download).path();
  assert.equal(JSON.parse(await readFile(file, 'utf8')).name, 'Majors');
  const link = await deck.at('workspace-link').inputValue();
  await deck.at('link-timeframe').check();
  await until('one timeframe in all', async () => (await names(deck)).every((name) => name.endsWith('1H')));
  await deck.at('link-crosshair').check();
  await deck.at('layout-1').click();
  await until('one chart', async () => (await charts(deck)) === 1);
  await until('the active chart, with the panes that a single chart had', () => deck.query().get('symbol') === ETH && deck.query().get('panes') === 'cvd');
  // A workspace leaves the panes kept for the symbol that was open, and goes before those kept for its own.
  const { x, y } = await deck.middle('pane-cvd');
  await deck.page.mouse.move(x, y);
  await deck.at('pane-cvd-close').click();
  await panes(ETH, []);
  await deck.page.evaluate((key) => localStorage.setItem(key, '{"panes":["oi"]}'), `tapedeck.view.${BTC}`);
  await deck.at('layout-menu').click();
  await deck.at('workspace').getByRole('button', { name: 'Majors' }).first().click();
  await until('the saved charts', async () => {
    const shown = await names(deck);
    return shown.length === 4 && shown[0].startsWith(BTC) && shown[0].endsWith('5m') && shown[2].endsWith('1H');
  });
  await holds('the panes in the link', async () => assert.match(await deck.at('workspace-link').inputValue(), /;symbol=BTCUSDT-PERP&venue=sim&tf=5m&panes=cvd;/));
  await panes(ETH, []);
  // Another window changes its theme and saves nothing over this one's list, nor this one over its own.
  const beside = await deck.context.newPage();
  await beside.goto(`${relay.url}/?symbol=${ETH}`);
  await beside.getByTestId('layout-menu').click();
  await beside.getByTestId('workspace-name').fill('Alts');
  await beside.getByRole('button', { name: 'Save' }).click();
  await beside.close();
  await deck.page.getByRole('button', { name: 'Close', exact: true }).click();
  await deck.at('theme-toggle').click();
  await until('the theme', async () => (await stored(deck, 'settings')).theme === 'light');
  assert.deepEqual((await stored(deck, 'settings')).workspaces.map(([name]) => name), ['Majors', 'Alts']);
  await deck.at('theme-toggle').click();
  await deck.at('layout-menu').click();
  await until('both', async () => (await deck.at('workspace').count()) === 2);
  await deck.page.getByLabel('Delete Alts').click();
  await until('one', async () => (await deck.at('workspace').count()) === 1);
  await deck.page.getByLabel('Delete Majors').click();
  await until('it to be gone', async () => (await deck.at('workspace').count()) === 0);
  await deck.at('workspace-import').setInputFiles(file);
  await until('it to be imported', async () => (await deck.at('workspace').count()) === 1);
  await deck.screenshot('charts-dialog');
  await deck.close();

  const other = await Deck.visit(browser, { url: 'about:blank#' }, {});
  await other.page.goto(link);
  await other.live();
  await until('the shared charts', async () => {
    const shown = await names(other);
    return shown.length === 4 && shown[2].startsWith(ETH) && shown[0].startsWith(BTC);
  });
  await other.close();
});

test('nine charts of one size on one socket leave nothing behind; a phone shows one and the names of all', async () => {
  const deck = await Deck.visit(browser, relay, { symbol: BTC, tf: '5m', panes: '' }, {}, async (page) => {
    page.sockets = 0;
    page.on('websocket', () => (page.sockets += 1));
  });
  const { page } = deck;
  await deck.live();
  const memory = await Memory.of(page);
  const choose = async (name, number) => {
    await deck.at('layout-menu').click();
    await deck.at(`layout-${name}`).click();
    await until(`${number} painted charts`, async () =>
      page.evaluate((number) => document.querySelectorAll('.cell canvas').length >= number && document.querySelectorAll('.cell').length === number && document.querySelectorAll('.chart-skeleton, .notice').length === 0, number), 60_000);
  };
  await choose('3x3', 9);
  const boxes = await page.locator('.cell').evaluateAll((cells) => cells.map((cell) => cell.getBoundingClientRect()).map(({ width, height }) => [width, height]));
  for (const side of [0, 1]) {
    const sizes = boxes.map((box) => box[side]);
    assert.ok(Math.max(...sizes) - Math.min(...sizes) <= 1.5, `sizes ${sizes}`);
  }
  // The line over the bars leaves them in sight; under the pointer it is whole.
  const legend = page.getByTestId('chart-4').getByTestId('legend');
  assert.ok((await legend.boundingBox()).height < 32, 'one line');
  const chart = await page.getByTestId('chart-4').locator('.chart').boundingBox();
  await page.mouse.move(chart.x + chart.width / 2, chart.y + chart.height / 2);
  await until('all of it', async () => /O.*H.*L.*C/s.test(await legend.innerText()));
  await page.mouse.move(5, 5);
  await deck.screenshot('layout-3x3');
  await choose('1', 1);
  const before = await memory.now();
  await choose('3x3', 9);
  await choose('1', 1);
  let after;
  await until('what nine charts held to be gone', async () => {
    after = await memory.now();
    // The linear memory never shrinks: it tells how many charts read their history at the same moment, which differs.
    const grown = after.wasm - before.wasm;
    return after.heap <= before.heap * 1.1 && after.listeners <= before.listeners && grown <= 16e6;
  }).catch(() => assert.fail(`${JSON.stringify(before)} became ${JSON.stringify(after)}`));
  assert.equal(page.sockets, 1, 'one socket for all');
  await choose('2x2', 4);
  await page.setViewportSize({ width: 390, height: 844 });
  await until('one chart', async () => (await page.locator('.stage:visible').count()) === 1);
  assert.equal(await page.locator('.cell-name:visible').count(), 4);
  await page.getByTestId('chart-3').locator('.cell-name').click();
  await until('another', async () => page.getByTestId('chart-3').locator('.stage').isVisible());
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), true, 'no sideways scrolling');
  await deck.screenshot('layout-2x2-phone');
  await deck.close();
});
