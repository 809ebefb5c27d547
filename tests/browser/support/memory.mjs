// What a page holds, after its garbage is gone.

/** Bytes of the page's JavaScript heap and of its WebAssembly memories, and its event listeners. */
export class Memory {
  static async of(page) {
    const memory = new Memory();
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

  async wasm() {
    const { session } = this;
    const objectGroup = 'memory';
    const { result } = await session.send('Runtime.evaluate', { expression: 'WebAssembly.Memory.prototype', objectGroup });
    const { objects } = await session.send('Runtime.queryObjects', { prototypeObjectId: result.objectId, objectGroup });
    const functionDeclaration = 'function () { return this.reduce((sum, memory) => sum + memory.buffer.byteLength, 0); }';
    const { result: sum } = await session.send('Runtime.callFunctionOn', { objectId: objects.objectId, functionDeclaration, returnByValue: true });
    await session.send('Runtime.releaseObjectGroup', { objectGroup });
    return sum.value;
  }
}
