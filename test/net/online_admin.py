# SPDX-License-Identifier: BSL-1.0
"""The admin endpoint of millipede-online: what it answers, and whom it refuses.

Goal: everything that docs/admin.md promises a stranger with an HTTP client, a scraper, a browser or
a load balancer; and nobody can hurt the server by it.
Method: the real programs, Python's own HTTP client, and raw bytes where that one is too polite. The
metrics are read by a parser written here from the format's description, and by promtool where that
is installed.
"""

import http.client
import json
import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

from harness import (DEADLINE, REPOSITORY, NetTest, free_port, run_to_end, wait_until)

TOKEN = "a-token-of-24-characters"
LINE = re.compile(r'^([a-zA-Z_][a-zA-Z0-9_]*)(?:\{((?:[a-z_]+="[^"\\]*",?)*)\})? (\S+)$')


def parse_metrics(text):
    """The text format 0.0.4: {name: type} and {(name, labels): value}; fails for what is none."""
    types, values, described = {}, {}, set()
    for line in text.splitlines():
        if line.startswith("# HELP "):
            name = line.split()[2]
            assert name not in described, f"described twice: {name}"
            described.add(name)
        elif line.startswith("# TYPE "):
            name, kind = line.split()[2:]
            assert name not in types, f"twice: {name}"
            types[name] = kind
        else:
            found = LINE.match(line)
            assert found, f"no metric: {line!r}"
            name = found[1]
            family = name if name in types else re.sub("_(bucket|sum|count)$", "", name)
            assert family in types and family in described, f"without a type: {line!r}"
            labels = tuple(sorted(re.findall(r'([a-z_]+)="([^"]*)"', found[2] or "")))
            assert (name, labels) not in values, f"twice: {line!r}"
            values[name, labels] = float(found[3])
    return types, values


class Admin(NetTest):
    """A server with an endpoint, and requests to it."""

    def serve_admin(self, **options):
        """A server with --admin; its endpoint's address becomes `self.admin`."""
        server = self.serve(**{"admin": "127.0.0.1:0", **options})
        self.find_admin(server)
        return server

    def find_admin(self, server):
        def told():
            found = [line for line in server.out.all() if line.startswith("admin on ")]
            return found and re.fullmatch(r"admin on http://(.+):(\d+)", found[0])
        found = wait_until(told, "'admin on'")
        self.admin = (found[1].strip("[]"), int(found[2]))

    def ask(self, path, method="GET", body=None, **fields):
        """(status, fields, body as text) of one request on a connection of its own."""
        client = http.client.HTTPConnection(*self.admin, timeout=DEADLINE)
        try:
            fields = {name.replace("_", "-"): value for name, value in fields.items()}
            client.request(method, path, body, fields)
            answer = client.getresponse()
            return answer.status, answer.headers, answer.read().decode()
        finally:
            client.close()

    def stats(self):
        return json.loads(self.ask("/stats")[2])

    def metrics(self):
        return parse_metrics(self.ask("/metrics")[2])

    def raw(self, data, end=False):
        """All that comes back for these bytes."""
        with socket.create_connection(self.admin, timeout=DEADLINE) as client:
            client.sendall(data)
            if end:
                client.shutdown(socket.SHUT_WR)
            parts = []
            while part := client.recv(1 << 16):
                parts.append(part)
            return b"".join(parts)


class Answers(Admin):
    """What the resources say."""

    def test_lines_on_standard_output(self):
        server = self.serve_admin(listen=["127.0.0.1:0", "127.0.0.1:0"])
        kinds = [line.split(" on ")[0] for line in server.out.all()]
        self.assertEqual(kinds, ["listening", "listening", "admin"])

    def test_metrics_are_what_happened(self):
        server = self.serve_admin(workers=2)
        clients = [self.connect(server) for _ in range(3)]
        for client in clients:
            client.login()
            client.ping(b"x" * 100)
            client.ping(b"y")
        def settled():
            types, values = self.metrics()
            sent = values["millipede_bytes_total", (("direction", "sent"),)]
            return values["millipede_online", ()] == 3 and sent == 375 and (types, values)
        types, values = wait_until(settled, "three who are logged in, and their bytes")
        def of(name, **labels):
            return values[name, tuple(sorted(labels.items()))]
        self.assertEqual(of("millipede_messages_by_command_total", command="0x6101"), 3)
        self.assertEqual(of("millipede_messages_by_command_total", command="0x6102"), 6)
        self.assertEqual(of("millipede_messages_by_command_total", command="other"), 0)
        self.assertEqual(of("millipede_messages_total", direction="received"), 9)
        self.assertEqual(of("millipede_messages_total", direction="sent"), 9)
        self.assertEqual(of("millipede_bytes_total", direction="received"), 3 * (10 + 108 + 9))
        self.assertEqual(of("millipede_accepted_total"), 3)
        connections = [of("millipede_connections", worker=str(each)) for each in (0, 1)]
        self.assertEqual(sorted(connections), [1, 2])
        self.assertGreater(of("process_resident_memory_bytes"), 1e6)
        self.assertEqual(types["millipede_loop_lag_seconds"], "histogram")
        for client in clients[1:]:
            client.close()
        wait_until(lambda: self.metrics()[1]["millipede_closed_total", (("reason", "peer"),)] == 2,
                   "two who have left")

    def test_histograms_are_cumulative(self):
        self.serve_admin(workers=1)
        def asked():
            _, values = self.metrics()
            return values.get(("millipede_loop_lag_seconds_count", (("worker", "0"),)), 0) > 3 \
                and values
        values = wait_until(asked, "a few answers of the worker")
        buckets = [value for (name, _), value in values.items()
                   if name == "millipede_loop_lag_seconds_bucket"]
        self.assertGreater(len(buckets), 5)
        self.assertEqual(buckets, sorted(buckets))
        self.assertEqual(buckets[-1],
                         values["millipede_loop_lag_seconds_count", (("worker", "0"),)])

    def test_metrics_have_their_place_in_the_documentation(self):
        self.serve_admin()
        types, values = self.metrics()
        page = (REPOSITORY / "docs" / "admin.md").read_text()
        rows = [line for line in page.splitlines() if line.startswith("| `")]
        described = {}
        for row in rows:
            name, kind = row.split("|")[1:3]
            for each in re.findall(r"`((?:millipede|process)_\w+)`", name):
                described[each] = kind.strip()
        own = {name: kind for name, kind in types.items() if name != "millipede_online"}
        if "process_open_fds" not in own:  # an older kernel
            described.pop("process_open_fds")
        self.assertEqual(own, described)
        for name, labels in values:
            for label, _ in labels:
                family = re.sub("_(bucket|sum|count)$", "", name)
                row = next(row for row in rows if f"`{name}`" in row or f"`{family}`" in row)
                self.assertTrue(label == "le" or label == "worker" or f"`{label}`" in row or
                                label in row, (name, label))

    @unittest.skipUnless(shutil.which("promtool"), "promtool is not installed")
    def test_promtool_finds_no_fault(self):
        server = self.serve_admin()
        self.connect(server).login()
        text = self.ask("/metrics")[2]
        checked = subprocess.run(["promtool", "check", "metrics"], input=text, text=True,
                                 capture_output=True, check=False)
        self.assertEqual((checked.returncode, checked.stdout, checked.stderr), (0, "", ""))

    def test_stats_keep_their_contract(self):
        server = self.serve_admin(workers=2)
        client = self.connect(server)
        client.login()
        stats = wait_until(lambda: (found := self.stats())["online"] == 1 and found, "one online")
        self.assertEqual(stats["program"], "millipede-online")
        self.assertEqual((stats["state"], stats["ready"], stats["not_ready"]),
                         ("running", True, []))
        self.assertEqual((stats["connections"], stats["connections_max"]), (1, 2000))
        self.assertEqual(stats["totals"]["opened"], 1)
        self.assertIn("log_lines_dropped", stats["totals"])
        self.assertEqual(stats["listeners"], [f"127.0.0.1:{server.port}"])
        self.assertEqual([each["index"] for each in stats["workers"]], [0, 1])
        self.assertEqual(sum(each["connections"] for each in stats["workers"]), 1)
        for each in stats["workers"]:
            self.assertEqual(sorted(each["loop_lag_seconds"]), ["last", "max", "p99"])
            self.assertEqual((each["connections_max"], each["stalled"]), (1000, False))
            self.assertTrue(0 <= each["busy_share"] <= 1)
        self.assertEqual(stats["memory"]["output_budget_bytes"], 256 << 20)
        self.assertLess(abs(stats["time"] - time.time()), 600)
        self.assertEqual(stats["alarms"], [])

    def test_events_come_every_second(self):
        server = self.serve_admin()
        client = http.client.HTTPConnection(*self.admin, timeout=DEADLINE)
        client.request("GET", "/events")
        answer = client.getresponse()
        self.assertEqual((answer.status, answer.headers["Content-Type"]),
                         (200, "text/event-stream"))
        times = []
        for _ in range(3):
            line, empty = answer.readline(), answer.readline()
            self.assertTrue(line.startswith(b"data: {"), line[:40])
            self.assertEqual(empty, b"\n")
            times.append(json.loads(line[6:])["uptime_seconds"])
        self.assertGreater(times[2] - times[0], 0.9)
        server.stop()
        self.assertEqual(answer.read()[-2:] in (b"", b"\n\n"), True)
        client.close()

    def test_connections(self):
        server = self.serve_admin()
        client = self.connect(server)
        client.login()
        listed = json.loads(self.ask("/connections")[2])
        self.assertEqual((listed["next"], listed["unanswered_workers"]), (None, []))
        one, = listed["connections"]
        host, port = client.socket.getsockname()
        self.assertEqual((one["peer"], one["state"], one["tls"]), (f"{host}:{port}", "open", False))
        self.assertGreater(int(one["id"]), 0)

    def test_log_level(self):
        server = self.serve_admin()
        self.assertEqual(json.loads(self.ask("/loglevel")[2]), {"level": "info"})
        client = self.connect(server)
        client.login()
        client.close()
        self.assertEqual(self.ask("/loglevel?level=debug", "POST")[0], 200)
        self.assertEqual(json.loads(self.ask("/loglevel")[2]), {"level": "debug"})
        with self.connect(server) as client:
            client.login()
        wait_until(lambda: server.log("debug"), "a line of the level that was asked for")
        for bad in ("/loglevel", "/loglevel?level=loud", "/loglevel?level=", "/loglevel?levl=info"):
            self.assertEqual(self.ask(bad, "POST")[0], 400, bad)

    def test_the_page(self):
        self.serve_admin()
        status, fields, text = self.ask("/")
        self.assertEqual((status, fields["Content-Type"]), (200, "text/html; charset=utf-8"))
        self.assertIn("default-src 'self'", fields["Content-Security-Policy"])
        self.assertIn("no-cache", fields["Cache-Control"])
        folder = REPOSITORY / "lib" / "millipede" / "admin" / "page"
        self.assertEqual(text, (folder / "index.html").read_text())
        self.assertEqual(self.ask("/", If_None_Match=fields["ETag"])[0], 304)
        self.assertEqual(self.ask("/", If_None_Match='"other"')[0], 200)
        for file in folder.iterdir():
            if file.name != "index.html":
                status, fields, text = self.ask(f"/page/{file.name}")
                self.assertEqual((status, text), (200, file.read_text()), file)
        self.assertEqual(self.ask("/page/index.html")[0], 404)
        self.assertEqual(self.ask("/page/../admin_site.cpp")[0], 404)

    def test_drain(self):
        server = self.serve_admin()
        client = self.connect(server)
        client.login()
        self.assertEqual(self.ask("/readyz")[:1] + self.ask("/readyz")[2:], (200, "ready\n"))
        status, _, text = self.ask("/drain?deadline=300s&spread=1s", "POST")
        self.assertEqual((status, json.loads(text)["state"]), (202, "draining"))
        self.assertEqual(self.connect_refused(server), True)
        self.assert_stream_ends(client)
        client.close()
        self.assertEqual(server.wait_exit(), 0)

    def connect_refused(self, server):
        """Whether nobody is let in any more, in the end."""
        def refused():
            try:
                with socket.create_connection(server.address, timeout=DEADLINE):
                    return False
            except OSError:
                return True
        return wait_until(refused, "the end of listening")

    def test_head_and_keep_alive(self):
        self.serve_admin()
        client = http.client.HTTPConnection(*self.admin, timeout=DEADLINE)
        for path in ("/stats", "/healthz", "/", "/metrics"):
            client.request("HEAD", path)
            answer = client.getresponse()
            self.assertEqual((answer.status, answer.read()), (200, b""), path)
            self.assertGreater(int(answer.headers["Content-Length"]), 2)
            client.request("GET", path)  # on the same connection
            answer = client.getresponse()
            self.assertEqual(len(answer.read()), int(answer.headers["Content-Length"]), path)
        client.close()
        answer = self.raw(b"GET /healthz HTTP/1.0\r\n\r\n")  # which ends with its answer
        self.assertTrue(answer.endswith(b"\r\n\r\nok\n"), answer)
        two = self.raw(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n" * 2, end=True)
        self.assertEqual(two.count(b"HTTP/1.1 200 OK"), 2)
        self.assertEqual(self.raw(b"HEAD /events HTTP/1.1\r\nHost: localhost\r\n"
                                  b"Connection: close\r\n\r\n").count(b"data:"), 0)

    def test_other_programs_have_it(self):
        server = self.serve_admin(name="millipede-echo", report_every=None)
        self.assertEqual(self.ask("/healthz")[2], "ok\n")
        self.assertEqual(self.stats()["program"], "millipede-echo")
        self.assertNotIn("online", self.stats())
        server.stop()


class Refusals(Admin):
    """Who and what is sent away."""

    def test_methods_and_paths(self):
        self.serve_admin()
        for path in ("/stats", "/metrics", "/", "/healthz", "/events", "/connections"):
            for method in ("POST", "PUT", "DELETE", "OPTIONS"):
                status, fields, _ = self.ask(path, method)
                self.assertEqual((status, fields["Allow"]), (405, "GET, HEAD"), (path, method))
        status, fields, _ = self.ask("/drain")
        self.assertEqual((status, fields["Allow"]), (405, "POST"))
        status, fields, _ = self.ask("/loglevel", "DELETE")
        self.assertEqual((status, fields["Allow"]), (405, "GET, HEAD, POST"))
        for path in ("/no", "/stats/", "/metrics/x", "/page", "/page/"):
            self.assertEqual(self.ask(path)[0], 404, path)

    def test_what_is_no_request(self):
        server = self.serve_admin()
        def status(data):
            answer = self.raw(data, end=True)
            return int(answer[9:12]) if answer else None
        head = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"
        self.assertEqual(status(b"no http at all\r\n\r\n"), 400)
        self.assertEqual(status(b"GET /healthz HTTP/1.1\r\n\r\n"), 400)  # no Host
        self.assertEqual(status(head + b"Host: localhost\r\n\r\n"), 400)  # two
        self.assertEqual(status(b"GET healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"), 400)
        self.assertEqual(status(b"GET /%zz HTTP/1.1\r\nHost: localhost\r\n\r\n"), 400)
        self.assertEqual(status(head + b"X: " + b"x" * 9000 + b"\r\n\r\n"), 431)
        self.assertEqual(status(b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\n\r\n"), 431)
        self.assertEqual(status(b"POST /drain HTTP/1.1\r\nHost: localhost\r\n"
                                b"Content-Length: 5000\r\n\r\n" + b"x" * 5000), 413)
        self.assertEqual(status(b"POST /drain HTTP/1.1\r\nHost: localhost\r\n"
                                b"Transfer-Encoding: chunked\r\n\r\n"
                                b"1388\r\n" + b"x" * 5000 + b"\r\n0\r\n\r\n"), 413)
        self.assertEqual(status(b"GET /healthz HT"), None)  # never complete
        self.assertEqual(status(b""), None)
        self.assertEqual(self.ask("/readyz")[2], "ready\n")
        self.assertEqual(server.log("warning", "error"), [])

    def test_names_of_other_sites(self):
        self.serve_admin()
        for host in ("localhost", "LOCALHOST:80", "127.0.0.1:1", "[::1]", "192.168.1.7"):
            self.assertEqual(self.ask("/stats", Host=host)[0], 200, host)
        for host in ("evil.example", "evil.example:80", "localhost.evil.example"):
            for path in ("/stats", "/", "/healthz", "/no"):
                self.assertEqual(self.ask(path, Host=host)[0], 421, (host, path))

    def test_other_sites_change_nothing(self):
        self.serve_admin()
        here = f"{self.admin[0]}:{self.admin[1]}"
        level = "/loglevel?level=warning"
        for fields in ({"Origin": "http://evil.example"}, {"Origin": "null"},
                       {"Sec_Fetch_Site": "cross-site"},
                       {"Origin": f"http://{here}", "Sec_Fetch_Site": "same-site"}):
            self.assertEqual(self.ask(level, "POST", **fields)[0], 403, fields)
            self.assertEqual(self.ask("/drain", "POST", **fields)[0], 403, fields)
        self.assertEqual(self.ask("/readyz")[2], "ready\n")
        self.assertEqual(json.loads(self.ask("/loglevel")[2]), {"level": "info"})
        status, _, _ = self.ask(level, "POST", Origin=f"http://{here}",
                                Sec_Fetch_Site="same-origin")
        self.assertEqual(status, 200)

    def test_token(self):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "token"
            file.write_text(TOKEN + "\nwhat follows is no part of it\n")
            self.serve_admin(admin_token_file=file)
        good = {"Authorization": "Bearer " + TOKEN}
        for path in ("/", "/healthz", "/readyz"):
            self.assertEqual(self.ask(path)[0], 200, path)
        for path in ("/stats", "/metrics", "/events", "/connections", "/loglevel", "/no"):
            for fields in ({}, {"Authorization": "Bearer " + TOKEN[:-1]},
                           {"Authorization": "Bearer " + TOKEN + "x"},
                           {"Authorization": "Basic " + TOKEN}):
                status, headers, _ = self.ask(path, **fields)
                self.assertEqual(status, 401, (path, fields))
                self.assertTrue(headers["WWW-Authenticate"].startswith("Bearer"))
        self.assertEqual(self.ask("/drain", "POST")[0], 401)
        for path in ("/stats", "/metrics", "/connections", "/loglevel"):
            self.assertEqual(self.ask(path, **good)[0], 200, path)
        self.assertEqual(self.ask("/no", **good)[0], 404)
        self.assertEqual(self.ask("/stats", Host="any.name", **good)[0], 200)
        self.assertEqual(self.ask("/loglevel?level=info", "POST", Origin="http://evil.example",
                                  **good)[0], 403)

    def assert_refused(self, mention, *arguments):
        """One line, and status 2."""
        status, out, err = run_to_end("millipede-online", "--listen", "127.0.0.1:0", "--workers",
                                      "1", "--connections", "10", *arguments)
        err = [line for line in err if "[info]" not in line]
        self.assertEqual((status, out, len(err)), (2, [], 1), err)
        self.assertIn(mention, err[0])

    def test_options(self):
        for bad in ("0.0.0.0:0", "[::]:0", "10.1.2.3:0"):
            self.assert_refused("set a token", "--admin", bad)
        for bad in ("", "localhost:0", "127.0.0.1", "127.0.0.1:65536", "127.0.0.1:0,opne", ",open"):
            self.assert_refused("is not ADDR:PORT", "--admin", bad)
        self.assert_refused("there is no --admin", "--admin-token-file", "/dev/null")
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "token"
            for text in (None, "", "\n", "too-short\n", "blanks within the token\n"):
                if text is not None:
                    file.write_text(text)
                self.assert_refused("--admin-token-file", "--admin", "127.0.0.1:0",
                                    "--admin-token-file", str(file))

    def test_a_port_that_is_taken(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            self.assert_refused("choose another port", "--admin",
                                f"127.0.0.1:{taken.getsockname()[1]}")

    def test_open_to_all(self):
        server = self.serve(admin="0.0.0.0:0,open")
        self.find_admin(server)
        self.admin = ("127.0.0.1", self.admin[1])
        self.assertEqual(self.ask("/stats")[0], 200)

    def test_fixed_port_and_configuration_file(self):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "online.conf"
            port = free_port()
            file.write_text(f"admin = 127.0.0.1:{port}\n")
            server = self.serve(config=file)
            self.find_admin(server)
        self.assertEqual(self.admin[1], port)
        self.assertEqual(self.ask("/healthz")[2], "ok\n")


class Crowds(Admin):
    """Clients of the endpoint that are many, slow or gone: the server itself does not notice."""

    def test_others_are_served_meanwhile(self):
        server = self.serve_admin()
        crowd = []
        for number in range(60):
            client = socket.create_connection(self.admin, timeout=DEADLINE)
            crowd.append(client)
            if number % 2:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            try:
                client.sendall(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n"
                               if number % 3 else b"GET /sta")
            except OSError:
                pass  # sent away already
        peer = self.connect(server)
        peer.login()
        for _ in range(100):
            peer.ping()

        def refused(client):
            client.setblocking(False)
            try:
                return client.recv(12, socket.MSG_PEEK) == b"HTTP/1.1 503"
            except OSError:
                return False
        wait_until(lambda: any(refused(client) for client in crowd), "somebody who is too many")
        for client in crowd:
            client.close()

        def answered():
            try:
                return self.ask("/healthz")[2] == "ok\n"
            except OSError:
                return False
        wait_until(answered, "a place for others")
        peer.ping()
        _, values = self.metrics()
        self.assertGreater(values["millipede_admin_requests_total", (("code", "503"),)], 0)


if __name__ == "__main__":
    os.environ.setdefault("PYTHONDONTWRITEBYTECODE", "1")
    unittest.main()
