// The liquidation heat map, drawn by a primitive of the price series. Takes the handle that deck.js makes.

/** The heat map behind the candles: one picture, stretched over the bars each of its columns spans. */
export function heat(deck) {
  let update = () => {};
  const draw = (target) =>
    target.useBitmapCoordinateSpace(({ context, horizontalPixelRatio: h, verticalPixelRatio: v }) => {
      const { image, edges } = deck.heated ?? {};
      if (!image) return;
      context.imageSmoothingEnabled = false;
      const y = (edge) => Math.round(deck.series[0].priceToCoordinate(edges[edge]) * v);
      const rows = edges.length - 1;
      // In strips, because a scale may be logarithmic.
      const strips = [];
      for (let at = 0; at < rows; at += 10) {
        const end = Math.min(at + 10, rows);
        strips.push([rows - end, end - at, y(end), y(at)]);
      }
      for (const { t, left, right } of columns(deck)) {
        const [x, width] = [Math.round(left * h), Math.round(right * h) - Math.round(left * h)];
        for (const [row, count, top, bottom] of strips) {
          context.drawImage(image, t, row, 1, count, x, top, width, bottom - top);
        }
      }
    });
  const views = [{ zOrder: () => 'bottom', renderer: () => ({ draw }) }];
  return { attached: (given) => (update = given.requestUpdate), paneViews: () => views, update: () => update() };
}

/** Columns of the heat map that have bars in view, with their edges in CSS px of the plot. */
function columns(deck) {
  const { times, step } = deck.heated ?? { times: [] };
  const scale = deck.chart.timeScale();
  const half = scale.options().barSpacing / 2;
  const found = [];
  for (let t = 0; t + 1 < times.length; t += 1) {
    let [left, right] = [null, null];
    for (let time = times[t]; time < times[t + 1]; time += step) {
      const x = scale.timeToCoordinate(time);
      if (x === null) continue;
      left ??= x - half;
      right = x + half;
    }
    if (left !== null && right > 0 && left < scale.width()) found.push({ t, left, right });
  }
  return found;
}

/** times and edges of the bins, a colour per bin, seconds of a bar; without times nothing is drawn */
export function setHeat(deck, times, edges, pixels, step) {
  if (times.length === 0 && !deck.heated) return;
  const image = times.length === 0 ? null : heatImage(document.createElement('canvas'), pixels, times.length - 1);
  deck.heated = { times: Array.from(times), edges: Array.from(edges), image, step };
  deck.heat.update();
}

/** Paints bins into a canvas, one px each. */
export function heatImage(canvas, pixels, width) {
  canvas.width = width;
  canvas.height = pixels.length / 4 / width;
  canvas.getContext('2d').putImageData(new ImageData(new Uint8ClampedArray(pixels), width), 0, 0);
  return canvas;
}

/** Time and price bin at a place of the chart's element; nothing where none is. */
export function heatAt(deck, x, y) {
  const { edges } = deck.heated ?? {};
  const column = edges && columns(deck).find(({ left, right }) => left <= x && x < right);
  const price = column ? deck.series[0].coordinateToPrice(y) : null;
  const above = price === null ? -1 : edges.findIndex((edge) => edge > price);
  return above > 0 ? [column.t, above - 1] : [];
}

/** Middle of a bin in CSS px; nothing where it is out of view. */
export function heatPlace(deck, t, p) {
  const { edges } = deck.heated ?? {};
  const column = edges && columns(deck).find((one) => one.t === t);
  if (!column) return [];
  return [(column.left + column.right) / 2, deck.series[0].priceToCoordinate((edges[p] + edges[p + 1]) / 2)];
}
