// Pages that no relay served: the one file opened from disk, and the static bundle below a path of another host.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { BTC, launch } from './support/deck.mjs';
import { serveFiles } from './support/files.mjs';
import { Relay } from './support/relay.mjs';
import { until } from './support/wait.mjs';

const bundle = process.env.TAPEDECK_PAGE_DIR;
if (!bundle) throw new Error('set TAPEDECK_PAGE_DIR to a bundle, or run `cargo xtask test --browser`');
/* What the browser itself says of a request that was refused or answered by nobody. */
const REFUSED = [/Failed to load resource/, /blocked by CORS policy/];

let folder;
let admitting;
let refusing;
let browser;
let files;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tapedeck-elsewhere-'));
  execFileSync('node', ['xtask/js/standalone.mjs', bundle, join(folder, 'standalone.html')]);
  execFileSync('node', ['xtask/js/portable.mjs', bundle, join(folder, 'bundle')]);
  files = await serveFiles(join(folder, 'bundle'), '/some/sub/folder/');
  // One symbol is soon there.
  refusing = await Relay.start(undefined, { SYMBOLS: BTC });
  admitting = await Relay.start(undefined, { SYMBOLS: BTC, TAPEDECK_ALLOWED_ORIGINS: `null,${files.origin}` });
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await Promise.all([admitting?.stop(), refusing?.stop()]);
  files?.close();
  await rm(folder, { recursive: true, force: true });
});

/** Opens an address, has `look` look at it and sees to it that the console holds nothing but `expected`. */
async function visit(url, look, expected = []) {
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
  const complaints = [];
  const hosts = new Set();
  page.on('console', (m) => ['error', 'warning'].includes(m.type()) && complaints.push(m.text()));
  page.on('pageerror', (error) => complaints.push(`uncaught: ${error.message}`));
  page.on('request', (request) => /^http/.test(request.url()) && hosts.add(new URL(request.url()).origin));
  await page.goto(url);
  await look(page, hosts);
  assert.deepEqual(complaints.filter((text) => !expected.some((pattern) => pattern.test(text))), []);
  await page.close();
}

const live = async (page) => {
  const status = page.getByTestId('connection-status').first();
  await until('the page to be live', async () => (await status.getAttribute('data-state', { timeout: 500 })) === 'live');
  await until('bars', () => page.evaluate(() => window.tapedeck.bars('price').length > 0));
};
const notice = (page) => page.getByTestId('no-relay').innerText();

test('the file from disk shows a relay that admits it, and says why another does not', async () => {
  const file = pathToFileURL(join(folder, 'standalone.html')).href;
  const free = await new Promise((done) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => done(port));
    });
  });
  await visit(file, async (page) => assert.match(await notice(page), /No relay is named[^]*\?relay=http:/));
  await visit(`${file}?relay=ftp://x`, async (page) => assert.match(await notice(page), /ftp:\/\/x is no address of a relay/));
  await visit(`${file}?relay=http://127.0.0.1:${free}`, async (page) => assert.match(await notice(page), /No relay answers at/), REFUSED);
  await visit(
    `${file}?relay=${refusing.url}`,
    async (page) => {
      assert.match(await notice(page), /refuses this page[^]*allowed_origins[^]*TAPEDECK_ALLOWED_ORIGINS=null[^]*from disk has the origin "null"/);
      await page.screenshot({ path: 'tests/browser/out/standalone-refused.png' });
    },
    REFUSED,
  );
  await visit(`${file}?symbol=${BTC}&tf=1H&relay=${encodeURIComponent(admitting.url)}`, async (page, hosts) => {
    await live(page);
    assert.deepEqual([...hosts], [admitting.url], 'nobody but the relay is asked');
    const query = () => new URL(page.url()).searchParams;
    assert.deepEqual([query().get('relay'), query().get('tf')], [admitting.url, '1H']);
    // What release bundles load later is inside.
    await page.getByTestId('open-settings').click();
    await until('the dialog', () => page.getByTestId('dialog-settings').isVisible());
    await page.keyboard.press('Escape');
    await page.screenshot({ path: 'tests/browser/out/standalone.png' });
    await page.reload();
    await live(page);
  });
});

test('the static bundle works below any path of another host, with its relay configured or asked for', async () => {
  await visit(files.url, async (page) => assert.match(await notice(page), /No relay is named/));
  await visit(
    `${files.url}?relay=${refusing.url}`,
    async (page) => assert.match(await notice(page), new RegExp(`refuses this page[^]*TAPEDECK_ALLOWED_ORIGINS=${files.origin}`)),
    REFUSED,
  );
  await visit(`${files.url}?symbol=${BTC}&relay=${admitting.url}`, async (page, hosts) => {
    await live(page);
    assert.deepEqual([...hosts].sort(), [files.origin, admitting.url].sort());
    assert.ok(page.url().startsWith(`${files.url}?symbol=${BTC}`) && page.url().endsWith(encodeURIComponent(admitting.url)), page.url());
  });
  // The frame of the bundle too, and the element from there with its relay named.
  await visit(`${files.url}embed.html?symbol=${BTC}&tf=5m&panes=&relay=${admitting.url}`, async (page) => {
    await until('bars', () => page.evaluate(() => document.querySelector('tapedeck-chart').bars('price').length > 0));
  });
  for (const name of ['index.html', 'embed.html']) {
    const path = join(folder, 'bundle', name);
    const html = (await readFile(path, 'utf8')).replace('name="tapedeck-relay" content=""', `name="tapedeck-relay" content="${admitting.url}"`);
    await writeFile(path, html);
  }
  await visit(files.url, live);
  await visit(`${files.url}embed.html?symbol=${BTC}`, async (page) => {
    await until('bars', () => page.evaluate(() => document.querySelector('tapedeck-chart').bars('price').length > 0));
  });
  assert.deepEqual(files.missed, [], 'everything asked for is there');
});
