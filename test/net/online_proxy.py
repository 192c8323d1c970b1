# SPDX-License-Identifier: BSL-1.0
"""Listeners behind a proxy that speaks the PROXY protocol.

Goal: the log and the limits see the client and not the proxy; whoever comes without a header, with
a bad one or too slowly is refused, and only on the listeners that ask for one.
Method: headers packed here from the protocol's specification, sent whole and in pieces.
"""

import socket
import time
import unittest

from harness import HEAD, MARGIN, NetTest, Witness, echo, login, login_reply, wait_until
from secure import PROXY_V2, proxy_binary, proxy_local, proxy_text


class ProxyTest(NetTest):
    """A server with one listener behind a proxy."""

    def serve_proxied(self, **options):
        """The listener."""
        return self.serve(listen="127.0.0.1:0,proxy", **options)


class Headers(ProxyTest):
    """Good ones."""

    def test_the_log_shows_the_client(self):
        server = self.serve_proxied()
        for header, name in ((proxy_text(), "192.0.2.7:4711"),
                             (proxy_binary(), "192.0.2.8:4712"),
                             (proxy_binary("192.0.2.9", 4713, b"\x04\0\2pp"), "192.0.2.9:4713"),
                             (b"PROXY TCP6 2001:db8::7 ::1 4714 443\r\n", "[2001:db8::7]:4714"),
                             (proxy_local(), "127.0.0.1:"), (b"PROXY UNKNOWN\r\n", "127.0.0.1:")):
            with self.subTest(header=header):
                client = self.connect(server)
                client.send(header + login())
                self.assertEqual(client.receive(HEAD.size), login_reply())
                client.ping()
                before = len(server.log("warning", contains=f"refused {name}"))
                client.send(b"nonsense")
                wait_until(
                    lambda: len(server.log("warning", contains=f"refused {name}")) > before,
                    f"{name} in the log")
        server.wait_online(0)

    def test_in_pieces(self):
        server = self.serve_proxied()
        for header in (proxy_text(), proxy_binary()):
            client = self.connect(server)
            for byte in header + login():
                client.send(bytes([byte]))
            self.assertEqual(client.receive(HEAD.size), login_reply())
        server.wait_online(2)

    def test_health_checks_make_no_noise(self):
        server = self.serve_proxied()
        for _ in range(20):
            self.connect(server).close()
            client = self.connect(server)
            client.send(proxy_local())
            client.close()
        server.stop()
        self.assertEqual(server.totals()["abandoned"], 20)
        self.assertEqual(server.totals()["bad_proxy_headers"], 0)
        self.assertEqual(server.log("warning", "error"), [])


class Limits(ProxyTest):
    """Those per source are for the clients, wherever they come from."""

    def let_in(self, server, header):
        """A client that is served, or None when it meets a clean end."""
        client = self.connect(server)
        client.send(header + login())
        reply = client.socket.recv(HEAD.size, socket.MSG_WAITALL)
        if not reply:
            return None
        self.assertEqual(reply, login_reply())
        return client

    def test_connections_per_source(self):
        server = self.serve_proxied(connections_per_source_max=2, workers=2)
        first = self.let_in(server, proxy_text())
        with Witness(server.address, client=self.let_in(server, proxy_binary())):
            self.assertTrue(first)
            self.assertTrue(self.let_in(server, proxy_text(port=4712)))
            self.assertFalse(self.let_in(server, proxy_text(port=4713)))
            self.assertFalse(self.let_in(server, proxy_binary("192.0.2.7", 4714)))
            self.assertTrue(self.let_in(server, proxy_binary("192.0.2.9")))
            for _ in range(4):  # the proxy itself is nobody's client
                self.assertTrue(self.let_in(server, proxy_local()))
            first.close()
            server.wait_online(7)
            self.assertTrue(self.let_in(server, proxy_text(port=4715)))
            self.assertFalse(self.let_in(server, proxy_text(port=4716)))
        server.stop()
        self.assertEqual(server.totals()["newcomers_over_source_limit"], 3)
        self.assertEqual(server.totals()["opened"], 9)
        self.assertTrue(server.log("warning", contains="closed newcomer 192.0.2.7:4713"))

    def test_newcomers_per_second_and_source(self):
        server = self.serve_proxied(accepts_per_second_per_source=1, accepts_burst_per_source=3)
        served = sum(bool(self.let_in(server, proxy_text())) for _ in range(10))
        self.assertGreaterEqual(served, 3)
        self.assertTrue(self.let_in(server, proxy_text("192.0.2.99")))
        server.stop()
        self.assertEqual(server.totals()["newcomers_over_source_rate"], 10 - served)


class Stops(ProxyTest):
    """What is under way when the server stops."""

    def test_a_header_that_was_begun_is_waited_for_and_no_other(self):
        server = self.serve_proxied(stop_timeout="20s")
        late = self.connect(server)
        late.send(proxy_text()[:20])
        silent = self.connect(server)
        witness = self.connect(server)
        witness.send(proxy_text() + login())
        self.assertEqual(witness.receive(HEAD.size), login_reply())
        server.send_signal()
        self.assert_stream_ends(silent)
        late.send(proxy_text()[20:] + echo(b"last"))
        self.assertEqual(late.receive(len(echo(b"last"))), echo(b"last"))
        self.assert_stream_ends(late)
        late.close()
        witness.close()
        silent.close()
        server.stop()
        self.assertEqual(server.totals()["abandoned"], 1)
        self.assertEqual(server.totals()["stopped"], 2)


class BadHeaders(ProxyTest):
    """None, bad ones, and slow ones."""

    def test_refused_and_counted(self):
        server = self.serve_proxied()
        openings = (login(), echo(b"x"), b"GET / HTTP/1.0\r\n\r\n", b"PROXY nonsense\r\n",
                    PROXY_V2 + b"\x31\x11\0\0", PROXY_V2 + b"\x21\x11\xff\xff",
                    proxy_text()[1:], b"\0" * 20)
        client = self.connect(server)
        client.send(proxy_text())
        with Witness(server.address, client=client):
            for opening in openings:
                with self.subTest(opening=opening):
                    client = self.connect(server)
                    client.send(opening)
                    self.assert_stream_ends(client)
                    client.close()
        server.wait_online(0)
        server.stop()
        self.assertEqual(server.totals()["bad_proxy_headers"], len(openings))
        self.assertEqual(server.totals()["opened"], 1)
        self.assertEqual(len(server.log("warning", contains="bad PROXY header")), len(openings))

    def test_slow_ones(self):
        server = self.serve_proxied(tls_handshake_timeout="500ms")
        begin = time.monotonic()
        clients = [self.connect(server) for _ in range(10)]
        for number, client in enumerate(clients):
            client.send(proxy_text()[:number])
        for client in clients:
            self.assertTrue(client.is_cut())
        self.assertLess(time.monotonic() - begin, 0.5 + MARGIN)
        server.stop()
        self.assertEqual(server.totals()["bad_proxy_headers"], 10)

    def test_other_listeners_take_no_header(self):
        server = self.serve(listen=["127.0.0.1:0", "127.0.0.1:0,proxy"])
        plain, proxied = server.addresses
        self.connect(plain).login()
        client = self.connect(plain)
        client.send(proxy_text() + login())
        self.assert_stream_ends(client)  # bad magic
        client = self.connect(proxied)
        client.send(proxy_text() + login())
        self.assertEqual(client.receive(HEAD.size), login_reply())
        server.wait_online(2)


if __name__ == "__main__":
    unittest.main()
