# Compresses or decompresses the messages of stdin with Python's zlib, as permessage-deflate does (RFC 7692), and writes
# the results to stdout. See zlib_test.go.
import struct
import sys
import zlib

TAIL = b"\x00\x00\xff\xff"


def deflater(bits):
    return zlib.compressobj(level=6, wbits=-bits)


def inflater(bits):
    return zlib.decompressobj(wbits=-bits)


def deflate(z, message):
    packed = z.compress(message) + z.flush(zlib.Z_SYNC_FLUSH)
    assert packed.endswith(TAIL)
    return packed[: -len(TAIL)]


def inflate(z, packed):
    message = z.decompress(packed + TAIL)
    assert not z.unconsumed_tail and not z.unused_data
    return message


def main():
    src, dst = sys.stdin.buffer, sys.stdout.buffer
    while head := src.read(7):
        packs, bits, takeover, count = struct.unpack("<BBBI", head)
        new, turn = (deflater, deflate) if packs else (inflater, inflate)
        z = new(bits)
        for _ in range(count):
            (size,) = struct.unpack("<I", src.read(4))
            if not takeover:
                z = new(bits)
            out = turn(z, src.read(size))
            dst.write(struct.pack("<I", len(out)) + out)


main()
