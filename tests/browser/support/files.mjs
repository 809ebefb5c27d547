// A plain static server: files of a folder below a path, nothing known of tapedeck.
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';

const TYPES = {
  '.css': 'text/css',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.svg': 'image/svg+xml',
  '.wasm': 'application/wasm',
  '.woff2': 'font/woff2',
};

/** Serves `folder` below `path` (`/a/b/`) on a port of its own; `headers` go with each answer; `missed` gets other paths. */
export async function serveFiles(folder, path = '/', headers = {}) {
  const missed = [];
  const server = createServer(async (request, response) => {
    const asked = decodeURIComponent(new URL(request.url, 'http://host').pathname);
    try {
      if (!asked.startsWith(path)) throw new Error('elsewhere');
      const name = normalize(asked.slice(path.length) || 'index.html');
      const bytes = await readFile(join(folder, name));
      response.writeHead(200, { 'content-type': TYPES[extname(name)] ?? 'application/octet-stream', ...headers });
      response.end(bytes);
    } catch {
      missed.push(asked);
      response.writeHead(404).end();
    }
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  const origin = `http://127.0.0.1:${server.address().port}`;
  return { origin, url: origin + path, missed, close: () => server.close() };
}
