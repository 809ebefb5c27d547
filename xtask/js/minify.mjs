// `node minify.mjs IN OUT` minifies a script or style sheet; `node minify.mjs --chart IN OUT` writes the chart library
// with as much of it as the script IN names, as the same global that the library's own build makes.
import { readFileSync, writeFileSync } from 'node:fs';
import { extname } from 'node:path';
import { buildSync, transformSync } from 'esbuild';

const CHART = 'lightweight-charts';
const chart = process.argv[2] === '--chart';
const [source, target] = process.argv.slice(chart ? 3 : 2);
const text = readFileSync(source, 'utf8');

if (chart) {
  const named = Object.keys(await import(CHART)).filter((name) => new RegExp(`\\b${name}\\b`).test(text));
  buildSync({
    stdin: { contents: `export { ${named.join(', ')} } from '${CHART}';`, resolveDir: process.cwd() },
    bundle: true,
    minify: true,
    format: 'iife',
    globalName: 'LightweightCharts',
    conditions: ['production'],
    target: 'es2022',
    legalComments: 'inline',
    outfile: target,
  });
} else {
  writeFileSync(target, transformSync(text, { loader: extname(source).slice(1), minify: true, target: 'es2022' }).code);
}
