// `<tapedeck-chart symbol venue timeframe panes theme relay>`: a live chart of a tapedeck relay on any page.
//
//   <script type="module" src="https://relay.example/embed.js"></script>
//   <tapedeck-chart symbol="BTCUSDT-PERP" timeframe="5m"></tapedeck-chart>
//
// Elements of one page share one module, one WebAssembly instance and one socket per relay. All attributes may change
// at any time; an element taken out of the page gives everything back. Methods: bars(id), visibleRange(), snapshot().
// Events: ready, symbolchange, timeframechange, bar, status, error; none bubbles.

/* The bundle's files, filled in when it is built. */
const FILES = { loader: '', chart: '', styles: [] };

const base = new URL('.', import.meta.url);
const at = (name) => new URL(name, base).href;
const EVENTS = ['ready', 'symbolchange', 'timeframechange', 'bar', 'status', 'error'];
const FRAME = ':host{display:block;height:420px;contain:content}:host([hidden]){display:none}' +
  '.root,.stage{position:relative;height:100%;overflow:hidden}.root{background:var(--bg);color:var(--text);font:var(--label)}';

/** Everything that all elements share, loaded with the first. */
let shared;
function load() {
  shared ??= Promise.all([styles(), script(at(FILES.chart)).then(() => import(at(FILES.loader)))])
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
  return [...texts, FRAME].map((text) => {
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
        this.#look();
        this.#embed?.choose(this.#query());
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
      this.#look();
      shadow.replaceChildren(this.#root);
      this.#embed = new Embed(this.#root, this.#query(), this.#relay());
      this.#api = this.#embed.api();
      for (const name of EVENTS) {
        this.#api.addEventListener(name, ({ detail }) => this.dispatchEvent(new CustomEvent(name, { detail })));
      }
    } catch (error) {
      if (turn !== this.#turn) return;
      const shadow = this.shadowRoot ?? this.attachShadow({ mode: 'open' });
      shadow.textContent = `The chart could not be loaded from ${base.origin}: ${error.message}`;
      this.dispatchEvent(new CustomEvent('error', { detail: { message: error.message } }));
    }
  }

  #stop() {
    if (this.#turn % 2 === 0) return;
    this.#turn += 1;
    this.#api = undefined;
    this.#embed?.free();
    this.#embed = undefined;
    this.#root?.remove();
    this.#root = undefined;
  }

  #look() {
    if (this.#root) this.#root.dataset.theme = this.getAttribute('theme') === 'light' ? 'light' : 'dark';
  }

  /** The attributes as the page's address has them. */
  #query() {
    const names = { symbol: 'symbol', venue: 'venue', timeframe: 'tf', panes: 'panes' };
    const query = new URLSearchParams({ theme: this.#root?.dataset.theme ?? 'dark' });
    for (const [name, key] of Object.entries(names)) {
      if (this.hasAttribute(name)) query.set(key, this.getAttribute(name));
    }
    return query.toString();
  }

  /** Of the attribute, else where this module came from; empty for the page's own host. */
  #relay() {
    const relay = new URL(this.getAttribute('relay') ?? base, location.href);
    const path = relay.pathname.replace(/\/+$/, '');
    return relay.origin === location.origin && !path ? '' : relay.origin + path;
  }
}

if (!customElements.get('tapedeck-chart')) customElements.define('tapedeck-chart', TapedeckChart);
