// Load and frame times of the built page in Chromium, as JSON lines `{what, value, unit, budget}` for `cargo xtask
// bench`. Environment: CHROME, TAPEDECK_BIN, TAPEDECK_PAGE_DIR as for the browser tests.
import { createServer } from 'node:http';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { BTC, launch } from '../../tests/browser/support/deck.mjs';
import { Relay } from '../../tests/browser/support/relay.mjs';
import { until } from '../../tests/browser/support/wait.mjs';

const MEASURE_MS = 10_000;
const LOADS = 5;
const POINTS = 50_000;
const MINUTE = 60_000;

const print = (what, value, unit, budget) => console.log(JSON.stringify({ what, value, unit, budget }));
const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
const p95 = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length * 0.95)];

const viewport = { width: 1400, height: 900 };
const relay = await Relay.start();
const browser = await launch();
try {
  await loads();
  await frames();
  await plain();
} finally {
  await browser.close();
  await relay.stop();
}

/** From navigation to the first frame after the chart held bars; a fresh profile each time. */
async function loads() {
  const from = Date.now() - 5_000 * MINUTE;
  const [first, held] = [[], []];
  for (let i = 0; i < LOADS; i += 1) {
    const context = await browser.newContext({ viewport });
    const page = await context.newPage();
    await page.addInitScript(() => {
      const look = () => {
        const bars = window.tapedeck?.bars('price').length ?? 0;
        if (bars > 0) requestAnimationFrame(() => (window.firstChart ??= performance.now()));
        else requestAnimationFrame(look);
      };
      requestAnimationFrame(look);
    });
    await page.goto(`${relay.url}/?symbol=${BTC}&tf=1m&from=${from}`);
    first.push(await until('the first chart', () => page.evaluate(() => window.firstChart)));
    await until('5,000 bars', async () => {
      const found = await page.evaluate(() => [window.tapedeck.bars('price').length, performance.now()]);
      return found[0] >= 5_000 && held.push(found[1]);
    });
    await context.close();
  }
  print('load to first painted chart', Math.round(median(first)), 'ms', 1_000);
  print('load to 5,000 bars held', Math.round(median(held)), 'ms', null);
}

/** Frame times with the whole simulated history held, all panes on, following live. */
async function frames() {
  const context = await browser.newContext({ viewport });
  const page = await context.newPage();
  const from = Date.now() - 40 * 24 * 60 * MINUTE;
  await page.goto(`${relay.url}/?symbol=${BTC}&tf=1m&from=${from}&panes=oi,funding,cvd,liq`);
  let held = 0;
  await until('the whole history', async () => {
    const now = await page.evaluate(() => window.tapedeck?.bars('price').length ?? 0);
    const same = now === held && now > 40_000;
    held = now;
    await sleep(500);
    return same;
  }, 120_000);
  const live = page.getByRole('button', { name: 'Newest bar' });
  if (await live.count()) await live.first().click();
  await report(page, `page, ${held.toLocaleString('en')} bars, all panes, live`, 17.5, 300);
  await context.close();
}

/** The same library with as many points in plain JavaScript, everything in the chart: what the window avoids. */
async function plain() {
  const library = readFileSync('node_modules/lightweight-charts/dist/lightweight-charts.standalone.production.js');
  const html = `<!doctype html><body style="margin:0"><div id="c" style="height:900px"></div><script src="/lib.js"></script><script>
    const t0 = Math.floor(Date.now() / 60000) * 60 - ${POINTS} * 60, L = LightweightCharts;
    const chart = L.createChart(document.getElementById('c'), { autoSize: true });
    const candles = chart.addSeries(L.CandlestickSeries);
    const others = [L.HistogramSeries, L.LineSeries, L.LineSeries, L.LineSeries, L.HistogramSeries].map((kind, i) => chart.addSeries(kind, {}, i));
    const wave = (i) => 60000 + 500 * Math.sin(i / 40);
    const bar = (i, x = 0) => ({ time: t0 + i * 60, open: wave(i), high: wave(i) + 30 + x, low: wave(i) - 30, close: wave(i) + 5 + x });
    candles.setData(Array.from({ length: ${POINTS} }, (_, i) => bar(i)));
    for (const s of others) s.setData(Array.from({ length: ${POINTS} }, (_, i) => ({ time: t0 + i * 60, value: 100 + wave(i) / 1000 })));
    let n = 0;
    setInterval(() => {
      n += 1;
      candles.update(bar(${POINTS} - 1, n % 7));
      for (const s of others) s.update({ time: t0 + (${POINTS} - 1) * 60, value: 160 + (n % 5) });
    }, 100);
  </script>`;
  const server = createServer((request, response) => {
    const script = request.url === '/lib.js';
    response.setHeader('content-type', script ? 'text/javascript' : 'text/html');
    response.end(script ? library : html);
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  const context = await browser.newContext({ viewport });
  const page = await context.newPage();
  await page.goto(`http://127.0.0.1:${server.address().port}/`);
  await sleep(2_000);
  await report(page, `plain JavaScript, ${POINTS.toLocaleString('en')} points in each of 6 series`, null, null);
  await context.close();
  server.close();
}

async function report(page, what, frameBudget, threadBudget) {
  const session = await page.context().newCDPSession(page);
  await session.send('Performance.enable');
  await sleep(2_000);
  const busy = async () => {
    const { metrics } = await session.send('Performance.getMetrics');
    return metrics.find((metric) => metric.name === 'TaskDuration').value;
  };
  const before = await busy();
  const started = Date.now();
  const gaps = await page.evaluate((span) => new Promise((done) => {
    const gaps = [];
    let last;
    const end = performance.now() + span;
    const frame = (at) => {
      if (last !== undefined) gaps.push(at - last);
      last = at;
      if (at < end) requestAnimationFrame(frame);
      else done(gaps);
    };
    requestAnimationFrame(frame);
  }), MEASURE_MS);
  const thread = (1_000 * (await busy() - before)) / ((Date.now() - started) / 1_000);
  print(`frame time p95: ${what}`, Number(p95(gaps).toFixed(1)), 'ms', frameBudget);
  print(`main thread: ${what}`, Math.round(thread), 'ms per s', threadBudget);
}
