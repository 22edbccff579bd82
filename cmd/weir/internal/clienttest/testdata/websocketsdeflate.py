"""Debian's python3-websockets talks to a weir echo that compresses (argv 1)."""

import asyncio
import os
import sys

# This directory is first on the path, and the package has the name of another file here.
sys.path.pop(0)

import websockets  # noqa: E402
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory  # noqa: E402

ECHO = sys.argv[1]


def record(i):
    return '{"id": %d, "topic": "ticker-%d", "text": "%s", "values": %s}' % (i, i % 7, "ä€😀" * (i % 50), list(range(i % 90)))


async def talk(**offer):
    factory = ClientPerMessageDeflateFactory(**offer)
    async with websockets.connect(ECHO, extensions=[factory], compression=None, max_size=None) as socket:
        assert [e.name for e in socket.extensions] == ["permessage-deflate"], socket.extensions
        sent = ["", "a", "x" * (1 << 20), os.urandom(70000), bytes(1 << 20)]
        sent += [record(i).encode() if i % 3 == 2 else record(i) for i in range(1000)]

        async def send():
            for message in sent:
                await socket.send(message)

        sending = asyncio.create_task(send())
        for i, message in enumerate(sent):
            assert await socket.recv() == message, i
        await sending
        await socket.close(1000, "enough")
        assert socket.close_code == 1000, socket.close_code


OFFERS = {
    "as it offers": {"client_max_window_bits": True},
    "nothing of its window": {},
    "no takeover by the server": {"server_no_context_takeover": True},
    "no takeover by the client": {"client_no_context_takeover": True},
    "no takeover at all": {"server_no_context_takeover": True, "client_no_context_takeover": True},
    "a client window of 9 bits": {"client_max_window_bits": 9},
    "a server window of 10 bits": {"server_max_window_bits": 10},
    "windows of 15 bits": {"server_max_window_bits": 15, "client_max_window_bits": 15},
}


async def main():
    for name, offer in OFFERS.items():
        try:
            await asyncio.wait_for(talk(**offer), 20)
            print("ok " + name)
        except Exception as err:
            print(f"not ok {name}: {err!r}")


asyncio.run(main())
