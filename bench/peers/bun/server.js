// The bun server echoes and broadcasts with Bun's own WebSocket, which is
// uWebSockets inside: a topic does the broadcast.
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: { listen: { type: 'string', default: '127.0.0.1:9001' }, stats: { type: 'string', default: '' }, compress: { type: 'boolean', default: false },
    'tls-cert': { type: 'string', default: '' }, 'tls-key': { type: 'string', default: '' } },
});

const echo = { broadcast: false };
const room = { broadcast: true };

const server = Bun.serve({
  ...address(values.listen),
  tls: values['tls-cert'] ? { cert: Bun.file(values['tls-cert']), key: Bun.file(values['tls-key']) } : undefined,
  fetch(request, server) {
    const data = new URL(request.url).pathname.startsWith('/broadcast') ? room : echo;
    if (server.upgrade(request, { data })) return;
    return new Response('expected a WebSocket', { status: 426 });
  },
  websocket: {
    maxPayloadLength: 16 << 20,
    // Bun's own levels: 'shared' keeps no context on either side.
    perMessageDeflate: values.compress && { compress: 'shared', decompress: 'shared' },
    open(ws) {
      if (ws.data.broadcast) ws.subscribe('room');
    },
    message(ws, message) {
      if (ws.data.broadcast) server.publish('room', message, values.compress);
      else ws.send(message, values.compress);
    },
  },
});

if (values.stats) {
  Bun.serve({
    ...address(values.stats),
    fetch() {
      Bun.gc(true);
      return new Response();
    },
  });
}

function address(text) {
  const colon = text.lastIndexOf(':');
  return { hostname: text.slice(0, colon), port: Number(text.slice(colon + 1)) };
}
