// Pictures of the page for docs/SCREENS.md: every layout, both themes, desktop and phone. The market is the simulated
// one, so each says DEMO. Environment: CHROME, TAPEDECK_BIN, TAPEDECK_PAGE_DIR as for the browser tests; the folder to
// write to is the one argument.
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { BTC, Deck, launch } from '../../tests/browser/support/deck.mjs';
import { Relay } from '../../tests/browser/support/relay.mjs';

const out = process.argv[2];
const desktop = { viewport: { width: 1440, height: 900 } };
const phone = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };
const ALL = 'oi,funding,cvd,liq';

/** Name, query, context, and what is done before the picture is taken. */
const screens = [
  ['desk-dark', { tf: '5m', theme: 'dark', panes: ALL }, desktop],
  ['desk-light', { tf: '5m', theme: 'light', panes: ALL }, desktop],
  ['price-dark', { tf: '1H', theme: 'dark', panes: '' }, desktop],
  ['indicators-light', { tf: '15m', theme: 'light', panes: 'rsi,macd' }, desktop],
  ['layout-2-dark', { tf: '5m', theme: 'dark', panes: 'oi' }, desktop, layout('2')],
  ['layout-2x2-dark', { tf: '5m', theme: 'dark', panes: 'liq' }, desktop, layout('2x2')],
  ['layout-2x2-light', { tf: '5m', theme: 'light', panes: 'liq' }, desktop, layout('2x2')],
  ['layout-3x3-dark', { tf: '5m', theme: 'dark', panes: '' }, desktop, layout('3x3')],
  ['phone-dark', { tf: '5m', theme: 'dark' }, phone],
  ['phone-light', { tf: '5m', theme: 'light' }, phone],
];

/** Picks a layout in its menu. */
function layout(name) {
  return async (deck) => {
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
