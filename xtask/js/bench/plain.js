// What one writes by hand first: history into the chart, each frame of the socket straight into `update`. The same
// panes, routes and frames as the page. `?hold=N` gives the chart the newest N minutes alone, as the page does.
const MINUTE = 60_000;
const { createChart, CandlestickSeries, HistogramSeries, LineSeries } = LightweightCharts;
const asked = new URL(location).searchParams;
const hold = Number(asked.get('hold') ?? Infinity);
const chart = createChart(document.getElementById('chart'), { autoSize: true, timeScale: { timeVisible: true } });
const add = (kind, pane, options = {}) => chart.addSeries(kind, { lineWidth: 1, ...options }, pane);

/** Channel, series, and the row of a point. */
const value = (of) => (row, time) => ({ time, value: of(row) });
const side = (side, sign) => value((row) => (row.side === side ? sign * row.value : 0));
const parts = [
  ['bar', add(CandlestickSeries, 0), ({ open, high, low, close }, time) => ({ time, open, high, low, close })],
  ['bar', add(HistogramSeries, 0, { priceScaleId: '' }), value((row) => row.volume)],
  ['oi', add(LineSeries, 1), value((row) => row.open_interest)],
  ['funding', add(LineSeries, 2), value((row) => (100 * row.funding_rate) / row.interval_hours)],
  ['bar', add(LineSeries, 3), value((row) => row.cvd)],
  ['liquidation', add(HistogramSeries, 4), side('LONG', -1)],
  ['liquidation', add(HistogramSeries, 4), side('SHORT', 1)],
  ['book', add(LineSeries, 5), value((row) => row.spread_bps)],
  ['book', add(LineSeries, 6), value((row) => row.depth_10bps.bid_usd)],
  ['book', add(LineSeries, 6), value((row) => row.depth_10bps.ask_usd)],
];
const minute = ({ timestamp }) => Math.floor(timestamp / MINUTE) * 60;

const routes = { bar: 'candles', oi: 'history/oi', funding: 'history/funding', liquidation: 'history/liquidations', book: 'history/book' };
const read = async ([channel, route]) => {
  const answer = await fetch(`/api/${route}?interval=1m&limit=1000000`);
  return [channel, await answer.json()];
};
const held = Object.fromEntries(await Promise.all(Object.entries(routes).map(read)));
for (const [channel, series, row] of parts) series.setData(held[channel].slice(-hold).map((point) => row(point, minute(point))));

const socket = new WebSocket(`${location.origin.replace('http', 'ws')}/ws?as=${asked.get('as') ?? 'plain'}`);
socket.onopen = () => socket.send(JSON.stringify({ action: 'subscribe', symbols: ['BTCUSDT-PERP'], channels: Object.keys(routes) }));
socket.onmessage = ({ data }) => {
  const frame = JSON.parse(data);
  if (!(frame.type in routes)) return;
  for (const [channel, series, row] of parts) if (channel === frame.type) series.update(row(frame, minute(frame)));
};
window.points = Object.fromEntries(Object.entries(held).map(([channel, rows]) => [channel, rows.length]));
