// Starts the page in a file of its own: finds out where the relay is, and says in plain words why there is none.
// `?relay=https://relay.example` names it, else the content of `<meta name="tapedeck-relay">`.

const asked = new URLSearchParams(location.search).get('relay');
const relay = (asked || document.querySelector('meta[name="tapedeck-relay"]')?.content || '').replace(/\/+$/, '');

/** One notice in place of the page. */
function say(title, ...lines) {
  const notice = Object.assign(document.createElement('div'), { className: 'notice', role: 'alert' });
  notice.dataset.testid = 'no-relay';
  notice.append(Object.assign(document.createElement('h2'), { textContent: title }));
  for (const line of lines) notice.append(Object.assign(document.createElement('p'), { textContent: line }));
  document.getElementById('app').replaceChildren(notice);
}

/** Whether the relay may be read from here; `undefined` where nobody answers. */
async function admits() {
  try {
    return (await fetch(`${relay}/api/status`)).ok;
  } catch {
    // An answer that may not be read is still one.
    return fetch(`${relay}/api/status`, { mode: 'no-cors' }).then(() => false, () => undefined);
  }
}

if (!/^https?:\/\/[^/]/.test(relay)) {
  say(
    relay ? `${relay} is no address of a relay` : 'No relay is named',
    'This page draws what a tapedeck relay tells it. Add ?relay=http://127.0.0.1:8080 to its address, with the address of yours.',
  );
} else {
  const admitted = await admits();
  if (admitted) {
    document.documentElement.dataset.relay = relay;
    await import('LOADER');
  } else if (admitted === false) {
    const origin = location.origin;
    say(
      `The relay at ${relay} refuses this page`,
      `Pages of other origins are let in by list. Add "${origin}" to allowed_origins in tapedeck.toml, or start the relay with TAPEDECK_ALLOWED_ORIGINS=${origin}.`,
      ...(origin === 'null' ? ['A page opened from disk has the origin "null".'] : []),
    );
  } else {
    say(`No relay answers at ${relay}`, 'Start it, or correct ?relay= in the address, and load this page again.');
  }
}
