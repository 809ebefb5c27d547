// `node font.mjs IN OUT`: a font with no more than the page writes in it: printable ASCII and a few signs, no ligatures,
// alternates or hints, which together are two thirds. What is missing (a coin's name in another script) the system's
// font shows.
import { readFileSync, writeFileSync } from 'node:fs';
import subset from 'subset-font';

const ASCII = Array.from({ length: 95 }, (_, i) => String.fromCharCode(32 + i)).join('');
const SIGNS = '\u00a0·×±–—−…→←↑↓▲▼≤≥≈∞Δ°µ€';

const [source, target] = process.argv.slice(2);
const options = { targetFormat: 'woff2', keepFeatures: [], noLayoutClosure: true, noHinting: true };
writeFileSync(target, await subset(readFileSync(source), ASCII + SIGNS, options));
