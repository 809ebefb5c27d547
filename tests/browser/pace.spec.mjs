// Keeping pace: from the relay to the screen within a second, and no more memory or work per update after a while.
// TAPEDECK_ENDURANCE_MIN=30 makes the long form of it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { BTC, Deck } from './support/deck.mjs';
import { Memory } from './support/memory.mjs';
import { stage } from './support/stage.mjs';
import { until } from './support/wait.mjs';

const MINUTES = Number(process.env.TAPEDECK_ENDURANCE_MIN ?? 1);
/** Of one reading, ms. */
const SLICE = MINUTES < 5 ? 5_000 : 20_000;
/** Below this, ms, a frame is as fast as it needs to be. */
const FRAME = 34;

const { relay, browser } = await stage();

const sorted = (values) => [...values].sort((a, b) => a - b);
const quantile = (values, share) => sorted(values)[Math.floor((values.length - 1) * share)];
const mega = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`;

/** The page's frames, as they come over its socket. */
function frames(page) {
  const told = [];
  page.on('websocket', (socket) => socket.on('framereceived', ({ payload }) => told.push(...[JSON.parse(payload)].flat())));
  return told;
}

test('open interest is shown within a second of the relay having it', async (t) => {
  let told;
  const deck = await Deck.visit(browser, relay, { symbol: BTC, venue: 'sim', panes: 'oi' }, {}, async (page) => {
    told = frames(page);
  });
  await deck.live();
  await deck.at('card-oi').waitFor();
  await deck.page.evaluate(() => {
    const card = document.querySelector('[data-testid=card-oi]');
    window.shown = [];
    new MutationObserver(() => window.shown.push([Number(card.dataset.value), Date.now()])).observe(card, { attributes: true });
  });
  const since = Date.now();
  const took = await until('five values', async () => {
    const shown = await deck.page.evaluate(() => window.shown);
    const own = told.filter((frame) => frame.type === 'oi' && frame.symbol === BTC && frame.venue === 'sim' && frame.received > since);
    // A value that is overtaken on its way is shown by the one that overtook it.
    const all = own.map((frame) => {
      const overtaking = own.filter((next) => next.seq >= frame.seq).map((next) => next.open_interest_value);
      const at = shown.find(([value, time]) => time >= frame.received && overtaking.includes(value));
      return at && at[1] - frame.received;
    });
    const known = all.filter((ms) => ms !== undefined);
    return known.length >= 5 && known;
  }, 60_000);
  t.diagnostic(`ms from the relay's receipt to the card: ${took.join(', ')}`);
  assert.ok(quantile(took, 0.5) < 1_000, `${took} ms`);
  await deck.close();
});

test('memory and work per update stay flat', { timeout: (MINUTES + 4) * 60_000 }, async (t) => {
  let told;
  const panes = 'oi,funding,cvd,liq,rsi,macd,spread,depth';
  const deck = await Deck.visit(browser, relay, { symbol: BTC, tf: '1m', panes }, { viewport: { width: 1400, height: 1200 } }, async (page) => {
    told = frames(page);
  });
  await deck.live();
  const count = async () => (await deck.bars('price')).length;
  let held = 0;
  await until('all of the history', async () => {
    const before = held;
    held = await count();
    await sleep(3_000);
    return held > 1_000 && held - before <= 1;
  }, 90_000);
  const memory = await Memory.of(deck.page);
  await deck.page.evaluate(() => {
    window.frameTimes = [];
    let before = performance.now();
    const next = (now) => {
      window.frameTimes.push(now - before);
      before = now;
      requestAnimationFrame(next);
    };
    requestAnimationFrame(next);
  });
  // The first collections of garbage and compilations are over.
  await sleep(10_000);
  const slices = [];
  const end = Date.now() + MINUTES * 60_000;
  while (Date.now() < end) {
    told.length = 0;
    await deck.page.evaluate(() => (window.frameTimes.length = 0));
    const [from, before] = [Date.now(), await memory.metrics()];
    await sleep(SLICE);
    const spent = (await memory.metrics()).TaskDuration - before.TaskDuration;
    const updates = told.length;
    const rate = updates / ((Date.now() - from) / 1_000);
    const times = await deck.page.evaluate(() => window.frameTimes);
    slices.push({ ...(await memory.now()), times, rate, work: (spent * 1_000) / updates });
  }
  const part = Math.max(1, Math.floor(slices.length / 3));
  const parts = [slices.slice(0, part), slices.slice(-part)].map((part) => ({
    heap: quantile(part.map((slice) => slice.heap), 0.5),
    wasm: Math.max(...part.map((slice) => slice.wasm)),
    p95: quantile(part.flatMap((slice) => slice.times), 0.95),
    work: quantile(part.map((slice) => slice.work), 0.5),
    rate: quantile(part.map((slice) => slice.rate), 0.5),
  }));
  for (const [name, { heap, wasm, p95, work, rate }] of [['first', parts[0]], ['last', parts[1]]]) {
    t.diagnostic(`${name} third: ${rate.toFixed(0)} updates/s, heap ${mega(heap)}, wasm ${mega(wasm)}, frame p95 ${p95.toFixed(1)} ms, ${work.toFixed(2)} ms of work per update`);
  }
  const [first, last] = parts;
  assert.ok(first.rate >= 20 && last.rate >= 20, `${first.rate}, ${last.rate} updates/s`);
  assert.ok(last.heap <= first.heap * 1.1 + 1e6, `heap of ${mega(first.heap)} grew to ${mega(last.heap)}`);
  assert.ok(last.wasm <= first.wasm * 1.1, `wasm of ${mega(first.wasm)} grew to ${mega(last.wasm)}`);
  assert.ok(last.work <= first.work * 1.5, `${first.work} ms per update became ${last.work}`);
  assert.ok(last.p95 <= Math.max(first.p95, FRAME) * 2, `p95 of ${first.p95} ms became ${last.p95}`);
  await deck.close();
});
