// `node standalone.mjs DIR OUT`: the bundle in DIR as one file that opens from disk: scripts, styles, fonts and
// WebAssembly inside. How it finds its relay: frontend/src/embed/anywhere.js.
import { readFileSync, writeFileSync } from 'node:fs';
import { extname, join, resolve } from 'node:path';
import { build } from 'esbuild';
import { MODULE, start, withRelay } from './anywhere.mjs';

const TYPES = { '.wasm': 'application/wasm', '.woff2': 'font/woff2', '.svg': 'image/svg+xml' };

const [dir, out] = process.argv.slice(2).map((path) => resolve(path));
const read = (name) => readFileSync(join(dir, name), 'utf8');
const data = (name) => `data:${TYPES[extname(name)]};base64,${readFileSync(join(dir, name)).toString('base64')}`;
/** A script's text within a page's. */
const inline = (text) => text.replaceAll('</script', '<\\/script');

const wasm = /(['"`])\.\/([\w.-]+\.wasm)\1/g;
const inside = {
  name: 'inside',
  setup: ({ onLoad }) =>
    onLoad({ filter: /\.js$/ }, ({ path }) => ({
      contents: readFileSync(path, 'utf8').replace(wasm, (_, quote, name) => JSON.stringify(data(name))),
    })),
};
const bundled = await build({
  stdin: { contents: start(dir), resolveDir: dir },
  bundle: true,
  minify: true,
  format: 'esm',
  target: 'es2022',
  write: false,
  logLevel: 'error',
  plugins: [inside],
});

const style = (name) => read(name).replace(/url\("?([^")]+\.woff2)"?\)/g, (_, font) => `url("${data(font)}")`);
writeFileSync(
  out,
  withRelay(read('index.html'))
    .replace(/\s*<link rel="preload"[^>]*>/g, '')
    .replace(/<link rel="stylesheet" href="([^"]+)">/g, (_, name) => `<style>${style(name)}</style>`)
    .replace(/(<link rel="icon"[^>]* href=")([^"]+)"/g, (_, before, name) => `${before}${data(name)}"`)
    .replace(/<script src="([^"]+)"><\/script>/g, (_, name) => `<script>${inline(read(name))}</script>`)
    .replace(MODULE, () => `<script type="module">${inline(bundled.outputFiles[0].text)}</script>`),
);
