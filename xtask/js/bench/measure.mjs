// What is measured of a page, and of the machine meanwhile.
import { cpus } from 'node:os';

export const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
export const p95 = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length * 0.95)];

/** Times between animation frames over `span` ms. Asking for frames costs some of what [`thread`] measures. */
export async function frames(page, span) {
  return page.evaluate((span) => new Promise((done) => {
    const gaps = [];
    let last;
    const end = performance.now() + span;
    const frame = (at) => {
      if (last !== undefined) gaps.push(at - last);
      last = at;
      if (at < end) requestAnimationFrame(frame);
      else done(gaps);
    };
    requestAnimationFrame(frame);
  }), span);
}

/**
 * The page's main thread over `span` ms, in ms per second: `cpu` it computed, `wall` it was in tasks. They differ by
 * what it waited for a core in the middle of a task, which on a machine with other work is most of it.
 */
export async function thread(page, span) {
  const session = await page.context().newCDPSession(page);
  await session.send('Performance.enable', { timeDomain: 'timeTicks' });
  const read = async () => {
    const { metrics } = await session.send('Performance.getMetrics');
    const { Timestamp, ThreadTime, TaskDuration } = Object.fromEntries(metrics.map(({ name, value }) => [name, value]));
    return { at: Timestamp, cpu: ThreadTime, wall: TaskDuration };
  };
  const before = await read();
  await new Promise((done) => setTimeout(done, span));
  const after = await read();
  await session.detach();
  const rate = (key) => (1_000 * (after[key] - before[key])) / (after.at - before.at);
  return { cpu: rate('cpu'), wall: rate('wall') };
}

/** Percent of a core that all processes of a browser took over `span` ms; with one page, that is the page's cost. */
export async function cores(browser, span) {
  const session = await browser.newBrowserCDPSession();
  const taken = async () => {
    const { processInfo } = await session.send('SystemInfo.getProcessInfo');
    return processInfo.reduce((sum, { cpuTime }) => sum + cpuTime, 0);
  };
  const [before, started] = [await taken(), performance.now()];
  await new Promise((done) => setTimeout(done, span));
  const share = (100_000 * (await taken() - before)) / (performance.now() - started);
  await session.detach();
  return share;
}

/** How many cores the whole machine has been busy with since the call before. */
export function machine() {
  const total = { busy: 0, all: 0 };
  for (const { times } of cpus()) {
    const sum = Object.values(times).reduce((a, b) => a + b);
    total.all += sum;
    total.busy += sum - times.idle;
  }
  const since = { busy: total.busy - (machine.last?.busy ?? 0), all: total.all - (machine.last?.all ?? 0) };
  machine.last = total;
  return (cpus().length * since.busy) / since.all;
}
