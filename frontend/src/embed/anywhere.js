// Starts a page that no relay served (a file on disk, the static bundle): finds out where the relay is, and says in plain
// words why there is none. `?relay=https://relay.example` names it, else the content of `<meta name="tapedeck-relay">`;
// an address without a host (`/`) is of the page's own.

const asked = new URLSearchParams(location.search).get('relay');
const named = asked || document.querySelector('meta[name="tapedeck-relay"]')?.content || '';
const address = named && URL.canParse(named, location.href) ? new URL(named, location.href) : undefined;
const relay = /^https?:$/.test(address?.protocol) ? (address.origin + address.pathname).replace(/\/+$/, '') : undefined;

/** One notice in place of the page. */
function say(title, ...lines) {
  const notice = Object.assign(document.createElement('div'), { className: 'notice', role: 'alert' });
  notice.dataset.testid = 'no-relay';
  notice.append(Object.assign(document.createElement('h2'), { textContent: title }));
  for (const line of lines) notice.append(Object.assign(document.createElement('p'), { textContent: line }));
  document.getElementById('app').replaceChildren(notice);
}

/** The page writes what it shows into its address, and knows nothing of this part of it. */
function keepAsked() {
  const replace = history.replaceState.bind(history);
  history.replaceState = (state, title, url) => {
    const [query, hash = ''] = url.split('#');
    const text = `${query || '?'}${query.length > 1 ? '&' : ''}relay=${encodeURIComponent(asked)}`;
    replace(state, title, hash ? `${text}#${hash}` : text);
  };
}

/** Why there is no page to show, as title and lines; nothing where there is. */
async function refusal() {
  // Of a file: "null", where location.origin has it otherwise.
  const { origin } = self;
  try {
    const answer = await fetch(`${relay}/api/status`);
    if (answer.ok) return undefined;
    const problem = await answer.json().catch(() => ({}));
    const fromDisk = problem.code === 'origin_not_allowed' && origin === 'null';
    return [
      `The relay at ${relay} refuses this page`,
      `It says: ${problem.detail ?? `status ${answer.status}`}.`,
      ...(fromDisk ? ['A page opened from disk has the origin "null".'] : []),
    ];
  } catch {
    // A file that every page may load tells a relay that refuses from one that is not there.
    const there = await fetch(`${relay}/embed.js`, { mode: 'no-cors' }).then(() => true, () => false);
    if (there) {
      return [
        `The relay at ${relay} refuses this page`,
        `Pages of other origins are let in by list. Add "${origin}" to allowed_origins in tapedeck.toml, or start the relay with TAPEDECK_ALLOWED_ORIGINS=${origin}.`,
      ];
    }
    const mixed = location.protocol === 'https:' && relay.startsWith('http:');
    return [
      `No relay answers at ${relay}`,
      'Start it, or correct ?relay= in the address, and load this page again.',
      ...(mixed ? ['A page on https reaches relays on https alone: see docs/HTTPS.md.'] : []),
    ];
  }
}

if (!relay) {
  say(
    named ? `${named} is no address of a relay` : 'No relay is named',
    'This page draws what a tapedeck relay tells it. Add ?relay=http://127.0.0.1:8000 to its address, with the address of yours.',
  );
} else {
  const why = await refusal();
  if (why) {
    say(...why);
  } else {
    document.documentElement.dataset.relay = relay;
    if (asked) keepAsked();
    await import('PAGE');
  }
}
