// `node minify.mjs IN OUT` minifies a script or style sheet; `--chart IN OUT` writes the chart library with as much of it
// as the script IN names, as the same global that the library's own build makes; `--bundle IN OUT` the module IN with all
// that it imports, `--bundle-small` minified.
import { readFileSync, writeFileSync } from 'node:fs';
import { extname } from 'node:path';
import { buildSync, transformSync } from 'esbuild';

const CHART = 'lightweight-charts';
const [how, source, target] = process.argv[2].startsWith('--') ? process.argv.slice(2) : ['', ...process.argv.slice(2)];
const text = readFileSync(source, 'utf8');

if (how.startsWith('--bundle')) {
  buildSync({
    entryPoints: [source],
    bundle: true,
    minify: how === '--bundle-small',
    format: 'esm',
    target: 'es2022',
    outfile: target,
    logLevel: 'error',
  });
} else if (how === '--chart') {
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
