# SPDX-License-Identifier: BSL-1.0
"""A WebSocket over a socket, and what the tests of connections that give commands share.

Frames are made and read here byte by byte, so that a test can send what no browser would, and sees
what no browser shows.
"""

import base64
import json
import os
import struct

from http_client import CometTest, HttpClient

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
FINAL = 0x80


def client_frame(first, data=b"", mask=None):
    """A client's frame: its first byte as it is, then the length in its shortest form."""
    mask = os.urandom(4) if mask is None else mask
    size = len(data)
    if size < 126:
        length = bytes([0x80 | size])
    elif size < 1 << 16:
        length = b"\xfe" + struct.pack(">H", size)
    else:
        length = b"\xff" + struct.pack(">Q", size)
    masked = bytes(byte ^ mask[at % 4] for at, byte in enumerate(data))
    return bytes([first]) + length + mask + masked


class WebSocket(HttpClient):
    """One connection; `ask` and `head` are for the time before it is a WebSocket."""

    def begin(self, target="/ws"):
        """Becomes one."""
        key = base64.b64encode(os.urandom(16)).decode()
        self.ask(target, fields=handshake(key))
        head = self.head()
        assert head.status == 101, head
        return self

    def send_frame(self, opcode, data=b"", final=True):
        """One frame."""
        self.send(client_frame((FINAL if final else 0) | opcode, data))

    def command(self, **members):
        """A message with these members."""
        self.send_frame(TEXT, json.dumps(members).encode())

    def frame(self):
        """The next frame that comes: (opcode, data)."""
        first, size = self.exactly(2)
        assert first & 0x70 == 0 and first & FINAL, f"first byte {first:#x}"
        assert size < 0x80, "servers do not mask"
        if size == 126:
            size, = struct.unpack(">H", self.exactly(2))
            assert size >= 126
        elif size == 127:
            size, = struct.unpack(">Q", self.exactly(8))
            assert size >= 1 << 16
        return first & 0xf, self.exactly(size)

    def message(self):
        """The JSON of the next message; questions whether this is still there are passed over."""
        while True:
            opcode, data = self.frame()
            if opcode == TEXT:
                return json.loads(data.decode())
            assert (opcode, data) == (PING, b""), (opcode, data)

    def closed(self):
        """The code and the reason that the server closes with, and its end of the stream."""
        opcode, data = self.frame()
        assert opcode == CLOSE, (opcode, data)
        assert self.rest() == b""
        return (struct.unpack(">H", data[:2])[0], data[2:].decode()) if data else (None, "")


def handshake(key, version="13"):
    """The fields that ask for a WebSocket."""
    return ["Host: localhost", "Upgrade: websocket", "Connection: Upgrade",
            f"Sec-WebSocket-Key: {key}", f"Sec-WebSocket-Version: {version}"]


class WebSocketTest(CometTest):
    """A test with a comet server and WebSockets."""

    def websocket(self, server, target="/ws"):
        """A WebSocket that is closed at the end of the test."""
        client = WebSocket(server.front)
        self.addCleanup(client.close)
        return client.begin(target)

    def assert_opens(self, client, channel, seq):
        """The next message opens the channel; returns its epoch."""
        message = client.message()
        epoch = message.pop("epoch", None)
        self.assertEqual(message, {"type": "open", "cname": channel, "seq": seq, "content": ""})
        self.assertRegex(epoch, "^[0-9a-f]{8}$")
        return epoch


def told(kind, channel, content=""):
    """What a command is answered with."""
    return {"type": kind, "cname": channel, "seq": 0, "content": content}
