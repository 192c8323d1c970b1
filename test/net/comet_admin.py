# SPDX-License-Identifier: BSL-1.0
"""The comet server's endpoint for operators, `--ops`: its own counters beside those of all servers.

Goal: a scrape sees what the line at the end says; the two ports named admin are kept apart.
Method: Python's HTTP client on the endpoint, after requests whose counts are known.
"""

import json
import re
import tempfile
import unittest
import urllib.error
import urllib.request
from pathlib import Path

from harness import DEADLINE, run_to_end, wait_until
from http_client import CometTest
from online_admin import parse_metrics

TOKEN = "a-token-of-24-characters"


class Ops(CometTest):
    """Those who run it."""

    def serve_ops(self, **options):
        """A server with the endpoint, and where that is."""
        server = self.serve_comet(ops="127.0.0.1:0", **options)
        line = wait_until(lambda: [each for each in server.out.all()
                                   if each.startswith("ops on ")], "the endpoint's line")[0]
        return server, line.removeprefix("ops on ")

    @staticmethod
    def ask(url, **fields):
        """A reply's text."""
        request = urllib.request.Request(url, headers=fields)
        with urllib.request.urlopen(request, timeout=DEADLINE) as reply:
            return reply.read().decode()

    def test_counters_and_gauges(self):
        server, url = self.serve_ops()
        self.subscribe(server, "a", path="stream")
        self.subscribe(server, "b", path="stream")
        self.subscribe(server, "b")
        self.push(server, "a", "m")
        self.http(server.front).get("/nowhere")

        def metrics():
            return parse_metrics(self.ask(url + "/metrics"))
        wait_until(lambda: metrics()[1]["millipede_comet_subscribers", ()] == 3, "the subscribers")
        types, values = metrics()
        own = {name: kind for name, kind in types.items() if name.startswith("millipede_comet_")}
        self.assertEqual(own.pop("millipede_comet_channels"), "gauge")
        self.assertEqual(own.pop("millipede_comet_subscribers"), "gauge")
        self.assertEqual(set(own.values()), {"counter"})
        for name, wanted in (("channels", 2), ("published_total", 1), ("unknown_paths_total", 1),
                             ("delivered_total", 1), ("requests_total", 5)):
            self.assertEqual(values["millipede_comet_" + name, ()], wanted, name)
        stats = json.loads(self.ask(url + "/stats"))
        self.assertIn("comet_subscribers", json.dumps(stats))
        self.assertIn("<!DOCTYPE html>", self.ask(url + "/")[:200])
        server.stop()
        told = set(server.counts()) - {"channels", "subscribers"}
        self.assertEqual({re.sub("^millipede_comet_|_total$", "", name) for name in own}, told)

    def test_a_token(self):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "token"
            file.write_text(TOKEN + "\n", encoding="utf-8")
            server, url = self.serve_ops(ops_token_file=file)
            with self.assertRaisesRegex(urllib.error.HTTPError, "401"):
                self.ask(url + "/stats")
            self.assertIn("comet_channels",
                          self.ask(url + "/stats", Authorization=f"Bearer {TOKEN}"))
            server.stop()

    def test_refusals_name_the_option(self):
        for arguments, says in ((("--ops", "0.0.0.0:0"), "--ops-token-file FILE, or --ops"),
                                (("--ops", "nowhere"), "--ops: "),
                                (("--ops-token-file", "x"), "there is no --ops ADDR:PORT"),
                                (("--ops", "127.0.0.1:0", "--ops-token-file", "/nowhere"),
                                 "--ops-token-file: ")):
            status, _, err = run_to_end("millipede-comet", "--front", "127.0.0.1:0", "--admin",
                                        "127.0.0.1:0", "--log-level", "error", *arguments)
            self.assertEqual((status, len(err)), (2, 1), err)
            self.assertIn(says, err[0])


if __name__ == "__main__":
    unittest.main()
