// The strip, the holes on the chart, and the venues of a group side by side, against what the relay says.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BTC, Deck, ETH } from './support/deck.mjs';
import { stage } from './support/stage.mjs';
import { holds, until } from './support/wait.mjs';

const MINUTE = 60_000;

const { relay, browser } = await stage();
const listed = await relay.get('/api/symbols');
const { group, venues } = listed.find(({ symbol }) => symbol === BTC);
const members = listed.filter((row) => row.group === group).flatMap(({ symbol, venues }) => venues.map((venue) => ({ symbol, venue })));
const siblings = [...new Set([...venues, ...members.map(({ venue }) => venue)])];

test('the simulated market has siblings', () => {
  assert.ok(siblings.length >= 3, `${siblings}`);
});

test('the strip shows each venue with the state the relay gives it', async () => {
  const deck = await Deck.open(browser, relay, { symbol: BTC });
  for (const venue of siblings) {
    await until(`${venue} in the state of /api/status`, async () => {
      const { venues } = await relay.get('/api/status');
      const told = venues.find((row) => row.venue === venue).state;
      return (await deck.at(`venue-${venue}`).getAttribute('data-state')) === told;
    });
  }
  await deck.close();
});

test('an unfolded venue shows its channels, ages that follow the data, and closes by key', async () => {
  const deck = await Deck.open(browser, relay, { symbol: BTC });
  const venue = siblings[0];
  await deck.at(`venue-${venue}`).focus();
  await deck.page.keyboard.press('Enter');
  const rows = deck.at('venue-details').locator('tbody tr');
  const { venues } = await relay.get('/api/status');
  const told = venues.find((row) => row.venue === venue).channels.map(({ channel }) => channel);
  assert.ok(told.length >= 5, `${told}`);
  await until('a row per channel', async () => (await rows.count()) === told.length);
  await holds('all of them', async () => assert.deepEqual(await rows.evaluateAll((all) => all.map((row) => row.dataset.channel)), told));
  const age = rows.first().locator('td').nth(1);
  await until('an age', async () => /^\d.*s$/.test(await age.innerText()));
  await until('the button to say so', async () => (await deck.at(`venue-${venue}`).getAttribute('aria-expanded')) === 'true');
  await deck.screenshot('strip');
  await deck.page.keyboard.press('Escape');
  await until('the details to close', async () => (await deck.at('venue-details').count()) === 0);
  await deck.close();
});

test('a silent channel is marked in strip, pane and card, with its age', async () => {
  // The relay's word, changed on its way: this channel has been silent for 95 s.
  const silent = (status, now) => {
    for (const row of status.venues.filter(({ venue }) => venue === siblings[0])) {
      for (const channel of row.channels.filter(({ channel }) => channel === 'funding')) {
        Object.assign(channel, { state: 'silent', since: now - 80_000, last_event: now - 95_000, stale: [BTC] });
      }
    }
    return status;
  };
  const prepare = async (page) => {
    await page.routeWebSocket(/\/ws$/, (socket) => {
      const server = socket.connectToServer();
      server.onMessage((text) => {
        const frame = JSON.parse(text);
        if (frame.type === 'funding' && frame.venue === siblings[0]) return;
        socket.send(frame.type === 'status' ? JSON.stringify(silent(frame, Date.now())) : text);
      });
    });
    await page.route('**/api/status', async (route) => {
      const response = await route.fetch();
      await route.fulfill({ response, json: silent(await response.json(), Date.now()) });
    });
  };
  const deck = await Deck.visit(browser, relay, { symbol: BTC, venue: siblings[0] }, {}, prepare);
  await deck.live();
  const panel = deck.at('funding-panel');
  await until('the card to be stale', async () => /\bstale\b/.test(await panel.getAttribute('class')));
  await until('the pane to say so', async () => /\d\s(s|min) old/.test(await deck.at('pane-funding').innerText()));
  assert.doesNotMatch(await deck.at('pane-oi').innerText(), /\sold/, 'other panes are not marked');
  await deck.at(`venue-${siblings[0]}`).click();
  const row = deck.at('venue-details').locator('[data-channel=funding]');
  await until('the row to name the symbol', async () => (await row.innerText()).includes(BTC));
  await holds('how long it is silent', async () => {
    assert.equal(await row.getAttribute('data-state'), 'silent');
    assert.match(await row.innerText(), /9\d\s*s|1\d\d\s*s|\d\s*min/);
  });
  await deck.screenshot('stale');
  // Joined, the oldest of the venues that are drawn.
  await deck.at('venue-select').click();
  await deck.page.locator('[role=menuitemradio][data-value="all"]').click();
  await until('all in the address', () => deck.query().get('venue') === 'all');
  await until('the age of the joined pane', async () => /(9\d|1\d\d)\s?s old|\d\s?min old/.test(await deck.at('pane-funding').innerText()));
  await deck.close();
});

test('holes of the record are shaded over the bars they touch and named under the pointer', async () => {
  // A sibling with a hole of the last hours, in the minutes the page holds.
  const now = Date.now();
  let found;
  for (const { symbol, venue } of members) {
    const gaps = await relay.get('/api/gaps', { symbol, venue, from: now - 20 * 60 * MINUTE, to: now - 60 * MINUTE });
    const gap = gaps.find((row) => row.channel === 'bar' && row.to !== null);
    if (gap) found = { symbol, venue, gap };
  }
  assert.ok(found, 'a simulated sibling has a hole in its record');
  const { symbol, venue, gap } = found;
  const range = { from: gap.from - 60 * MINUTE, to: gap.to + 60 * MINUTE };
  const deck = await Deck.open(browser, relay, { symbol, venue, tf: '1m', ...range });
  const same = ({ channel, from }) => channel === 'bar' && from === gap.from;
  await until('the hole', async () => (await deck.page.evaluate(() => window.tapedeck.holes())).some(same));
  const times = (await deck.bars('price')).map(({ timestamp }) => timestamp);
  const touched = times.filter((open) => open + MINUTE > gap.from && open < gap.to);
  // Where it left no bar: a line between the bars on both sides.
  const first = touched[0] ?? times.find((open) => open >= gap.to);
  const last = touched.at(-1) ?? times.findLast((open) => open < gap.from);
  const band = await until('its band over the bars it touches', async () => {
    const bands = await deck.page.evaluate(() => window.tapedeck.shaded());
    return bands.find((band) => band.first * 1000 === first && band.last * 1000 === last);
  });
  assert.ok(band.right > band.left, `${band.left} to ${band.right}`);
  // The pointer over the band, or over the bar before where the hole left none.
  const { box } = await deck.middle('pane-price');
  const x = touched.length > 0 ? (band.left + band.right) / 2 : band.left - 2;
  await deck.page.mouse.move(box.x + x, box.y + box.height / 2);
  const words = { refilled: /refilled/, lost: /lost/, open: /still missing/ }[gap.state];
  await until('its words', async () => {
    const text = await deck.at('gap-tooltip').innerText();
    return /bar/.test(text) && words.test(text);
  });
  await deck.screenshot('holes');
  await deck.close();
});

test('picked venues are drawn, remembered for the group and written to the address', async () => {
  const deck = await Deck.open(browser, relay, { symbol: BTC, venue: siblings[0] });
  const shown = () => deck.at('pane-oi').innerText();
  await until('all siblings in the header', async () => {
    const text = await shown();
    return text.includes('sum') && siblings.every((venue) => text.includes(venue));
  });
  const leave = siblings[1];
  await deck.at('venues-select').click();
  await deck.page.locator(`[role=menuitemcheckbox][data-value="${leave}"]`).click();
  await until('the venue to be gone', async () => !new RegExp(`${leave}\\s+\\d`).test(await shown()));
  const kept = siblings.filter((venue) => venue !== leave).join(',');
  await until('the address', () => deck.query().get('venues') === kept);
  await deck.page.goto(`${relay.url}/?symbol=${BTC}`);
  await deck.live();
  await until('the choice to be remembered', () => deck.query().get('venues') === kept);
  await deck.close();
});

test('bars joined over all venues sum their volume and name what each adds', async () => {
  const deck = await Deck.open(browser, relay, { symbol: BTC, tf: '1m' });
  await deck.at('venue-select').click();
  await deck.page.locator('[role=menuitemradio][data-value="all"]').click();
  await until('all in the address', () => deck.query().get('venue') === 'all');
  const compared = await until('bars that both hold', async () => {
    const shown = (await deck.bars('price')).filter(({ closed }) => closed);
    if (shown.length < 3) return false;
    const [from, to] = [shown[0].timestamp, shown.at(-1).timestamp + MINUTE];
    const rows = await relay.get('/api/candles', { symbol: BTC, venue: 'all', interval: '1m', from, to });
    const told = new Map(rows.map((row) => [row.timestamp, row]));
    const both = shown.filter(({ timestamp, revision }) => told.get(timestamp)?.revision === revision);
    return both.length >= 3 && both.map((bar) => [bar, told.get(bar.timestamp)]);
  });
  for (const [bar, row] of compared) {
    assert.equal(bar.volume, row.volume);
    const parts = Object.values(row.by_venue).reduce((sum, { volume }) => sum + volume, 0);
    assert.ok(Math.abs(parts / row.volume - 1) < 1e-9, `${parts} of ${row.volume}`);
  }
  await until('each venue in the legend', async () => {
    const text = await deck.at('legend').innerText();
    return siblings.every((venue) => text.includes(venue));
  });
  await deck.screenshot('joined');
  await deck.close();
});

test('the table of venues says what /api/market/overview says', async () => {
  const deck = await Deck.open(browser, relay, { symbol: BTC });
  await deck.at('compare-toggle').click();
  const table = deck.at('compare');
  await until('a row per venue and a sum', async () => (await table.locator('tbody tr').count()) > siblings.length);
  const cell = (row, name) => table.locator(`tr[data-row="${row}"] [data-cell="${name}"]`);
  const pairs = [
    ['oi', (m) => m.open_interest],
    ['oi-value', (m) => m.open_interest_value],
    ['hourly', (m) => m.predicted?.hourly ?? null],
    ['settled', (m) => m.settled?.hourly ?? null],
    ['long', (m) => m.liquidations?.long.value ?? null],
    ['short', (m) => m.liquidations?.short.value ?? null],
  ];
  // Both are read at their own moments: the page's must equal one of the relay's answers around it.
  const shown = new Set();
  await until('each cell to equal an answer', async () => {
    const { members } = await relay.get('/api/market/overview', { symbol: BTC });
    for (const member of members) {
      const twin = members.filter(({ venue }) => venue === member.venue).length > 1;
      const row = twin ? `${member.venue} ${member.quote}` : member.venue;
      for (const [name, pick] of pairs) {
        const text = await cell(row, name).getAttribute('data-value');
        const expected = pick(member);
        if (expected === null ? text === null : Number(text) === expected) shown.add(`${row} ${name}`);
      }
    }
    return shown.size === members.length * pairs.length;
  }, 60_000);
  const [sum, parts] = await table.evaluate((table) => {
    const value = (cell) => Number(cell.dataset.value);
    const parts = [...table.querySelectorAll('tr:not(.sum) [data-cell="oi"]')].map(value);
    return [value(table.querySelector('tr.sum [data-cell="oi"]')), parts];
  });
  assert.equal(sum, parts.reduce((a, b) => a + b, 0));
  await until('a countdown', async () => /^\d\d:\d\d:\d\d$/.test(await cell(siblings[0], 'next').innerText()));
  await deck.screenshot('compare');
  // Another coin's figures do not stand under its name while the answer is awaited.
  await deck.page.route('**/api/market/overview?*', () => {});
  await deck.choose('symbol-select', ETH);
  await until('the other coin', () => deck.query().get('symbol') === ETH);
  await until('an empty table', async () => (await table.locator('tbody tr').count()) === 0);
  await deck.close();
});

test('a future shows no bars in closed hours and the days of its sessions', async () => {
  const symbol = 'CME_MINI:MNQ1!';
  const row = (await relay.get('/api/symbols')).find((row) => row.symbol === symbol);
  assert.ok(row, `the simulated market lists ${symbol}`);
  assert.notEqual(row.calendar, '24x7');
  const deck = await Deck.open(browser, relay, { symbol, tf: '1H' });
  const chicago = new Intl.DateTimeFormat('en-US', { timeZone: 'America/Chicago', weekday: 'short', hour: 'numeric', hourCycle: 'h23' });
  const local = (timestamp) => Object.fromEntries(chicago.formatToParts(timestamp).map(({ type, value }) => [type, value]));
  for (const { timestamp } of await deck.bars('price')) {
    const { weekday, hour } = local(timestamp);
    const at = Number(hour);
    const closed = at === 16 || weekday === 'Sat' || (weekday === 'Sun' && at < 17) || (weekday === 'Fri' && at > 16);
    assert.ok(!closed, `${new Date(timestamp).toISOString()} is ${weekday} ${hour} in Chicago`);
  }
  for (const [timeframe, hours] of [['4H', [17, 21, 1, 5, 9, 13]], ['1D', [17]]]) {
    await deck.timeframe(timeframe);
    const bars = await until(`${timeframe} bars`, async () => {
      const bars = await deck.bars('price');
      return bars.length > 2 && bars.at(-1).interval === timeframe && bars;
    });
    for (const { timestamp } of bars) assert.ok(hours.includes(Number(local(timestamp).hour)), `${timeframe}: ${new Date(timestamp).toISOString()}`);
  }
  const { weekday, hour } = local(Date.now());
  const closed = weekday === 'Sat' || Number(hour) === 16 || (weekday === 'Sun' && Number(hour) < 17) || (weekday === 'Fri' && Number(hour) > 16);
  const said = deck.at('session-closed');
  await until('the session', async () => /Session closed/.test(await said.innerText().catch(() => '')) === closed);
  await deck.screenshot('future');
  await deck.close();
});
