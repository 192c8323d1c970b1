# SPDX-License-Identifier: BSL-1.0
"""Plain HTTP over a socket, and a comet server under test: what the comet tests share.

Nothing of HTTP is taken from a library: what came is looked at byte by byte, so that a test sees a
length that is wrong, a chunk too many, or a connection that goes on where it should have ended.
"""

import collections
import json
import urllib.parse

from harness import Client, NetTest, Server, wait_until

Reply = collections.namedtuple("Reply", "status reason fields body")


class HttpClient(Client):
    """One connection that sends requests as they are written and reads replies piece by piece."""

    def __init__(self, address, **options):
        super().__init__(address, **options)
        self._held = b""

    # -- sending

    def ask(self, target, method="GET", version="1.1", fields=(), body=b""):
        """Sends one request; `fields` are lines without their ends."""
        lines = [f"{method} {target} HTTP/{version}", *fields]
        if body and not any("transfer-encoding" in each.lower() for each in fields):
            lines.append(f"Content-Length: {len(body)}")
        self.send("\r\n".join([*lines, "", ""]).encode("latin-1") + body)

    def get(self, target, **options):
        """Sends a request and reads the whole reply."""
        self.ask(target, **options)
        return self.reply(bodiless=options.get("method") == "HEAD")

    # -- reading

    def _more(self):
        part = self.socket.recv(1 << 16)
        if not part:
            raise AssertionError(f"end of stream after {self._held[-200:]!r}")
        self._held += part

    def until(self, mark):
        """Everything up to `mark`, and that."""
        while mark not in self._held:
            self._more()
        end = self._held.index(mark) + len(mark)
        found, self._held = self._held[:end], self._held[end:]
        return found

    def exactly(self, size):
        """So many bytes."""
        while len(self._held) < size:
            self._more()
        found, self._held = self._held[:size], self._held[size:]
        return found

    def rest(self):
        """Everything to the end of the stream."""
        found, self._held = self._held, b""
        return found + self.receive_to_end()

    def head(self):
        """The status line and the fields, whose names are in small letters."""
        lines = self.until(b"\r\n\r\n").decode("latin-1").split("\r\n")[:-2]
        version, status, reason = lines[0].split(" ", 2)
        assert version == "HTTP/1.1", lines[0]
        fields = {}
        for line in lines[1:]:
            name, value = line.split(": ", 1)
            assert name.lower() not in fields, f"{name} twice"
            fields[name.lower()] = value
        return Reply(int(status), reason, fields, None)

    def chunk(self):
        """One chunk; b"" is the last one."""
        size = int(self.until(b"\r\n"), 16)
        data = self.exactly(size)
        assert self.exactly(2) == b"\r\n"
        return data

    def reply(self, bodiless=False):
        """A whole reply."""
        head = self.head()
        if bodiless:
            body = b""
        elif "content-length" in head.fields:
            assert "transfer-encoding" not in head.fields
            body = self.exactly(int(head.fields["content-length"]))
        elif head.fields.get("transfer-encoding") == "chunked":
            body = b"".join(iter(self.chunk, b""))
        else:
            assert head.fields["connection"] == "close", "nobody knows where the body ends"
            body = self.rest()
        return head._replace(body=body)

    def message(self):
        """The JSON in one chunk."""
        return json.loads(self.chunk())

    def event(self):
        """The next event of an event stream, a chunk each: (id or None, its JSON)."""
        while True:
            found, number = event_in(self.chunk())
            if found is not None:
                return number, found

    def is_silent(self, seconds=0.2):
        """Whether nothing comes in that time."""
        if self._held:
            return False
        timeout = self.socket.gettimeout()
        self.socket.settimeout(seconds)
        try:
            self._held += self.socket.recv(1)
            return False
        except TimeoutError:
            return True
        finally:
            self.socket.settimeout(timeout)


def event_in(text):
    """What the lines of an event stream say: (JSON or None, id or None)."""
    fields = dict(line.split(": ", 1) for line in text.decode().splitlines() if line)
    return json.loads(fields["data"]) if "data" in fields else None, fields.get("id")


class CometServer(Server):
    """A running millipede-comet: the port for subscribers, and the one for publishers."""

    def __init__(self, name="millipede-comet", **options):
        # Clients that stay at the end of a test are not waited for.
        defaults = {"listen": None, "report_every": None, "front": "127.0.0.1:0",
                    "admin": "127.0.0.1:0", "linger_timeout": "100ms"}
        self._places = 3 if options.get("listen") else 2
        super().__init__(name=name, **{**defaults, **options})
        self.front, self.admin, *self.framed = self.addresses  # framed TCP, if it is on

    def _wait_ready(self, endpoints):
        return super()._wait_ready(self._places)

    def counts(self):
        """The counters of the line that begins with 'comet:', once it has ended."""
        lines = [each.text for each in self.log() if each.text.startswith("comet:")]
        assert len(lines) == 1, f"one 'comet:' line expected\n{self.tail()}"
        return {name: int(value) for name, value in
                (each.split("=") for each in lines[0].split()[1:])}


class CometTest(NetTest):
    """A test with a comet server."""

    def serve_comet(self, **options):
        """Starts one that must end well at the end of the test."""
        server = CometServer(**options)
        self.servers.append(server)
        self.addCleanup(self._end, server)
        return server

    def http(self, address, **options):
        """Connects a client that is closed at the end of the test."""
        client = HttpClient(address, **options)
        self.addCleanup(client.close)
        return client

    def admin(self, server, path, **parameters):
        """Asks the admin port, on a connection of its own; returns the body as text."""
        client = HttpClient(server.admin)
        try:
            return client.get(f"/{path}?{urllib.parse.urlencode(parameters)}").body.decode()
        finally:
            client.close()

    def push(self, server, channel, content):
        """Publishes a text."""
        self.assertEqual(self.admin(server, "push", cname=channel, content=content),
                         '{"type":"ok"}\n')

    def subscribers(self, server, channel):
        """How many a channel has."""
        return json.loads(self.admin(server, "info", cname=channel))["subscribers"]

    def wait_subscribers(self, server, channel, count):
        """Waits until it has so many."""
        wait_until(lambda: self.subscribers(server, channel) == count,
                   f"{count} subscribers of {channel}")

    def subscribe(self, server, channel, seq=1, path="sub", **parameters):
        """A subscriber whose reply has begun: (client, head)."""
        client = self.http(server.front)
        query = urllib.parse.urlencode({"cname": channel, "seq": seq, **parameters})
        client.ask(f"/{path}?{query}")
        return client, client.head()


def data(channel, seq, content, kind="data"):
    """A message as clients get it."""
    return {"type": kind, "cname": channel, "seq": seq, "content": content}
