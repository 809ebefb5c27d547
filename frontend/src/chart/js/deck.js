// The only JavaScript that touches the chart library. Rust keeps the data; this builds the row objects the
// library wants from flat numbers and passes its events on.

const KINDS = ['CandlestickSeries', 'LineSeries', 'HistogramSeries', 'BaselineSeries'];

function library() {
  const found = globalThis.LightweightCharts;
  if (!found) throw new Error('the chart library did not load');
  return found;
}

export function createDeck(element, json) {
  const chart = library().createChart(element, JSON.parse(json));
  return { chart, element, series: [], palettes: [], markers: null, observer: null, undo: [] };
}

export function removeDeck(deck) {
  deck.observer?.disconnect();
  deck.undo.forEach((off) => off());
  deck.chart.remove();
}

export function applyOptions(deck, json) {
  deck.chart.applyOptions(JSON.parse(json));
}

export function addSeries(deck, id, kind, pane, json, palette) {
  const series = deck.chart.addSeries(library()[KINDS[kind]], JSON.parse(json), pane);
  deck.series[id] = series;
  deck.palettes[id] = palette;
  return series;
}

export function removeSeries(deck, id) {
  const series = deck.series[id];
  if (!series) return;
  deck.series[id] = undefined;
  deck.chart.removeSeries(series);
}

export function seriesOptions(deck, id, json, palette) {
  deck.palettes[id] = palette;
  deck.series[id]?.applyOptions(JSON.parse(json));
}

export function setFormat(deck, id, format, minMove) {
  deck.series[id]?.applyOptions({
    priceFormat: { type: 'custom', formatter: format, minMove, base: Math.round(1 / minMove) },
  });
}

export function scaleMargins(deck, id, top, bottom) {
  deck.series[id]?.priceScale().applyOptions({ scaleMargins: { top, bottom } });
}

// flat: time, open, high, low, close
export function setCandles(deck, id, flat) {
  const rows = new Array(flat.length / 5);
  for (let i = 0, at = 0; at < flat.length; i += 1, at += 5) rows[i] = candle(flat, at);
  deck.series[id]?.setData(rows);
}

export function updateCandles(deck, id, flat, historical) {
  for (let at = 0; at < flat.length; at += 5) deck.series[id]?.update(candle(flat, at), historical);
}

// flat: time, value (NaN: nothing here), index into the palette (negative: the series' own colour)
export function setPoints(deck, id, flat) {
  const rows = new Array(flat.length / 3);
  for (let i = 0, at = 0; at < flat.length; i += 1, at += 3) rows[i] = point(deck, id, flat, at);
  deck.series[id]?.setData(rows);
}

export function updatePoints(deck, id, flat, historical) {
  for (let at = 0; at < flat.length; at += 3) deck.series[id]?.update(point(deck, id, flat, at), historical);
}

function candle(flat, at) {
  return { time: flat[at], open: flat[at + 1], high: flat[at + 2], low: flat[at + 3], close: flat[at + 4] };
}

function point(deck, id, flat, at) {
  const value = flat[at + 1];
  if (Number.isNaN(value)) return { time: flat[at] };
  const color = flat[at + 2] < 0 ? undefined : deck.palettes[id][flat[at + 2]];
  return color === undefined ? { time: flat[at], value } : { time: flat[at], value, color };
}

export function visibleLogical(deck) {
  const range = deck.chart.timeScale().getVisibleLogicalRange();
  return range ? [range.from, range.to] : [];
}

export function showLogical(deck, from, to) {
  deck.chart.timeScale().setVisibleLogicalRange({ from, to });
}

export function onRange(deck, callback) {
  const scale = deck.chart.timeScale();
  const listen = (range) => range && callback(range.from, range.to);
  scale.subscribeVisibleLogicalRangeChange(listen);
  deck.undo.push(() => scale.unsubscribeVisibleLogicalRangeChange(listen));
}

export function onCrosshair(deck, callback) {
  const listen = (p) => callback(p.time === undefined || !p.point ? NaN : p.time, p.paneIndex ?? -1);
  deck.chart.subscribeCrosshairMove(listen);
  deck.undo.push(() => deck.chart.unsubscribeCrosshairMove(listen));
}

// Calls back after any pane changed its height or the chart its size.
export function onLayout(deck, callback) {
  deck.observer?.disconnect();
  deck.observer = new ResizeObserver(() => callback());
  deck.observer.observe(deck.element);
  for (const pane of deck.chart.panes()) {
    const element = pane.getHTMLElement();
    if (element) deck.observer.observe(element);
  }
}

// top, height of each pane, then the width of the plot
export function paneRects(deck) {
  const origin = deck.element.getBoundingClientRect().top;
  const rects = [];
  for (const pane of deck.chart.panes()) {
    const rect = pane.getHTMLElement()?.getBoundingClientRect();
    rects.push(rect ? rect.top - origin : 0, rect ? rect.height : 0);
  }
  rects.push(deck.chart.timeScale().width());
  return rects;
}

export function setStretch(deck, factors) {
  deck.chart.panes().forEach((pane, i) => pane.setStretchFactor(factors[i] ?? 1));
}

// A word across the price pane; empty takes it away.
export function watermark(deck, text, color) {
  deck.mark?.detach();
  deck.mark = text
    ? library().createTextWatermark(deck.chart.panes()[0], {
        horzAlign: 'center',
        vertAlign: 'center',
        lines: [{ text, color, fontSize: 72, fontStyle: 'bold' }],
      })
    : null;
}

export function picture(deck) {
  const canvas = deck.chart.takeScreenshot(true);
  return new Promise((done, fail) =>
    canvas.toBlob((blob) => (blob ? done(blob) : fail(new Error('the picture is empty'))), 'image/png'),
  );
}

// window.tapedeck: what scripts and tests may ask of the page.
export function expose(rows, range, snapshot) {
  const target = new EventTarget();
  target.bars = (id) => {
    const text = rows(String(id));
    if (text === undefined) throw new TypeError(`no series "${id}": use price, volume, oi, funding, cvd or liq`);
    return JSON.parse(text);
  };
  target.visibleRange = () => {
    const [from, to] = range();
    return from === undefined ? null : { from, to };
  };
  target.snapshot = snapshot;
  window.tapedeck = target;
  return target;
}

export function emit(target, name, json) {
  target.dispatchEvent(new CustomEvent(name, { detail: JSON.parse(json) }));
}
