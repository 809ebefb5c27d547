// What a person does to a chart beside looking at it: horizontal lines, the crosshair by keys, the price scale, and
// pictures to keep. Takes the handle that deck.js makes; its price series has number 0.

/** Reach of the pointer around a line, CSS px. */
const REACH = { mouse: 5, touch: 16 };

const price = (deck) => deck.series[0];
const token = (deck, name) => getComputedStyle(deck.element).getPropertyValue(`--${name}`).trim();

/** A person's own lines are dashed, those of alerts dotted. */
const STYLE = { accent: 2, warn: 1 };

function options(deck, { at, title, look }) {
  const color = token(deck, look);
  return { price: at, title, color, lineWidth: 1, lineStyle: STYLE[look], axisLabelVisible: true, axisLabelColor: color };
}

/** A bell on 16 by 16, its clapper under it. */
const BELL = 'M8 3a3 3 0 0 0-3 3v2.6L3.6 11h8.8L11 8.6V6a3 3 0 0 0-3-3zM6.8 12a1.2 1.2 0 0 0 2.4 0z';

/** Draws a bell at the labels of alerts, for the price pane. */
function bells(deck) {
  const path = new Path2D(BELL);
  const draw = (target) =>
    target.useMediaCoordinateSpace(({ context, mediaSize }) => {
      for (const line of deck.lines.values()) {
        const y = line.look === 'warn' ? price(deck)?.priceToCoordinate(line.at) : null;
        if (y === null || y === undefined) continue;
        const { color } = line.drawn.options();
        context.save();
        context.translate(mediaSize.width - 18, Math.round(y) - 8);
        context.fillStyle = color;
        context.fillRect(0, -1, 18, 18);
        context.fillStyle = deck.bellColor;
        context.translate(1, 0);
        context.fill(path);
        context.restore();
      }
    });
  const views = [{ zOrder: () => 'top', renderer: () => ({ draw }) }];
  return { paneViews: () => views };
}

/** Draws a line under a key, or moves the one that has it; `look` names the colour's token. */
export function setLine(deck, key, at, title, look) {
  deck.lines ??= new Map();
  const held = deck.lines.get(key);
  const line = { at, title, look };
  if (look === 'warn' && !deck.bells) {
    deck.bells = bells(deck);
    deck.bellColor = token(deck, 'bg');
    deck.chart.panes()[0].attachPrimitive(deck.bells);
  }
  if (held) held.drawn.applyOptions(options(deck, line));
  deck.lines.set(key, { ...line, drawn: held?.drawn ?? price(deck).createPriceLine(options(deck, line)) });
}

export function removeLine(deck, key) {
  const held = deck.lines?.get(key);
  if (!held) return;
  deck.lines.delete(key);
  price(deck)?.removePriceLine(held.drawn);
}

/** Removes all lines whose keys begin so. */
export function removeLines(deck, begin) {
  for (const key of [...(deck.lines?.keys() ?? [])]) if (key.startsWith(begin)) removeLine(deck, key);
}

/** Once more, for a price series or colours that are new. */
export function reline(deck) {
  deck.bellColor = token(deck, 'bg');
  for (const line of deck.lines?.values() ?? []) {
    // Which series has it cannot be asked: the library makes other objects of its lines each time.
    price(deck).removePriceLine(line.drawn);
    line.drawn = price(deck).createPriceLine(options(deck, line));
  }
}

/** The key of the line at a height of the price pane, or nothing. */
function lineAt(deck, y, reach) {
  let found;
  let best = reach;
  for (const [key, line] of deck.lines ?? []) {
    const away = Math.abs((price(deck)?.priceToCoordinate(line.at) ?? Infinity) - y);
    if (away <= best) [found, best] = [key, away];
  }
  return found;
}

/** Where a pointer is in the price pane: its height, or nothing outside the plot. */
function height(deck, event) {
  const pane = deck.chart.panes()[0]?.getHTMLElement()?.getBoundingClientRect();
  if (!pane || event.clientX - pane.left > deck.chart.timeScale().width()) return undefined;
  const y = event.clientY - pane.top;
  return y >= 0 && y <= pane.height ? y : undefined;
}

/** Follows the pointer: a line under it is dragged, and told where it was let go. */
export function onLine(deck, moved) {
  let held;
  const stop = () => {
    if (held) deck.chart.applyOptions({ handleScroll: held.scroll, handleScale: held.scale });
    held = undefined;
  };
  const drop = () => {
    const key = held?.key;
    stop();
    const line = key === undefined ? undefined : deck.lines.get(key);
    if (line) moved(key, line.at);
  };
  const listen = {
    pointermove: (event) => {
      // Let go unseen.
      if (held && !event.buttons) drop();
      const y = height(deck, event);
      deck.pointer = y === undefined ? undefined : price(deck)?.coordinateToPrice(y);
      const over = held || (y !== undefined && lineAt(deck, y, REACH.mouse) !== undefined);
      deck.element.classList.toggle('over-line', Boolean(over));
      const line = held && deck.lines.get(held.key);
      if (line && typeof deck.pointer === 'number') setLine(deck, held.key, deck.pointer, line.title, line.look);
    },
    pointerdown: (event) => {
      const y = event.button === 0 ? height(deck, event) : undefined;
      const key = y === undefined ? undefined : lineAt(deck, y, event.pointerType === 'touch' ? REACH.touch : REACH.mouse);
      if (key === undefined) return;
      const { handleScroll, handleScale } = deck.chart.options();
      held = { key, scroll: { ...handleScroll }, scale: { ...handleScale } };
      deck.chart.applyOptions({ handleScroll: false, handleScale: false });
      // By what the library listens to: the crosshair goes along.
      event.target.setPointerCapture(event.pointerId);
    },
    pointerup: drop,
    pointercancel: stop,
    pointerleave: () => (deck.pointer = undefined),
  };
  for (const [name, act] of Object.entries(listen)) {
    deck.element.addEventListener(name, act, true);
    deck.undo.push(() => deck.element.removeEventListener(name, act, true));
  }
}

/** The price under the pointer; NaN where there is none. */
export function pointerPrice(deck) {
  return deck.pointer ?? NaN;
}

/** The key of the line near a price, within the reach of a finger; nothing where there is none. */
export function nearLine(deck, at) {
  const y = price(deck)?.priceToCoordinate(at);
  return y === null || y === undefined ? undefined : lineAt(deck, y, REACH.touch);
}

/** 0 plain, 1 logarithmic, 2 percent; upside down or not; scaled to what is in view again. */
export function setScale(deck, mode, inverted) {
  price(deck)?.priceScale().applyOptions({ mode, invertScale: inverted, autoScale: true });
}

/** The chart with a line of words over it, as a PNG: a promise of a Blob. */
export function portrait(deck, words) {
  const chart = deck.chart.takeScreenshot(true);
  const ratio = chart.width / deck.element.clientWidth;
  const top = Math.round(28 * ratio);
  const canvas = Object.assign(document.createElement('canvas'), { width: chart.width, height: chart.height + top });
  const context = canvas.getContext('2d');
  context.fillStyle = token(deck, 'bg');
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(chart, 0, top);
  context.fillStyle = token(deck, 'text');
  context.font = `${12 * ratio}px ${token(deck, 'mono')}`;
  context.textBaseline = 'middle';
  context.fillText(words, 12 * ratio, top / 2);
  return new Promise((done, fail) =>
    canvas.toBlob((blob) => (blob ? done(blob) : fail(new Error('the picture is empty'))), 'image/png'),
  );
}

/** Saves a Blob, or text, as a file. */
export function save(what, name) {
  const blob = what instanceof Blob ? what : new Blob([what], { type: 'text/csv' });
  const link = Object.assign(document.createElement('a'), { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

/** Puts a picture into the clipboard; fails where the browser does not let pages do that. */
export async function copyPicture(picture) {
  if (!globalThis.ClipboardItem || !navigator.clipboard) throw new Error('no clipboard for pictures');
  await navigator.clipboard.write([new ClipboardItem({ 'image/png': picture })]);
}
