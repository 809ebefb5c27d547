// A relay of its own for each spec file: the built binary, a fresh data folder, a free port of 127.0.0.1.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Hopeless, until } from './wait.mjs';

const binary = process.env.TAPEDECK_BIN;
if (!binary) throw new Error('set TAPEDECK_BIN to the relay to test, or run `cargo xtask test --browser`');

export class Relay {
  /** Starts `tapedeck serve --demo`, or `args` in place of that, with further variables and waits until it is healthy. */
  static async start(args = ['serve', '--demo'], env = {}) {
    const relay = new Relay();
    Object.assign(relay, { args, env });
    relay.folder = await mkdtemp(join(tmpdir(), 'tapedeck-browser-'));
    await relay.run('127.0.0.1:0');
    return relay;
  }

  async run(listen) {
    const env = { ...process.env, ...this.env, DATA_DIR: join(this.folder, 'data'), RUST_LOG: process.env.RUST_LOG ?? 'warn' };
    const options = { cwd: this.folder, env, stdio: ['ignore', 'pipe', 'pipe'] };
    this.child = spawn(binary, [...this.args, '--listen', listen], options);
    this.log = [];
    createInterface({ input: this.child.stderr }).on('line', (line) => this.log.push(line));
    const lines = createInterface({ input: this.child.stdout });
    let ended = false;
    this.child.once('exit', () => (ended = true));
    lines.on('line', (line) => {
      const found = /listening on (http:\/\/127\.0\.0\.1:\d+)/.exec(line);
      if (found) this.url = found[1];
    });
    try {
      await until('the relay to answer /health', async () => {
        if (ended) throw new Hopeless(`the relay ended: ${this.log.join('\n')}`);
        return this.url && (await fetch(`${this.url}/health`)).ok;
      }, 60_000);
    } catch (error) {
      // Nobody else would end it, and with its pipes open the tests would never end.
      this.child.kill('SIGKILL');
      throw error;
    }
  }

  /** Ends the process at once, as a crash would; the data folder and the port are kept for `restart`. */
  async kill() {
    const gone = once(this.child, 'exit');
    this.child.kill('SIGKILL');
    await gone;
  }

  async restart() {
    await this.run(new URL(this.url).host);
  }

  async stop() {
    if (this.child.exitCode === null && this.child.signalCode === null) {
      const gone = once(this.child, 'exit');
      this.child.kill('SIGTERM');
      const timer = setTimeout(() => this.child.kill('SIGKILL'), 10_000);
      await gone;
      clearTimeout(timer);
    }
    await rm(this.folder, { recursive: true, force: true });
  }

  /** A JSON answer of the API. */
  async get(path, query = {}) {
    const response = await fetch(`${this.url}${path}?${new URLSearchParams(query)}`);
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return response.json();
  }

  /** Posts JSON to the API and gives the JSON answer. */
  async post(path, body) {
    const headers = { 'content-type': 'application/json' };
    const response = await fetch(`${this.url}${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return response.json();
  }

  /** All rows of a history request between two times, over as many pages as it takes. */
  async rows(path, query, from, to) {
    const rows = [];
    // Half of the page limit of 20,000 minutes at a time.
    const step = 10_000 * 60_000;
    for (let at = from; at < to; at += step) {
      rows.push(...(await this.get(path, { ...query, from: at, to: Math.min(at + step, to) })));
    }
    return rows;
  }
}
