// Stretches of time, the address that names them, the way back to live, the clock, and what is kept per symbol.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BTC, Deck } from './support/deck.mjs';
import { stage } from './support/stage.mjs';
import { holds, until } from './support/wait.mjs';

const DAY = 86_400_000;
const day = (at) => new Date(at).toISOString().slice(0, 10);
const midnight = (at) => at - (at % DAY);

const { relay, browser } = await stage();

test('chosen days are shown apart from live, are in the address, and lead back', async () => {
  const deck = await Deck.open(browser, relay, { symbol: BTC, tf: '15m' });
  const note = () => deck.at('date-note').innerText();
  const choose = async (from, to) => {
    await deck.at('date-from').fill(from);
    await deck.at('date-to').fill(to);
    await deck.at('date-apply').click();
  };
  const start = midnight(Date.now()) - 12 * DAY;
  await choose(day(start), day(start - DAY));
  await until('what is wrong, at the fields', async () => /^To is before from/.test(await note()));
  await choose(day(start - 3_000 * DAY), day(start - 2_999 * DAY));
  await until('that there is nothing', async () => /^Nothing is recorded there: bars begin on 20/.test(await note()));
  await deck.timeframe('15m');

  await choose(day(start), day(start + DAY));
  await until('two days in view', async () => {
    const { from, to } = await deck.visibleRange();
    return from >= start - 900_000 && from <= start + 900_000 && to >= start + 2 * DAY - 1_800_000 && to <= start + 2 * DAY;
  });
  const told = await relay.get('/api/candles', { symbol: BTC, venue: 'sim', interval: '15m', from: start, to: start + 2 * DAY });
  await holds('the bars of both days, their badge and their band', async () => {
    assert.equal(await note(), '');
    const held = (await deck.bars('price')).filter((bar) => bar.timestamp >= start && bar.timestamp < start + 2 * DAY);
    assert.deepEqual(held.map((bar) => [bar.timestamp, bar.close]), told.map((bar) => [bar.timestamp, bar.close]));
    assert.equal(await deck.at('history-badge').innerText(), `HISTORY ${day(start)} to ${day(start + DAY)}`);
    const bands = await deck.page.evaluate(() => window.tapedeck.shaded().filter((band) => band.state === 'chosen'));
    assert.deepEqual(bands.map((band) => [band.first * 1_000, band.last * 1_000]), [[told[0].timestamp, told.at(-1).timestamp]]);
  });
  assert.equal(deck.query().get('from'), String(start));
  assert.equal(deck.query().get('to'), String(start + 2 * DAY));
  await deck.screenshot('history-dark');

  const shown = await deck.visibleRange();
  await deck.page.reload();
  await deck.live();
  await until('the same days after a reload', async () => {
    const range = await deck.visibleRange();
    return range && range.from === shown.from && range.to === shown.to;
  });
  await deck.at('go-live').click();
  await until('the newest bar', async () => {
    const last = (await deck.bars('price')).at(-1).timestamp;
    return (await deck.visibleRange()).to === last;
  });
  await holds('no sign of chosen days', async () => {
    assert.equal(await deck.at('history-badge').innerText(), '');
    assert.equal(deck.query().get('from'), null);
    assert.equal(await deck.at('go-live').count(), 0);
  });

  await deck.at('range-1W').click();
  await until('a week that stays live', async () => {
    const { from, to } = await deck.visibleRange();
    return Math.abs(to - from - 7 * DAY) < 3_600_000 && (await deck.at('go-live').count()) === 0;
  });
  await deck.close();
});

test('each symbol is found as it was left', async () => {
  const deck = await Deck.open(browser, relay, { symbol: BTC, venue: 'sim', tf: '5m' });
  const stored = (symbol) => deck.page.evaluate((key) => JSON.parse(localStorage.getItem(key) ?? 'null'), `tapedeck.view.${symbol}`);
  const { x, y } = await deck.middle('pane-price');
  await deck.page.mouse.move(x, y);
  const before = await deck.visibleRange();
  for (let turn = 0; turn < 6; turn += 1) await deck.page.mouse.wheel(0, -200);
  const zoomed = await until('a closer view', async () => {
    const range = await deck.visibleRange();
    return range.to - range.from < (before.to - before.from) * 0.8 && range;
  });
  await deck.page.mouse.down();
  await deck.page.mouse.move(x + 500, y, { steps: 5 });
  await deck.page.mouse.up();
  await until('an older view', async () => (await deck.visibleRange()).to < zoomed.to - 3_600_000);
  await deck.at('pane-cvd-close').evaluate((button) => button.click());
  const left = await until('the view to be written down', async () => {
    const [kept, range] = [await stored(BTC), await deck.visibleRange()];
    return kept?.span?.[0] === range.from && kept.span[1] === range.to && !kept.panes.includes('cvd') && range;
  });

  await deck.choose('symbol-select', 'ETHUSDT-PERP');
  await until('the newest of another symbol', async () => {
    const [range, bars] = [await deck.visibleRange(), await deck.bars('price')];
    return range && deck.query().get('symbol') === 'ETHUSDT-PERP' && range.to === bars.at(-1)?.timestamp;
  });
  await deck.choose('symbol-select', BTC);
  const same = async () => {
    const range = await deck.visibleRange();
    // The plot is a bar wider or narrower as the labels of the price axis are.
    return range && Math.abs(range.from - left.from) <= 600_000 && Math.abs(range.to - left.to) <= 600_000;
  };
  await until('the same view again', same);
  await deck.page.goto(`${relay.url}/?symbol=${BTC}&venue=sim&tf=5m`);
  await deck.live();
  await until('the same view after a reload', same);
  assert.equal(await deck.at('pane-cvd').count(), 0);
  assert.ok(await deck.at('pane-oi').isVisible());
  await deck.close();
});

test('times follow the chosen zone, bars stay where they are; the countdown ends with the bar', async () => {
  const context = { timezoneId: 'Asia/Kolkata' };
  const deck = await Deck.open(browser, relay, { symbol: BTC, tf: '5m', theme: 'light' }, context);
  /** The page's text, and the moments by this clock between which it was read. */
  const read = async (testid) => {
    const from = Date.now();
    const text = await deck.at(testid).innerText();
    return { text, from, to: Date.now() };
  };
  await holds('the countdown to the end of five minutes', async () => {
    const { text, from, to } = await read('bar-countdown');
    const [minutes, seconds] = /^closes in (\d\d):(\d\d)$/.exec(text).slice(1).map(Number);
    // The bar's end by these words is a multiple of five minutes, but for a rounded second and one a word may be old.
    const ends = (at) => (at / 1_000 + minutes * 60 + seconds + 150) % 300 - 150;
    assert.ok(ends(from) <= 3 && ends(to) >= -2, `${text} at ${new Date(from).toISOString()} to ${new Date(to).toISOString()}`);
  });

  // All of the history is there; from now on only its end grows.
  const first = async () => (await deck.bars('price'))[0].timestamp;
  let before = await first();
  await until('the oldest bar to stay', async () => {
    const now = await first();
    const same = now === before;
    before = now;
    await deck.page.waitForTimeout(500);
    return same && before === (await first());
  });
  assert.equal(await deck.at('time-zone').innerText(), 'UTC');
  await deck.at('time-zone').click();
  await until('local time', async () => (await deck.at('time-zone').innerText()) === 'UTC+5:30');
  const local = (at) => new Date(at + 19_800_000).toISOString().slice(11, 16);
  await holds('the clock to follow', async () => {
    const { text, from, to } = await read('clock');
    // A second may pass before the clock is set.
    assert.ok([local(from - 1_500), local(to)].includes(text.slice(0, 5)), `${text}, not ${local(to)}`);
  });
  assert.equal(await first(), before);
  const time = await until('a time in the legend', async () => {
    const { box } = await deck.middle('pane-price');
    await deck.page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
    return /\d{4}-\d\d-\d\d (\d\d):(\d\d)/.exec(await deck.at('legend').first().innerText());
  });
  // Five-minute bars stand on the local clock's five minutes too: half an hour apart from UTC's hours.
  const bars = (await deck.bars('price')).map((bar) => new Date(bar.timestamp + 19_800_000).toISOString().slice(0, 16).replace('T', ' '));
  assert.ok(bars.includes(time[0]), `${time[0]} is a bar by the local clock`);
  await deck.screenshot('zone-light');
  await deck.close();
});
