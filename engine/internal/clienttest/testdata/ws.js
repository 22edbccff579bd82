'use strict'

// The npm package ws, as a server without arguments, and as a client with a URL.
const assert = require('node:assert/strict')
const http = require('node:http')
const { once } = require('node:events')
const WebSocket = require('ws')
const { cases, texts, sizes, closes, blob, same, parseClose, subprotocol, maxMessageBytes } = require('./common.js')

const url = process.argv[2]

// parts sends data in three fragments, the second of them empty.
const parts = (socket, data, binary) => {
  const half = data.length >> 1
  socket.send(data.subarray(0, half), { fin: false, binary })
  socket.send('', { fin: false })
  socket.send(data.subarray(half), { fin: true })
}

const serve = () => {
  const server = http.createServer((_, response) => response.writeHead(426).end())
  const wss = new WebSocket.Server({
    server,
    maxPayload: maxMessageBytes,
    handleProtocols: protocols => protocols.has(subprotocol) && subprotocol,
  })
  wss.on('connection', (socket, request) => {
    socket.on('error', () => {}) // close follows
    socket.on('message', (data, binary) => {
      const end = !binary && parseClose(data.toString())
      if (end) socket.close(...end)
      else if (request.url === '/parts') parts(socket, data, binary)
      else socket.send(data, { binary })
    })
  })
  server.listen(0, '127.0.0.1', () => console.log(`listening on 127.0.0.1:${server.address().port}`))
}

const open = async (path = '/') => {
  const socket = new WebSocket(url + path, ['other', subprotocol])
  await once(socket, 'open')
  assert.equal(socket.protocol, subprotocol)
  return socket
}

// echo sends data, and wants it back.
const echo = async (socket, data, binary, send = (data, binary) => socket.send(data, { binary })) => {
  const message = once(socket, 'message')
  send(data, binary)
  const [back, isBinary] = await message
  assert.equal(isBinary, binary)
  same(back, data)
}

const ended = async (socket, end) => {
  const close = once(socket, 'close')
  end()
  const [code, reason] = await close
  return [code, reason.toString()]
}

const client = () => cases({
  text: async () => {
    const socket = await open()
    for (const text of texts) await echo(socket, Buffer.from(text), false)
    socket.close()
  },
  binary: async () => {
    const socket = await open()
    for (const size of sizes) await echo(socket, blob(size), true)
    socket.close()
  },
  'fragments sent': async () => {
    const socket = await open()
    for (const text of texts) await echo(socket, Buffer.from(text), false, (data, binary) => parts(socket, data, binary))
    socket.close()
  },
  'fragments received': async () => {
    const socket = await open('/parts')
    for (const text of texts) await echo(socket, Buffer.from(text), false)
    socket.close()
  },
  ping: async () => {
    const socket = await open()
    const pong = once(socket, 'pong')
    socket.ping('there?')
    assert.equal((await pong)[0].toString(), 'there?')
    socket.terminate()
  },
  closes: async () => {
    for (const end of closes) {
      const socket = await open()
      assert.deepEqual(await ended(socket, () => socket.close(...end)), end)
    }
    const socket = await open()
    assert.deepEqual(await ended(socket, () => socket.close()), [1005, ''])
  },
  'is closed': async () => {
    for (const end of closes) {
      const socket = await open()
      assert.deepEqual(await ended(socket, () => socket.send('close ' + end.join(' '))), end)
    }
  },
  refused: async () => {
    const socket = new WebSocket(url + '/refused')
    const [, response] = await once(socket, 'unexpected-response')
    assert.equal(response.statusCode, 403)
    socket.on('error', () => {})
    socket.terminate()
  },
})

if (url) client()
else serve()
