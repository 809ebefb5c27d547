// The description of the API as a page: whole, from this relay alone, and able to send what it describes.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { stage } from './support/stage.mjs';
import { until } from './support/wait.mjs';

const { relay, browser } = await stage();

test('every endpoint and frame is shown, nothing comes from elsewhere, and a request is answered', async () => {
  const context = await browser.newContext({ viewport: { width: 1300, height: 900 } });
  const page = await context.newPage();
  const [complaints, asked] = [[], []];
  page.on('console', (message) => complaints.push(message.text()));
  page.on('pageerror', (error) => complaints.push(`uncaught: ${error.message}`));
  page.on('request', (request) => asked.push(request.url()));
  await page.goto(`${relay.url}/docs#get_api_candles`);
  await page.waitForSelector('#SlowFrame');

  const api = await (await fetch(`${relay.url}/api/openapi.json`)).json();
  const operations = Object.values(api.paths).flatMap((path) => Object.values(path));
  const frames = (await (await fetch(`${relay.url}/api/frames.schema.json`)).json()).$defs;
  const count = operations.length + frames.ServerFrame.oneOf.length + frames.ClientFrame.oneOf.length;
  assert.equal(await page.locator('details.op').count(), count);
  assert.equal(await page.locator('#index a').count(), count);

  const candles = page.locator('#get_api_candles');
  assert.equal(await candles.getAttribute('open'), '', 'the address unfolds it');
  await candles.getByRole('button', { name: 'Send' }).click();
  await until('rows', async () => /^200 .*[\s\S]*"close":/.test(await candles.locator('[aria-live]').innerText()));
  await candles.getByLabel('symbol').fill('NOPE');
  await candles.getByRole('button', { name: 'Send' }).click();
  await until('a refusal', async () => /^404 .*[\s\S]*unknown_symbol/.test(await candles.locator('[aria-live]').innerText()));
  await page.screenshot({ path: new URL('out/docs.png', import.meta.url).pathname });

  const elsewhere = asked.filter((url) => !url.startsWith(relay.url) && !url.startsWith('data:'));
  assert.deepEqual(elsewhere, [], 'no request leaves the relay');
  // The 404 asked for is the browser's own line.
  assert.deepEqual(complaints.filter((text) => !/404/.test(text)), [], 'the console stays clean');
  await context.close();
});
