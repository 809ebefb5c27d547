// A tab as a person has it. Playwright keeps its own pages in view and in focus whatever stands before them; one that
// it knows nothing of is hidden once another is opened in the same window.
export class Tab {
  static async open(browser, url) {
    const tab = new Tab();
    tab.session = await browser.newBrowserCDPSession();
    const { targetId } = await tab.session.send('Target.createTarget', { url });
    const { sessionId } = await tab.session.send('Target.attachToTarget', { targetId, flatten: false });
    tab.id = sessionId;
    tab.asked = 0;
    return tab;
  }

  /** The value of an expression in the page. */
  async read(expression) {
    this.asked += 1;
    const id = this.asked;
    const answer = new Promise((done) => {
      const hear = ({ sessionId, message }) => {
        const said = JSON.parse(message);
        if (sessionId !== this.id || said.id !== id) return;
        this.session.off('Target.receivedMessageFromTarget', hear);
        done(said.result.result.value);
      };
      this.session.on('Target.receivedMessageFromTarget', hear);
    });
    const message = JSON.stringify({ id, method: 'Runtime.evaluate', params: { expression, returnByValue: true } });
    await this.session.send('Target.sendMessageToTarget', { sessionId: this.id, message });
    return answer;
  }
}
