// `<tapedeck-chart symbol venue timeframe panes theme relay>`: a live chart of a tapedeck relay on any page.
//
//   <script type="module" src="https://relay.example/embed.js"></script>
//   <tapedeck-chart symbol="BTCUSDT-PERP" timeframe="5m"></tapedeck-chart>
//
// Elements of one page share one module, one WebAssembly instance and one socket per relay. All attributes may change
// at any time; an element taken out of the page gives everything back. Methods: bars(id), visibleRange(), snapshot().
// Events: ready, symbolchange, timeframechange, bar, status, error; none bubbles. A value that cannot be used counts as
// absent: a line above the chart and an `error` event say what can.

/* The bundle's files, filled in when it is built. */
const FILES = { page: '', chart: '', styles: [] };

const base = new URL('.', import.meta.url);
const at = (name) => new URL(name, base).href;
const EVENTS = ['ready', 'symbolchange', 'timeframechange', 'bar', 'status', 'error'];
/* What the host page says of everything ends here: before the page's sheets, and after them. */
const RESET = ':host{all:initial;display:block;height:420px;contain:content}:host([hidden]){display:none}.root{all:initial}';
const FRAME = '.root{position:relative;display:flex;flex-direction:column;height:100%;overflow:hidden;background:var(--bg);' +
  'color:var(--text);font:var(--label)}.place{flex:1;min-height:0}.stage{position:relative;height:100%;overflow:hidden}' +
  '.wrong{padding:8px 12px;border-bottom:1px solid var(--line);background:var(--raised);color:var(--warn)}.wrong:empty{display:none}';

/* What attributes may say; which symbols and venues there are the relay knows. */
const PANES = ['oi', 'funding', 'cvd', 'liq', 'rsi', 'macd', 'spread', 'depth'];
const ALLOWED = {
  timeframe: [(value) => /^(1|5|15|30)m$|^[14][Hh]$|^1[DdWwM]$/.test(value), '1m, 5m, 15m, 30m, 1H, 4H, 1D, 1W or 1M'],
  panes: [(value) => value.split(',').every((pane) => PANES.includes(pane)), `a list of ${PANES.join(', ')}, or leave it empty`],
  theme: [(value) => ['dark', 'light'].includes(value), 'dark or light'],
  relay: [(value) => URL.canParse(value, location.href) && /^https?:/.test(new URL(value, location.href).protocol), 'an address like https://relay.example'],
};

/** Everything that all elements share, loaded with the first. */
let shared;
function load() {
  shared ??= Promise.all([styles(), script(at(FILES.chart)).then(() => import(at(FILES.page)))])
    .then(async ([sheets, module]) => ({ sheets, Embed: (await module.ready, module.Embed) }))
    .catch((error) => {
      shared = undefined;
      throw error;
    });
  return shared;
}

function script(src) {
  if (globalThis.LightweightCharts) return Promise.resolve();
  return new Promise((done, fail) => {
    const tag = Object.assign(document.createElement('script'), { src, onload: done });
    tag.onerror = () => fail(new Error(`${src} did not load`));
    document.head.append(tag);
  });
}

/** The page's style sheets for a shadow root. Fonts are the document's: shadow roots cannot have any. */
async function styles() {
  const texts = await Promise.all(FILES.styles.map(async (name) => {
    const answer = await fetch(at(name));
    if (!answer.ok) throw new Error(`${name}: status ${answer.status}`);
    return answer.text();
  }));
  return [RESET, ...texts, FRAME].map((text) => {
    for (const [, face] of text.matchAll(/@font-face\s*\{([^}]*)\}/g)) font(face);
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(text.replace(/@font-face\s*\{[^}]*\}/g, '').replaceAll(':root', '.root'));
    return sheet;
  });
}

function font(face) {
  const [, url] = /url\(["']?([^"')]+)/.exec(face) ?? [];
  const [, family] = /font-family:\s*["']?([^"';}]+)/.exec(face) ?? [];
  const [, weight = '400'] = /font-weight:\s*(\d+)/.exec(face) ?? [];
  if (!url || !family) return;
  const held = [...document.fonts].some((one) => one.family.replaceAll('"', '') === family && one.weight === weight);
  if (!held) document.fonts.add(new FontFace(family, `url("${at(url)}")`, { weight, display: 'swap' }));
}

class TapedeckChart extends HTMLElement {
  static observedAttributes = ['symbol', 'timeframe', 'venue', 'panes', 'theme', 'relay'];
  #root;
  /** The chart while it lives, and how many times one was begun: a late start finds that it is not wanted any more. */
  #embed;
  #api;
  #turn = 0;
  #changed = false;
  /** What the chart was last told to show, what it does show, and what was last said to be wrong. */
  #asked;
  #shown;
  #wrong = '';

  connectedCallback() {
    if (this.#turn % 2 === 0) this.#start();
  }

  disconnectedCallback() {
    // Moved within the page: nothing to give back.
    queueMicrotask(() => this.isConnected || this.#stop());
  }

  attributeChangedCallback(name, before, now) {
    if (before === now || this.#turn % 2 === 0) return;
    if (name === 'relay') {
      this.#stop();
      this.#start();
    } else if (!this.#changed) {
      // Several attributes set in one go are one change.
      this.#changed = true;
      queueMicrotask(() => {
        this.#changed = false;
        this.#choose();
      });
    }
  }

  /** Rows held of `price`, `volume`, `oi`, `funding`, `cvd` or `liq`, oldest first; none before `ready`. */
  bars(id) {
    return this.#api?.bars(id) ?? [];
  }

  /** `{from, to}` of what is in view, Unix ms; null before `ready`. */
  visibleRange() {
    return this.#api?.visibleRange() ?? null;
  }

  /** A PNG of the chart as a `Blob`. */
  snapshot() {
    return this.#api?.snapshot() ?? Promise.reject(new Error('the chart is not ready'));
  }

  async #start() {
    this.#turn += 1;
    const turn = this.#turn;
    try {
      const { sheets, Embed } = await load();
      if (turn !== this.#turn) return;
      const shadow = this.shadowRoot ?? this.attachShadow({ mode: 'open' });
      shadow.adoptedStyleSheets = sheets;
      this.#root = Object.assign(document.createElement('div'), { className: 'root' });
      const line = Object.assign(document.createElement('p'), { className: 'wrong', role: 'alert' });
      line.dataset.testid = 'wrong';
      const place = Object.assign(document.createElement('div'), { className: 'place' });
      this.#root.append(line, place);
      this.#look();
      shadow.replaceChildren(this.#root);
      this.#check();
      // Without a relay there is nothing to show but that.
      if (this.#complaint('relay')) return;
      this.#asked = this.#query();
      this.#embed = new Embed(place, this.#asked, this.#relay());
      this.#api = this.#embed.api();
      for (const name of EVENTS) {
        this.#api.addEventListener(name, ({ detail }) => {
          this.dispatchEvent(new CustomEvent(name, { detail }));
          if (name === 'symbolchange') this.#settle(detail);
        });
      }
    } catch (error) {
      if (turn !== this.#turn) return;
      const shadow = this.shadowRoot ?? this.attachShadow({ mode: 'open' });
      shadow.textContent = `The chart could not be loaded from ${base.origin}: ${error.message}`;
      this.#tell(error.message);
    }
  }

  #tell(message) {
    this.dispatchEvent(new CustomEvent('error', { detail: { message } }));
  }

  /** Takes over the attributes as they are now. */
  #choose() {
    this.#look();
    const query = this.#query();
    // Until a symbol is open the chart has no place to go from: what changed meanwhile is done then.
    if (this.#embed && this.#shown && query !== this.#asked) {
      this.#asked = query;
      this.#embed.choose(query);
    }
    this.#check();
  }

  #settle(shown) {
    const first = !this.#shown;
    this.#shown = shown;
    // Not while it is being opened.
    queueMicrotask(() => (first ? this.#choose() : this.#check()));
  }

  /** Says what cannot be used of the attributes, once. */
  #check() {
    const wrong = [...Object.keys(ALLOWED), 'symbol', 'venue'].map((name) => this.#complaint(name)).filter(Boolean).join(' ');
    if (wrong === this.#wrong || !this.#root) return;
    this.#wrong = this.#root.firstChild.textContent = wrong;
    if (wrong) this.#tell(wrong);
  }

  #complaint(name) {
    const value = this.getAttribute(name);
    if (!value) return '';
    if (name in ALLOWED) {
      const [fits, allowed] = ALLOWED[name];
      return fits(value) ? '' : `${name}="${value}" cannot be used: write ${allowed}.`;
    }
    const shown = this.#shown;
    if (!shown || shown[name]?.toLowerCase() === value.trim().toLowerCase()) return '';
    if (name === 'symbol') return `symbol="${value}": the relay does not list it, ${shown.symbol} is shown.`;
    return `venue="${value}": it does not list ${shown.symbol}, ${shown.venue} is shown.`;
  }

  #stop() {
    if (this.#turn % 2 === 0) return;
    this.#turn += 1;
    this.#embed?.free();
    this.#root?.remove();
    this.#api = this.#embed = this.#root = this.#asked = this.#shown = undefined;
    this.#wrong = '';
  }

  #look() {
    if (this.#root) this.#root.dataset.theme = this.getAttribute('theme') === 'light' ? 'light' : 'dark';
  }

  /** The attributes as the page's address has them. */
  #query() {
    const names = { symbol: 'symbol', venue: 'venue', timeframe: 'tf', panes: 'panes' };
    const query = new URLSearchParams({ theme: this.#root?.dataset.theme ?? 'dark' });
    for (const [name, key] of Object.entries(names)) {
      if (this.hasAttribute(name) && !(name in ALLOWED && this.#complaint(name))) query.set(key, this.getAttribute(name).trim());
    }
    return query.toString();
  }

  /** Of the attribute, else where this module came from; empty for the page's own host. */
  #relay() {
    const relay = new URL(this.getAttribute('relay') || base, location.href);
    const path = relay.pathname.replace(/\/+$/, '');
    return relay.origin === location.origin && !path ? '' : relay.origin + path;
  }
}

if (!customElements.get('tapedeck-chart')) customElements.define('tapedeck-chart', TapedeckChart);
