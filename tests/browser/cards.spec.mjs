// The right column: what it shows is what the relay answers; guards explain themselves.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BTC, Deck } from './support/deck.mjs';
import { stage } from './support/stage.mjs';
import { holds, until } from './support/wait.mjs';

const { relay, browser } = await stage();

/** A hook's `data-value` as a number, once it has one. */
const value = (deck, id) =>
  until(`a value of ${id}`, async () => {
    const text = await deck.at(id).first().getAttribute('data-value');
    return text !== null && text !== '' && { is: Number(text) };
  }).then((found) => found.is);
const level = (deck, id) => deck.at(id).first().getAttribute('data-level');
const near = (shown, told, share, what) =>
  assert.ok(Math.abs(shown - told) <= share * Math.max(Math.abs(told), 1e-9), `${what}: shown ${shown}, told ${told}`);

test('cards and guards show what the relay tells', async () => {
  const deck = await Deck.open(browser, relay, { symbol: BTC });
  const told = await relay.get('/api/engine/guards', { symbol: BTC });
  await holds('the funding of the relay', async () =>
    near(await value(deck, 'card-funding-apr'), told.funding_apr, 0.02, 'funding APR'));
  assert.ok(Number.isFinite(await value(deck, 'funding-panel')));
  const open = (await relay.get('/api/snapshot', { symbol: BTC, venue: 'sim', channels: 'oi' })).frames[0];
  near(await value(deck, 'card-oi'), open.open_interest_value, 0.02, 'open interest');
  assert.ok(Math.abs((await value(deck, 'card-basis')) - told.basis_bps) < 10, 'basis');
  assert.ok((await value(deck, 'card-spread')) >= 0);
  for (const [id, expected] of [['card-funding-apr', 'ok'], ['card-basis', 'ok'], ['card-spread', 'ok'], ['card-oi', 'ok']]) {
    await until(`${id} at ${expected}`, async () => (await level(deck, id)) === expected);
  }
  await until('the last day of funding as a line', async () =>
    (await deck.at('funding-spark').locator('path').getAttribute('d')).split('L').length > 20);
  await holds('the guards as the relay has them', async () => {
    const told = await relay.get('/api/engine/guards', { symbol: BTC });
    assert.equal(await deck.at('guards-status').innerText(), told.status);
    for (const guard of told.guards) {
      assert.equal(await deck.at(`guard-${guard.name}`).getAttribute('data-state'), guard.state, guard.name);
    }
  });

  const depth = deck.at('guard-depth_10bps');
  assert.match(await depth.innerText(), /50k\/10k/);
  await depth.focus();
  await deck.page.keyboard.press('Enter');
  const why = deck.at('guard-explanation');
  await until('the explanation', async () => /Within its thresholds/.test(await why.innerText()));
  const words = await why.innerText();
  assert.match(words, /warning below 50\.0k, breach below 10\.0k/);
  assert.match(words, /passing since \d{4}-\d\d-\d\d \d\d:\d\d/);
  assert.match(words, /bid usd[\s\S]*ask usd/);
  await deck.screenshot('cards-dark');
  await depth.click();
  await until('it to close', async () => (await why.count()) === 0);
  await deck.close();
});

test('open interest opens its last day and lights up when it jumps', async () => {
  let factor = 1;
  let sent;
  const jump = (page) =>
    page.routeWebSocket(/\/ws/, (socket) => {
      const server = socket.connectToServer();
      server.onMessage((text) => {
        const frame = JSON.parse(text);
        if (frame.type === 'oi') {
          frame.open_interest *= factor;
          // The card is of the open market alone.
          if (factor > 1 && frame.symbol === BTC && frame.venue === 'sim') sent ??= Date.now();
        }
        socket.send(JSON.stringify(frame));
      });
    });
  const deck = await Deck.visit(browser, relay, { symbol: BTC, venue: 'sim' }, {}, jump);
  await deck.live();
  await value(deck, 'card-oi');
  assert.equal(await level(deck, 'card-oi'), 'ok', 'calm');

  await deck.at('card-oi').focus();
  await deck.page.keyboard.press('Enter');
  const told = await relay.get('/api/market/oi_history', { symbol: BTC, hours: 24 });
  const head = await until('the last point', () => deck.at('oi-area-at').innerText());
  const billions = (n) => `${(n / 1e9).toFixed(2)}B`;
  assert.ok(head.includes(billions(told.at(-1).oi_notional)), `${head}: ${told.at(-1).oi_notional}`);
  const marks = await deck.page.locator('.area .x').allInnerTexts();
  assert.ok(marks.length >= 6 && marks.every((text) => /^\d\d:00$/.test(text)), marks.join());
  assert.match((await deck.page.locator('.area .y').allInnerTexts()).join(), /[MB]/);
  const place = await deck.page.locator('.area').boundingBox();
  await deck.page.mouse.move(place.x + 2, place.y + 100);
  await until('the first point under the pointer', async () =>
    (await deck.at('oi-area-at').innerText()).includes(billions(told[0].oi_notional)));
  for (const [venue, held] of Object.entries(told[0].by_venue)) {
    assert.ok((await deck.at('oi-area-venues').innerText()).includes(`${venue} ${billions(held)}`), venue);
  }
  await deck.screenshot('oi-area');
  await deck.page.keyboard.press('Escape');
  await until('it to close', async () => (await deck.at('oi-area').count()) === 0);

  factor = 1.06;
  await until('the card to light up', async () => (await level(deck, 'card-oi')) === 'warning');
  const took = Date.now() - sent;
  assert.ok(took < 2_000, `${took} ms from the frame to the light`);
  assert.match(await deck.at('oi-moved').innerText(), /^\+[56]\.\d\d.% within a minute/);
  await deck.screenshot('oi-moved');
  await deck.close();
});

test('a spot pair says why it has no basis; colour and size filter are remembered', async () => {
  const deck = await Deck.open(browser, relay, { symbol: BTC, theme: 'light' });
  await deck.at('funding-colour').click();
  await holds('positive funding in green', async () => {
    assert.match(await deck.at('funding-colour').innerText(), /green/);
    const side = (await value(deck, 'card-funding-apr')) < 0 ? /\bdown\b/ : /\bup\b/;
    assert.match(await deck.at('card-funding-apr').getAttribute('class'), side);
  });
  await deck.at('tape-min').selectOption('1000000');
  await until('only large liquidations', async () => {
    const rows = await deck.at('liq-tape').locator('tbody tr td:last-child').allInnerTexts();
    return rows.every((text) => /[MB]$/.test(text));
  });
  await deck.page.reload();
  await deck.live();
  await holds('both after a reload', async () => {
    assert.equal(await deck.at('tape-min').inputValue(), '1000000');
    assert.match(await deck.at('funding-colour').innerText(), /green/);
  });
  await deck.choose('symbol-select', 'BTC/USDT');
  await until('an unknown basis', async () => (await level(deck, 'card-basis')) === 'unknown');
  await until('the reason', async () => /no books in both USDT and USDC/.test(await deck.page.locator('.side').innerText()));
  await until('funding that is not applicable', async () =>
    (await deck.at('guard-funding_apr').getAttribute('data-state')) === 'n/a');
  await deck.screenshot('cards-spot-light');
  await deck.close();
});
