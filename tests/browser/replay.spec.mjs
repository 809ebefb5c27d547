// A recorded stretch of Binance played at full speed: the page shows the bars that the trades in the file make.
import assert from 'node:assert/strict';
import { createReadStream, existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import { createGunzip } from 'node:zlib';
import { BTC, Deck, launch } from './support/deck.mjs';
import { Relay } from './support/relay.mjs';
import { until } from './support/wait.mjs';

const captures = process.env.TAPEDECK_CAPTURES ?? join(import.meta.dirname, '../../../shared/captures');
const file = join(captures, 'replay/binance_usdm_btcusdt_20240808.txt.gz');
const missing = !existsSync(file);
if (missing) console.log(`skipped: there is no ${file}; TAPEDECK_CAPTURES names the folder of recordings`);
const skip = missing && process.env.CI !== 'true';

const NOON = Date.UTC(2024, 7, 8, 12);

let relay;
let browser;
before(async () => {
  if (skip) return;
  relay = await Relay.start(['replay', file, '--speed', 'max']);
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await relay?.stop();
});

/** Minutes of the file's market trades: prices, volumes of both sides, counts. */
async function minutesOfFile() {
  const minutes = new Map();
  for await (const line of createInterface({ input: createReadStream(file).pipe(createGunzip()) })) {
    if (!line.includes('"e":"trade"')) continue;
    const { data } = JSON.parse(line.slice(line.indexOf(' ') + 1));
    if (data.X !== 'MARKET') continue;
    const [price, quantity] = [Number(data.p), Number(data.q)];
    const timestamp = data.T - (data.T % 60_000);
    const bar = minutes.get(timestamp) ?? { open: price, high: price, low: price, buy: 0, sell: 0, trades: 0 };
    minutes.set(timestamp, bar);
    bar.high = Math.max(bar.high, price);
    bar.low = Math.min(bar.low, price);
    bar.close = price;
    bar[data.m ? 'sell' : 'buy'] += quantity;
    bar.trades += 1;
  }
  return minutes;
}

test('the page shows the bars of the recorded trades and says REPLAY', { skip }, async () => {
  const expected = await minutesOfFile();
  assert.ok(expected.size > 3, `${expected.size} minutes in the file`);
  const deck = await Deck.open(browser, relay, { symbol: BTC, tf: '1m' });
  await until('REPLAY', async () => (await deck.mode()) === 'replay' && (await deck.page.getByText('REPLAY', { exact: true }).first().isVisible()));
  await until('all bars of the file', async () => {
    const shown = new Map((await deck.bars('price')).map((bar) => [bar.timestamp, bar]));
    for (const [timestamp, bar] of expected) {
      const found = shown.get(timestamp);
      if (!found) throw new Error(`no bar at ${timestamp}`);
      for (const key of ['open', 'high', 'low', 'close', 'trades']) {
        if (found[key] !== bar[key]) throw new Error(`${timestamp}: ${key} is ${found[key]}, the file has ${bar[key]}`);
      }
      for (const [key, volume] of [['buy_volume', bar.buy], ['sell_volume', bar.sell], ['volume', bar.buy + bar.sell]]) {
        if (!(Math.abs(found[key] - volume) < 1e-6)) throw new Error(`${timestamp}: ${key} is ${found[key]}, the file has ${volume}`);
      }
    }
    return true;
  }, 60_000);
  await deck.screenshot('replay');
  await deck.close();
});

/** Ten minutes of a trade every ten seconds, as `tapedeck record` writes them; its price is the number of the trade. */
async function recording() {
  const folder = await mkdtemp(join(tmpdir(), 'tapedeck-recording-'));
  const lines = Array.from({ length: 60 }, (_, n) => {
    const at = NOON + n * 10_000;
    const data = { e: 'aggTrade', E: at, s: 'BTCUSDT', a: n + 1, p: `${1_000 + n}.0`, q: '1', f: n + 1, l: n + 1, T: at, m: false };
    return JSON.stringify({ received: at, venue: 'binance', channel: 'usdm/market', data: { stream: 'btcusdt@aggTrade', data } });
  });
  const path = join(folder, 'ten_minutes.jsonl');
  await writeFile(path, `${lines.join('\n')}\n`);
  return { path, remove: () => rm(folder, { recursive: true, force: true }) };
}

test('a replay is directed from the page, and back means that the future is gone', async () => {
  const file = await recording();
  const own = await Relay.start(['replay', file.path, '--speed', '1']);
  const chromium = await launch();
  const stands = async (what, there) => until(what, async () => {
    const replay = await own.get('/api/replay');
    if (!there(replay)) throw new Error(JSON.stringify(replay));
    return true;
  });
  try {
    // Before its first minute is over a recording shows no bar.
    await own.post('/api/replay', { action: 'step' });
    await stands('the close of the first minute', (replay) => replay.position === NOON + 60_000);
    await own.post('/api/replay', { action: 'play' });
    const deck = await Deck.open(chromium, own, { symbol: BTC, tf: '1m' });
    await deck.at('replay').waitFor();
    await until('the page to say so', async () => (await deck.mode()) === 'replay' && (await deck.at('mode-badge').innerText()) === 'REPLAY');
    await deck.at('replay-play').click();
    await until('pause', async () => (await deck.at('replay').getAttribute('data-state')) === 'paused');

    await deck.at('replay-step').click();
    await until('the close of the second minute', async () => (await deck.at('replay-time').innerText()) === '2024-08-08 12:02:00 UTC');
    // Nothing plays: the market's clock stands, whatever time goes by here.
    const left = () => deck.at('bar-countdown').innerText();
    await until('the countdown of a whole minute', async () => /01:00$/.test(await left()));
    const stood = await left();
    await deck.page.waitForTimeout(2_500);
    assert.equal(await left(), stood);
    await deck.at('replay-scrub').evaluate((scrub, to) => {
      scrub.value = String(to);
      scrub.dispatchEvent(new Event('input', { bubbles: true }));
      scrub.dispatchEvent(new Event('change', { bubbles: true }));
    }, NOON + 500_000);
    await until('eight closed minutes', async () => (await deck.bars('price')).filter((bar) => bar.closed).length === 8);
    await deck.screenshot('replay-controls');
    await deck.at('theme-toggle').click();
    await deck.screenshot('replay-controls-light');

    await own.post('/api/replay', { action: 'seek', to: NOON + 130_000 });
    await until('the bars of the second run', async () => {
      const bars = await deck.bars('price');
      return bars.length === 3 && bars.every((bar) => bar.timestamp <= NOON + 120_000);
    });
    await until('the page to be live again', async () => (await deck.state()) === 'live');
    await deck.at('replay-play').press('.');
    await stands('another minute', (replay) => replay.run === 2 && replay.position === NOON + 180_000);
    await until('its bar', async () => (await deck.bars('price')).filter((bar) => bar.closed).length === 3);

    await deck.at('replay-speed').selectOption('max');
    await until('the speed', async () => (await own.get('/api/replay')).speed === 'max');
    await deck.at('replay-play').click();
    await stands('the end', (replay) => replay.state === 'ended');
    await until('all bars', async () => (await deck.bars('price')).length === 10);
    await until('no bar to step to', async () => deck.at('replay-step').isDisabled());
    await deck.page.setViewportSize({ width: 390, height: 844 });
    await deck.screenshot('replay-controls-phone');
    await deck.close([/WebSocket/]);
  } finally {
    await chromium.close();
    await own.stop();
    await file.remove();
  }
});
