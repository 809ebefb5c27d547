// node equal.mjs MODULE report: the sections as wasm computes them, in the form of the native example.
// node equal.mjs MODULE bench: the time of one pass over a million closes, as a figure of `cargo xtask bench`.
import { pathToFileURL } from "node:url";

const CLOSES = 1_000_000;
const PASSES = 25;

const [path, what] = process.argv.slice(2);
const equal = await import(pathToFileURL(path));

if (what === "report") {
  for (const name of equal.sections().split(" ")) {
    process.stdout.write(`== ${name}\n${equal.section(name)}`);
  }
} else if (what === "bench") {
  const closes = new equal.Closes(CLOSES);
  const times = [];
  for (let pass = 0; pass < PASSES; pass += 1) {
    const started = performance.now();
    if (!Number.isFinite(closes.indicators())) throw new Error("the indicators gave no number");
    times.push(performance.now() - started);
  }
  // The best: others ran before the engine had optimised the code, or beside something else.
  const value = Number(Math.min(...times).toFixed(2));
  const figure = { what: "1,000,000 closes, EMA 20 + EMA 50 + RSI 14, wasm", value, unit: "ms", budget: 20, more: false };
  console.log(JSON.stringify(figure));
} else {
  console.error(`equal.mjs: there is no ${what}`);
  process.exit(2);
}
