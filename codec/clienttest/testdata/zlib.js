// Compresses or decompresses the messages of stdin with Node's zlib, as permessage-deflate does (RFC 7692), and writes
// the results to stdout. See zlib_test.go.
'use strict';

const fs = require('node:fs');
const zlib = require('node:zlib');

const tail = Buffer.from([0x00, 0x00, 0xff, 0xff]);

// turn has stream take chunks and returns what comes out by the next flush.
function turn(stream, chunks) {
  return new Promise((resolve, reject) => {
    const out = [];
    const take = (b) => out.push(b);
    stream.on('data', take);
    stream.once('error', reject);
    for (const b of chunks) stream.write(b);
    stream.flush(zlib.constants.Z_SYNC_FLUSH, () => {
      stream.off('data', take);
      stream.off('error', reject);
      resolve(Buffer.concat(out));
    });
  });
}

async function main() {
  const src = fs.readFileSync(0);
  const results = [];
  for (let at = 0; at < src.length; ) {
    const [packs, windowBits, takeover] = src.subarray(at, at + 3);
    let count = src.readUInt32LE(at + 3);
    at += 7;
    const fresh = () => (packs ? zlib.createDeflateRaw({ windowBits }) : zlib.createInflateRaw({ windowBits }));
    let stream = fresh();
    for (; count > 0; count--) {
      const size = src.readUInt32LE(at);
      const message = src.subarray(at + 4, at + 4 + size);
      at += 4 + size;
      if (!takeover) {
        stream.close();
        stream = fresh();
      }
      let out = await turn(stream, packs ? [message] : [message, tail]);
      if (packs) out = out.subarray(0, out.length - tail.length);
      const head = Buffer.alloc(4);
      head.writeUInt32LE(out.length);
      results.push(head, out);
    }
    stream.close();
  }
  fs.writeSync(1, Buffer.alloc(0));
  process.stdout.write(Buffer.concat(results));
}

main();
