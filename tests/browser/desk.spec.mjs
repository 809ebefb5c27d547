// Several charts on one page: layouts, the active chart, links between charts, workspaces, all of it after a reload.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { BTC, Deck, ETH } from './support/deck.mjs';
import { Memory } from './support/memory.mjs';
import { stage } from './support/stage.mjs';
import { until } from './support/wait.mjs';

const { relay, browser } = await stage();

/** What each chart says that it shows. */
const names = (deck) => deck.page.locator('.cell-name').allInnerTexts();
const charts = (deck) => deck.page.locator('.cell').count();

test('four charts: active, linked, restored, saved, shared, and back to one', async () => {
  const deck = await Deck.visit(browser, relay, { symbol: BTC, tf: '5m', panes: '' }, {}, async (page) => {
    page.sockets = 0;
    page.on('websocket', () => (page.sockets += 1));
  });
  await deck.live();
  await until('bars', async () => (await deck.bars('price')).length > 0);
  await deck.at('layout-menu').click();
  await deck.at('layout-2x2').click();
  await until('four charts', async () => (await charts(deck)) === 4);
  await until('four named charts', async () => (await names(deck)).every((name) => name.startsWith(BTC)));
  assert.equal(deck.page.sockets, 1, 'one socket for all');

  await deck.page.getByTestId('chart-2').locator('.cell-name').click();
  await until('the third to be active', async () => /active/.test(await deck.at('chart-2').getAttribute('class')));
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
  await deck.screenshot('layout-2x2');

  await deck.page.reload();
  await deck.live();
  await until('the same after a reload', async () => {
    const shown = await names(deck);
    return shown.length === 4 && shown[2].startsWith(ETH) && shown[2].endsWith('1H') && shown[0].startsWith(BTC);
  });
  assert.match(await deck.at('chart-2').getAttribute('class'), /active/);

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
  assert.equal(deck.query().get('symbol'), ETH, 'the active chart stays');
  await deck.at('layout-menu').click();
  await deck.at('workspace').getByRole('button', { name: 'Majors' }).first().click();
  await until('the saved charts', async () => {
    const shown = await names(deck);
    return shown.length === 4 && shown[0].startsWith(BTC) && shown[0].endsWith('5m') && shown[2].endsWith('1H');
  });
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
