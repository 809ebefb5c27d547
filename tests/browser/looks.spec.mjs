// Looks: settings that are remembered, one palette told apart with any colour sight, no layout shift, touch targets.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BTC, Deck, PHONE } from './support/deck.mjs';
import { stage } from './support/stage.mjs';
import { holds, until } from './support/wait.mjs';


const { relay, browser } = await stage();

/** Adds up layout shifts from the first paint on, with what moved. */
async function watchShifts(page) {
  await page.addInitScript(() => {
    window.shifts = { sum: 0, moved: [] };
    new PerformanceObserver((list) => {
      for (const shift of list.getEntries()) {
        if (shift.hadRecentInput) continue;
        window.shifts.sum += shift.value;
        for (const { node } of shift.sources) {
          const element = node?.parentElement ? node : undefined;
          window.shifts.moved.push(`${shift.value.toFixed(4)} ${element?.nodeName} ${element?.className ?? ''}`);
        }
      }
    }).observe({ type: 'layout-shift', buffered: true });
  });
}

for (const [name, context] of [['desktop', {}], ['phone', PHONE]]) {
  test(`nothing jumps while the page loads on a ${name}`, async () => {
    const deck = await Deck.visit(browser, relay, { symbol: BTC }, context, watchShifts);
    await deck.live();
    await until('bars', async () => (await deck.bars('price')).length > 0);
    await until('every card to have its value', async () => (await deck.page.locator('.card [data-level="unknown"]').count()) === 0);
    await deck.page.evaluate(() => document.fonts.ready);
    const { sum, moved } = await deck.page.evaluate(() => window.shifts);
    assert.ok(sum < 0.02, `layout shift ${sum}: ${moved.join('; ')}`);
    await deck.close();
  });
}

test('what is chosen in the settings shows at once and after a reload, before the first paint', async () => {
  const deck = await Deck.open(browser, relay, { symbol: BTC });
  const root = (name) => deck.page.locator('html').getAttribute(`data-${name}`);
  const up = () => deck.page.evaluate(() => getComputedStyle(document.documentElement).getPropertyValue('--up'));
  await deck.at('open-settings').click();
  await deck.page.getByRole('radio', { name: 'Sky, orange' }).check();
  await deck.page.getByRole('radio', { name: 'Less' }).check();
  await holds('the other palette', async () =>
    assert.deepEqual([await root('palette'), await root('motion'), await up()], ['safe', 'less', '#38bdf8']));
  await deck.screenshot('settings-safe');
  await deck.page.keyboard.press('Escape');
  await until('the dialog to be gone', async () => (await deck.at('dialog-settings').count()) === 0);
  await until('focus to be back where it was', () => deck.page.evaluate(() => document.activeElement.dataset.testid === 'open-settings'));
  // The attributes stand before the module has run.
  await deck.page.route('**/*.wasm', (route) => route.abort());
  await deck.page.reload({ waitUntil: 'commit' });
  await until('the looks before the module', async () => (await root('palette')) === 'safe' && (await root('motion')) === 'less');
  await deck.close([/./]);
});

test('a changed value flashes, and nothing moves where the system asks for that', async () => {
  // Open interest grows by a fiftieth when the test says so: left alone, no shown digit may change for minutes.
  let factor = 1;
  const deck = await Deck.visit(browser, relay, { symbol: BTC, venue: 'sim' }, {}, (page) =>
    page.routeWebSocket(/\/ws/, (socket) => {
      const server = socket.connectToServer();
      server.onMessage((text) => {
        const frame = JSON.parse(text);
        if (frame.type === 'oi') for (const key of ['open_interest', 'open_interest_value']) frame[key] *= factor;
        socket.send(JSON.stringify(frame));
      });
    }));
  await deck.live();
  await until('a value', async () => /\d/.test(await deck.at('card-oi').innerText()));
  factor = 1.02;
  const flash = () =>
    deck.page.evaluate(() => {
      const card = document.querySelector('[data-beat]');
      return card && [card.dataset.beat, getComputedStyle(card, '::after').animationName];
    });
  const [beat, name] = await until('a value to change', flash, 60_000);
  assert.equal(name, `beat-${beat}`);
  await deck.page.emulateMedia({ reducedMotion: 'reduce' });
  await until('it to stand still', async () => (await flash())?.[1] === 'none');
  await deck.close();
});
