// Stretches of time shaded behind the candles, by a primitive of the price series: holes in the record, and the one a
// person has chosen. Takes the handle that deck.js makes.

/** Of holes still open, refilled and lost; outside of a chosen stretch, and its edges. */
export const SHADES = ['hole-open', 'hole-refilled', 'hole-lost', 'veil', 'accent'];
const CHOSEN = 3;

/** Bands over whole bars, hatched where data is missing; drawn behind the candles without a point of their own. */
export function holes(deck) {
  let update = () => {};
  const draw = (target) =>
    target.useBitmapCoordinateSpace(({ context, horizontalPixelRatio: ratio, bitmapSize }) => {
      deck.bands = bands(deck);
      for (const { left, right, state } of deck.bands) {
        if (state === CHOSEN) continue;
        const [x, width] = [Math.round(left * ratio), Math.max(1, Math.round((right - left) * ratio))];
        context.fillStyle = deck.shades[state];
        context.fillRect(x, 0, width, bitmapSize.height);
        if (state === 1) continue;
        context.save();
        context.beginPath();
        context.rect(x, 0, width, bitmapSize.height);
        context.clip();
        context.beginPath();
        for (let at = -bitmapSize.height; at < width; at += 8 * ratio) {
          context.moveTo(x + at, bitmapSize.height);
          context.lineTo(x + at + bitmapSize.height, 0);
        }
        context.strokeStyle = deck.shades[state];
        context.lineWidth = ratio;
        context.stroke();
        context.restore();
      }
    });
  // What lies outside of the chosen stretch steps back.
  const dim = (target) =>
    target.useBitmapCoordinateSpace(({ context, horizontalPixelRatio: ratio, bitmapSize: { width, height } }) => {
      const chosen = deck.bands.find((band) => band.state === CHOSEN);
      if (!chosen) return;
      const [left, right] = [Math.max(0, chosen.left * ratio), Math.min(width, chosen.right * ratio)];
      context.fillStyle = deck.shades[CHOSEN];
      context.fillRect(0, 0, left, height);
      context.fillRect(right, 0, width - right, height);
      context.fillStyle = deck.shades[CHOSEN + 1];
      for (const x of [left, right]) context.fillRect(Math.round(x), 0, ratio, height);
    });
  const views = [
    { zOrder: () => 'bottom', renderer: () => ({ draw }) },
    { zOrder: () => 'top', renderer: () => ({ draw: dim }) },
  ];
  return { attached: (given) => (update = given.requestUpdate), paneViews: () => views, update: () => update() };
}

/** The shaded stretches in CSS px of the plot. */
function bands(deck) {
  const scale = deck.chart.timeScale();
  const half = scale.options().barSpacing / 2;
  const found = [];
  for (let at = 0; at < deck.shaded.length; at += 3) {
    const [first, last, state] = deck.shaded.slice(at, at + 3);
    const [a, b] = [scale.timeToCoordinate(first), scale.timeToCoordinate(last)];
    if (a === null || b === null) continue;
    // No bar in the hole: a line between its neighbours.
    const [left, right] = first <= last ? [a - half, b + half] : [(a + b) / 2 - 1, (a + b) / 2 + 1];
    found.push({ first, last, state, left, right });
  }
  return found;
}

/** flat: first bar, last bar, state */
export function shade(deck, flat) {
  deck.shaded = Array.from(flat);
  deck.holes.update();
}

export function shaded(deck) {
  return JSON.stringify(deck.bands.map((band) => ({ ...band, state: ['open', 'refilled', 'lost', 'chosen'][band.state] })));
}
