// Names the functions of a wasm module by what they hold: `node order.mjs IN OUT`, for wasm-opt's
// --reorder-functions-by-name. Functions of one type that begin alike come to stand beside each other, large ones apart
// from small ones; brotli then finds most of what repeats close by.
import { readFileSync, writeFileSync } from 'node:fs';

const LARGE = 600;
const IMPORT = 2;
const FUNCTION = 3;
const CODE = 10;

const [source, target] = process.argv.slice(2);
const bytes = readFileSync(source);
let at = 8;

/** An unsigned LEB128 number. */
function number() {
  let [value, scale] = [0, 1];
  for (;;) {
    const byte = bytes[at];
    at += 1;
    value += (byte & 127) * scale;
    if (byte < 128) return value;
    scale *= 128;
  }
}

const leb = (value) => (value < 128 ? [value] : [(value & 127) | 128, ...leb(value >>> 7)]);

/** Steps over a text. */
function skip() {
  const size = number();
  at += size;
}

function limits() {
  const flags = number();
  number();
  if (flags & 1) number();
}

let imported = 0;
const types = [];
const functions = [];

/** Steps over an import and counts the functions among them. */
function readImport() {
  skip();
  skip();
  const kind = number();
  if (kind === 0) {
    imported += 1;
    number();
  } else if (kind === 1) {
    at += 1;
    limits();
  } else if (kind === 2) limits();
  else if (kind === 3) at += 2;
  else throw new Error(`${source}: an import of kind ${kind}`);
}

function readBody(index) {
  const size = number();
  functions.push({ index, type: types[index], body: bytes.subarray(at, at + size) });
  at += size;
}

while (at < bytes.length) {
  const id = number();
  const end = number() + at;
  if (id === IMPORT || id === FUNCTION || id === CODE) {
    const count = number();
    for (let i = 0; i < count; i += 1) {
      if (id === IMPORT) readImport();
      else if (id === FUNCTION) types.push(number());
      else readBody(i);
    }
  }
  at = end;
}

functions.sort(
  (a, b) =>
    (a.body.length > LARGE) - (b.body.length > LARGE) || a.type - b.type || Buffer.compare(a.body, b.body),
);
const names = new Map(functions.map(({ index }, place) => [index, Buffer.from(String(place).padStart(6, '0'))]));
const map = [leb(names.size)];
for (let i = 0; i < functions.length; i += 1) map.push(leb(imported + i), leb(names.get(i).length), names.get(i));
const functionNames = Buffer.concat(map.map((part) => Buffer.from(part)));
const section = Buffer.concat([Buffer.from([4, ...Buffer.from('name'), 1, ...leb(functionNames.length)]), functionNames]);
writeFileSync(target, Buffer.concat([bytes, Buffer.from([0, ...leb(section.length)]), section]));
