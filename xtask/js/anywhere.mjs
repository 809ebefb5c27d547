// A page that no relay served: what the standalone file and the static bundle have in common.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The page's one module. */
export const MODULE = /<script type="module" src="([^"]+)"><\/script>/;

/** A document with a place for the address of its relay. */
export const withRelay = (html) => html.replace(/\s*<title>/, '\n    <meta name="tapedeck-relay" content="">$&');

/** The script that starts the bundle in `dir`: finds the relay, then loads what the page's module was. */
export function start(dir) {
  const [, script] = MODULE.exec(readFileSync(join(dir, 'index.html'), 'utf8'));
  return readFileSync(new URL('../../frontend/src/embed/anywhere.js', import.meta.url), 'utf8').replace('PAGE', `./${script}`);
}
