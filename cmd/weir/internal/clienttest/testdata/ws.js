'use strict'

// The npm package ws talks to weir echo (argv 2) and weir serve (argv 3).
const assert = require('node:assert/strict')
const { once } = require('node:events')
const WebSocket = require('ws')
const { cases, publish } = require('./cases.js')

const [, , echo, serve] = process.argv

const open = async (url, options) => {
  const socket = new WebSocket(url, options)
  await once(socket, 'open')
  return socket
}

// answer sends data, and returns what comes back for it.
const answer = async (socket, data, options) => {
  const message = once(socket, 'message')
  socket.send(data, options)
  const [back, isBinary] = await message
  return { back, isBinary }
}

// closed closes a socket, and returns what its close event says.
const closed = async (socket, ...args) => {
  const close = once(socket, 'close')
  socket.close(...args)
  const [code, reason] = await close
  return { code, reason: reason.toString() }
}

cases({
  'version': async () => assert.equal(require('ws/package.json').version, '8.23.0'),
  'text': async () => {
    const socket = await open(echo)
    for (const text of ['hello', '', 'ä€😀', 'x'.repeat(125), 'x'.repeat(126), 'x'.repeat(65535), 'x'.repeat(65536)]) {
      const { back, isBinary } = await answer(socket, text)
      assert.equal(isBinary, false)
      assert.ok(back.toString() === text, `${text.length} characters came back as ${back.length} bytes`)
    }
    assert.equal(socket.extensions, '')
    assert.equal(socket.protocol, '')
    socket.terminate()
  },
  'binary': async () => {
    const socket = await open(echo)
    for (const size of [0, 1, 125, 126, 65535, 65536]) {
      const data = Buffer.alloc(size, 'weir')
      const { back, isBinary } = await answer(socket, data)
      assert.equal(isBinary, true)
      assert.ok(back.equals(data), `${size} bytes came back as ${back.length}`)
    }
    socket.terminate()
  },
  '1 MiB': async () => {
    const socket = await open(echo)
    const data = require('node:crypto').randomBytes(1 << 20)
    const { back } = await answer(socket, data)
    assert.ok(back.equals(data))
    socket.terminate()
  },
  'more than 1 MiB': async () => {
    const socket = await open(echo)
    const close = once(socket, 'close')
    socket.send(Buffer.alloc((1 << 20) + 1))
    const [code] = await close
    assert.equal(code, 1009)
  },
  'fragments': async () => {
    const socket = await open(echo)
    const message = once(socket, 'message')
    socket.send('hel', { fin: false })
    socket.send('', { fin: false })
    socket.ping('between') // RFC 6455, 5.4
    const pong = once(socket, 'pong')
    socket.send('lo', { fin: true })
    assert.equal((await pong)[0].toString(), 'between')
    const [back, isBinary] = await message
    assert.equal(back.toString(), 'hello')
    assert.equal(isBinary, false)
    socket.terminate()
  },
  'ping and pong': async () => {
    const socket = await open(echo)
    for (const payload of ['', 'a', 'x'.repeat(125)]) {
      const pong = once(socket, 'pong')
      socket.ping(payload)
      assert.equal((await pong)[0].toString(), payload)
    }
    socket.pong('nobody asked')
    const { back } = await answer(socket, 'still here')
    assert.equal(back.toString(), 'still here')
    socket.terminate()
  },
  'order': async () => {
    const socket = await open(echo)
    const got = []
    const all = new Promise(resolve => socket.on('message', data => { if (got.push(Number(data)) === 5000) resolve() }))
    for (let i = 0; i < 5000; i++) socket.send(String(i))
    await all
    assert.ok(got.every((n, i) => n === i))
    socket.terminate()
  },
  'close codes': async () => {
    for (const [code, reason] of [[1000, ''], [1000, 'bye'], [1001, 'ä€😀'], [1003, ''], [1011, 'x'.repeat(123)], [3000, 'library'], [4999, 'mine']]) {
      assert.deepEqual(await closed(await open(echo), code, reason), { code, reason })
    }
    assert.deepEqual(await closed(await open(echo)), { code: 1005, reason: '' })
  },
  'terminate': async () => {
    const socket = await open(echo)
    socket.terminate()
    const { back } = await answer(await open(echo), 'others live')
    assert.equal(back.toString(), 'others live')
  },
  'deflate is offered and not chosen': async () => {
    const socket = await open(echo, { perMessageDeflate: { threshold: 0 } })
    assert.equal(socket.extensions, '')
    const { back } = await answer(socket, 'plain')
    assert.equal(back.toString(), 'plain')
    socket.terminate()
  },
  'unknown path': async () => {
    const socket = new WebSocket(echo + 'nowhere')
    const [, response] = await once(socket, 'unexpected-response')
    assert.equal(response.statusCode, 404)
    socket.on('error', () => {})
    socket.terminate()
  },
  'broadcast': async () => {
    const url = echo + 'broadcast'
    const crowd = [await open(url), await open(url), await open(url)]
    for (const socket of crowd) { // a pong says that the server has room for it
      socket.ping()
      await once(socket, 'pong')
    }
    const all = crowd.map(socket => once(socket, 'message'))
    crowd[1].send('to all')
    for (const [back] of await Promise.all(all)) assert.equal(back.toString(), 'to all')
    crowd.forEach(socket => socket.terminate())
  },
  'a topic': async () => {
    const socket = await open(`${serve.replace('http', 'ws')}/ws?topic=npm&topic=other`)
    socket.ping()
    await once(socket, 'pong')
    let message = once(socket, 'message')
    assert.equal(await publish(serve, 'npm', 'text/plain', 'hello'), 1)
    let [data, isBinary] = await message
    assert.equal(data.toString(), 'hello')
    assert.equal(isBinary, false)
    message = once(socket, 'message')
    assert.equal(await publish(serve, 'other', 'application/octet-stream', Buffer.from([0, 255])), 1);
    [data, isBinary] = await message
    assert.deepEqual([...data], [0, 255])
    assert.equal(isBinary, true)
    socket.terminate()
  },
})
