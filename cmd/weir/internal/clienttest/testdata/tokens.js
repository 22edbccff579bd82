'use strict'

// The npm package ws comes to weir serve (argv 2) with tokens that Node signs: with the keys of a directory (argv 3), of which
// the server knows some by its configuration and some by the key set behind a URL (argv 4), which a PUT replaces.
const assert = require('node:assert/strict')
const crypto = require('node:crypto')
const fs = require('node:fs')
const { once } = require('node:events')
const WebSocket = require('ws')
const { cases } = require('./cases.js')

const [, , base, dir, keySet] = process.argv
const http = base.replace('ws', 'http')
const pem = name => fs.readFileSync(`${dir}/${name}.pem`, 'utf8')
const b64 = v => Buffer.from(typeof v === 'string' ? v : JSON.stringify(v)).toString('base64url')
const now = () => Math.floor(Date.now() / 1000)

const signatures = {
  HS256: (text, key) => crypto.createHmac('sha256', key).update(text).digest('base64url'),
  RS256: (text, key) => crypto.sign('sha256', Buffer.from(text), key).toString('base64url'),
  ES256: (text, key) => crypto.sign('sha256', Buffer.from(text), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url'),
  EdDSA: (text, key) => crypto.sign(null, Buffer.from(text), key).toString('base64url'),
  none: () => '',
}

const secret = process.env.WEIR_JWT_SECRET
const sign = (alg, kid, key, claims) => {
  const text = b64({ alg, typ: 'JWT', ...(kid && { kid }) }) + '.' + b64({ sub: 'ann', exp: now() + 3600, topics: ['news:*', 'chat'], pub: ['chat'], ...claims })
  return text + '.' + signatures[alg](text, key)
}
const good = claims => sign('HS256', 'hs', secret, claims)

const url = (token, query = 'topic=news:de') => `${base}/ws?${query}${token ? '&access_token=' + token : ''}`

// open connects, and keeps what comes.
const open = async (url, protocols, options) => {
  const socket = new WebSocket(url, protocols, options)
  const waiting = []
  const got = []
  socket.on('message', (data, isBinary) => {
    const m = { data, isBinary, json: () => JSON.parse(data.toString()) }
    waiting.length ? waiting.shift()(m) : got.push(m)
  })
  socket.next = () => got.length ? got.shift() : new Promise(resolve => waiting.push(resolve))
  await once(socket, 'open')
  socket.ping()
  await once(socket, 'pong') // the server has subscribed it
  return socket
}

// refused is the answer to a connection that is none.
const refused = async (url, protocols, options) => {
  const socket = new WebSocket(url, protocols, options)
  socket.on('error', () => {})
  const answer = await Promise.race([once(socket, 'unexpected-response'), once(socket, 'open')])
  if (answer.length === 0) {
    socket.terminate()
    return { status: 101 }
  }
  const [request, response] = answer
  let body = ''
  for await (const part of response) body += part
  request.destroy()
  return { status: response.statusCode, error: JSON.parse(body).error }
}

const publish = (topic, token, body, headers) => fetch(`${http}/publish/${topic}`, { method: 'POST', headers: { authorization: 'Bearer ' + token, ...headers }, body })

const hears = async (socket, topic) => {
  assert.equal((await publish(topic, process.env.WEIR_KEY, 'for ' + topic)).status, 200)
  assert.equal((await socket.next()).data.toString(), 'for ' + topic)
}

cases({
  'HS, RS, ES and EdDSA, of static keys and of a key set': async () => {
    for (const token of [good(), sign('RS256', 'static', pem('static')), sign('RS256', 'rs', pem('rs')), sign('ES256', 'es', pem('es')), sign('EdDSA', 'ed', pem('ed'))]) {
      const socket = await open(url(token))
      await hears(socket, 'news:de')
      socket.terminate()
    }
  },
  'a token in the query, in a header, in the subprotocol': async () => {
    for (const socket of [await open(url(good())), await open(url(), undefined, { headers: { authorization: 'Bearer ' + good() } }), await open(url(), ['bearer.' + good()])]) {
      await hears(socket, 'news:de')
      socket.terminate()
    }
  },
  'bad tokens are 401': async () => {
    const publicRSA = crypto.createPublicKey(pem('static')).export({ type: 'spki', format: 'pem' })
    const cut = good().slice(0, -3)
    for (const [name, token] of Object.entries({
      'none': sign('none', '', null),
      'none with a kid': sign('none', 'hs', null),
      'a public key as secret': sign('HS256', 'static', publicRSA),
      'a public key as secret, without kid': sign('HS256', '', publicRSA),
      'a secret that is another': sign('HS256', 'hs', secret + 'x'),
      'a key that is another': sign('RS256', 'rs', pem('static')),
      'cut': cut,
      'changed': good().replace(/\.[^.]*\./, '.' + b64({ sub: 'eve', exp: now() + 3600, topics: ['*'] }) + '.'),
      'expired': good({ exp: now() - 60 }),
      'not yet': good({ nbf: now() + 60 }),
      'without an end': good({ exp: undefined }),
      'no token': 'hello',
    })) {
      const { status, error } = await refused(url(token))
      assert.equal(status, 401, `${name}: ${status} ${error}`)
    }
    assert.equal((await refused(url())).status, 401)
    assert.equal((await refused(url(good()))).status, 101)
  },
  'clocks may be off by the leeway': async () => {
    assert.equal((await refused(url(good({ nbf: now() + 3 })))).status, 101)
    assert.equal((await refused(url(good({ exp: now() - 3 })))).status, 101)
  },
  'forbidden topics are 403': async () => {
    for (const query of ['topic=secret', 'topic=news:de&topic=secret', 'topic=newsletter', 'topic=chat2']) {
      const { status, error } = await refused(url(good(), query))
      assert.equal(status, 403, `${query}: ${status} ${error}`)
      assert.match(error, /ann may not subscribe/)
    }
    const socket = await open(url(good(), 'topic=news:de&topic=news:&topic=chat'))
    for (const topic of ['news:de', 'news:', 'chat']) await hears(socket, topic)
    socket.terminate()
  },
  'publishing over the socket, to the byte': async () => {
    const [from, to] = [await open(url(good(), 'topic=chat')), await open(url(good(), 'topic=chat'))]
    for (const size of [0, 1, 125, 126, 65535, 65536]) {
      const data = crypto.randomBytes(size)
      from.send(data)
      const m = await to.next()
      assert.ok(m.isBinary && m.data.equals(data), `${size} bytes came as ${m.data.length}`)
    }
    from.send('ä€😀')
    assert.equal((await to.next()).data.toString(), 'ä€😀')
    await hears(from, 'chat') // and nothing of its own came back
    from.terminate()
    to.terminate()
  },
  'a socket that only listens is told so': async () => {
    const socket = await open(url(good({ pub: [] })))
    const close = once(socket, 'close')
    socket.send('hello')
    const [code, reason] = await close
    assert.equal(code, 1008)
    assert.match(reason.toString(), /only listens/)
  },
  'publishing by HTTP with a token': async () => {
    const socket = await open(url(good(), 'topic=chat'))
    assert.equal((await publish('chat', good(), 'by HTTP')).status, 200)
    assert.equal((await socket.next()).data.toString(), 'by HTTP')
    assert.equal((await publish('news:de', good(), 'x')).status, 403)
    assert.equal((await publish('chat', sign('none', '', null), 'x')).status, 401)
    socket.terminate()
  },
  'envelopes': async () => {
    const socket = await open(url(good(), 'topic=chat&envelope=json'))
    const hello = (await socket.next()).json()
    assert.deepEqual([hello.type, hello.user, hello.topics], ['open', 'ann', ['chat']])
    await publish('chat', process.env.WEIR_KEY, '{"n":1}', { 'content-type': 'application/json', 'x-event': 'new' })
    const first = (await socket.next()).json()
    assert.deepEqual([first.type, first.topic, first.event, first.data], ['message', 'chat', 'new', { n: 1 }])
    const data = crypto.randomBytes(1000)
    await publish('chat', process.env.WEIR_KEY, data, { 'content-type': 'application/octet-stream' })
    assert.ok(Buffer.from((await socket.next()).json().base64, 'base64').equals(data))
    await publish('chat', process.env.WEIR_KEY, 'not for you', { 'x-exclude-socket': String(hello.conn) })
    const ask = async request => {
      socket.send(JSON.stringify({ ref: 7, ...request }))
      const answer = (await socket.next()).json()
      assert.equal(answer.ref, 7)
      return answer
    }
    assert.equal((await ask({ type: 'publish', topic: 'news:de', data: 1 })).code, 'forbidden')
    assert.equal((await ask({ type: 'subscribe', topic: 'news:fr' })).type, 'ack')
    assert.equal((await ask({ type: 'publish', topic: 'chat', data: 'mine' })).receivers_local, 0)
    await publish('news:fr', process.env.WEIR_KEY, 'bonjour')
    assert.equal((await socket.next()).json().data, 'bonjour')
    socket.terminate()
  },
  'at its end a token is refreshed, or 4009': async () => {
    const short = () => good({ exp: now() + 1 })
    const raw = await open(url(short()))
    const silent = await open(url(short(), 'topic=chat&envelope=json'))
    const stays = await open(url(short(), 'topic=chat&envelope=json'))
    const closes = [once(raw, 'close'), once(silent, 'close')]
    assert.equal((await stays.next()).json().type, 'open')
    const expired = (await stays.next()).json()
    assert.equal(expired.type, 'expired')
    assert.ok(expired.grace_ms > 0 && expired.grace_ms <= 2000, expired.grace_ms)
    stays.send(JSON.stringify({ type: 'refresh', ref: 1, token: good() }))
    assert.deepEqual((await stays.next()).json(), { type: 'ack', ref: 1 })
    for (const close of closes) {
      const [code, reason] = await close
      assert.deepEqual([code, reason.toString()], [4009, 'the token has expired'])
    }
    await publish('chat', process.env.WEIR_KEY, 'still here')
    assert.equal((await stays.next()).json().data, 'still here')
    stays.terminate()
  },
  'origins': async () => {
    for (const [origin, status] of Object.entries({
      [http]: 101, 'https://app.example.com': 101, 'https://a.b.example.com': 101,
      'https://example.com': 403, 'http://app.example.com': 403, 'https://example.com.evil.org': 403, 'https://evilexample.com': 403, 'null': 403,
    })) {
      const got = await refused(url(good()), undefined, { origin })
      assert.equal(got.status, status, `${origin}: ${got.status} ${got.error}`)
    }
  },
  'a key set that rotates': async () => {
    const { publicKey, privateKey } = crypto.generateKeyPairSync('ed25519')
    const token = sign('EdDSA', 'next', privateKey)
    const keys = [{ ...publicKey.export({ format: 'jwk' }), kid: 'next', alg: 'EdDSA', use: 'sig' }]
    assert.equal((await fetch(keySet, { method: 'PUT', body: JSON.stringify({ keys }) })).status, 200)
    const socket = await open(url(token)) // its kid has the set fetched
    await hears(socket, 'news:de')
    socket.terminate()
    assert.equal((await refused(url(sign('EdDSA', 'ed', pem('ed'))))).status, 401)
    assert.equal((await refused(url(good()))).status, 101)
  },
})
