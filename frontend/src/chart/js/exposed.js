// `window.tapedeck`, and what elements offer: what scripts and tests may ask of a chart.

export function expose(rows, range, snapshot, page) {
  const target = new EventTarget();
  const parsed = (id) => {
    const text = rows(id);
    if (text === undefined) throw new TypeError(`no series "${id}": use price, volume, oi, funding, cvd, liq, rsi, macd, spread, depth, indicators, signals, marks or heatmap`);
    return JSON.parse(text);
  };
  // Parts of rows that have more: whose rows, and which members or those named how.
  const parts = {
    volume: ['price', /^(buy_|sell_)?volume$/],
    cvd: ['price', /^cvd$/],
    rsi: ['indicators', /^rsi_/],
    macd: ['indicators', /^macd_/],
    spread: ['books', /^(spread_bps|(bid|ask)_px)$/],
    depth: ['books', /^depth_10bps$/],
  };
  const pick = (row, names) =>
    Object.fromEntries(Object.entries(row).filter(([name]) => name === 'timestamp' || names.test(name)));
  target.bars = (id) => (parts[id] ? parsed(parts[id][0]).map((row) => pick(row, parts[id][1])) : parsed(String(id)));
  target.visibleRange = () => {
    const [from, to] = range();
    return from === undefined ? null : { from, to };
  };
  target.snapshot = snapshot;
  // Holes in the record, and the bands drawn for them in CSS px of the plot.
  target.holes = () => parsed('holes');
  target.shaded = () => parsed('shaded');
  if (page) window.tapedeck = target;
  return target;
}

export function emit(target, name, json) {
  target.dispatchEvent(new CustomEvent(name, { detail: JSON.parse(json) }));
}
