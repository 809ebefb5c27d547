// The chart library's handle. Rust keeps the data; this builds the row objects the library wants from flat numbers and
// passes its events on. What is painted behind the bars: heat.js, holes.js; what a person does to a chart: lines.js.
import { heat } from './heat.js';
import { holes, SHADES } from './holes.js';

function library() {
  const found = globalThis.LightweightCharts;
  if (!found) throw new Error('the chart library did not load');
  return found;
}

/** Colours are said once, in the style sheet's custom properties; embeds differ from the page around them. */
function tokens(element) {
  const style = getComputedStyle(element);
  return (name) => style.getPropertyValue(`--${name}`).trim();
}

const OPTIONS = {
  autoSize: true,
  layout: {
    fontSize: 11,
    // A strict CSP blocks the logo's style; the page shows its own link and notice.
    attributionLogo: false,
    panes: { enableResize: true },
  },
  crosshair: { mode: 0 },
  rightPriceScale: { minimumWidth: 72, scaleMargins: { top: 0.12, bottom: 0.08 } },
  timeScale: {
    rightOffset: 6,
    barSpacing: 6,
    minBarSpacing: 0.5,
    timeVisible: true,
    secondsVisible: false,
  },
  localization: { locale: 'en-GB', dateFormat: 'yyyy-MM-dd' },
  kineticScroll: { mouse: false, touch: true },
};

/** What the tokens say and nothing else: margins given once more would be those of every pane, spacing would undo the zoom. */
function colours(token) {
  const line = { color: token('faint'), width: 1, style: 2, labelBackgroundColor: token('raised') };
  const border = { borderColor: token('line') };
  return {
    layout: {
      background: { type: 'solid', color: token('bg') },
      textColor: token('muted'),
      fontFamily: token('mono'),
      panes: { separatorColor: token('line'), separatorHoverColor: token('raised') },
    },
    grid: { vertLines: { color: token('grid') }, horzLines: { color: token('grid') } },
    crosshair: { vertLine: line, horzLine: line },
    rightPriceScale: border,
    timeScale: border,
  };
}

const line = (color) => ({
  color,
  lineWidth: 1,
  priceLineVisible: false,
  lastValueVisible: true,
  crosshairMarkerRadius: 3,
  crosshairMarkerBorderWidth: 0,
});
const bars = (color) => ({ color, base: 0, priceLineVisible: false, lastValueVisible: false });

const curve = (token) => ({ priceLineColor: token('faint'), priceLineStyle: 1, crosshairMarkerRadius: 3 });
/** A line beside others on the axis: the legend says its value. */
const quiet = (color) => ({ ...line(color), lastValueVisible: false, crosshairMarkerVisible: false });
/** Room for all values there can be, whatever is in view. */
const between = (minValue, maxValue) => () => ({ priceRange: { minValue, maxValue } });

/** How each layer is drawn: kind of series, options, colours its rows may choose from. */
const LOOKS = {
  price: (token) => [
    'CandlestickSeries',
    {
      // Up and down differ by shape too: rising bodies are hollow.
      upColor: token('bg'),
      borderUpColor: token('up'),
      wickUpColor: token('up'),
      downColor: token('down'),
      borderDownColor: token('down'),
      wickDownColor: token('down'),
      priceLineColor: token('faint'),
      priceLineStyle: 1,
    },
  ],
  price_bars: (token) => [
    'BarSeries',
    { upColor: token('up'), downColor: token('down'), thinBars: false, priceLineColor: token('faint'), priceLineStyle: 1 },
  ],
  price_line: (token) => ['LineSeries', { ...curve(token), color: token('text'), lineWidth: 2 }],
  price_area: (token) => [
    'AreaSeries',
    { ...curve(token), lineColor: token('up'), topColor: token('volume-up'), bottomColor: 'transparent', lineWidth: 2 },
  ],
  volume: (token) => [
    'HistogramSeries',
    { ...bars(token('volume-up')), priceScaleId: '' },
    [token('volume-up'), token('volume-down')],
  ],
  cvd: (token) => ['LineSeries', line(token('series-cvd'))],
  liq_long: (token) => ['HistogramSeries', bars(token('down'))],
  liq_short: (token) => ['HistogramSeries', bars(token('up'))],
  // The sum stands out among the venues; alone, it is the venue.
  oi: (token) => ['LineSeries', { ...line(token('series-oi')), lineWidth: 2 }],
  oi_venue: (token, hue) => ['LineSeries', { ...line(token(`venue-${hue % 8}`)), lineStyle: dash(hue) }],
  // Rates hold until they change: steps, not slopes.
  funding: (token, hue) => ['LineSeries', { ...line(token(`venue-${hue % 8}`)), lineType: 1, lineStyle: dash(hue) }],
  study: (token, hue) => ['LineSeries', { ...quiet(token(`venue-${hue % 8}`)), lineStyle: dash(hue) }],
  signal_line: (token) => ['LineSeries', quiet(token('venue-1'))],
  macd_hist: (token) => [
    'HistogramSeries',
    bars(token('volume-up')),
    [token('volume-up'), token('volume-down')],
  ],
  rsi: (token) => ['LineSeries', { ...line(token('venue-0')), autoscaleInfoProvider: between(0, 100) }],
  spread: (token) => ['LineSeries', { ...line(token('series-oi')), lineType: 1 }],
  depth_bid: (token) => ['LineSeries', line(token('up'))],
  depth_ask: (token) => ['LineSeries', line(token('down'))],
  // What was paid: dots beside the forecast's line.
  settled: (token, hue) => [
    'LineSeries',
    {
      ...line(token(`venue-${hue % 8}`)),
      lineVisible: false,
      pointMarkersVisible: true,
      pointMarkersRadius: 3,
      lastValueVisible: false,
    },
  ],
};

/** A venue's second and later markets have its hue and other dashes. */
function dash(hue) {
  return [0, 2, 1, 3][Math.floor(hue / 8) % 4];
}

export function createDeck(element) {
  const chart = library().createChart(element, OPTIONS);
  chart.applyOptions(colours(tokens(element)));
  const deck = { chart, element, series: [], looks: [], palettes: [], mark: null, observer: null, undo: [] };
  Object.assign(deck, { shaded: [], bands: [], shades: SHADES.map(tokens(element)) });
  deck.holes = holes(deck);
  deck.heat = heat(deck);
  return deck;
}

export function removeDeck(deck) {
  deck.observer?.disconnect();
  deck.undo.forEach((off) => off());
  deck.chart.remove();
}

/** The tokens' colours anew, after the theme changed; rows that carry colours must be set again. */
export function restyle(deck) {
  const token = tokens(deck.element);
  deck.shades = SHADES.map(token);
  deck.chart.applyOptions(colours(token));
  deck.series.forEach((series, id) => {
    if (!series) return;
    const [look, hue] = deck.looks[id];
    const [, options, palette] = LOOKS[look](token, hue);
    deck.palettes[id] = palette;
    series.applyOptions(options);
  });
  drawMarks(deck);
}

/** Marks by kind: place, shape, colour. Signals stand out among liquidations, sides differ by shape too. */
const MARKS = [
  ['belowBar', 'arrowUp', 'up', ''],
  ['aboveBar', 'arrowDown', 'down', ''],
  ['belowBar', 'circle', 'down', '99'],
  ['aboveBar', 'square', 'up', '99'],
];

/** flat: time, kind, size from 0 to 1 */
export function setMarks(deck, flat) {
  deck.marked = Array.from(flat);
  drawMarks(deck);
}

function drawMarks(deck) {
  const token = tokens(deck.element);
  const marks = [];
  for (let at = 0; at < (deck.marked?.length ?? 0); at += 3) {
    const [time, kind, share] = deck.marked.slice(at, at + 3);
    const [position, shape, color, alpha] = MARKS[kind];
    const size = kind < 2 ? 1 : 0.25 + 1.6 * share ** 1.5;
    marks.push({ time, position, shape, color: token(color) + alpha, size });
  }
  deck.marks?.setMarkers(marks);
}

export function showTimes(deck, intraday, local) {
  Object.assign(deck, { intraday, local });
  deck.chart.applyOptions({ timeScale: { timeVisible: intraday, tickMarkFormatter: tick(deck) }, localization: { timeFormatter: stamp(deck) } });
}

/** A date whose UTC fields read as the shown clock does. */
function wall(deck, time) {
  const date = new Date(time * 1000);
  return deck.local ? new Date(date - date.getTimezoneOffset() * 60_000) : date;
}

/** 2026-11-21 15:05, of the bar under the crosshair. */
function stamp(deck) {
  return (time) => wall(deck, time).toISOString().slice(0, deck.intraday ? 16 : 10).replace('T', ' ');
}

/** Marks stand at UTC's round times: by another clock each says what it reads there. */
function tick(deck) {
  return (time, kind) => {
    if (!deck.local) return null;
    const at = wall(deck, time);
    const nearest = new Date(+at + 43_200_000);
    if (kind === 0) return String(nearest.getUTCFullYear());
    if (kind === 1) return nearest.toLocaleString('en-GB', { month: 'short', timeZone: 'UTC' });
    const clock = at.toISOString().slice(11, 16);
    if (clock === '00:00') return String(at.getUTCDate());
    return kind === 2 ? `${at.getUTCDate()} ${clock}` : clock;
  };
}

export function addSeries(deck, id, look, hue, pane) {
  const [kind, options, palette] = LOOKS[look](tokens(deck.element), hue);
  deck.looks[id] = [look, hue];
  deck.palettes[id] = palette;
  const series = deck.chart.addSeries(library()[kind], options, pane);
  deck.series[id] = series;
  if (look.startsWith('price')) {
    series.attachPrimitive(deck.heat);
    series.attachPrimitive(deck.holes);
    deck.marks = library().createSeriesMarkers(series, [], { zOrder: 'aboveSeries' });
    drawMarks(deck);
    // Behind lines that were there before it.
    series.setSeriesOrder(0);
  }
  if (look === 'rsi') for (const price of [30, 70]) series.createPriceLine(level(deck, price));
}

/** A border that means something, without a label of its own. */
const level = (deck, price) => {
  const color = tokens(deck.element)('faint');
  return { price, color, lineWidth: 1, lineStyle: 3, axisLabelVisible: false, title: '' };
};

export function removeSeries(deck, id) {
  const series = deck.series[id];
  if (!series) return;
  deck.series[id] = undefined;
  deck.chart.removeSeries(series);
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
  const [open, high, low, close] = flat.subarray(at + 1, at + 5);
  // Lines and areas read `value`.
  return { time: flat[at], open, high, low, close, value: close };
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
  const back = () => {
    deck.back = 0;
    if (deck.put && deck.series[0]?.priceToCoordinate(deck.put[1])) crosshair(deck, ...deck.put);
  };
  const listen = (p) => {
    if (deck.echo) return;
    // After a change of data or size it is told of what is at the same spot now: where a bar was meant, it goes back
    // there, once the change is complete.
    if (deck.put && !p.sourceEvent) {
      if (p.time !== deck.put[0]) deck.back ||= requestAnimationFrame(back);
      return;
    }
    deck.put = undefined;
    callback(p.time === undefined || !p.point ? NaN : p.time, p.paneIndex ?? -1);
  };
  deck.chart.subscribeCrosshairMove(listen);
  deck.undo.push(() => {
    cancelAnimationFrame(deck.back);
    deck.chart.unsubscribeCrosshairMove(listen);
  });
}

// Puts the crosshair on a bar, by keys or as another chart has it; NaN: none.
export function crosshair(deck, seconds, price) {
  deck.echo = true;
  deck.put = Number.isNaN(seconds) || !deck.series[0] ? undefined : [seconds, price];
  if (deck.put) deck.chart.setCrosshairPosition(price, seconds, deck.series[0]);
  else deck.chart.clearCrosshairPosition();
  deck.echo = false;
}

// Calls back after any pane changed its height or the chart its size.
export function onLayout(deck, callback) {
  deck.observer?.disconnect();
  deck.observer = new ResizeObserver(() => {
    if (deck.mark) deck.mark.applyOptions({ lines: [marked(deck)] });
    callback();
  });
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

// The word as it fits into the chart.
function marked(deck) {
  const fontSize = Math.round(Math.min(72, deck.element.clientWidth / 9));
  return { text: deck.word, color: tokens(deck.element)('watermark'), fontSize, fontStyle: 'bold' };
}

// A word across the price pane; empty takes it away.
export function watermark(deck, text) {
  deck.mark?.detach();
  deck.word = text;
  deck.mark = text
    ? library().createTextWatermark(deck.chart.panes()[0], {
        horzAlign: 'center',
        vertAlign: 'center',
        lines: [marked(deck)],
      })
    : null;
}

export function picture(deck) {
  const canvas = deck.chart.takeScreenshot(true);
  return new Promise((done, fail) =>
    canvas.toBlob((blob) => (blob ? done(blob) : fail(new Error('the picture is empty'))), 'image/png'),
  );
}
