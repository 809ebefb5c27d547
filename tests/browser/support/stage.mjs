// What nearly every spec file stands on: one relay and one browser for all its tests.
import { after } from 'node:test';
import { launch } from './deck.mjs';
import { Relay } from './relay.mjs';

/** Starts both, and ends them after the file's tests; `args` are the relay's, in place of the simulated market's. */
export async function stage(args) {
  const relay = await Relay.start(args);
  let browser;
  after(async () => {
    await browser?.close();
    await relay.stop();
  });
  try {
    browser = await launch();
  } catch (error) {
    await relay.stop();
    throw error;
  }
  return { relay, browser };
}
