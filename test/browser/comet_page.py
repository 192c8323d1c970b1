# SPDX-License-Identifier: BSL-1.0
"""What the tests of the comet server's browser side share: servers, a wire that can be cut, and
pages with a client in them."""

import select
import socket
import sys
import threading
import time
import urllib.parse
import urllib.request
from pathlib import Path

from browser import DEADLINE, BrowserTest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "net"))
from harness import wait_until  # noqa: E402
from http_client import CometServer  # noqa: E402


def script(name):
    """A file beside this one, as a function for page.evaluate()."""
    return f"() => {{{Path(__file__).with_name(name).read_text(encoding='utf-8')}}}"


STUB = script("stub_comet.js")  # in place of the network
NOTING = script("noting_comet.js")  # begin(): a client that notes what it tells


class Wire:
    """A TCP proxy whose connections can be cut, and which can lead to another server."""

    def __init__(self, upstream):
        self.upstream = upstream
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self.listener.getsockname()[1]}/"
        self.pairs = {}  # each end and its other one
        self.accepted = 0  # since the last cut
        self._work, self._wake = socket.socketpair()
        self._cut = threading.Event()
        self._ended = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def cut(self):
        """Ends all connections, as a network that breaks; new ones are let through."""
        self._cut.set()
        self._wake.send(b"x")
        wait_until(lambda: not self._cut.is_set(), "the cut")

    def close(self):
        """Ends it."""
        self._ended = True
        self._wake.send(b"x")
        self._thread.join()

    def _run(self):
        while not self._ended:
            ready, _, _ = select.select([self.listener, self._work, *self.pairs], [], [], 1)
            for one in ready:
                if one is self._work:
                    one.recv(64)
                elif one is self.listener:
                    self._accept()
                elif one in self.pairs:
                    self._pass(one)
            if self._cut.is_set() or self._ended:
                for one in list(self.pairs):
                    self._end(one)
                self.accepted = 0
                self._cut.clear()
        for one in (self.listener, self._work, self._wake):
            one.close()

    def _accept(self):
        here, _ = self.listener.accept()
        try:
            there = socket.create_connection(self.upstream, timeout=DEADLINE)
        except OSError:
            here.close()
            return
        self.accepted += 1
        self.pairs[here], self.pairs[there] = there, here

    def _pass(self, one):
        try:
            data = one.recv(1 << 16)
            if data:
                self.pairs[one].sendall(data)
                return
        except OSError:
            pass
        self._end(one)

    def _end(self, one):
        other = self.pairs.pop(one, None)
        if other is not None:
            self.pairs.pop(other, None)
            other.close()
        one.close()


class CometPageTest(BrowserTest):
    """A test with pages on comet servers."""

    lasting = None  # pages, by what the class calls them

    def visit(self, key, address, **context):
        """A page that is there for all tests of the class, as to make one takes longer than many
        of them; empty when a test is done."""
        cls = type(self)
        if cls.lasting is None:
            cls.lasting = {}
        page = cls.lasting.get(key)
        if page is None:
            page = cls.lasting[key] = self.open("about:blank", lasts=True, **context)
        if page not in self.pages:
            self.pages.append(page)
        self.addCleanup(page.goto, "about:blank")  # before the servers of the test end
        page.goto(address)
        return page

    def serve(self, **options):
        """A server that serves the browser's files."""
        server = CometServer(**{"web": "on", "workers": 2, **options})
        self.addCleanup(server.kill)
        return server

    def wire(self, server):
        """A wire to its front port."""
        wire = Wire(server.front)
        self.addCleanup(wire.close)
        return wire

    def push(self, server, channel, *contents):
        """Publishes texts at its admin port."""
        for content in contents:
            query = urllib.parse.urlencode({"cname": channel, "content": content})
            host, port = server.admin
            with urllib.request.urlopen(f"http://{host}:{port}/push?{query}",
                                        timeout=DEADLINE) as reply:
                self.assertEqual(reply.read(), b'{"type":"ok"}\n')

    def ask_admin(self, server, path, **parameters):
        """Asks its admin port for something."""
        host, port = server.admin
        query = urllib.parse.urlencode(parameters)
        with urllib.request.urlopen(f"http://{host}:{port}/{path}?{query}",
                                    timeout=DEADLINE) as reply:
            return reply.read().decode()

    def begin(self, page, **options):
        """Has the page make a client: `comet`, whose events are in comet.seen."""
        page.evaluate("(options) => begin(options)", options)

    def wait(self, page, expression, what=None):
        """Waits until that is true in the page."""
        end = time.monotonic() + DEADLINE
        while not (value := page.evaluate(expression)):
            if time.monotonic() > end:
                seen = page.evaluate("JSON.stringify(globalThis.comet?.seen ?? [])")
                self.fail(f"{what or expression}\nseen: {seen[-3000:]}")
            page.wait_for_timeout(20)
        return value
