// A recorded stretch of Binance played at full speed: the page shows the bars that the trades in the file make.
import assert from 'node:assert/strict';
import { createReadStream, existsSync } from 'node:fs';
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
  assert.equal(await deck.mode(), 'replay');
  assert.ok(await deck.page.getByText('REPLAY', { exact: true }).first().isVisible());
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
