'use strict'

// Bun's own server and client, which is no ws: a server without arguments, and a client with a URL. Neither sends
// fragments: Bun has no call for it.
const assert = require('node:assert/strict')
const { cases, texts, sizes, closes, blob, same, parseClose, subprotocol, maxMessageBytes } = require('./common.js')

const url = process.argv[2]

const serve = () => {
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    fetch(request, server) {
      const offered = request.headers.get('sec-websocket-protocol') ?? ''
      const headers = offered.split(', ').includes(subprotocol) ? { 'Sec-WebSocket-Protocol': subprotocol } : {}
      if (server.upgrade(request, { headers })) return
      return new Response('expected a WebSocket', { status: 426 })
    },
    websocket: {
      maxPayloadLength: maxMessageBytes,
      backpressureLimit: 2 * maxMessageBytes,
      message(socket, message) {
        const end = typeof message === 'string' && parseClose(message)
        if (end) socket.close(...end)
        else socket.send(message)
      },
    },
  })
  console.log(`listening on 127.0.0.1:${server.port}`)
}

const event = (target, name) => new Promise((resolve, reject) => {
  target.addEventListener(name, resolve, { once: true })
  if (name !== 'close') target.addEventListener('close', e => reject(new Error(`closed: ${e.code} ${e.reason}`)), { once: true })
})

const open = async (path = '/') => {
  const socket = new WebSocket(url + path, ['other', subprotocol])
  socket.binaryType = 'arraybuffer'
  await event(socket, 'open')
  assert.equal(socket.protocol, subprotocol)
  return socket
}

const answer = async (socket, data) => {
  const message = event(socket, 'message')
  socket.send(data)
  return (await message).data
}

const ended = async (socket, end) => {
  const close = event(socket, 'close')
  end()
  const { code, reason } = await close
  return [code, reason]
}

const client = () => cases({
  text: async () => {
    const socket = await open()
    for (const text of texts) assert.ok(await answer(socket, text) === text, `${text.length} characters`)
    socket.close()
  },
  binary: async () => {
    const socket = await open()
    for (const size of sizes) same(await answer(socket, blob(size)), blob(size))
    socket.close()
  },
  'fragments received': async () => {
    const socket = await open('/parts')
    for (const text of texts) assert.ok(await answer(socket, text) === text, `${text.length} characters`)
    socket.close()
  },
  closes: async () => {
    for (const end of closes.filter(([code]) => code === 1000 || code >= 3000)) {
      const socket = await open()
      assert.deepEqual(await ended(socket, () => socket.close(...end)), end)
    }
  },
  'is closed': async () => {
    for (const end of closes) {
      const socket = await open()
      assert.deepEqual(await ended(socket, () => socket.send('close ' + end.join(' '))), end)
    }
  },
  refused: async () => {
    const socket = new WebSocket(url + '/refused')
    await event(socket, 'close')
    assert.equal(socket.readyState, WebSocket.CLOSED)
  },
})

if (url) client()
else serve()
