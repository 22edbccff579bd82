'use strict'

// cases runs tests one after the other and says of each whether it passed, on a line of its own.
exports.cases = async tests => {
  for (const [name, test] of Object.entries(tests)) {
    let timer
    const late = new Promise((_, reject) => { timer = setTimeout(() => reject(new Error('nothing happens')), 20000) })
    try {
      await Promise.race([test(), late])
      console.log('ok ' + name)
    } catch (err) {
      console.log('not ok ' + name + ': ' + String(err.message).replaceAll('\n', ' '))
    } finally {
      clearTimeout(timer)
    }
  }
  process.exit() // sockets of a test that failed may still be open
}

exports.publish = async (base, topic, type, body) => {
  const answer = await fetch(`${base}/publish/${topic}`, { method: 'POST', headers: { 'content-type': type, authorization: 'Bearer ' + process.env.WEIR_KEY }, body })
  return (await answer.json()).receivers_local
}
