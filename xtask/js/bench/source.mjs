// Stands in for a relay that has much to tell: one market with a point a minute in each of five topics (bars, open
// interest, funding, liquidations, books), and ten updates a second of each to whoever `lively` is set for. Speaks
// docs/PROTOCOL.md and the routes the page reads. The simulated market cannot be had this dense.
import { readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fold } from '../../../tests/browser/support/fold.mjs';
import { accept } from './socket.mjs';

const HERE = fileURLToPath(new URL('.', import.meta.url));
const MINUTE = 60_000;
const HOUR = 3_600_000;
const SYMBOL = 'BTCUSDT-PERP';
const VENUE = 'sim';
const CHANNELS = ['bar', 'oi', 'funding', 'liquidation', 'book'];
const MIME = { '.html': 'text/html', '.js': 'text/javascript', '.wasm': 'application/wasm', '.css': 'text/css', '.svg': 'image/svg+xml', '.woff2': 'font/woff2' };

const round = (value, digits) => Number(value.toFixed(digits));

/** Numbers from 0 to 1 that are the same in every run. */
function noise(seed) {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

export class Source {
  /** Serves the page of `folder`, `plain.html` beside it, and `points` minutes up to now. */
  static async start(folder, points) {
    const source = new Source();
    source.folder = folder;
    source.random = noise(7);
    source.clients = [];
    source.cursor = 0;
    /** Who is told news: the name in `/ws?as=NAME`, the page's own socket being `page`. */
    source.lively = null;
    source.record(points);
    source.server = createServer((request, response) => source.answer(request, response));
    source.server.on('upgrade', (request, stream) => source.connect(request, stream));
    await new Promise((done) => source.server.listen(0, '127.0.0.1', done));
    source.url = `http://127.0.0.1:${source.server.address().port}`;
    source.timer = setInterval(() => source.tick(), 100);
    return source;
  }

  stop() {
    clearInterval(this.timer);
    this.server.closeAllConnections();
    this.server.close();
  }

  record(points) {
    const now = Math.floor(Date.now() / MINUTE) * MINUTE;
    this.from = now - (points - 1) * MINUTE;
    this.history = Object.fromEntries(CHANNELS.map((channel) => [channel, []]));
    this.price = 60_000;
    this.interest = 80_000;
    for (let at = this.from; at < now; at += MINUTE) {
      this.open(at);
      for (let step = 0; step < 4; step += 1) this.trade();
      this.bar.closed = true;
      this.history.bar.push(this.bar);
      for (const channel of CHANNELS.slice(1)) this.history[channel].push(this.point(channel, at));
    }
    this.open(now);
    this.trade();
  }

  open(timestamp) {
    const price = this.price;
    const cvd = timestamp % (24 * HOUR) === 0 ? 0 : (this.bar?.cvd ?? 0);
    this.bar = {
      timestamp, open: price, high: price, low: price, close: price, volume: 0, interval: '1m', closed: false, origin: 'trades',
      buy_volume: 0, sell_volume: 0, cvd, cvd_from: timestamp - (timestamp % (24 * HOUR)), vwap: price, trades: 0, revision: 0,
    };
  }

  /** Two trades; a closed minute has four times that, a live one ten a second, so `share` of the volume. */
  trade(share = 1) {
    this.price = round(this.price * (1 + (this.random() - 0.5) / 2_000), 1);
    const [bar, bought, sold] = [this.bar, round(share * this.random(), 3), round(share * this.random(), 3)];
    bar.high = Math.max(bar.high, this.price);
    bar.low = Math.min(bar.low, this.price);
    bar.close = this.price;
    bar.buy_volume = round(bar.buy_volume + bought, 3);
    bar.sell_volume = round(bar.sell_volume + sold, 3);
    bar.volume = round(bar.buy_volume + bar.sell_volume, 3);
    bar.cvd = round(bar.cvd + bought - sold, 3);
    bar.trades += 2;
  }

  /** What a topic says at an instant. */
  point(channel, timestamp) {
    const price = this.price;
    if (channel === 'oi') {
      this.interest = round(this.interest * (1 + (this.random() - 0.5) / 1_000), 3);
      return { timestamp, open_interest: this.interest, open_interest_value: round(this.interest * price, 2) };
    }
    if (channel === 'funding') {
      const funding_rate = round((this.random() - 0.4) / 5_000, 8);
      const next_funding_time = (Math.floor(timestamp / (8 * HOUR)) + 1) * 8 * HOUR;
      const funding_apr = round(funding_rate * 3 * 365 * 100, 5);
      return { timestamp, kind: 'predicted', funding_rate, next_funding_time, interval_hours: 8, funding_apr, mark_price: price, index_price: price };
    }
    if (channel === 'liquidation') {
      const quantity = round(this.random(), 3);
      const side = this.random() < 0.5 ? 'LONG' : 'SHORT';
      return { timestamp, side, quantity, price, value: round(quantity * price, 4), price_kind: 'average', at_least: false };
    }
    const spread = round(0.1 + this.random(), 1);
    const ask_px = round(price + spread, 1);
    const depth = () => round(5e6 * (1 + this.random()), 2);
    return { timestamp, bid_px: price, bid_qty: 0.5, ask_px, ask_qty: 0.5, spread_bps: (spread / price) * 1e4, depth_10bps: { bid_usd: depth(), ask_usd: depth() } };
  }

  tick() {
    const now = Date.now();
    const lively = this.clients.filter((client) => client.as === this.lively && !client.socket.closed);
    const tell = (channel, row) => {
      const text = lively.length > 0 ? JSON.stringify(this.frame(channel, row)) : '';
      for (const client of lively) if (client.topics.has(channel)) client.socket.send(text);
    };
    if (now >= this.bar.timestamp + MINUTE) {
      this.bar.closed = true;
      this.history.bar.push(this.bar);
      tell('bar', this.bar);
      this.open(Math.floor(now / MINUTE) * MINUTE);
    }
    this.trade(1 / 150);
    tell('bar', this.bar);
    for (const channel of CHANNELS.slice(1)) tell(channel, this.point(channel, now));
  }

  frame(type, row) {
    this.cursor += 1;
    return { type, received: Date.now(), symbol: SYMBOL, venue: VENUE, seq: this.cursor, cursor: `1a0.${this.cursor}`, ...row };
  }

  connect(request, stream) {
    const { searchParams } = new URL(request.url, 'http://localhost');
    const client = { as: searchParams.get('as') ?? 'page', topics: new Set() };
    client.socket = accept(request, stream, (text) => this.hear(client, JSON.parse(text)));
    this.clients.push(client);
    this.say(client, { type: 'status', timestamp: Date.now(), connected: true, exchanges: [VENUE], venues: this.venues(), mode: 'demo' });
  }

  hear(client, { action, id, channels = CHANNELS }) {
    if (action === 'ping') return this.say(client, { type: 'pong', id });
    const asked = channels.filter((channel) => CHANNELS.includes(channel));
    for (const channel of asked) client.topics[action === 'subscribe' ? 'add' : 'delete'](channel);
    const topics = [...client.topics].map((channel) => ({ symbol: SYMBOL, venue: VENUE, channel }));
    this.say(client, { type: 'subscribed', id, topics });
    if (action !== 'subscribe') return;
    // Older books are in no history the page reads: it has them when it was there, so they are told.
    if (asked.includes('book') && client.as === 'page') for (const row of this.history.book) this.say(client, this.frame('book', row));
    for (const channel of asked) this.say(client, { ...this.frame(channel, this.newest(channel)), snapshot: true });
  }

  newest(channel) {
    return channel === 'bar' ? this.bar : this.history[channel].at(-1);
  }

  say(client, frame) {
    client.socket.send(JSON.stringify(frame));
  }

  venues() {
    const live = { state: 'live', since: this.from };
    const channels = CHANNELS.map((channel) => ({ channel, ...live, last_event: Date.now(), stale: [] }));
    return [{ venue: VENUE, connected: true, ...live, channels }];
  }

  answer(request, response) {
    const { pathname, searchParams } = new URL(request.url, 'http://localhost');
    if (!pathname.startsWith('/api/')) return this.file(pathname, response);
    const body = this.api(pathname.slice(5), searchParams);
    response.writeHead(body === undefined ? 404 : 200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(body ?? { status: 404, detail: `no ${pathname}` }));
  }

  api(path, query) {
    const timestamp = Date.now();
    const stretch = (rows) => {
      const [from, to] = [Number(query.get('from') ?? 0), Number(query.get('to') ?? Infinity)];
      const found = rows.filter((row) => row.timestamp >= from && row.timestamp < to);
      return found.slice(-Number(query.get('limit') ?? 20_000)).map((row) => ({ symbol: SYMBOL, venue: VENUE, ...row }));
    };
    const history = { 'history/oi': 'oi', 'history/funding': 'funding', 'history/liquidations': 'liquidation', 'history/book': 'book' }[path];
    if (history) return stretch(this.history[history]);
    if (path === 'candles') return stretch(this.bars(query.get('interval')));
    if (path === 'symbols') return [this.symbol()];
    if (path === 'status') return { version: '0', mode: 'demo', timestamp, venues: this.venues(), topics: [] };
    if (path === 'market/overview') return { symbol: SYMBOL, group: 'BTC-PERP', timestamp, members: [] };
    if (path === 'snapshot') return { frames: CHANNELS.map((channel) => this.frame(channel, this.newest(channel))) };
    return ['gaps', 'signals'].includes(path) ? [] : undefined;
  }

  symbol() {
    return {
      symbol: SYMBOL, group: 'BTC-PERP', kind: 'perp', base: 'BTC', quote: 'USDT', tick_size: 0.1, multiplier: 1, venues: [VENUE],
      channels: CHANNELS, venue_channels: { [VENUE]: CHANNELS }, calendar: '24x7', status: 'trading', followed: true,
    };
  }

  bars(interval) {
    const minutes = [...this.history.bar, this.bar];
    if (interval === '1m') return minutes;
    const folded = fold(this.history.bar, interval).map((bar) => ({ ...bar, interval, closed: true, origin: 'trades', revision: 0 }));
    return [...folded.slice(0, -1), { ...folded.at(-1), closed: false, through: this.history.bar.at(-1).timestamp }];
  }

  file(path, response) {
    try {
      const name = path === '/' ? 'index.html' : path.slice(1);
      const library = () => readdirSync(this.folder).find((file) => /^lightweight-charts.*\.js$/.test(file));
      const [from, file] = { 'plain.html': [HERE, name], 'plain.js': [HERE, name], 'library.js': [this.folder, library()] }[name] ?? [this.folder, name];
      response.setHeader('content-type', MIME[extname(file)] ?? 'application/octet-stream');
      response.end(readFileSync(join(from, file)));
    } catch {
      response.writeHead(404).end();
    }
  }
}
