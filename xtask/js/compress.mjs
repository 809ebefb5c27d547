// Compressed twins of a bundle: `node compress.mjs DIR` writes NAME.br and NAME.gz beside every text and wasm file;
// `node compress.mjs --sizes DIR` prints [{name, raw, gzip, brotli}] as JSON and writes nothing.
// Node has both codecs built in and native, so the build needs no compression crates.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

const sizesOnly = process.argv[2] === '--sizes';
const dir = process.argv[sizesOnly ? 3 : 2];
const compressible = /\.(html|css|js|mjs|json|svg|wasm|txt)$/;

const brotli = (bytes) =>
  brotliCompressSync(bytes, {
    params: {
      [constants.BROTLI_PARAM_QUALITY]: 11,
      [constants.BROTLI_PARAM_LGWIN]: 24,
      [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
    },
  });
const gzip = (bytes) => gzipSync(bytes, { level: 9 });

const names = readdirSync(dir, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map((entry) => join(entry.parentPath ?? entry.path, entry.name).slice(dir.length + 1));

if (sizesOnly) {
  const twin = (name, ending, compress) =>
    names.includes(name + ending) ? readFileSync(join(dir, name + ending)) : compress(readFileSync(join(dir, name)));
  const rows = names
    .filter((name) => !/\.(br|gz)$/.test(name))
    .map((name) => {
      const raw = readFileSync(join(dir, name)).length;
      if (!compressible.test(name)) return { name, raw, gzip: raw, brotli: raw };
      return { name, raw, gzip: twin(name, '.gz', gzip).length, brotli: twin(name, '.br', brotli).length };
    });
  console.log(JSON.stringify(rows));
} else {
  for (const name of names.filter((name) => compressible.test(name))) {
    const bytes = readFileSync(join(dir, name));
    writeFileSync(join(dir, `${name}.br`), brotli(bytes));
    writeFileSync(join(dir, `${name}.gz`), gzip(bytes));
  }
}
