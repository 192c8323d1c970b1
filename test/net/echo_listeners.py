# SPDX-License-Identifier: BSL-1.0
"""Where a server may listen: ADDR:PORT, both IP versions at once, paths, and inherited sockets.

Goal: each form serves like any other; a path comes with its permissions, goes with the server, and
is taken over from one that was killed; sockets of systemd are found as sd_listen_fds(3) describes.
Method: start the real program as a shell or systemd would, and connect to where it says it is.
"""

import os
import signal
import socket
import stat
import subprocess
import tempfile
import unittest
from pathlib import Path

from harness import (DEADLINE, TRANSPORT, Client, NetTest, UnixPath, has_ipv6, program,
                     run_to_end, wait_until)
from secure import proxy_binary, proxy_text


class ListenerTest(NetTest):
    """With a folder for sockets, and echo servers of lines."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="millipede-")
        self.addCleanup(folder.cleanup)
        self.path = UnixPath(Path(folder.name) / "echo.sock")

    def serve_lines(self, *places, **options):
        """Starts a server that listens there."""
        return self.serve(name="millipede-echo", report_every=None, codec="line",
                          listen=list(places), **options)

    def assert_serves(self, address):
        """Whoever connects there is echoed, and ends in peace."""
        client = self.connect(address)
        client.send(b"hello\n")
        self.assertEqual(client.receive(6), b"hello\n")
        client.half_close()
        self.assert_stream_ends(client)


class Paths(ListenerTest):
    """Unix domain sockets."""

    def test_serves_and_takes_its_path_away(self):
        server = self.serve_lines("unix:" + self.path)
        self.assertEqual(server.address, self.path)
        for _ in range(3):
            self.assert_serves(self.path)
        server.stop()
        self.assertFalse(os.path.exists(self.path))

    def test_beside_ports(self):
        server = self.serve_lines("127.0.0.1:0", "unix:" + self.path, "127.0.0.1:0")
        self.assertEqual(len(server.addresses), 3)
        for address in server.addresses:
            self.assert_serves(address)

    def test_mode(self):
        for mode in (0o600, 0o660, 0o666):
            with self.subTest(oct(mode)):
                server = self.serve_lines(f"unix:{self.path},mode={mode:o}")
                self.assertEqual(stat.S_IMODE(os.stat(self.path).st_mode), mode)
                self.assert_serves(self.path)
                server.stop()

    def test_what_a_killed_server_left_is_taken_over(self):
        killed = self.serve_lines("unix:" + self.path)
        killed.cut_short = True
        killed.send_signal(signal.SIGKILL)
        killed.wait_exit()
        self.assertTrue(os.path.exists(self.path))
        self.serve_lines("unix:" + self.path)
        self.assert_serves(self.path)

    def test_where_another_one_listens(self):
        self.serve_lines("unix:" + self.path)
        status, out, err = run_to_end("millipede-echo", "--listen", "unix:" + self.path)
        self.assertEqual((status, out), (2, []))
        line = err[-1]
        self.assertIn(f"cannot listen on unix:{self.path}: Address already in use", line)
        self.assertIn("see who listens there", line)
        self.assert_serves(self.path)

    def test_peer_is_called_unix(self):
        server = self.serve_lines("unix:" + self.path, message_max=8)
        client = self.connect(server)
        client.send(b"much too long\n")
        self.assert_stream_ends(client)
        wait_until(lambda: server.log("warning", contains="refused unix: bad size"), "its line")


    def test_behind_a_proxy(self):
        server = self.serve_lines(f"unix:{self.path},proxy", message_max=8)
        for header in (proxy_text(), proxy_binary()):
            client = self.connect(server)
            for byte in header + b"hello\n":
                client.send(bytes([byte]))
            self.assertEqual(client.receive(6), b"hello\n")
            client.send(b"much too long\n")
            self.assert_stream_ends(client)
        for name in ("192.0.2.7:4711", "192.0.2.8:4712"):
            wait_until(lambda: server.log("warning", contains=f"refused {name}"), f"{name}'s line")


class Versions(ListenerTest):
    """IPv4 and IPv6."""

    def test_ipv6_alone_and_both(self):
        if not has_ipv6():
            self.skipTest("no IPv6 here")
        for option, serves_ipv4 in (("", False), (",dual-stack", True)):
            with self.subTest(option):
                server = self.serve_lines("[::]:0" + option)
                self.assert_serves(("::1", server.port))
                if serves_ipv4:
                    self.assert_serves(("127.0.0.1", server.port))
                else:
                    with self.assertRaises(ConnectionRefusedError):
                        Client(("127.0.0.1", server.port))


class Inherited(ListenerTest):
    """Sockets that whoever starts the server has opened."""

    def spawn(self, sockets, place, environment=""):
        """Starts a server with these sockets as descriptors 3, 4, ...; `environment` is set by a
        shell that then becomes the server. Returns the process."""
        def prepare():
            # First out of the way, as one may be 3, 4, ... already.
            high = [os.dup2(each.fileno(), 500 + number, inheritable=False)
                    for number, each in enumerate(sockets)]
            for number, each in enumerate(high):
                os.dup2(each, 3 + number)
        command = [f"{environment} exec \"$0\" \"$@\"", program("millipede-echo"), "--codec",
                   "line", "--listen", place, "--log-level", "error"]
        if TRANSPORT:
            command += ["--transport", TRANSPORT]
        process = subprocess.Popen(
            ["/bin/sh", "-c", *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            preexec_fn=prepare, close_fds=False)  # the others end with exec by themselves
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.kill)
        return process

    def finish(self, process):
        """Ends it, which must go well."""
        process.terminate()
        self.assertEqual(process.wait(DEADLINE), 0)

    def listener(self):
        """A listening socket of ours."""
        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)
        return listener

    def test_by_number(self):
        listener = self.listener()
        host, port = listener.getsockname()
        process = self.spawn([listener], "fd:3")
        self.assertEqual(process.stdout.readline().decode(), f"listening on {host}:{port}\n")
        self.assert_serves((host, port))
        self.finish(process)

    def test_a_path_stays_with_who_made_it(self):
        listener = socket.socket(socket.AF_UNIX)
        self.addCleanup(listener.close)
        listener.bind(self.path)
        listener.listen()
        for _ in range(2):  # the second takes over whoever comes meanwhile
            process = self.spawn([listener], "fd:3")
            self.assertEqual(process.stdout.readline().decode(), f"listening on unix:{self.path}\n")
            self.assert_serves(self.path)
            self.finish(process)
            self.assertTrue(os.path.exists(self.path))

    def test_by_systemd(self):
        sockets = [self.listener() for _ in range(3)]
        ports = [each.getsockname()[1] for each in sockets]
        environment = "LISTEN_PID=$$ LISTEN_FDS=3 LISTEN_FDNAMES=web:admin:web"
        for place, expected in (("systemd:", ports), ("systemd:web", [ports[0], ports[2]]),
                                ("systemd:admin", [ports[1]])):
            with self.subTest(place):
                process = self.spawn(sockets, place, environment)
                for port in expected:
                    self.assertEqual(process.stdout.readline().decode(),
                                     f"listening on 127.0.0.1:{port}\n")
                    self.assert_serves(("127.0.0.1", port))
                self.finish(process)

    def test_what_is_not_there(self):
        for place, environment in (("fd:3", ""), ("systemd:", ""), ("systemd:", "LISTEN_FDS=1"),
                                   ("systemd:web", "LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=a"),
                                   ("systemd:", "LISTEN_PID=1 LISTEN_FDS=1")):
            with self.subTest(place=place, environment=environment):
                sockets = [self.listener()] if environment else []
                process = self.spawn(sockets, place, environment)
                self.assertEqual(process.wait(DEADLINE), 2)
                line = process.stderr.read().decode()
                self.assertIn(f"cannot listen on {place}: no such listening socket was handed over",
                              line)
                self.assertIn("LISTEN_FDS", line)


if __name__ == "__main__":
    unittest.main()
