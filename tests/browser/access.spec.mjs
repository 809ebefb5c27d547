// Accessible: axe over page and dialogs in both themes, contrast of every pair of tokens, the chart by keys and as a table.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import { BTC, Deck, PHONE } from './support/deck.mjs';
import { stage } from './support/stage.mjs';
import { until } from './support/wait.mjs';

const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

const { relay, browser } = await stage();

/** Serious and critical findings of axe, one line each. */
async function findings(page) {
  if (!(await page.evaluate(() => 'axe' in window))) await page.evaluate(axe);
  const { violations } = await page.evaluate(() =>
    window.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'], resultTypes: ['violations'] }),
  );
  const bad = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical');
  return bad.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.target.join(' ')} ${node.any[0]?.message ?? ''}`));
}

/** Opens a surface, looks at it, closes it. */
async function within(deck, open, id) {
  await open();
  await until(`${id} to be up`, async () => await deck.at(id).isVisible());
  assert.deepEqual(await findings(deck.page), [], `with ${id} up`);
  await deck.page.keyboard.press('Escape');
  await until(`${id} to be gone`, async () => (await deck.at(id).count()) === 0);
}

for (const theme of ['dark', 'light']) {
  test(`axe finds nothing serious on the desk, ${theme}`, async () => {
    const deck = await Deck.open(browser, relay, { symbol: BTC, theme });
    assert.deepEqual(await findings(deck.page), []);
    for (const menu of ['symbol-select', 'pane-select', 'venue-select']) {
      await deck.at(menu).click();
      assert.deepEqual(await findings(deck.page), [], `with ${menu} open`);
      await deck.page.keyboard.press('Escape');
    }
    await within(deck, () => deck.at('open-settings').click(), 'dialog-settings');
    await within(deck, () => deck.at('open-help').click(), 'dialog-help');
    await within(deck, () => deck.page.keyboard.press('Control+k'), 'dialog-palette');
    await within(deck, () => deck.page.keyboard.press('Alt+t'), 'dialog-table');
    await deck.close();
  });

  test(`axe finds nothing serious on a phone, ${theme}, and targets are 44 px`, async () => {
    const deck = await Deck.open(browser, relay, { symbol: BTC, theme }, PHONE);
    assert.deepEqual(await findings(deck.page), []);
    const small = await deck.page.evaluate(() =>
      [...document.querySelectorAll('button, input, select, [role=option]')]
        .map((element) => ({ name: element.dataset.testid ?? element.textContent, box: element.getBoundingClientRect() }))
        .filter(({ box }) => box.width > 0 && (box.height < 44 || box.width < 44))
        .map(({ name, box }) => `${name} ${box.width} x ${box.height}`),
    );
    assert.deepEqual(small, []);
    await within(deck, () => deck.at('open-settings').click(), 'dialog-settings');
    await deck.close();
  });
}

/** Relative luminance of #rrggbb. */
function luminance(hex) {
  const [r, g, b] = [1, 3, 5].map((at) => {
    const part = parseInt(hex.slice(at, at + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(a, b) {
  const [light, dark] = [luminance(a), luminance(b)].sort((x, y) => y - x);
  return (light + 0.05) / (dark + 0.05);
}

test('every token holds its contrast in both themes and both palettes', async () => {
  const deck = await Deck.visit(browser, relay, { symbol: BTC });
  for (const [theme, palette] of [['dark', 'lime'], ['light', 'lime'], ['dark', 'safe'], ['light', 'safe']]) {
    const tokens = await deck.page.evaluate(([theme, palette]) => {
      Object.assign(document.documentElement.dataset, { theme, palette });
      const names = new Set();
      for (const sheet of document.styleSheets) {
        for (const rule of sheet.cssRules) for (const name of rule.style ?? []) if (name.startsWith('--')) names.add(name);
      }
      const style = getComputedStyle(document.documentElement);
      return [...names].map((name) => [name.slice(2), style.getPropertyValue(name).trim()]);
    }, [theme, palette]);
    const colours = new Map(tokens.filter(([, value]) => /^#[0-9a-f]{6}$/i.test(value)));
    assert.ok(colours.size > 20, `colours were read: ${colours.size}`);
    const low = [];
    for (const [name, colour] of colours) {
      if (['bg', 'surface', 'raised', 'line', 'grid'].includes(name)) continue;
      // Lines and marks stand on the plot alone; every other colour may be text on any surface.
      const mark = name === 'faint' || /^(series|study|line|heat)-/.test(name);
      for (const ground of mark ? ['bg'] : ['bg', 'surface', 'raised']) {
        const found = contrast(colour, colours.get(ground));
        if (found < (mark ? 3 : 4.5)) low.push(`${theme} ${palette}: --${name} on --${ground} ${found.toFixed(2)}`);
      }
    }
    assert.deepEqual(low, []);
  }
  await deck.close();
});

test('the chart is walked by keys, spoken, and read as a table', async () => {
  const deck = await Deck.open(browser, relay, { symbol: BTC, tf: '5m' });
  const { page } = deck;
  // The first stop of the tab key leads past the bar to the chart.
  await page.keyboard.press('Tab');
  assert.equal(await page.evaluate(() => document.activeElement.className), 'skip');
  await page.keyboard.press('Enter');
  assert.equal(await page.evaluate(() => document.activeElement.id), 'chart');
  const bars = await deck.bars('price');
  const spoken = () => deck.at('spoken').textContent();
  const stamp = (bar) => new Date(bar.timestamp).toISOString().slice(0, 16).replace('T', ' ');
  await page.keyboard.press('End');
  const newest = bars.at(-1).timestamp;
  await until('the newest bar to be spoken', async () => (await spoken()).startsWith(stamp({ timestamp: newest })) || (await spoken()).startsWith(stamp({ timestamp: newest + 300_000 })));
  const start = Date.parse(`${(await spoken()).slice(0, 16).replace(' ', 'T')}Z`);
  for (let step = 0; step < 3; step += 1) await page.keyboard.press('ArrowLeft');
  const bar = (await deck.bars('price')).find(({ timestamp }) => timestamp === start - 3 * 300_000);
  const money = (value) => value.toLocaleString('en-US', { minimumFractionDigits: 1, maximumFractionDigits: 1 });
  await until('the third bar before it', async () => (await spoken()).startsWith(stamp(bar)));
  assert.match(await spoken(), new RegExp(`Open ${money(bar.open)}, high ${money(bar.high)}, low ${money(bar.low)}, close ${money(bar.close)}, volume `));
  await until('the legend to show the same bar', async () => (await deck.at('legend').textContent()).includes(money(bar.open)));
  assert.notEqual(await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle), 'none', 'focus is visible');
  // Bars move under the same spot with the window's width; the crosshair stays on its own while prices come in.
  await page.setViewportSize({ width: 1150, height: 900 });
  for (let change = 0; change < 2; change += 1) {
    const { volume } = (await deck.bars('price')).at(-1);
    await until('another trade', async () => (await deck.bars('price')).at(-1).volume !== volume);
  }
  await page.waitForTimeout(500);
  const legend = await deck.at('legend').textContent();
  assert.ok(legend.includes(money(bar.open)) && legend.includes(stamp(bar)), legend);
  await page.setViewportSize({ width: 1400, height: 900 });
  // Out of view by Home, and what is in view follows.
  const before = await deck.visibleRange();
  await page.keyboard.press('Home');
  await until('the view to have moved back', async () => (await deck.visibleRange()).from < before.from);
  await page.keyboard.press('+');
  await page.keyboard.press('End');
  await page.keyboard.press('Alt+t');
  const rows = page.getByTestId('bars-table').locator('tbody tr');
  await until('rows', async () => (await rows.count()) > 10);
  const times = await rows.locator('th').allTextContents();
  assert.deepEqual(times, [...times].sort().reverse(), 'newest first');
  assert.ok(times.length <= 50);
  const cells = await rows.nth(1).locator('td').allTextContents();
  const second = (await deck.bars('price')).find((b) => stamp(b) === times[1]);
  assert.deepEqual(cells.slice(0, 4), [second.open, second.high, second.low, second.close].map(money));
  const heads = await page.getByTestId('bars-table').locator('thead th').allTextContents();
  assert.ok(heads.some((head) => head.startsWith('Open interest')) && heads.includes('Liquidation value long'), heads.join());
  await deck.close();
});
