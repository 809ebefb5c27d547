// node equal.mjs MODULE report: the sections as wasm computes them, in the form of the native example.
import { pathToFileURL } from "node:url";

const [path, what] = process.argv.slice(2);
const equal = await import(pathToFileURL(path));

if (what === "report") {
  for (const name of equal.sections().split(" ")) {
    process.stdout.write(`== ${name}\n${equal.section(name)}`);
  }
} else {
  console.error(`equal.mjs: there is no ${what}`);
  process.exit(2);
}
