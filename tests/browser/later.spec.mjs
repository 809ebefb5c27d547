// Parts of the page that are loaded when first needed. In release bundles they are files of their own, and one that
// cannot be had says so and is asked for again; other bundles have everything in the one module.
import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { test } from 'node:test';
import { BTC, Deck } from './support/deck.mjs';
import { stage } from './support/stage.mjs';
import { until } from './support/wait.mjs';

const dir = process.env.TAPEDECK_PAGE_DIR;
const split = dir && existsSync(dir) && readdirSync(dir).some((name) => name.startsWith('later-'));

const { relay, browser } = await stage();

test('a part is loaded at its first use', async () => {
  const deck = await Deck.open(browser, relay, { symbol: BTC });
  const fetched = [];
  deck.page.on('request', (request) => fetched.push(new URL(request.url()).pathname));
  const parts = () => fetched.filter((path) => path.startsWith('/later-')).length;

  if (split) {
    await deck.page.route('**/later-*.wasm', (route) => route.abort());
    await deck.at('open-settings').click();
    await until('the failed load to be said', () => deck.at('not-loaded').isVisible());
    await deck.page.unroute('**/later-*.wasm');
    await deck.page.getByRole('button', { name: 'Try again' }).click();
  } else {
    await deck.at('open-settings').click();
  }
  await until('the dialog', () => deck.at('dialog-settings').isVisible());
  assert.equal(await deck.at('not-loaded').count(), 0);
  await deck.page.keyboard.press('Escape');
  const once = parts();
  assert.equal(once > 0, Boolean(split), `parts are files of their own in release bundles alone: ${fetched}`);
  await deck.at('open-settings').click();
  await until('the dialog again', () => deck.at('dialog-settings').isVisible());
  assert.equal(parts(), once, 'a part is fetched once');
  await deck.close(split ? [/later-|Failed to (fetch|load)/] : []);
});
