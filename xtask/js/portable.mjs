// `node portable.mjs DIR OUT`: the bundle in DIR as a folder for any static server and any path. Its page and its frame ask
// for their relay by `?relay=`, else by `<meta name="tapedeck-relay">`. All other files are as they were.
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { MODULE, start, withRelay } from './anywhere.mjs';

const [dir, out] = process.argv.slice(2).map((path) => resolve(path));
rmSync(out, { recursive: true, force: true });
cpSync(dir, out, { recursive: true });
writeFileSync(join(out, 'anywhere.js'), start(dir));
for (const name of ['index.html', 'embed.html']) {
  // Compressed twins would still be the old ones.
  for (const twin of ['.br', '.gz']) rmSync(join(out, name + twin), { force: true });
  const html = withRelay(readFileSync(join(dir, name), 'utf8'));
  const started = '<script type="module" src="anywhere.js"></script>';
  writeFileSync(join(out, name), name === 'index.html' ? html.replace(MODULE, started) : html);
}
