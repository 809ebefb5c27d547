// The built page in Chromium, measured: JSON lines `{what, value, unit, budget}` for `cargo xtask bench`. Environment:
// CHROME, TAPEDECK_BIN, TAPEDECK_PAGE_DIR as for the browser tests. Arguments: parts to measure alone, of PARTS.
import { setTimeout as sleep } from 'node:timers/promises';
import { BTC, launch } from '../../tests/browser/support/deck.mjs';
import { Relay } from '../../tests/browser/support/relay.mjs';
import { until } from '../../tests/browser/support/wait.mjs';
import { cores, frames, machine, median, p95, thread } from './bench/measure.mjs';
import { Source } from './bench/source.mjs';
import { Tab } from './bench/tab.mjs';

const PARTS = { visit, load, live, idle };
const POINTS = 50_000;
/** Pages of history overlap by a row, and what the line tells meanwhile takes places too. */
const NEARLY = POINTS - 20;
const MINUTE = 60_000;
const VIEWPORT = { width: 1400, height: 900 };

const asked = process.argv.slice(2);
for (const [name, part] of Object.entries(PARTS)) if (asked.length === 0 || asked.includes(name)) await part();

function print(what, value, unit, budget, more = {}) {
  const digits = Math.abs(value) < 100 ? 1 : 0;
  console.log(JSON.stringify({ what, value: Number(value.toFixed(digits)), unit, budget, ...more }));
}

/** A relay with the simulated market and a browser, for the time of `act`. */
async function withRelay(act) {
  const relay = await Relay.start();
  const browser = await launch();
  try {
    await act(relay, browser);
  } finally {
    await browser.close();
    await relay.stop();
  }
}

/** The same with the dense market of bench/source.mjs. */
async function withSource(act) {
  const source = await Source.start(process.env.TAPEDECK_PAGE_DIR, POINTS);
  const browser = await launch();
  try {
    await act(source, browser);
  } finally {
    await browser.close();
    source.stop();
  }
}

/** All files that a first visit with default settings loads, with the bytes of their bodies as they came. */
async function visit() {
  await withRelay(async (relay, browser) => {
    const context = await browser.newContext({ viewport: VIEWPORT });
    const page = await context.newPage();
    const files = new Map();
    page.on('response', async (response) => {
      const { pathname } = new URL(response.url());
      if (pathname.startsWith('/api/')) return;
      files.set(pathname === '/' ? 'index.html' : pathname.slice(1), Number(await response.headerValue('content-length')));
    });
    await page.goto(relay.url);
    await until('bars', () => page.evaluate(() => window.tapedeck?.bars('price').length > 0));
    // What the page loads by itself while nobody touches it.
    await sleep(5_000);
    await context.close();
    const bytes = [...files.values()].reduce((a, b) => a + b);
    print('first visit, default settings: all files Chromium loaded, as sent', bytes, 'bytes', 300_000, { files: Object.fromEntries(files) });
  });
}

/** From navigation to the first frame that shows candles: with default settings, and with 5,000 bars held and in view. */
async function load() {
  await withRelay(async (relay, browser) => {
    const from = Math.floor(Date.now() / MINUTE) * MINUTE - 5_000 * MINUTE;
    const times = { default: [], wide: [] };
    for (let round = 0; round < 7; round += 1) {
      times.default.push(await painted(browser, relay.url, 0));
      times.wide.push(await painted(browser, `${relay.url}/?symbol=${BTC}&tf=1m&from=${from}`, 5_000));
    }
    print('first painted chart, default settings, cold cache, median of 7', median(times.default), 'ms', null);
    print('first painted chart with 5,000 bars in memory, cold cache, median of 7', median(times.wide), 'ms', 1_000);
    print('the same, fastest of 7', Math.min(...times.wide), 'ms', null);
  });
}

/** When the first frame was drawn after which a chart of so many bars has candles in it, ms since navigation. */
async function painted(browser, url, bars) {
  const context = await browser.newContext({ viewport: VIEWPORT });
  const page = await context.newPage();
  await page.addInitScript((bars) => {
    // The library paints in a frame of its own: what stands on the canvas tells. Rising and falling colours.
    const drawn = () => {
      const canvas = [...document.querySelectorAll('canvas')].find((canvas) => canvas.width > 500 && canvas.height > 100);
      if (!canvas) return false;
      const { data } = canvas.getContext('2d').getImageData(canvas.width / 2, 0, canvas.width / 4, canvas.height);
      let found = 0;
      for (let at = 0; at < data.length; at += 4) found += Math.max(data[at], data[at + 1], data[at + 2]) - Math.min(data[at], data[at + 1], data[at + 2]) > 100;
      return found > 50;
    };
    const look = (at) => {
      const range = window.tapedeck?.visibleRange();
      const wide = range && range.to - range.from >= (bars - 10) * 60_000;
      if (wide && drawn()) window.paintedAt = performance.now();
      else requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
  }, bars);
  await page.goto(url);
  const at = await until('candles on the canvas', () => page.evaluate(() => window.paintedAt));
  const held = await page.evaluate(() => window.tapedeck.bars('price').length);
  if (held < bars) throw new Error(`${held} bars held where ${bars} were expected`);
  await context.close();
  return at;
}

/** 50,000 points held in each of five topics, ten updates a second of each, all panes on; beside it plain JavaScript. */
async function live() {
  await withSource(async (source, browser) => {
    const open = async (url) => {
      const page = await (await browser.newContext({ viewport: VIEWPORT })).newPage();
      await page.goto(url);
      return page;
    };
    // Opened at the oldest day, the page reads everything up to the newest bar; then to that.
    const deck = await open(`${source.url}/?symbol=${BTC}&tf=1m&from=${source.from}&to=${source.from + 1_440 * MINUTE}&panes=oi,funding,cvd,liq,spread,depth`);
    await until('50,000 points in each topic', async () => {
      const held = await deck.evaluate(() => ['price', 'oi', 'funding', 'liq', 'spread'].map((id) => window.tapedeck?.bars(id).length ?? 0));
      if (Math.min(...held) < NEARLY) await sleep(1_000);
      return Math.min(...held) >= NEARLY;
    }, 120_000);
    await deck.getByRole('button', { name: 'Newest bar' }).first().click();
    const plain = await open(`${source.url}/plain.html`);
    const newest = await open(`${source.url}/plain.html?as=window&hold=2000`);
    for (const page of [plain, newest]) await until('the plain page', () => page.evaluate(() => window.points));
    const empty = await open('about:blank');
    const pages = { page: deck, plain, window: newest, empty };
    const runs = Object.fromEntries(Object.keys(pages).map((name) => [name, []]));
    machine();
    // By turns, so that whatever else this machine does falls on each of them.
    for (let round = 0; round < 5; round += 1) {
      for (const [name, page] of Object.entries(pages)) {
        source.lively = name;
        await sleep(1_000);
        runs[name].push({ ...(await thread(page, 4_000)), frame: p95(await frames(page, 4_000)) });
      }
    }
    const busy = machine();
    const of = (name, key) => median(runs[name].map((one) => one[key]));
    const input = '7 panes, 5 topics of 50,000 points at 10 updates/s';
    print(`page, ${input}: p95 frame`, of('page', 'frame'), 'ms', 17.5);
    print('page: main thread, computing', of('page', 'cpu'), 'ms per s', 300);
    print('page: main thread, in tasks', of('page', 'wall'), 'ms per s', null);
    for (const [name, text] of [['plain', 'all in the chart'], ['window', 'newest 2,000 in the chart']]) {
      print(`plain JavaScript, ${text}: p95 frame`, of(name, 'frame'), 'ms', null);
      print(`plain JavaScript, ${text}: main thread, computing`, of(name, 'cpu'), 'ms per s', null);
      print(`page against plain JavaScript, ${text}: main thread`, of('page', 'cpu') / of(name, 'cpu'), 'times', null);
    }
    print('noise: p95 frame of an empty page', of('empty', 'frame'), 'ms', null);
    print('noise: cores of this machine busy meanwhile', busy, 'cores', null);
  });
}

/** A page whose relay says nothing new, in view and behind another tab. */
async function idle() {
  await withSource(async (source, browser) => {
    await sleep(3_000);
    const without = await cores(browser, 10_000);
    const tab = await Tab.open(browser, `${source.url}/?symbol=${BTC}`);
    await until('bars', () => tab.read('window.tapedeck?.bars("price").length > 0'));
    // Until all history behind the view has come.
    await sleep(15_000);
    const shown = await cores(browser, 20_000);
    await Tab.open(browser, 'about:blank');
    await until('the tab to be hidden', () => tab.read('document.visibilityState === "hidden"'));
    await sleep(2_000);
    const hidden = await cores(browser, 20_000);
    print('idle page, chart in view: all processes of the browser', shown, '% of a core', 2);
    print('idle page behind another tab: all processes of the browser', hidden, '% of a core', 2);
    print('noise: the browser without a page', without, '% of a core', null);
  });
}
