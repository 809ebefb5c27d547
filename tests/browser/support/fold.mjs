// The nine timeframes folded from 1m bars, written independently of the product's fold: what the page must show.

const MINUTE = 60_000;
const FIXED = { '1m': 1, '5m': 5, '15m': 15, '30m': 30, '1H': 60, '4H': 240, '1D': 1440 };

export const TIMEFRAMES = ['1m', '5m', '15m', '30m', '1H', '4H', '1D', '1W', '1M'];

/** Open time of the calendar bucket (UTC; weeks from Monday) that holds `timestamp`. */
export function bucketOf(timestamp, timeframe) {
  if (timeframe in FIXED) {
    const width = FIXED[timeframe] * MINUTE;
    return timestamp - (timestamp % width);
  }
  const day = new Date(timestamp);
  day.setUTCHours(0, 0, 0, 0);
  if (timeframe === '1W') day.setUTCDate(day.getUTCDate() - ((day.getUTCDay() + 6) % 7));
  else day.setUTCDate(1);
  return day.getTime();
}

/** 1m bars in ascending order to bars of `timeframe`; the last one is forming if the minutes end inside it. */
export function fold(minutes, timeframe) {
  const bars = new Map();
  for (const minute of minutes) {
    const timestamp = bucketOf(minute.timestamp, timeframe);
    const bar = bars.get(timestamp);
    if (bar === undefined) {
      const { open, high, low, close, volume } = minute;
      bars.set(timestamp, { timestamp, open, high, low, close, volume });
    } else {
      bar.high = Math.max(bar.high, minute.high);
      bar.low = Math.min(bar.low, minute.low);
      bar.close = minute.close;
      bar.volume += minute.volume;
    }
  }
  return [...bars.values()];
}

/** What two bars differ in, as text; nothing if they agree. Sums may differ in the last bits by order of addition. */
export function difference(shown, expected) {
  const exact = ['timestamp', 'open', 'high', 'low', 'close'].filter((key) => shown[key] !== expected[key]);
  const slack = 1e-9 * Math.max(Math.abs(shown.volume), Math.abs(expected.volume));
  if (!(Math.abs(shown.volume - expected.volume) <= slack)) exact.push('volume');
  return exact.map((key) => `${key}: shown ${shown[key]}, expected ${expected[key]}`).join('; ');
}
