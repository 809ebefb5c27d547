// The page as a person sees it: opening it, its controls, what it shows. Every console error or warning is kept.
import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { Hopeless, until } from './wait.mjs';

const out = join(dirname(fileURLToPath(import.meta.url)), '..', 'out');

export const BTC = 'BTCUSDT-PERP';
export const ETH = 'ETHUSDT-PERP';

/** A browser context like a phone's. */
export const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };

/** Chromium from `$CHROME`, as quiet as it can be. */
export async function launch() {
  if (!process.env.CHROME) throw new Error('set CHROME to a Chromium, or run `cargo xtask test --browser`');
  const flags = ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update'];
  return chromium.launch({ executablePath: process.env.CHROME, args: [...flags, '--disable-sync', '--no-first-run'] });
}

export class Deck {
  /** Opens the page with `query` in a profile of its own and waits until it is live with bars. */
  static async open(browser, relay, query = {}, context = {}) {
    const deck = await Deck.visit(browser, relay, query, context);
    await deck.live();
    await until('bars on the price pane', async () => (await deck.bars('price')).length > 0);
    return deck;
  }

  /** As `open`, without waiting; `prepare` gets the page before it goes anywhere. */
  static async visit(browser, relay, query = {}, context = {}, prepare = async () => {}) {
    const deck = new Deck();
    deck.relay = relay;
    deck.context = await browser.newContext({ viewport: { width: 1400, height: 900 }, ...context });
    deck.page = await deck.context.newPage();
    deck.complaints = [];
    deck.page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) deck.complaints.push(`${message.type()}: ${message.text()}`);
    });
    deck.page.on('pageerror', (error) => deck.complaints.push(`uncaught: ${error.message}`));
    // What waits for an answer of it would wait for ever.
    deck.page.on('crash', () => deck.complaints.push('uncaught: the page crashed'));
    await prepare(deck.page);
    await deck.page.goto(`${relay.url}/?${new URLSearchParams(query)}`);
    return deck;
  }

  /** Closes the page; console errors and warnings fail the test, except those that match `expected`. */
  async close(expected = []) {
    // Answers still being changed on their way are no concern any more.
    await this.page.unrouteAll({ behavior: 'ignoreErrors' });
    await this.context.close();
    const open = this.complaints.filter((text) => !expected.some((pattern) => pattern.test(text)));
    assert.deepEqual(open, [], 'the console stays free of errors and warnings');
  }

  at(testid) {
    return this.page.getByTestId(testid);
  }

  async state() {
    return this.at('connection-status').first().getAttribute('data-state', { timeout: 1_000 });
  }

  async mode() {
    return this.at('connection-status').first().getAttribute('data-mode', { timeout: 1_000 });
  }

  async live() {
    await until('the connection to be live', async () => {
      const uncaught = this.complaints.find((text) => text.startsWith('uncaught'));
      if (uncaught) throw new Hopeless(uncaught);
      return (await this.state()) === 'live';
    }, 30_000);
  }

  /** Rows of a series as `window.tapedeck` gives them. */
  async bars(id) {
    return this.page.evaluate((id) => window.tapedeck?.bars(id) ?? [], id);
  }

  async visibleRange() {
    return this.page.evaluate(() => window.tapedeck.visibleRange());
  }

  /** Presses a timeframe button and waits until its bars are shown. */
  async timeframe(name) {
    await this.at(`timeframe-${name}`).click();
    await until(`${name} to be pressed`, async () => (await this.at(`timeframe-${name}`).getAttribute('aria-pressed')) === 'true');
  }

  /**
   * Listens to the 1m bars of `symbol` at the venue the page shows, over a socket of its own in the page; `minutes()`
   * then gives each forming and closed state of each minute that arrived.
   */
  async listen(symbol) {
    const venue = this.query().get('venue');
    await this.page.evaluate(({ symbol, venue }) => {
      window.heardMinutes = [];
      const socket = new WebSocket(`${location.origin.replace('http', 'ws')}/ws`, 'tapedeck.v1.json');
      socket.onopen = () =>
        socket.send(JSON.stringify({ action: 'subscribe', symbols: [symbol], venues: [venue], channels: ['bar'], intervals: ['1m'] }));
      socket.onmessage = (message) => {
        for (const frame of [JSON.parse(message.data)].flat()) {
          if (frame.type === 'bar' && frame.interval === '1m') window.heardMinutes.push(frame);
        }
      };
    }, { symbol, venue });
    await until('the first minute on the socket', async () => (await this.minutes()).length > 0);
  }

  async minutes() {
    return this.page.evaluate(() => window.heardMinutes);
  }

  /** The query of the page's address. */
  query() {
    return new URL(this.page.url()).searchParams;
  }

  /** Chooses in a picker, whether it is a plain select or a button that opens a list. */
  async choose(testid, value) {
    const picker = this.at(testid).first();
    if ((await picker.evaluate((element) => element.tagName)) === 'SELECT') {
      await picker.selectOption(value);
      return;
    }
    await picker.click();
    await this.page.getByRole('option', { name: value }).first().click();
  }

  /** The middle of an element on the screen. */
  async middle(testid) {
    const box = await this.at(testid).first().boundingBox();
    assert.ok(box && box.width > 0 && box.height > 0, `${testid} has an area on the screen`);
    return { x: box.x + box.width / 2, y: box.y + box.height / 2, ...{ box } };
  }

  async screenshot(name) {
    await mkdir(out, { recursive: true });
    await this.page.screenshot({ path: join(out, `${name}.png`) });
  }
}
