'use strict'

// The npm package ws listens on a URL (argv 2), says so, and writes the first message that comes.
const WebSocket = require('ws')

const socket = new WebSocket(process.argv[2])
socket.once('open', () => console.log('listening'))
socket.once('message', (data, isBinary) => {
  console.log('got ' + JSON.stringify({ text: data.toString(), isBinary }))
  socket.close()
})
