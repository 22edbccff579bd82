'use strict'

// What the scripts here have in common with each other, and with bench/peers/interop: see cases.go there.
const assert = require('node:assert/strict')

exports.maxMessageBytes = 16 << 20
exports.subprotocol = 'weir.test'
exports.texts = ['', 'hello', 'ä€😀', '€'.repeat(100_000)]
exports.sizes = [0, 1, 125, 126, 65535, 65536, 1 << 20, exports.maxMessageBytes]
exports.closes = [[1000, ''], [1001, 'going'], [1011, 'ä€😀'], [3000, 'x'.repeat(123)], [4999, 'mine']]

exports.blob = size => {
  const b = Buffer.alloc(size)
  for (let i = 0; i < size; i++) b[i] = i * 31 + (i >> 8)
  return b
}

exports.same = (got, want) => assert.ok(Buffer.compare(Buffer.from(got), want) === 0, `${want.length} bytes came back as ${got.length ?? got.byteLength}`)

// parseClose reads "close CODE REASON".
exports.parseClose = text => {
  const match = /^close (\d+) (.*)$/s.exec(text)
  return match && [Number(match[1]), match[2]]
}

// cases runs tests one after the other and says of each whether it passed, on a line of its own.
exports.cases = async tests => {
  for (const [name, test] of Object.entries(tests)) {
    let timer
    const late = new Promise((_, reject) => { timer = setTimeout(() => reject(new Error('nothing happens')), 60000) })
    try {
      await Promise.race([test(), late])
      console.log('ok ' + name)
    } catch (err) {
      console.log('not ok ' + name + ': ' + String(err.message ?? err).replaceAll('\n', ' '))
    } finally {
      clearTimeout(timer)
    }
  }
  process.exit() // sockets of a test that failed may still be open
}
