'use strict'

// The npm package ws talks to a weir echo that compresses (argv 2).
const assert = require('node:assert/strict')
const { once } = require('node:events')
const { randomBytes } = require('node:crypto')
const WebSocket = require('ws')
const { cases } = require('./cases.js')

const [, , echo] = process.argv

const open = async perMessageDeflate => {
  const socket = new WebSocket(echo, { perMessageDeflate })
  await once(socket, 'open')
  return socket
}

// record is text that a window makes shorter: most of it was in the one before.
const record = i => JSON.stringify({ id: i, topic: 'ticker-' + i % 7, text: 'ä€😀'.repeat(i % 50), values: Array.from({ length: i % 90 }, (_, k) => k * i) })

// talk has messages of all kinds come back, many of them, in order.
const talk = async socket => {
  const sent = ['', 'a', 'x'.repeat(1 << 20), randomBytes(70000), Buffer.alloc(1 << 20), randomBytes(1)]
  for (let i = 0; i < 1000; i++) sent.push(i % 3 === 2 ? Buffer.from(record(i)) : record(i))
  const got = []
  const all = new Promise((resolve, reject) => {
    socket.on('message', (data, isBinary) => { if (got.push(isBinary ? data : data.toString()) === sent.length) resolve() })
    socket.on('close', (code, reason) => reject(new Error(`closed after ${got.length} messages: ${code} ${reason}`)))
  })
  for (const data of sent) socket.send(data)
  await all
  sent.forEach((data, i) => assert.ok(typeof data === 'string' ? got[i] === data : data.equals(got[i]), `message ${i} is another`))
  socket.removeAllListeners('close')
  const close = once(socket, 'close')
  socket.close(1000, 'enough')
  assert.equal((await close)[0], 1000)
}

// both is what ws and weir agree on, and what is left to them.
const agree = options => async () => {
  const socket = await open({ threshold: 0, ...options })
  assert.match(socket._socket ? socket.extensions : '', /permessage-deflate/)
  await talk(socket)
}

cases({
  'as it offers': agree({}),
  'no takeover by the server': agree({ serverNoContextTakeover: true }),
  'no takeover by the client': agree({ clientNoContextTakeover: true }),
  'no takeover at all': agree({ serverNoContextTakeover: true, clientNoContextTakeover: true }),
  'a client window of 9 bits': agree({ clientMaxWindowBits: 9 }),
  'a server window of 10 bits': agree({ serverMaxWindowBits: 10 }),
  'windows of 12 bits': agree({ serverMaxWindowBits: 12, clientMaxWindowBits: 12 }),
  'only from 100 bytes on': agree({ threshold: 100 }),
  'no compression': async () => {
    const socket = await open(false)
    assert.equal(socket.extensions, '')
    await talk(socket)
  },
  'a bomb': async () => {
    const socket = await open({ threshold: 0 })
    const close = once(socket, 'close')
    socket.send(Buffer.alloc(64 << 20))
    assert.equal((await close)[0], 1009)
  },
})
