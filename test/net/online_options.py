# SPDX-License-Identifier: BSL-1.0
"""Options, configuration files, and what the server says when it cannot do what was asked.

Goal: every option works, the command line wins over --config, that over --init-conf, that over
the defaults; whatever cannot be right is refused with one clear line and exit status 2.
Method: start the real program with good and bad input, and look at what it does and says.
"""

import itertools
import socket
import tempfile
import time
import unittest
from pathlib import Path

from harness import (CRLF, HEAD, MARGIN, NetTest, echo, echo_of_size, frame, free_port,
                     has_ipv6, login, login_reply, run_to_end, wait_until)

OPTIONS = ["--listen", "--config", "--init-conf", "--help", "--version", "--workers",
           "--connections", "--idle-timeout", "--heartbeat-interval", "--write-timeout",
           "--linger-timeout", "--stop-timeout", "--magic", "--frame-max", "--skip-crlf",
           "--report-every", "--log-level", "--log-file", "--log-format", "--transport",
           "--connections-max",
           "--connections-per-source-max", "--accepts-per-second", "--accepts-burst",
           "--accepts-per-second-per-source", "--accepts-burst-per-source",
           "--first-message-timeout", "--message-timeout", "--messages-per-second",
           "--messages-burst", "--bytes-per-second", "--bytes-burst", "--over-rate",
           "--tcp-user-timeout", "--keepalive-idle", "--keepalive-interval", "--keepalive-probes",
           "--output-max-bytes", "--overflow", "--output-budget-bytes", "--drain-spread",
           "--tls-certificate", "--tls-key", "--tls-client-ca", "--tls-handshake-timeout",
           "--stall-after", "--stall-policy", "--upgrade-timeout", "--pid-file"]

SHIPPED_INIT_CONF = """\
# MarioTCP's own settings, as they are shipped
PORT 8082
TIMEOUT 8
WORKERNUM 4
CONNNUM 1024
USERNUM 200
FILENUM 200
"""


class OptionsTest(NetTest):
    """With a folder for files, and a check for refusals."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="millipede-options-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def write(self, name, text):
        """Writes a file and returns its path."""
        path = self.folder / name
        path.write_text(text)
        return str(path)

    def assert_refused(self, arguments, *mentions, descriptors=None):
        """Exit status 2, nothing ready, and one line on standard error that mentions all this."""
        status, out, err = run_to_end("millipede-online", *arguments, descriptors=descriptors)
        self.assertEqual(status, 2, f"stderr: {err}")
        self.assertEqual(len(err), 1, f"one line was expected: {err}")
        self.assertFalse([line for line in out if "listening on" in line], out)
        for mention in mentions:
            self.assertIn(mention.lower(), err[0].lower())
        return err[0]

    def assert_speaks(self, server, magic):
        """Its magic shows which setting has won."""
        self.connect(server).login(magic=magic)

    def assert_capacity(self, server, count):
        """So many connections find room, and not one more."""
        members = [self.connect(server) for _ in range(count)]
        for member in members:
            member.login()
        self.assert_stream_ends(self.connect(server))


class Information(OptionsTest):
    """--help and --version."""

    def test_help(self):
        status, out, err = run_to_end("millipede-online", "--help")
        self.assertEqual((status, err), (0, []))
        text = "\n".join(out)
        for option in OPTIONS:
            with self.subTest(option):
                self.assertRegex(text, rf"(?m){option}(?![\w-])")
        self.assertLessEqual(len(out), 60)
        self.assertLessEqual(max(len(line) for line in out), 100)

    def test_version(self):
        self.assertEqual(run_to_end("millipede-online", "--version"),
                         (0, ["millipede-online 0.1.0"], []))


class BadOptions(OptionsTest):
    """Values that cannot be right."""

    VALUES = {
        "workers": ["0", "-1", "two", "1.5", "", "1000000", "99999999999999999999", "4x", "0x"],
        "connections": ["0", "-5", "many", "", "99999999999999999999", "10 000", "1e"],
        "idle-timeout": ["300", "-5s", "s", "", "10x", "abc", "1 fortnight", "99999999999999999s"],
        "write-timeout": ["30", "-1ms", "ms", "fast", "99999999999999999999h"],
        "linger-timeout": ["1", "-1s", "m", "1d ago"],
        "stop-timeout": ["5", "-1s", "h", "5sec."],
        "drain-spread": ["60", "-1s", "s", "a while"],
        "report-every": ["60", "-60s", "0s", "often", "s60"],
        "magic": ["0xzz", "hello", "", "0x1ffffffff", "-1", "4294967296", "0x"],
        "frame-max": ["7", "0", "65536", "-1500", "big", "", "1500b"],
        "log-level": ["loud", "", "7"],
        "log-format": ["xml", "", "JSON"],
        "transport": ["pigeon", ""],
        "connections-max": ["-1", "all", "4294967296"],
        "connections-per-source-max": ["-1", "few", ""],
        "accepts-per-second": ["1000001", "-1", "1.5"],
        "accepts-burst": ["1000001", "some"],
        "accepts-per-second-per-source": ["1000001", "-1"],
        "accepts-burst-per-source": ["1000001", ""],
        "first-message-timeout": ["5", "-1s", "soon"],
        "message-timeout": ["5", "-1s", ""],
        "messages-per-second": ["1000001", "-1", "1/s"],
        "messages-burst": ["1000001", ""],
        "bytes-per-second": ["10000000001", "1k", "1023"],
        "bytes-burst": ["10000000001", "-1"],
        "over-rate": ["drop", ""],
        "tcp-user-timeout": ["30", "600h", "-1s"],
        "keepalive-idle": ["60", "1500ms", "32768s"],
        "keepalive-interval": ["10", "999ms"],
        "keepalive-probes": ["128", "-1"],
        "output-max-bytes": ["0", "-1", "64KiB", "", "1099511627777"],
        "overflow": ["drop", "drop_oldest", ""],
        "output-budget-bytes": ["-1", "256MiB", "1048575", "17592186044417"],
        "tls-handshake-timeout": ["10", "-1s", "0s", "soon", ""],
        "stall-after": ["2", "99ms", "-1s", "soon"],
        "stall-policy": ["panic", ""],
        "upgrade-timeout": ["0s", "soon", "-1s"],
        "listen": ["nonsense", "127.0.0.1", "127.0.0.1:", "127.0.0.1:70000", "127.0.0.1:-1",
                   "300.0.0.1:80", "127.0.0.1:http!", "[::1:0", ":::1:", "", "1.2.3.4.5:0",
                   "127.0.0.1:0,", "127.0.0.1:0,ssl", "127.0.0.1:0,tls,tls", ",tls",
                   "127.0.0.1:0,proxy,", "127.0.0.1:0 ,proxy", "127.0.0.1:0,TLS"],
    }

    def test_bad_values(self):
        for name, values in self.VALUES.items():
            for value in values:
                with self.subTest(option=name, value=value):
                    listen = [] if name == "listen" else ["--listen", "127.0.0.1:0"]
                    self.assert_refused([*listen, f"--{name}={value}"], name)

    def test_a_burst_too_small_for_its_rate(self):
        for name, rate in (("accepts", "accepts-per-second"), ("messages", "messages-per-second"),
                           ("bytes", "bytes-per-second")):
            with self.subTest(rate):
                self.assert_refused([f"--{rate}=1000000", f"--{name}-burst=9999"],
                                    f"--{name}-burst: 9999", "10000")

    def test_value_as_a_word_of_its_own(self):
        for name, value in (("workers", "0"), ("idle-timeout", "300"), ("magic", "0xzz")):
            with self.subTest(option=name):
                self.assert_refused([f"--{name}", value], name)

    def test_the_bad_value_is_shown(self):
        for name, value in (("workers", "two"), ("idle-timeout", "10x"), ("frame-max", "65536"),
                            ("listen", "300.0.0.1:80"), ("log-level", "loud")):
            with self.subTest(option=name):
                self.assert_refused([f"--{name}", value], name, value)

    def test_unknown_option(self):
        self.assert_refused(["--wrokers", "2"], "wrokers")
        self.assert_refused(["--listen", "127.0.0.1:0", "--verbose"], "verbose")

    def test_missing_value(self):
        for name in ("workers", "listen", "config", "init-conf", "log-file"):
            with self.subTest(option=name):
                self.assert_refused([f"--{name}"], name)

    def test_stray_word(self):
        self.assert_refused(["--workers", "2", "surplus"], "surplus")

    def test_good_extremes_are_accepted(self):
        server = self.serve(workers=1, connections=1, frame_max=65535, magic="0xffffffff",
                            idle_timeout="24h", write_timeout="1m", linger_timeout="1ms",
                            stop_timeout="1500ms", log_level="trace", output_max_bytes=1,
                            overflow="drop-newest", output_budget_bytes=0, stall_after="1m",
                            stall_policy="abort")
        self.assert_speaks(server, 0xFFFFFFFF)

    def test_magic_in_decimal(self):
        server = self.serve(magic=str(0x01020304))
        self.assert_speaks(server, 0x01020304)


class ConfigFile(OptionsTest):
    """--config FILE: lines `name = value`."""

    def test_good_file(self):
        log = self.folder / "server.log"
        config = self.write("good.conf", f"""\
# a comment

listen = 127.0.0.1:0
workers = 1
connections=3
   idle-timeout   =   1s
write-timeout = 30s
linger-timeout = 500ms
stop-timeout = 2s
drain-spread = 0s
stall-after = 0s
stall-policy = report
magic = 0x01020304
frame-max = 64
skip-crlf = true
report-every = 100ms
log-level = info
log-file = {log}
transport = epoll
connections-max = 1000
connections-per-source-max = 1000
accepts-per-second = 1000
accepts-burst = 1000
accepts-per-second-per-source = 1000
accepts-burst-per-source = 1000
first-message-timeout = 1s
message-timeout = 1s
messages-per-second = 1000
messages-burst = 1000
bytes-per-second = 1000000
bytes-burst = 1000000
over-rate = close
tcp-user-timeout = 30s
keepalive-idle = 60s
keepalive-interval = 10s
keepalive-probes = 3
output-max-bytes = 65536
overflow = drop-oldest
output-budget-bytes = 1048576
""")
        server = self.serve(config=config, listen=None, workers=None, connections=None,
                            report_every=None, transport=None, log_file=None)
        magic = 0x01020304
        members = [self.connect(server) for _ in range(3)]
        members[0].send(login(1, magic) + CRLF + echo_of_size(64, magic=magic))
        self.assertEqual(members[0].receive(8 + 64),
                         login_reply(magic) + echo_of_size(64, magic=magic))
        self.assert_stream_ends(self.connect(server))  # connections
        members[1].send(echo_of_size(65, magic=magic))
        self.assert_stream_ends(members[1])  # frame-max
        begin = time.monotonic()
        self.assert_stream_ends(members[2])  # idle-timeout
        self.assertLess(time.monotonic() - begin, 1 + MARGIN)
        wait_until(lambda: "online number: 0" in log.read_text(), "a report in the log file")

    def test_several_listen_lines(self):
        config = self.write("two.conf", "listen = 127.0.0.1:0\nlisten = 127.0.0.2:0\n")
        server = self.serve(config=config, listen=None)
        wait_until(lambda: sum("listening on" in line for line in server.out.all()) == 2,
                   "two endpoints")

    def test_bad_lines(self):
        for bad in ("wrokers = 2", "workers 2", "workers", "= 2", "workers = 0", "workers = two",
                    "idle-timeout = 300", "magic = 0xzz", "frame-max = 7", "listen = nonsense",
                    "skip-crlf = perhaps", "log-level = loud", "workers = 2 3", "workers = 2\0"):
            with self.subTest(line=bad):
                config = self.write("bad.conf", f"# first\nstop-timeout = 5s\n{bad}\n")
                self.assert_refused(["--config", config], f"{config}:3: ")

    def test_first_bad_line_is_named(self):
        config = self.write("two.conf", "workers = 0\nconnections = 0\n")
        self.assert_refused(["--config", config], f"{config}:1: ")

    def test_message_names_option_and_value(self):
        config = self.write("bad.conf", "\n\nidle-timeout = 10x\n")
        self.assert_refused(["--config", config], f"{config}:3: ", "idle-timeout", "10x")

    def test_missing_file(self):
        path = str(self.folder / "nowhere.conf")
        self.assert_refused(["--config", path], path)

    def test_folder_instead_of_file(self):
        self.assert_refused(["--config", str(self.folder)], str(self.folder))

    def test_last_line_without_end(self):
        config = self.write("short.conf", "magic = 0x01020304")
        self.assert_speaks(self.serve(config=config), 0x01020304)


class InitConf(OptionsTest):
    """--init-conf FILE: MarioTCP's own file, as it is."""

    def test_shipped_file(self):
        path = self.write("init.conf", SHIPPED_INIT_CONF)
        server = self.serve(init_conf=path, workers=None, connections=None)
        self.connect(server).login()
        server.wait_online(1)
        server.stop()
        self.assertEqual(server.log("warning"), [])

    def test_port(self):
        port = free_port()
        path = self.write("init.conf", SHIPPED_INIT_CONF.replace("8082", str(port)))
        server = self.serve(init_conf=path, listen=None)
        self.assertEqual(server.port, port)
        self.connect(("127.0.0.1", port)).login()

    def test_capacity_is_workernum_times_connnum(self):
        path = self.write("init.conf", "WORKERNUM 2\nCONNNUM 3\n")
        server = self.serve(init_conf=path, workers=None, connections=None)
        self.assert_capacity(server, 6)

    def test_timeout_in_seconds(self):
        path = self.write("init.conf", "TIMEOUT 1\n")
        server = self.serve(init_conf=path)
        begin = time.monotonic()
        self.assert_stream_ends(self.connect(server))
        self.assertGreater(time.monotonic() - begin, 0.9)
        self.assertLess(time.monotonic() - begin, 1 + MARGIN)

    def test_blanks_comments_and_order(self):
        path = self.write("init.conf", "#WORKERNUM 7\n\n  \nCONNNUM\t3\r\n#\nWORKERNUM   1  \n")
        server = self.serve(init_conf=path, workers=None, connections=None)
        self.assert_capacity(server, 3)

    def test_unknown_names_are_warned_about_and_ignored(self):
        path = self.write("init.conf", "WORKERNUM 1\nFASTNESS 11\nCONNNUM 2\nCOLOUR blue\n")
        server = self.serve(init_conf=path, workers=None, connections=None)
        self.assert_capacity(server, 2)
        for name in ("FASTNESS", "COLOUR"):
            wait_until(lambda: server.log("warning", contains=name), f"a warning about {name}")

    def test_bad_numbers_are_refused(self):
        for bad in ("WORKERNUM 0", "WORKERNUM -1", "WORKERNUM four", "WORKERNUM", "CONNNUM 0",
                    "CONNNUM 12monkeys", "PORT 70000", "PORT -1", "PORT http", "TIMEOUT -8",
                    "TIMEOUT soon", "CONNNUM 99999999999999999999"):
            with self.subTest(line=bad):
                path = self.write("init.conf", f"# first\nUSERNUM 200\n\n{bad}\nFILENUM 200\n")
                self.assert_refused(["--listen", "127.0.0.1:0", "--init-conf", path],
                                    f"{path}:4: ")

    def test_missing_file(self):
        path = str(self.folder / "init.conf")
        self.assert_refused(["--init-conf", path], path)


class Priority(OptionsTest):
    """Command line over --config over --init-conf over defaults."""

    def test_command_line_over_config(self):
        config = self.write("a.conf", "magic = 0x0a0a0a0a\nframe-max = 64\n")
        server = self.serve(config=config, magic="0x0b0b0b0b")
        self.assert_speaks(server, 0x0B0B0B0B)
        client = self.connect(server)  # what the command line does not say still comes from there
        client.send(echo_of_size(65, magic=0x0B0B0B0B))
        self.assert_stream_ends(client)

    def test_order_on_the_command_line_does_not_matter(self):
        config = self.write("a.conf", "magic = 0x0a0a0a0a\n")
        for options in ({"magic": "0x0b0b0b0b", "config": config},
                        {"config": config, "magic": "0x0b0b0b0b"}):
            self.assert_speaks(self.serve(**options), 0x0B0B0B0B)

    def test_config_over_init_conf(self):
        init = self.write("init.conf", "WORKERNUM 1\nCONNNUM 2\n")
        config = self.write("a.conf", "connections = 4\n")
        server = self.serve(init_conf=init, config=config, workers=None, connections=None)
        self.assert_capacity(server, 4)

    def test_command_line_over_both(self):
        init = self.write("init.conf", "WORKERNUM 1\nCONNNUM 2\nTIMEOUT 1\n")
        config = self.write("a.conf", "connections = 4\n")
        server = self.serve(init_conf=init, config=config, workers=None, connections=3,
                            idle_timeout="60s")
        begin = time.monotonic()
        self.assert_capacity(server, 3)
        wait_until(lambda: time.monotonic() - begin > 2.5, "time to pass")
        self.assertEqual(server.online(), 3)

    def test_command_line_listen_over_config_and_init_conf(self):
        init = self.write("init.conf", f"PORT {free_port()}\n")
        config = self.write("a.conf", f"listen = 127.0.0.1:{free_port()}\n")
        server = self.serve(init_conf=init, config=config, listen="127.0.0.3:0")
        self.assertEqual([host for host, _ in server.addresses], ["127.0.0.3"])
        server.online()
        self.assertEqual(len([line for line in server.out.all() if "listening on" in line]), 1)

    def test_config_listen_over_init_conf(self):
        init = self.write("init.conf", f"PORT {free_port()}\n")
        config = self.write("a.conf", "listen = 127.0.0.3:0\n")
        server = self.serve(init_conf=init, config=config, listen=None)
        self.assertEqual([host for host, _ in server.addresses], ["127.0.0.3"])


class NotPossible(OptionsTest):
    """What is well formed, but cannot be had."""

    def test_port_in_use(self):
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            address = "127.0.0.1:%d" % other.getsockname()[1]
            self.assert_refused(["--listen", address], address)
            self.assert_refused(["--listen", "127.0.0.1:0", "--listen", address], address)

    def test_port_of_another_server(self):
        server = self.serve()
        address = "%s:%d" % server.address
        self.assert_refused(["--listen", address], address)
        self.connect(server).login()

    def test_port_again_after_a_restart(self):
        """Connections of the former server must not keep its successor from the port."""
        server = self.serve()
        address = "%s:%d" % server.address
        client = self.connect(server)
        client.login()
        server.send_signal()
        self.assert_stream_ends(client)
        client.close()
        server.stop()
        self.connect(self.serve(listen=address)).login()

    def test_address_of_somebody_else(self):
        self.assert_refused(["--listen", "192.0.2.1:8082"], "192.0.2.1:8082")

    def test_too_few_descriptors(self):
        line = self.assert_refused(["--listen", "127.0.0.1:0", "--workers", "1", "--connections",
                                    "1000"], descriptors=256)
        self.assertRegex(line, r"(?i)descriptor|open files|nofile")
        self.assertRegex(line, r"256|1000|10\d\d")
        self.assertRegex(line, r"(?i)ulimit|LimitNOFILE|raise|fewer|lower")

    def test_enough_descriptors(self):
        server = self.serve(descriptors=256, workers=1, connections=100)
        self.assert_capacity(server, 100)

    def test_log_file_that_cannot_be_opened(self):
        path = self.write("a-file", "") + "/server.log"
        self.assert_refused(["--listen", "127.0.0.1:0", "--log-file", path], path)


class Listening(OptionsTest):
    """One endpoint or several."""

    def test_several(self):
        wanted = ["127.0.0.1:0", "127.0.0.2:0", "127.0.0.1:0"]
        server = self.serve(listen=wanted)
        self.assertEqual(len(server.addresses), 3)
        self.assertEqual(len(set(server.addresses)), 3)
        self.assertEqual(sorted(host for host, _ in server.addresses),
                         ["127.0.0.1", "127.0.0.1", "127.0.0.2"])
        for address in server.addresses:
            self.connect(address).login()
        server.wait_online(3)

    def test_chosen_port_is_kept(self):
        port = free_port()
        server = self.serve(listen=f"127.0.0.1:{port}")
        self.assertEqual(server.address, ("127.0.0.1", port))
        self.assertIn(f"listening on 127.0.0.1:{port}", server.out.all())

    @unittest.skipUnless(has_ipv6(), "no IPv6 here")
    def test_ipv6(self):
        server = self.serve(listen=["[::1]:0", "127.0.0.1:0"])
        self.assertTrue([line for line in server.out.all()
                         if line.startswith("listening on [::1]:")], server.out.all())
        for address in server.addresses:
            self.connect(address).login()
        server.wait_online(2)


class Log(OptionsTest):
    """Where log lines go, and which."""

    def test_lines_have_the_form(self):
        server = self.serve()
        server.wait_online(0)
        server.stop()
        self.assertEqual(len(server.log()), len(server.err.all()), server.err.all()[:5])
        for record in server.log():
            self.assertIn(record.level, ("trace", "debug", "info", "warning", "error"))
            self.assertLess(abs(record.time - time.time()), 60)

    def test_log_file(self):
        path = self.folder / "server.log"
        server = self.serve(log_file=str(path))
        self.connect(server).login()
        server.wait_online(1)  # read from the file
        server.stop()
        self.assertTrue(path.exists())
        self.assertEqual(server.totals()["opened"], 1)
        self.assertEqual(server.err.all(), [])

    def test_level(self):
        server = self.serve(log_level="warning")
        client = self.connect(server)
        client.send(frame(0x7777))
        self.assert_stream_ends(client)
        server.stop()
        self.assertEqual({record.level for record in server.log()}, {"warning"})

    def test_last_report(self):
        """At the end of its life it reports once more, however long --report-every is."""
        server = self.serve(report_every="1h")
        client = self.connect(server)
        client.login()
        server.stop()
        self.assertEqual(server.reports()[-1].number, 0)


class TransportTests:
    """What both transports must do."""

    transport = None

    STREAM = login(1) + echo(b"abc") + login(2)
    REPLY = login_reply() + echo(b"abc") + login_reply()

    def test_cut_at_every_byte(self):
        server = self.serve(transport=self.transport, workers=1)
        cuts = list(itertools.combinations(range(1, len(self.STREAM)), 2))[::3]
        clients = [self.connect(server) for _ in cuts]
        for begin, end in ((None, 0), (0, 1), (1, None)):
            for client, cut in zip(clients, cuts):
                client.send(self.STREAM[cut[begin] if begin is not None else 0:
                                        cut[end] if end is not None else None])
            server.wait_all_read()
        for client in clients:
            self.assertEqual(client.receive(len(self.REPLY)), self.REPLY)
        server.wait_online(len(clients))
        for client in clients:
            client.half_close()
            self.assert_stream_ends(client)
        server.wait_online(0)

    def test_sizes_and_bursts(self):
        server = self.serve(transport=self.transport, frame_max=65535)
        client = self.connect(server)
        for size in (8, 9, 100, 1500, 4096, 65535):
            client.ping(bytes(size - HEAD.size))
        stream = b"".join(echo_of_size(65535, seed) for seed in range(40))
        self.assertEqual(client.exchange(stream, len(stream)), stream)

    def test_half_close(self):
        server = self.serve(transport=self.transport)
        client = self.connect(server)
        client.send(self.STREAM)
        client.half_close()
        self.assert_stream_ends(client, self.REPLY)
        server.wait_online(0)

    def test_good_before_bad(self):
        server = self.serve(transport=self.transport, linger_timeout="10s")
        client = self.connect(server)
        client.send(self.STREAM + frame(0x7777) + bytes(1 << 20))
        self.assert_stream_ends(client, self.REPLY)
        server.wait_online(0)

    def test_resets_and_idle(self):
        server = self.serve(transport=self.transport, idle_timeout="1s")
        clients = [self.connect(server) for _ in range(20)]
        for client in clients:
            client.login()
        for client in clients[::2]:
            client.reset()
        for client in clients[1::2]:
            self.assert_stream_ends(client)
        server.wait_online(0)
        server.stop()
        totals = server.totals()
        self.assertEqual((totals["opened"], totals["closed"]), (20, 20))
        self.assertEqual(totals["timeouts"], 10)

    def test_peer_that_never_reads(self):
        server = self.serve(transport=self.transport, frame_max=65535, write_timeout="1s")
        client = self.connect(server, receive_buffer=4096)
        client.login()
        client.send_until_full(echo_of_size(65535), limit=64 << 20)
        server.wait_online(0)

    def test_full_table(self):
        server = self.serve(transport=self.transport, workers=1, connections=5)
        self.assert_capacity(server, 5)

    def test_graceful_end(self):
        for _ in range(4):  # which of signal and requests is seen first is up to chance
            server = self.serve(transport=self.transport)
            clients = [self.connect(server) for _ in range(20)]
            for client in clients:
                client.ping()
            with server.asleep():
                for client in clients:
                    client.send(self.STREAM)
                server.send_signal()
            for client in clients:
                self.assert_stream_ends(client, self.REPLY)
                client.close()
            server.stop()
            self.assertEqual(server.reports()[-1].number, 0)


class Epoll(TransportTests, OptionsTest):
    """--transport epoll, the default."""

    transport = "epoll"


class Asio(TransportTests, OptionsTest):
    """--transport asio, the portable fallback, behaves the same."""

    transport = "asio"


if __name__ == "__main__":
    unittest.main()
