# SPDX-License-Identifier: BSL-1.0
"""The comet server's command line, icomet's own file, and who may publish."""

import json
import re
import tempfile
import unittest
from pathlib import Path

from harness import run_to_end, wait_until
from http_client import CometTest, data

NAME = "millipede-comet"

ICOMET = """\
# icomet's example, as it is: tabs and all
pidfile: {folder}/icomet.pid

logger:
\tlevel: debug
\toutput: log.txt
\trotate:
\t\tsize: 100000000

admin:
\t# icomet had these
\tlisten: 127.0.0.1:0
\tallow: 127.0.0.1
\tallow: 192.168
\tdeny: all

front:
\tlisten = 127.0.0.1:0
\tsub_path: /sub
\tauth = token
\tmax_channels: 3
\tmax_subscribers_per_channel: 1
\tchannel_buffer_size: 2
\tchannel_timeout: 0
\tpolling_timeout: 8
"""


class Options(CometTest):
    """Settings."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def conf(self, text):
        file = self.folder / "icomet.conf"
        file.write_text(text.format(folder=self.folder), encoding="utf-8")
        return str(file)

    def check_refused(self, *arguments, says):
        status, out, err = run_to_end(NAME, *arguments)
        self.assertEqual((status, out, len(err)), (2, [], 1), err)
        self.assertIn(says, err[0])

    def test_help_and_version(self):
        status, out, err = run_to_end(NAME, "--help")
        self.assertEqual((status, err), (0, []))
        self.assertLessEqual(len(out), 90)
        self.assertEqual([line for line in out if re.fullmatch(r"[A-Z][A-Za-z ]+:", line)],
                         ["Ports and publishers:", "Channels:", "Users:", "Requests:", "Operation:",
                          "TLS:", "Connections:", "Supervision and logs:", "Files and help:"])
        ports = out[out.index("Ports and publishers:") + 1:out.index("Channels:")]
        self.assertEqual([line.split()[0] for line in ports if line.startswith("  --")],
                         ["--front", "--admin", "--listen", "--admin-allow", "--admin-deny",
                          "--front-publish", "--cors-origin", "--web"])
        self.assertIn("[0s]", " ".join(line for line in out if "--idle-timeout" in line))
        self.assertLessEqual(max(map(len, out)), 100)
        status, out, _ = run_to_end(NAME, "--version")
        self.assertEqual(status, 0)
        self.assertRegex(out[0], r"^millipede-comet \d+\.\d+\.\d+$")

    def test_bad_options(self):
        for arguments, says in (
                (("--auth", "maybe"), "neither none nor token"),
                (("--max-channels", "0"), "--max-channels"),
                (("--max-subscribers-per-channel", "x"), "--max-subscribers-per-channel"),
                (("--polling-timeout", "0s"), "1s to 24h"),
                (("--polling-timeout", "1500ms"), "whole seconds"),
                (("--channel-timeout", "25h"), "0s to 24h"),
                (("--head-max", "255"), "--head-max"),
                (("--body-max", "1073741825"), "--body-max"),
                (("--admin", "nowhere"), "--admin"),
                (("--admin-allow", "example.com"), "the beginning of one"),
                (("--heartbeat-interval", "1s"), "heartbeat-interval"),
                (("--icomet-conf", "/nowhere"), "cannot be read"),
                (("--cors-origin", "example.com"), "an origin such as https://example.com")):
            self.check_refused(*arguments, says=says)

    def test_icomets_file(self):
        server = self.serve_comet(front=None, admin=None, icomet_conf=self.conf(ICOMET))
        server._log_file = self.folder / "log.txt"
        wait_until((self.folder / "icomet.pid").exists, "the pid file")
        self.assertEqual((self.folder / "icomet.pid").read_text(), f"{server.process.pid}\n")
        signed = json.loads(self.admin(server, "sign", cname="c"))
        self.assertEqual((signed["sub_timeout"], signed["expires"]), (8, 4))
        reply = self.http(server.front).get("/sub?cname=c")
        self.assertEqual(json.loads(reply.body), data("c", 0, "Token error", "401"))
        stream, _ = self.subscribe(server, "c", path="stream", token=signed["token"])
        reply = self.http(server.front).get(f"/sub?cname=c&seq=1&token={signed['token']}")
        self.assertEqual(json.loads(reply.body)["content"], "Too many subscribers")
        for number in (1, 2, 3):
            self.push(server, "c", f"m{number}")
            self.assertEqual(stream.message()["seq"], number)
        self.assertEqual(json.loads(self.admin(server, "sign", cname="c"))["seq"], 2)
        self.push(server, "d", "m")
        self.push(server, "e", "m")
        self.assertEqual(self.http(server.admin).get("/push?cname=f&content=m").status, 429)
        self.check_refused("--icomet-conf", self.conf(ICOMET), says="icomet.pid exists")
        server.stop()
        self.assertFalse((self.folder / "icomet.pid").exists())
        warnings = server.log("warning")
        self.assertEqual([each.text.split(": ", 1)[1] for each in warnings],
                         ["unknown name 'front.sub_path' ignored"])

    def test_the_command_line_is_stronger(self):
        server = self.serve_comet(
            icomet_conf=self.conf("front:\n\tpolling_timeout: 8\n\tauth: token\n"
                                  "admin:\n\tdeny: all\n"),
            polling_timeout="9s", auth="none", admin_allow="127.0.0.1")
        self.assertEqual(json.loads(self.admin(server, "sign", cname="c"))["sub_timeout"], 9)

    def test_bad_files(self):
        for text, says in (("front\n", "icomet.conf:1: 'front'"),
                           ("front:\n\tpolling_timeout: 0\n", ":2: front.polling_timeout: "),
                           ("front:\n\tauth: maybe\n", ":2: front.auth: "),
                           ("admin:\n\tallow: me\n", ":2: admin.allow: "),
                           ("front:\n\tmax_channels: many\n", ":2: front.max_channels: "),
                           ("logger:\n\tlevel: loud\n", ":2: logger.level: ")):
            self.check_refused("--icomet-conf", self.conf(text), says=says)

    def test_tabs_say_what_belongs_where(self):
        # `listen` stands on the level of `front`: not front's
        self.check_refused("--icomet-conf", self.conf("front:\nlisten: nonsense\n"
                                                      "polling_timeout: 3\n"
                                                      "\tpolling_timeout: 0\n"
                                                      "front:\n\tauth: maybe\n"),
                           says=":6: front.auth")

    def test_who_may_publish(self):
        for rules, passes in (({}, True),
                              ({"admin_allow": "127.0.0.1"}, True),
                              ({"admin_allow": "127.0.0.2"}, False),
                              ({"admin_allow": "127.0"}, True),
                              ({"admin_deny": "127.0.0.1"}, False),
                              ({"admin_deny": "127.0.0.2"}, False),  # then refused, as no rule fits
                              ({"admin_allow": "all", "admin_deny": "127.0.0.2"}, True),
                              ({"admin_allow": "all", "admin_deny": "127.0.0"}, False),
                              ({"admin_allow": "127.0.0.1", "admin_deny": "all"}, True),
                              ({"admin_deny": ["10", "127"], "admin_allow": "all"}, False),
                              ({"admin_allow": ["10.0.0.1", "127"], "admin_deny": "127.0.0.1"},
                               True),
                              ({"admin_deny": "all"}, False)):
            server = self.serve_comet(**rules)
            client = self.http(server.admin)
            reply = client.get("/info")
            if passes:
                self.assertEqual(reply.status, 200, rules)
            else:
                self.assertEqual((reply.status, reply.reason, reply.body),
                                 (403, "Forbidden", b""), rules)
                self.assertEqual(reply.fields["connection"].lower(), "close")
                self.assertEqual(reply.fields["server"], "icomet 0.2.5")
                self.assertEqual(client.rest(), b"")
                self.assertEqual(self.http(server.admin).get("/nowhere").status, 404)
            self.assertEqual(self.http(server.front).get("/ping").status, 200)
            server.stop()
            self.assertEqual(server.counts()["forbidden"], 0 if passes else 1)

    def test_ports_in_use(self):
        server = self.serve_comet()
        used = f"127.0.0.1:{server.admin[1]}"
        self.check_refused("--front", "127.0.0.1:0", "--admin", used,
                           says=f"cannot listen on {used}")


if __name__ == "__main__":
    unittest.main()
