// The ws server echoes and broadcasts with npm's ws and bufferutil, as the README of
// ws does.
'use strict';

const fs = require('node:fs');
const http = require('node:http');
const https = require('node:https');
const { parseArgs } = require('node:util');
const { WebSocketServer } = require('ws');

require('bufferutil'); // ws goes on without it: fail instead

const { values } = parseArgs({
  options: { listen: { type: 'string', default: '127.0.0.1:9001' }, stats: { type: 'string', default: '' }, compress: { type: 'boolean', default: false },
    'tls-cert': { type: 'string', default: '' }, 'tls-key': { type: 'string', default: '' } },
});

const perMessageDeflate = values.compress && {
  serverNoContextTakeover: true,
  clientNoContextTakeover: true,
  zlibDeflateOptions: { level: 1 },
  threshold: 256,
};
const options = { noServer: true, maxPayload: 16 << 20, perMessageDeflate };
const echo = new WebSocketServer(options);
const room = new WebSocketServer(options);

echo.on('connection', (ws) => {
  ws.on('error', () => {}); // close follows
  ws.on('message', (data, isBinary) => ws.send(data, { binary: isBinary }));
});

room.on('connection', (ws) => {
  ws.on('error', () => {}); // close follows
  ws.on('message', (data, isBinary) => {
    for (const client of room.clients) client.send(data, { binary: isBinary });
  });
});

const refuse = (_, response) => response.writeHead(426).end();
const server = values['tls-cert']
  ? https.createServer({ cert: fs.readFileSync(values['tls-cert']), key: fs.readFileSync(values['tls-key']) }, refuse)
  : http.createServer(refuse);
server.on('upgrade', (request, socket, head) => {
  const target = request.url.startsWith('/broadcast') ? room : echo;
  target.handleUpgrade(request, socket, head, (ws) => target.emit('connection', ws, request));
});
listen(server, values.listen);

if (values.stats) {
  const stats = http.createServer((_, response) => {
    global.gc?.();
    response.end();
  });
  listen(stats, values.stats);
}

function listen(target, address) {
  const colon = address.lastIndexOf(':');
  target.listen({ host: address.slice(0, colon), port: Number(address.slice(colon + 1)), backlog: 4096 });
}
