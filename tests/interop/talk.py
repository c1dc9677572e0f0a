#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Two people talk over WebSocket with python3-websockets: talk.py ws://HOST:PORT/ws [CERTIFICATE]."""
import asyncio
import json
import ssl
import sys

import websockets


async def ask(connection, msgid, answer, **members):
    await connection.send(json.dumps({"msgid": msgid, **members}))
    while True:
        frame = json.loads(await asyncio.wait_for(connection.recv(), 10))
        if frame["msgid"] == answer:
            assert frame.get("errno", 0) == 0, frame
            return frame


async def enter(connection, name):
    made = await ask(connection, 4, 5, name=name, password="secret")
    await ask(connection, 1, 2, id=made["id"], password="secret")
    return made["id"]


async def say(sender, receiver, own, other, text, cut=None):
    frame = json.dumps({"msgid": 6, "id": own, "toid": other, "msg": text, "time": ""}, ensure_ascii=False)
    # A list is sent as one message in fragments.
    await sender.send([frame[i:i + cut] for i in range(0, len(frame), cut)] if cut else frame)
    heard = json.loads(await asyncio.wait_for(receiver.recv(), 10))
    assert heard["msgid"] == 6 and heard["id"] == own and heard["msg"] == text, heard


async def main(url, certificate):
    context = None
    if certificate:
        context = ssl.create_default_context(cafile=certificate)
    async with websockets.connect(url, ssl=context) as ann, websockets.connect(url, ssl=context) as bob:
        a, b = await enter(ann, "py ann " + url), await enter(bob, "py bob " + url)
        await say(ann, bob, a, b, "hello")
        await say(bob, ann, b, a, "\u4f60\u597d, in fragments \U0001f600", cut=3)
        await say(ann, bob, a, b, "x" * 50000)
        await asyncio.wait_for(await ann.ping(b"alive?"), 10)
        await ann.close(code=1000, reason="done")
        assert ann.close_code == 1000, ann.close_code
        await bob.send(b"binary")
        try:
            await asyncio.wait_for(bob.recv(), 10)
            raise AssertionError("a binary message was taken")
        except websockets.ConnectionClosed as closed:
            assert closed.rcvd.code == 1003, closed


asyncio.run(main(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None))
