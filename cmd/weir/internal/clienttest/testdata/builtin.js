'use strict'

// Node's own WebSocket talks to weir echo (argv 2) and weir serve (argv 3).
const assert = require('node:assert/strict')
const { cases, publish } = require('./cases.js')

const [, , echo, serve] = process.argv

const event = (target, name) => new Promise(resolve => target.addEventListener(name, resolve, { once: true }))

const open = async url => {
  const socket = new WebSocket(url)
  socket.binaryType = 'arraybuffer'
  await event(socket, 'open')
  return socket
}

const answer = async (socket, data) => {
  const message = event(socket, 'message')
  socket.send(data)
  return (await message).data
}

cases({
  'text': async () => {
    const socket = await open(echo)
    for (const text of ['hello', '', 'ä€😀', 'x'.repeat(125), 'x'.repeat(126), 'x'.repeat(65535), 'x'.repeat(65536)]) {
      assert.ok(await answer(socket, text) === text, `${text.length} characters`)
    }
    socket.close()
  },
  'binary': async () => {
    const socket = await open(echo)
    for (const size of [0, 1, 125, 126, 65535, 65536, 1 << 20]) {
      const data = Buffer.alloc(size, 'weir')
      assert.ok(Buffer.from(await answer(socket, data)).equals(data), `${size} bytes`)
    }
    socket.binaryType = 'blob'
    assert.equal((await answer(socket, new Blob(['blob']))).size, 4)
    socket.close()
  },
  'order': async () => {
    const socket = await open(echo)
    const got = []
    const all = new Promise(resolve => { socket.onmessage = e => { if (got.push(Number(e.data)) === 2000) resolve() } })
    for (let i = 0; i < 2000; i++) socket.send(String(i))
    await all
    assert.ok(got.every((n, i) => n === i))
    socket.close()
  },
  'close codes': async () => {
    for (const [code, reason] of [[1000, ''], [1000, 'bye'], [3000, 'ä€😀'], [4999, 'x'.repeat(123)]]) {
      const socket = await open(echo)
      const close = event(socket, 'close')
      socket.close(code, reason)
      const got = await close
      assert.deepEqual([got.code, got.reason, got.wasClean], [code, reason, true])
    }
  },
  'unknown path': async () => {
    const socket = new WebSocket(echo + 'nowhere')
    await event(socket, 'error')
    assert.notEqual(socket.readyState, WebSocket.OPEN)
  },
  'a topic': async () => {
    const socket = await open(`${serve.replace('http', 'ws')}/ws?topic=builtin`)
    for (let message = event(socket, 'message'); ; ) { // until the server has opened it
      if (await publish(serve, 'builtin', 'text/plain', 'hello') === 1) {
        assert.equal((await message).data, 'hello')
        break
      }
    }
    const message = event(socket, 'message')
    await publish(serve, 'builtin', 'text/plain', Buffer.from([0, 255]))
    assert.deepEqual([...new Uint8Array((await message).data)], [0, 255])
    socket.close()
  },
})
