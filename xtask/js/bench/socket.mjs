// The server's side of a WebSocket, as far as a bench on this machine needs it: whole text messages, no extensions.
import { createHash } from 'node:crypto';

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const [TEXT, CLOSE, PING, PONG] = [1, 8, 9, 10];

/** Answers an upgrade; `hear` gets each text. Answers with `{send(text), closed}`. */
export function accept(request, stream, hear) {
  const key = createHash('sha1').update(request.headers['sec-websocket-key'] + GUID).digest('base64');
  const asked = request.headers['sec-websocket-protocol'];
  const lines = ['HTTP/1.1 101 Switching Protocols', 'Upgrade: websocket', 'Connection: Upgrade', `Sec-WebSocket-Accept: ${key}`];
  if (asked) lines.push(`Sec-WebSocket-Protocol: ${asked.split(',')[0].trim()}`);
  stream.write(`${lines.join('\r\n')}\r\n\r\n`);
  stream.setNoDelay(true);
  const socket = { closed: false, send: (text) => socket.closed || stream.write(frame(TEXT, Buffer.from(text))) };
  let held = Buffer.alloc(0);
  stream.on('data', (bytes) => {
    held = Buffer.concat([held, bytes]);
    for (let read = first(held); read; read = first(held)) {
      held = held.subarray(read.end);
      if (read.kind === TEXT) hear(read.body.toString());
      if (read.kind === PING) stream.write(frame(PONG, read.body));
      if (read.kind === CLOSE) stream.end(frame(CLOSE, read.body));
    }
  });
  const gone = () => (socket.closed = true);
  stream.on('close', gone).on('error', gone);
  return socket;
}

function frame(kind, body) {
  // The shortest of three forms of length; browsers refuse another.
  const form = body.length > 65_535 ? 127 : body.length > 125 ? 126 : body.length;
  const head = Buffer.alloc(form === 127 ? 10 : form === 126 ? 4 : 2);
  head[0] = 0x80 | kind;
  head[1] = form;
  if (form === 126) head.writeUInt16BE(body.length, 2);
  if (form === 127) head.writeBigUInt64BE(BigInt(body.length), 2);
  return Buffer.concat([head, body]);
}

/** The first whole frame of what came, unmasked; null while it is not whole. */
function first(bytes) {
  if (bytes.length < 6) return null;
  let [length, at] = [bytes[1] & 127, 2];
  if (length === 126) [length, at] = [bytes.readUInt16BE(2), 4];
  const end = at + 4 + length;
  if (bytes.length < end) return null;
  const mask = bytes.subarray(at, at + 4);
  const body = Buffer.from(bytes.subarray(at + 4, end).map((byte, i) => byte ^ mask[i % 4]));
  return { kind: bytes[0] & 15, body, end };
}
