// Waiting for conditions instead of sleeping.
import { setTimeout as sleep } from 'node:timers/promises';

/** A failure that waiting cannot mend. */
export class Hopeless extends Error {}

/** Calls `probe` until it answers something truthy, and returns that; fails with `what` after `ms`. */
export async function until(what, probe, ms = 40_000) {
  const deadline = Date.now() + ms;
  let last;
  for (;;) {
    try {
      last = await probe();
      if (last) return last;
    } catch (error) {
      if (error instanceof Hopeless) throw error;
      last = error;
    }
    if (Date.now() > deadline) throw new Error(`waited ${ms} ms for: ${what}; last: ${describe(last)}`);
    await sleep(50);
  }
}

/** Waits until the assertions of `check` hold together: what a page shows follows what it was told a moment later. */
export const holds = (what, check, ms) =>
  until(what, async () => {
    await check();
    return true;
  }, ms);

function describe(value) {
  return value instanceof Error ? value.message : JSON.stringify(value);
}
