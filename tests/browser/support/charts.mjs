// The chart library's own handles, for what nothing on the page tells: axes, margins, lines.

/** Before the page goes anywhere: keeps each chart it makes in `window.charts`. */
export const keepCharts = (page) =>
  page.addInitScript(() => {
    window.charts = [];
    let library;
    Object.defineProperty(window, 'LightweightCharts', {
      get: () => library,
      set: (real) => {
        const createChart = (...how) => {
          const chart = real.createChart(...how);
          window.charts.push(chart);
          return chart;
        };
        library = { ...real, createChart };
      },
    });
  });

/** Prices of the lines in each chart's price pane. */
export const linesDrawn = (page) =>
  page.evaluate(() =>
    window.charts.map((chart) => chart.panes()[0].getSeries().flatMap((one) => one.priceLines().map((line) => line.options().price))));
