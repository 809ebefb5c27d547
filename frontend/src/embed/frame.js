// `/embed?symbol=&venue=&tf=&panes=&theme=` for iframes: one chart that fills the frame, spoken to by postMessage.
//
// Every message is an object with `tapedeck: 1`, the version of what follows.
//   To the frame    {tapedeck: 1, set: {symbol, venue, timeframe, panes, theme}}     any of them
//                   {tapedeck: 1, id, get: "bars", of: "price"}                      also visibleRange, snapshot
//   From the frame  {tapedeck: 1, id, value} or {tapedeck: 1, id, error}             the answer to a get
//                   {tapedeck: 1, event: "bar", detail}                              every event of the element
// What cannot be understood, another version too, is answered with an error, under its id if it has one.
// Only the framing page is listened to, and only it is answered: `frame-ancestors` says who that may be.
import './embed.js';

const VERSION = 1;
const SETTABLE = ['symbol', 'venue', 'timeframe', 'panes', 'theme'];
const EVENTS = ['ready', 'symbolchange', 'timeframechange', 'bar', 'status', 'error'];

const chart = document.querySelector('tapedeck-chart');
// Origin of the framing page. A browser that does not say it learns it from the first message.
let host = location.ancestorOrigins?.[0] ?? (document.referrer ? new URL(document.referrer).origin : undefined);
// A page without an origin cannot be answered by name.
if (host === 'null') host = undefined;

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
// Only the frame of a static bundle has this: one that a relay served shows that relay.
const elsewhere = document.querySelector('meta[name="tapedeck-relay"]');
if (elsewhere) set('relay', query.get('relay') || elsewhere.content || location.origin);

for (const name of EVENTS) chart.addEventListener(name, ({ detail }) => post({ event: name, detail }));

/** What a message asks for; undefined where it only sets. */
function answer({ tapedeck, set: wanted, get, of }) {
  if (tapedeck !== VERSION) throw new RangeError(`this frame speaks version ${VERSION}, not ${tapedeck}`);
  if (wanted === undefined && get === undefined) throw new TypeError('a message has set or get');
  const unknown = Object.keys(Object(wanted)).filter((name) => !SETTABLE.includes(name));
  if (unknown.length) throw new TypeError(`set takes ${SETTABLE.join(', ')}, not ${unknown.join(', ')}`);
  for (const [name, value] of Object.entries(Object(wanted))) set(name, value);
  if (get === undefined) return undefined;
  if (!['bars', 'visibleRange', 'snapshot'].includes(get)) {
    throw new TypeError(`get is bars, visibleRange or snapshot, not ${get}`);
  }
  return chart[get](of);
}

window.addEventListener('message', async ({ source, origin, data }) => {
  if (source !== window.parent || source === window || data?.tapedeck === undefined) return;
  host ??= origin;
  if (origin !== host) return;
  try {
    const value = await answer(data);
    if (data.get !== undefined) post({ id: data.id, value });
  } catch (error) {
    post({ id: data.id, error: error.message });
  }
});
