// Price alerts: set on the chart and in their dialog, drawn, dragged, told when they fire, kept by the relay.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BTC, Deck } from './support/deck.mjs';
import { stage } from './support/stage.mjs';
import { until } from './support/wait.mjs';

const { relay, browser } = await stage();

const held = () => relay.get('/api/alerts');
const rows = (deck) => deck.at('alert');

/** Puts the pointer onto a line near a height: the scale moves with the market. Gives its height. */
async function onLine(page, x, y) {
  return until('a line under the pointer', async () => {
    for (let away = 0; away < 90; away += 3) {
      for (const at of [y - away, y + away]) {
        await page.mouse.move(x, at);
        if (await page.locator('#chart.over-line').count()) return at;
      }
    }
    return false;
  });
}

/** Counts tones and notifications; the person has not been asked yet. */
function listen() {
  Object.assign(window, { tones: 0, notes: [], asked: 0, answer: 'granted' });
  const start = OscillatorNode.prototype.start;
  OscillatorNode.prototype.start = function count(...at) {
    window.tones += 1;
    return start.apply(this, at);
  };
  window.Notification = class {
    static permission = 'default';
    static async requestPermission() {
      window.asked += 1;
      return (this.permission = window.answer);
    }
    constructor(title, { body }) {
      window.notes.push(`${title}: ${body}`);
    }
  };
}

test('set at a price, dragged, removed; the relay holds it', async () => {
  const deck = await Deck.open(browser, relay, { symbol: BTC, tf: '5m', panes: '' });
  const { page } = deck;
  const chart = await page.locator('#chart').first().boundingBox();
  const [x, y] = [chart.x + 300, chart.y + 200];
  await page.mouse.move(x, y);
  await page.keyboard.press('Alt+a');
  const [set] = await until('an alert at the relay', async () => (await held()).length === 1 && held());
  assert.deepEqual([set.symbol, set.venue, set.direction, set.once], [BTC, 'sim', 'cross', true]);
  assert.equal(Math.round(set.price * 10) / 10, set.price, 'on the tick');
  await until('it to be said', async () => /Alert set at/.test(await deck.at('toast').innerText()));
  // Its line is where it was set, and can be dragged.
  const line = await onLine(page, x, y);
  await page.mouse.down();
  await page.mouse.move(x, line + 80, { steps: 5 });
  await page.mouse.up();
  const [moved] = await until('another price', async () => {
    const now = await held();
    return now.length === 1 && now[0].price < set.price && now;
  });
  await until('its line to be there', () => onLine(page, x, line + 80));
  await deck.screenshot('alert-line');
  // On a person's own line the line's price is meant.
  await page.mouse.move(x, y + 260);
  await page.keyboard.press('Alt+h');
  await page.mouse.click(x, await onLine(page, x, y + 260), { button: 'right' });
  await page.getByRole('button', { name: 'Alert at the line' }).click();
  const own = await page.evaluate((symbol) => JSON.parse(localStorage.getItem(`tapedeck.marks.${symbol}`)).lines[0], BTC);
  await until('an alert at the line', async () => (await held()).at(-1).price === own);
  // Another page shows what the relay holds; keys change and remove it there.
  const other = await Deck.open(browser, relay, { symbol: BTC, tf: '5m', panes: '' });
  await other.at('open-alerts').click();
  await until('both listed', async () => (await rows(other).count()) === 2);
  const field = rows(other).last().locator('input');
  await field.fill(String(moved.price - 50));
  await field.press('Enter');
  await until('the price typed', async () => (await held()).some((alert) => alert.price === moved.price - 50));
  await until('focus to stay at it', () => other.page.evaluate(() => document.activeElement.closest('[data-testid=alert]') !== null));
  for (let left = 1; left >= 0; left -= 1) {
    await rows(other).first().getByRole('button', { name: /Delete/ }).click();
    await until(`${left} left`, async () => (await held()).length === left && (await rows(other).count()) === left);
  }
  await other.close();
  await deck.close();
});

test('an alert that fires is told here, by sound and notification; missed ones when the page is back', async () => {
  const deck = await Deck.visit(browser, relay, { symbol: BTC, tf: '1m', panes: '' }, {}, (page) => page.addInitScript(listen));
  const { page } = deck;
  await deck.live();
  await until('bars', async () => (await deck.bars('price')).length > 0);
  await deck.at('open-alerts').click();
  await deck.at('alert-price').fill('nothing');
  await deck.at('alert-set').click();
  await until('what is wrong', async () => /price above 0/.test(await deck.at('alerts-refusal').innerText()));
  assert.equal(await page.evaluate(() => window.asked), 0, 'notifications are asked for on a press only');
  // Refused: said, and off.
  await page.evaluate(() => (window.answer = 'denied'));
  await deck.at('alert-notify').click();
  await until('the refusal', async () => /refuses notifications/.test(await deck.at('dialog-alerts').innerText()));
  assert.equal(await deck.at('alert-notify').isChecked(), false);
  await page.evaluate(() => (window.answer = 'granted'));
  await deck.at('alert-notify').click();
  await until('two questions', () => page.evaluate(() => window.asked === 2));
  // Nearby: within the moves of a few seconds.
  const { close } = (await deck.bars('price')).at(-1);
  await deck.at('alert-direction').selectOption({ label: 'at or below' });
  await deck.at('alert-price').fill((close + 20).toLocaleString('en-US'));
  await deck.at('alert-note').fill('a note');
  await deck.at('alert-set').click();
  await until('the relay to have fired it', async () => (await held())[0]?.fired);
  await until('the list to say so', async () => (await rows(deck).first().getAttribute('data-state')) === 'fired');
  assert.match(await rows(deck).first().innerText(), /fired .* at [\d,.]+/s);
  await until('two tones', () => page.evaluate(() => window.tones === 2));
  const notes = await page.evaluate(() => window.notes);
  assert.equal(notes.length, 1);
  assert.match(notes[0], /Price alert: BTCUSDT-PERP at or below .* \(last .*\), a note/);
  await deck.screenshot('alerts-dark');
  // Silent once switched off: only the toast is left.
  await deck.at('alert-sound').uncheck();
  await page.keyboard.press('Escape');
  await relay.post('/api/alerts', { symbol: BTC, price: 1, direction: 'above', note: 'silent' });
  await until('the toast', async () => /Alert: .*silent/.test(await deck.at('toast').innerText()));
  assert.equal(await page.evaluate(() => window.tones), 2);
  // The tab is closed; what fires then is told when it is back, once.
  await page.goto('about:blank');
  await relay.post('/api/alerts', { symbol: BTC, price: 2, direction: 'above', note: 'missed' });
  await until('it to fire', async () => (await held()).every((alert) => alert.fired));
  await page.goto(`${relay.url}/`);
  await until('it to be told', async () => /away: .*missed/.test(await deck.at('toast').innerText()));
  assert.doesNotMatch(await deck.at('toast').innerText(), /silent/, 'what was told is not told again');
  await deck.close();
});

test('refusals of the relay and its absence are said', async () => {
  const deck = await Deck.open(browser, relay, { symbol: BTC, tf: '5m', panes: '', theme: 'light' });
  while ((await fetch(`${relay.url}/api/alerts`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"symbol":"ETHUSDT-PERP","price":1}' })).ok);
  await deck.at('open-alerts').click();
  await deck.at('alert-price').fill('1');
  await deck.at('alert-set').click();
  await until('the limit', async () => /200 alerts already/.test(await deck.at('alerts-refusal').innerText()));
  await deck.screenshot('alerts-light');
  await relay.kill();
  await until('it to be said', async () => /The relay does not answer/.test(await deck.at('alerts-line').innerText()), 40_000);
  await deck.at('alert-set').click();
  await until('the wish to be refused', async () => /does not answer/.test(await deck.at('alerts-refusal').innerText()));
  await deck.close([/WebSocket connection to/, /Failed to load resource/, /ERR_CONNECTION_REFUSED/]);
});
