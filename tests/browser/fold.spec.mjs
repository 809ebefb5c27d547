// The oracle itself, on bars worked out by hand.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bucketOf, difference, fold } from './support/fold.mjs';

test('buckets follow the UTC calendar', () => {
  const at = Date.UTC(2024, 1, 29, 13, 47, 31); // a Thursday
  const cases = {
    '1m': Date.UTC(2024, 1, 29, 13, 47),
    '15m': Date.UTC(2024, 1, 29, 13, 45),
    '4H': Date.UTC(2024, 1, 29, 12),
    '1D': Date.UTC(2024, 1, 29),
    '1W': Date.UTC(2024, 1, 26),
    '1M': Date.UTC(2024, 1, 1),
  };
  for (const [timeframe, expected] of Object.entries(cases)) assert.equal(bucketOf(at, timeframe), expected, timeframe);
  assert.equal(bucketOf(Date.UTC(2024, 1, 26), '1W'), Date.UTC(2024, 1, 26), 'Monday 00:00 opens its own week');
});

test('a bar takes first open, extremes, last close and the sum of volumes', () => {
  const minute = (i, open, high, low, close, volume) => ({ timestamp: i * 60_000, open, high, low, close, volume });
  const minutes = [minute(4, 1, 3, 1, 2, 5), minute(5, 2, 9, 2, 4, 1), minute(6, 4, 5, 1, 3, 2)];
  assert.deepEqual(fold(minutes, '5m'), [
    { timestamp: 0, open: 1, high: 3, low: 1, close: 2, volume: 5 },
    { timestamp: 300_000, open: 2, high: 9, low: 1, close: 3, volume: 3 },
  ]);
});

test('a difference names the field', () => {
  const bar = { timestamp: 0, open: 1, high: 3, low: 1, close: 2, volume: 5 };
  assert.equal(difference(bar, { ...bar }), '');
  assert.equal(difference(bar, { ...bar, close: 2.5 }), 'close: shown 2, expected 2.5');
  assert.equal(difference({ ...bar, volume: NaN }, bar), 'volume: shown NaN, expected 5');
});
