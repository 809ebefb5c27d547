// `/embed?symbol=&venue=&tf=&panes=&theme=` for iframes: one chart that fills the frame, spoken to by postMessage.
//
// Every message is an object with `tapedeck: 1`, the version of what follows.
//   To the frame    {tapedeck: 1, set: {symbol, venue, timeframe, panes, theme}}     any of them
//                   {tapedeck: 1, id, get: "bars", of: "price"}                      also visibleRange, snapshot
//   From the frame  {tapedeck: 1, id, value} or {tapedeck: 1, id, error}             the answer to a get
//                   {tapedeck: 1, event: "bar", detail}                              every event of the element
// Only the framing page is listened to, and only it is answered: `frame-ancestors` says who that may be.
import './embed.js';

const VERSION = 1;
const SETTABLE = ['symbol', 'venue', 'timeframe', 'panes', 'theme'];
const EVENTS = ['ready', 'symbolchange', 'timeframechange', 'bar', 'status', 'error'];

const chart = document.querySelector('tapedeck-chart');
// Origin of the framing page. A browser that does not say it learns it from the first message.
let host = location.ancestorOrigins?.[0] ?? (document.referrer ? new URL(document.referrer).origin : undefined);

const post = (message) => {
  if (host && window.parent !== window) window.parent.postMessage({ tapedeck: VERSION, ...message }, host);
};

function set(name, value) {
  if (value === null || value === undefined) chart.removeAttribute(name);
  else chart.setAttribute(name, String(value));
  if (name === 'theme') document.documentElement.dataset.theme = String(value);
}

const query = new URLSearchParams(location.search);
for (const name of SETTABLE) {
  const value = query.get(name === 'timeframe' ? 'tf' : name);
  if (value !== null) set(name, value);
}

for (const name of EVENTS) chart.addEventListener(name, ({ detail }) => post({ event: name, detail }));

window.addEventListener('message', async ({ source, origin, data }) => {
  if (source !== window.parent || source === window || data?.tapedeck !== VERSION) return;
  host ??= origin;
  if (origin !== host) return;
  for (const name of SETTABLE) if (data.set && name in data.set) set(name, data.set[name]);
  if (data.get === undefined) return;
  try {
    if (!['bars', 'visibleRange', 'snapshot'].includes(data.get)) {
      throw new TypeError(`get is bars, visibleRange or snapshot, not ${data.get}`);
    }
    post({ id: data.id, value: await chart[data.get](data.of) });
  } catch (error) {
    post({ id: data.id, error: error.message });
  }
});
