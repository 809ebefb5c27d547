// Price styles, indicators over the price and under it, arrangement of panes.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BTC, Deck } from './support/deck.mjs';
import { stage } from './support/stage.mjs';
import { holds, until } from './support/wait.mjs';

const { relay, browser } = await stage();

/** The relay's own indicators over the bars the page holds. */
async function computed(bars, interval, indicators) {
  const venue = (await relay.get('/api/symbols')).find((row) => row.symbol === BTC).venues[0];
  const body = { symbol: BTC, venue, interval, from: bars[0].timestamp, limit: 20_000, indicators };
  const headers = { 'Content-Type': 'application/json' };
  const answer = await fetch(`${relay.url}/api/indicators`, { method: 'POST', headers, body: JSON.stringify(body) });
  assert.equal(answer.status, 200, await answer.clone().text());
  return answer.json();
}

test('indicators are those of the relay, while bars come in and after older ones came', async () => {
  const deck = await Deck.open(browser, relay, { symbol: BTC, tf: '1m', panes: 'rsi,macd' });
  const legend = deck.at('legend').first();
  await until('both means in the legend', async () => /EMA 20.*EMA 50/s.test(await legend.innerText()));
  const menu = deck.at('indicators-menu');
  await deck.at('indicators').click();
  await menu.getByRole('button', { name: '+ Bollinger' }).click();
  await menu.getByRole('button', { name: '+ VWAP' }).click();
  await menu.getByLabel('EMA: Period').first().fill('30');
  await menu.getByLabel('EMA: Period').first().press('Enter');
  await until('the new period in the legend', async () => /EMA 30.*EMA 50.*BB 20.*VWAP/s.test(await legend.innerText()));
  await deck.screenshot('indicators-menu');
  await menu.getByLabel('EMA: Period').first().fill('0');
  await menu.getByLabel('EMA: Period').first().press('Enter');
  await until('a word about the period', async () => /period/.test(await deck.at('toast').innerText()));
  await until('what was refused to give way', async () => (await menu.getByLabel('EMA: Period').first().inputValue()) === '30');
  await deck.page.keyboard.press('Escape');
  await until('the menu to be gone', async () => (await menu.count()) === 0);

  // Older bars arrive behind the view, newer ones live: the last closed ones are the relay's either way.
  await until('a day of minutes', async () => (await deck.bars('price')).length > 1_500);
  const names = ['ema_30', 'ema_50', 'bb_20_2', 'vwap', 'rsi_14', 'macd_12_26_9'];
  await until('a bar that closed meanwhile, like the relay has it', async () => {
    const bars = await deck.bars('price');
    const shown = new Map((await deck.bars('indicators')).map((row) => [row.timestamp, row]));
    const rows = await computed(bars, '1m', names);
    let compared = 0;
    for (const { timestamp, ...values } of rows.slice(-1_000)) {
      const held = shown.get(timestamp);
      if (!held) return false;
      for (const [name, value] of Object.entries(values)) {
        assert.ok(name in held, `${name} is computed`);
        if (held[name] !== value) return false;
        compared += value === null ? 0 : 1;
      }
    }
    return compared > 6_000;
  }, 40_000);
  assert.deepEqual(Object.keys((await deck.bars('rsi')).at(-1)), ['timestamp', 'rsi_14']);
  assert.deepEqual(Object.keys((await deck.bars('macd')).at(-1)), ['timestamp', 'macd_12_26_9', 'macd_12_26_9_signal', 'macd_12_26_9_hist']);
  await deck.screenshot('indicators');

  // Each price style draws without a word from the library, and all of it is remembered.
  for (const style of ['Bars', 'Line', 'Area']) {
    await deck.at('indicators').click();
    await menu.getByRole('button', { name: style, exact: true }).click();
    await until(`${style} pressed`, async () => (await menu.getByRole('button', { name: style, exact: true }).getAttribute('aria-pressed')) === 'true');
    await deck.page.keyboard.press('Escape');
    await deck.screenshot(`price-${style.toLowerCase()}`);
  }
  await deck.page.reload();
  await deck.live();
  await until('the same lines after a reload', async () => /EMA 30.*EMA 50.*BB 20.*VWAP/s.test(await legend.innerText()));
  await deck.at('indicators').click();
  await until('Area as before', async () => (await menu.getByRole('button', { name: 'Area' }).getAttribute('aria-pressed')) === 'true');
  await deck.close();
});

test('panes are moved, folded, maximised and closed by keyboard, and stay so', async () => {
  const deck = await Deck.open(browser, relay, { symbol: BTC, panes: 'oi,cvd,liq' });
  const top = async (name) => (await deck.at(`pane-${name}`).boundingBox()).y;
  const height = async (name) => (await deck.at(`pane-${name}`).boundingBox()).height;
  const order = async () => (await Promise.all(['oi', 'cvd', 'liq'].map(async (n) => [n, await top(n)]))).sort((a, b) => a[1] - b[1]).map(([n]) => n).join();
  const press = async (id) => {
    await deck.at(id).focus();
    await deck.page.keyboard.press('Enter');
  };
  await until('the order of the address', async () => (await order()) === 'oi,cvd,liq');
  await press('pane-liq-up');
  await until('liquidations above CVD', async () => (await order()) === 'oi,liq,cvd');
  await until('it in the address', () => deck.query().get('panes') === 'oi,liq,cvd');
  await until('the focus to stay', () => deck.page.evaluate(() => document.activeElement?.dataset.testid === 'pane-liq-up'));
  await deck.page.keyboard.press('Enter');
  await until('liquidations on top', async () => (await order()) === 'liq,oi,cvd');
  await press('pane-oi-fold');
  await until('a folded pane as high as its header', async () => Math.abs((await height('oi')) - 28) <= 2);
  await holds('its button to unfold', async () => assert.match(await deck.at('pane-oi-fold').getAttribute('aria-label'), /^Unfold/));
  await press('pane-cvd-maximise');
  await until('CVD alone', async () => (await height('cvd')) > 500 && (await deck.at('pane-liq').count()) === 0);
  await deck.screenshot('pane-maximised');
  await deck.page.reload();
  await deck.live();
  await until('CVD alone after a reload', async () => (await height('cvd')) > 500);
  await press('pane-cvd-maximise');
  await until('all three again', async () => (await deck.at('pane-liq').count()) === 1 && (await order()) === 'liq,oi,cvd');
  await until('still folded', async () => Math.abs((await height('oi')) - 28) <= 2);
  await deck.screenshot('pane-folded');
  await press('pane-liq-close');
  await until('it to be gone', async () => (await deck.at('pane-liq').count()) === 0);
  await until('its absence in the address', () => deck.query().get('panes') === 'oi,cvd');
  await deck.at('pane-select').click();
  await deck.page.getByRole('menuitemcheckbox', { name: 'Spread' }).click();
  await deck.page.getByRole('menuitemcheckbox', { name: 'Depth' }).click();
  await deck.page.keyboard.press('Escape');
  // Off the chart: without a crosshair headers show the newest values.
  await deck.page.mouse.move(700, 5);
  await until('spreads of the book', async () => (await deck.bars('spread')).some((row) => row.spread_bps > 0));
  await until('a spread in the header', async () => /Spread\s*\d/.test(await deck.at('pane-spread').innerText()));
  await holds('depth of the book', async () => {
    const depth = (await deck.bars('depth')).at(-1);
    assert.ok(depth.depth_10bps.bid_usd > 0 && depth.depth_10bps.ask_usd > 0, JSON.stringify(depth));
  });
  await deck.screenshot('pane-book');
  await deck.close();
});

test('signals, liquidations and the heat map are those of the relay', async () => {
  const deck = await Deck.open(browser, relay, { symbol: BTC, tf: '5m', panes: 'liq' });
  const venue = deck.query().get('venue');
  const headers = { 'Content-Type': 'application/json' };
  const post = async (path, body) => (await fetch(`${relay.url}${path}`, { method: 'POST', headers, body: JSON.stringify(body) })).json();
  const marks = async (...kinds) => (await deck.bars('marks')).filter(([, kind]) => kinds.includes(kind));

  await until('every signal in view to be marked as the relay has it', async () => {
    const { from, to } = await deck.visibleRange();
    const body = { symbol: BTC, venue, interval: '5m', strategy_id: 'ema_crossover_rsi', from: from - 1_000 * 300_000, limit: 20_000 };
    const told = (await post('/api/signals', body)).filter((row) => row.action !== 'hold' && row.timestamp >= from && row.timestamp <= to);
    const inView = ([time]) => time * 1_000 >= from && time * 1_000 <= to;
    const shown = (await marks(0, 1)).filter(inView).map(([time, kind]) => `${time * 1_000} ${kind === 0 ? 'buy' : 'sell'}`);
    return told.length > 0 && shown.join() === told.map((row) => `${row.timestamp} ${row.action}`).join();
  });
  await until('a liquidation to be marked', async () => (await marks(2, 3)).length > 0);
  const sizes = (await marks(2, 3)).map(([, , size]) => size);
  assert.ok(Math.max(...sizes) === 1 && Math.min(...sizes) >= 0, sizes.join());
  await deck.screenshot('marks');

  const menu = deck.at('indicators-menu');
  const choose = async (name) => {
    await deck.at('indicators').click();
    await menu.getByRole('button', { name, exact: true }).click();
    await deck.page.keyboard.press('Escape');
    await deck.page.mouse.move(700, 5);
  };
  await choose('Liquidations');
  await until('no liquidation marked', async () => (await marks(2, 3)).length === 0 && (await marks(0, 1)).length > 0);
  await choose('Liquidations');
  await choose('24 h');
  const key = (rows) => JSON.stringify(rows);
  await until('the cells of the relay', async () => {
    const map = await relay.get('/api/market/liq_heatmap', { symbol: BTC, hours: 24, venue: 'all' });
    return map.cells.length > 0 && key(await deck.bars('heatmap')) === key(map.cells.map((c) => [c.t, c.p, c.count, c.size_usd]));
  });
  const tip = deck.at('heatmap-tooltip');
  await deck.at('heatmap').focus();
  // Back to a cell that leaves room for its words on the right.
  await until('words of a cell by key, in the middle', async () => {
    await deck.page.keyboard.press('ArrowLeft');
    return /\d+ liquidations?, \d/.test(await tip.innerText()) && (await tip.boundingBox()).x < 700;
  });
  const first = await tip.innerText();
  const at = await tip.boundingBox();
  await deck.page.keyboard.press('ArrowLeft');
  await until('those of another', async () => (await tip.innerText()) !== first);
  await deck.page.keyboard.press('ArrowRight');
  await until('the first again', async () => (await tip.innerText()) === first);
  await deck.screenshot('heatmap');
  await deck.at('heatmap').blur();
  // The words stand 12 px beside the middle of their cell.
  await deck.page.mouse.move(at.x - 12, at.y - 12);
  await until('the same words under the pointer', async () => (await tip.innerText()) === first);
  await deck.timeframe('1H');
  await until('an inset', async () => (await deck.at('heatmap').locator('canvas').count()) === 1);
  await deck.at('heatmap').hover();
  await deck.screenshot('heatmap-inset');
  await choose('Off');
  await until('no map', async () => (await deck.at('heatmap').count()) === 0);
  await deck.close();
});
