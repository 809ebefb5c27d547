// What a page holds, after its garbage is gone.

/** Bytes of the page's JavaScript heap and of its WebAssembly memory, and its event listeners. */
export class Memory {
  static async of(page) {
    const memory = new Memory();
    memory.page = page;
    memory.session = await page.context().newCDPSession(page);
    // Time spent by the page's own thread, whatever else the machine does.
    await memory.session.send('Performance.enable', { timeDomain: 'threadTicks' });
    return memory;
  }

  async now() {
    const { session } = this;
    await session.send('HeapProfiler.collectGarbage');
    await session.send('HeapProfiler.collectGarbage');
    const heap = (await session.send('Runtime.getHeapUsage')).usedSize;
    return { heap, wasm: await this.wasm(), listeners: (await this.metrics()).JSEventListeners };
  }

  /** Named values of the browser's own counters; durations in s of processor time. */
  async metrics() {
    const { metrics } = await this.session.send('Performance.getMetrics');
    return Object.fromEntries(metrics.map(({ name, value }) => [name, value]));
  }

  /** The page's module says itself: asking the browser for every memory there is brings a release bundle's page down. */
  async wasm() {
    return wasmBytes(this.page);
  }
}

/** Bytes of the linear memory of the page's module. */
export const wasmBytes = (page) =>
  page.evaluate(async () => {
    const { name } = performance.getEntriesByType('resource').find(({ name }) => /\/app-[^/]*\.js$/.test(name));
    return (await (await import(name)).ready).memory.buffer.byteLength;
  });
