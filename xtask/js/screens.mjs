// Pictures of the page for docs/SCREENS.md: every layout, both themes, desktop and phone. The market is the simulated
// one, so each says DEMO. Environment: CHROME, TAPEDECK_BIN, TAPEDECK_PAGE_DIR as for the browser tests; the folder to
// write to is the one argument.
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { BTC, Deck, launch, PHONE } from '../../tests/browser/support/deck.mjs';
import { Relay } from '../../tests/browser/support/relay.mjs';

const out = process.argv[2];
const desktop = { viewport: { width: 1440, height: 900 } };
const ALL = 'oi,funding,cvd,liq';

/** What each layout shows best, by its name. */
const layouts = { 1: { tf: '5m', panes: ALL }, 2: { tf: '5m', panes: 'oi' }, '2x2': { tf: '5m', panes: 'liq' }, '3x3': { tf: '5m', panes: '' } };
const themes = ['dark', 'light'];

/** Name, query, context, and what is done before the picture is taken. */
const screens = [
  ...themes.flatMap((theme) =>
    Object.entries(layouts).map(([name, query]) => [`layout-${name}-${theme}`, { ...query, theme }, desktop, layout(name)]),
  ),
  ['indicators-dark', { tf: '15m', theme: 'dark', panes: 'rsi,macd' }, desktop],
  ...themes.flatMap((theme) => [
    [`phone-${theme}`, { tf: '5m', theme }, PHONE],
    [`phone-2-${theme}`, { ...layouts[2], theme }, PHONE, layout('2')],
  ]),
];

/** Picks a layout in its menu. */
function layout(name) {
  return async (deck) => {
    if (name === '1') return;
    await deck.at('layout-menu').first().click();
    await deck.at(`layout-${name}`).first().click();
    await sleep(4_000);
  };
}

await rm(out, { recursive: true, force: true });
await mkdir(out, { recursive: true });
const relay = await Relay.start();
const browser = await launch();
try {
  for (const [name, query, context, before] of screens) {
    const deck = await Deck.open(browser, relay, { symbol: BTC, ...query }, context);
    await before?.(deck);
    // Every pane has been painted and the first quick changes are over.
    await sleep(2_500);
    await deck.page.screenshot({ path: join(out, `${name}.png`) });
    console.log(`${name}.png`);
    await deck.close();
  }
} finally {
  await browser.close();
  await relay.stop();
}
