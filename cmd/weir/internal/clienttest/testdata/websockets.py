"""Debian's python3-websockets talks to weir echo (argv 1) and weir serve (argv 2)."""

import asyncio
import json
import os
import os
import sys
import urllib.request

# This directory is first on the path, and this file has the name of the package.
sys.path.pop(0)

import websockets  # noqa: E402

ECHO, SERVE = sys.argv[1:]


async def text():
    async with websockets.connect(ECHO) as socket:
        for message in ["hello", "", "ä€😀", "x" * 125, "x" * 126, "x" * 65535, "x" * 65536]:
            await socket.send(message)
            assert await socket.recv() == message, len(message)


async def binary():
    async with websockets.connect(ECHO) as socket:
        for size in [0, 1, 125, 126, 65535, 65536, 1 << 20]:
            message = os.urandom(size)
            await socket.send(message)
            assert await socket.recv() == message, size


async def fragments():
    async with websockets.connect(ECHO) as socket:
        await socket.send(["hel", "", "lo"])
        assert await socket.recv() == "hello"
        await socket.send([b"\x00" * 1000] * 1000)
        assert await socket.recv() == b"\x00" * 1000000


async def ping():
    async with websockets.connect(ECHO) as socket:
        for payload in [b"a", b"x" * 125]:
            await (await socket.ping(payload))
        await socket.pong(b"nobody asked")
        await socket.send("still here")
        assert await socket.recv() == "still here"


async def order():
    async with websockets.connect(ECHO) as socket:
        async def send():
            for i in range(2000):
                await socket.send(str(i))

        sending = asyncio.create_task(send())
        for i in range(2000):
            assert await socket.recv() == str(i)
        await sending


async def close_codes():
    for code, reason in [(1000, ""), (1001, "bye"), (3000, "ä€😀"), (4999, "x" * 123)]:
        socket = await websockets.connect(ECHO)
        await socket.close(code, reason)
        assert (socket.close_code, socket.close_reason) == (code, reason), (socket.close_code, socket.close_reason)


async def deflate_is_offered_and_not_chosen():
    async with websockets.connect(ECHO, compression="deflate") as socket:
        assert socket.extensions == [], socket.extensions


async def unknown_path():
    try:
        await websockets.connect(ECHO + "nowhere")
    except websockets.exceptions.InvalidHandshake as refused:
        status = getattr(refused, "status_code", None) or refused.response.status_code  # renamed in version 14
        assert status == 404, refused
    else:
        raise AssertionError("it was accepted")


async def a_topic():
    def publish(body):
        request = urllib.request.Request(SERVE + "/publish/python", data=body, method="POST")
        request.add_header("Authorization", "Bearer " + os.environ["WEIR_KEY"])
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)["receivers_local"]

    async with websockets.connect(SERVE.replace("http", "ws") + "/ws?topic=python") as socket:
        await (await socket.ping())  # the pong says that the server has opened it
        assert await asyncio.to_thread(publish, b"hello") == 1
        assert await socket.recv() == "hello"
        assert await asyncio.to_thread(publish, b"\x00\xff") == 1
        assert await socket.recv() == b"\x00\xff"


async def main():
    for test in [text, binary, fragments, ping, order, close_codes, deflate_is_offered_and_not_chosen, unknown_path, a_topic]:
        name = test.__name__.replace("_", " ")
        try:
            await asyncio.wait_for(test(), 20)
            print("ok " + name)
        except Exception as err:
            print(f"not ok {name}: {err!r}")


asyncio.run(main())
