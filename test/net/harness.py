# SPDX-License-Identifier: BSL-1.0
"""What the network tests share: a server under test, plain clients, and frames from the spec.

Goal: drive the real binaries over loopback as a stranger would, who knows only the protocol's
description and the programs' command lines.
Method: Python's standard library alone. Frames are packed here with `struct`, never by the
project's own encoder. Every wait polls and has a deadline; deadlines stretch under sanitizers.

Environment: MILLIPEDE_BIN         folder of the binaries
             MILLIPEDE_SANITIZER   "" | "address" | "thread"
             MILLIPEDE_TRANSPORT   "" | "epoll" | "asio": given to every server as --transport
"""

import atexit
import calendar
import collections
import contextlib
import ctypes
import fcntl
import os
import random
import re
import resource
import selectors
import signal
import socket
import struct
import subprocess
import sys
import termios
import threading
import time
import unittest
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
BIN = Path(os.environ.get("MILLIPEDE_BIN") or REPOSITORY / "build" / "dev" / "bin")
SANITIZER = os.environ.get("MILLIPEDE_SANITIZER", "")
TRANSPORT = os.environ.get("MILLIPEDE_TRANSPORT", "")
SLOWNESS = 3 if SANITIZER else 1  # every deadline is multiplied by it

# Generous, as a machine may be busy with others: waited for in full only when something is broken.
DEADLINE = 30.0 * SLOWNESS  # for a thing that should happen at once
MARGIN = 10.0 * SLOWNESS  # what a deadline of the server's own may be late
POLL = 0.01

SANITIZER_REPORTS = ("AddressSanitizer", "LeakSanitizer", "ThreadSanitizer", "runtime error:")


# ---------------------------------------------------------------- frames, as the spec has them

MAGIC = 0x8EB69AF7
LOGIN = 0x6101
ECHO = 0x6102
HEAD = struct.Struct("<IHH")  # magic, size of the whole packet, command; little-endian
CRLF = b"\r\n"
LARGE = 65535  # the largest packet that a head can tell


def frame(command, data=b"", magic=MAGIC, size=None):
    """One packet; `size` lies about its length if given."""
    return HEAD.pack(magic, HEAD.size + len(data) if size is None else size, command) + data


def login(uid=1, magic=MAGIC):
    """The 10 bytes of a login."""
    return frame(LOGIN, struct.pack("<H", uid), magic)


def login_reply(magic=MAGIC):
    """The 8 bytes that answer a login: the head alone."""
    return frame(LOGIN, b"", magic)


def echo(data=b"", magic=MAGIC):
    """A packet that the server sends back as it is."""
    return frame(ECHO, data, magic)


def echo_of_size(size, seed=0, magic=MAGIC):
    """An echo packet of `size` bytes in all, filled with bytes that differ from place to place."""
    data = bytes((seed + i * 7 + (i >> 8) * 13) & 0xFF for i in range(size - HEAD.size))
    return echo(data, magic)


# ---------------------------------------------------------------- waiting

def wait_until(condition, what, timeout=DEADLINE):
    """Polls `condition` until it gives something true, and returns that."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {timeout:g} s in vain for {what}")
        time.sleep(POLL)


def stays_true(condition, what, duration):
    """Checks over and over, for `duration` seconds, that `condition` holds."""
    deadline = time.monotonic() + duration
    while time.monotonic() < deadline:
        if not condition():
            raise AssertionError(f"did not stay true: {what}")
        time.sleep(POLL)


# ---------------------------------------------------------------- the system

def raise_descriptor_limit(needed=0):
    """Lifts this process's soft limit of descriptors to the hard one; that must reach `needed`."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise AssertionError(
            f"this test needs {needed} file descriptors in one process, the hard limit is {hard}: "
            f"raise it (`ulimit -Hn {needed}` as root, LimitNOFILE= of the service)")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


raise_descriptor_limit()


def memory_of(pid):
    """User-space memory of a process in bytes: its anonymous pages by smaps_rollup. Pages of
    files are left out: they count as private or shared by who else runs the same program."""
    fields = {}
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
        name, value = line.split(":")
        fields[name] = int(value.split()[0]) * 1024
    return fields.get("Pss_Anon", fields["Anonymous"])


def settled_memory(server):
    """The server's memory, once it stands still."""
    last, since = memory_of(server.process.pid), time.monotonic()
    begin = since
    while time.monotonic() - since < 0.3 and time.monotonic() - begin < 5:
        time.sleep(0.05)
        now = memory_of(server.process.pid)
        if now != last:
            last, since = now, time.monotonic()
    return last


def has_ipv6():
    """Whether ::1 can be bound here."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
            probe.bind(("::1", 0))
        return True
    except OSError:
        return False


def free_port():
    """A port that nobody uses at this moment, and that the system gives nobody by itself: tests
    beside this one connect all the time."""
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    while True:
        port = random.randrange(1024, lowest) if lowest > 2048 else 0
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return probe.getsockname()[1]
            except OSError:
                continue


ESTABLISHED = "01"


def socket_table():
    """Rows (local port, remote port, state, bytes unsent, bytes unread) of the kernel's table."""
    rows = []
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        if not os.path.exists(table):
            continue
        for line in Path(table).read_text().splitlines()[1:]:
            _, local, remote, state, queues = line.split()[:5]
            unsent, unread = queues.split(":")
            rows.append((int(local.rsplit(":", 1)[1], 16), int(remote.rsplit(":", 1)[1], 16),
                         state, int(unsent, 16), int(unread, 16)))
    return rows


def unread_by_server(port):
    """How many bytes on their way to `port` the program there has not yet read."""
    unread = 0
    for local, remote, state, unsent_bytes, unread_bytes in socket_table():
        if state != ESTABLISHED:
            continue
        if local == port:
            unread += unread_bytes
        if remote == port:
            unread += unsent_bytes
    return unread


def unsent_bytes_of(sock):
    """How many bytes of this socket the other side's kernel has not yet acknowledged."""
    return struct.unpack("i", fcntl.ioctl(sock, termios.TIOCOUTQ, b"\0\0\0\0"))[0]


# ---------------------------------------------------------------- the server under test

class Lines:
    """The lines of a pipe, collected by a thread."""

    def __init__(self, pipe):
        self._pipe = pipe
        self._lines = []
        self._thread = threading.Thread(target=self._collect, daemon=True)
        self._thread.start()

    def _collect(self):
        for line in self._pipe:
            self._lines.append(line.decode("utf-8", "replace").rstrip("\n"))
        self._pipe.close()

    def all(self):
        """All lines so far."""
        return list(self._lines)

    def join(self):
        """Waits for the end of the pipe."""
        self._thread.join(DEADLINE)


LogRecord = collections.namedtuple("LogRecord", "time level text")
Report = collections.namedtuple("Report", "time number")

LOG_LINE = re.compile(r"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)\.(\d{6}) \[(\w+)\] (.*)$")
LOUD = ("warning", "error", "fatal")


def parse_log(lines):
    """Log records of those lines that have the form of a log line."""
    records = []
    for line in lines:
        found = LOG_LINE.match(line)
        if found:
            seconds = calendar.timegm(time.strptime(found[1], "%Y-%m-%d %H:%M:%S"))
            records.append(LogRecord(seconds + int(found[2]) / 1e6, found[3], found[4]))
    return records


def program(name):
    """The path of a binary, or a clear failure."""
    path = BIN / name
    if not path.exists():
        raise AssertionError(f"no {path}: build first, or set MILLIPEDE_BIN")
    return str(path)


def _in_child(descriptors=None):
    """What a child process does before it becomes the program."""
    def prepare():
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: end with the test
        if descriptors is not None:
            resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors))
    return prepare


def spawn(name, arguments, descriptors=None):
    """Starts a program with both its outputs on pipes; its clock shows UTC."""
    return subprocess.Popen(
        [program(name), *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, env=dict(os.environ, TZ="UTC"), preexec_fn=_in_child(descriptors))


def run_to_end(name, *arguments, descriptors=None, timeout=DEADLINE):
    """Runs a program that should end by itself: (exit status, stdout lines, stderr lines)."""
    process = spawn(name, arguments, descriptors)
    try:
        out, err = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        out, err = process.communicate()
        raise AssertionError(f"{name} {' '.join(arguments)}: still running after {timeout:g} s; "
                             f"stdout {out!r}, stderr {err!r}") from None
    return process.returncode, out.decode().splitlines(), err.decode().splitlines()


def option_list(options):
    """Turns report_every="1s", skip_crlf=True, listen=[...] into command line arguments."""
    arguments = []
    for name, value in options.items():
        name = "--" + name.replace("_", "-")
        values = value if isinstance(value, (list, tuple)) else [value]
        for one in values:
            if one is True:
                arguments.append(name)
            elif one is not None:
                arguments += [name, str(one)]
    return arguments


class UnixPath(str):
    """The address of a server at a Unix domain socket."""


class Server:
    """A running millipede-online (or another program with the same manners)."""

    DEFAULTS = {"listen": "127.0.0.1:0", "workers": 2, "connections": 1000,
                "report_every": "100ms"}

    def __init__(self, name="millipede-online", descriptors=None, **options):
        options = {**self.DEFAULTS, **options}
        if TRANSPORT:
            options.setdefault("transport", TRANSPORT)
        arguments = option_list(options)
        self.command = " ".join([name, *arguments])
        self._log_file = options.get("log_file")
        self._told_to_end = False
        self._sanitizer_told = False
        self.cut_short = False  # whether a test ended it other than gracefully
        self.process = spawn(name, arguments, descriptors)
        atexit.register(self.kill)
        self.out = Lines(self.process.stdout)
        self.err = Lines(self.process.stderr)
        listen = options["listen"]
        endpoints = len(listen) if isinstance(listen, (list, tuple)) else 1
        self.addresses = self._wait_ready(endpoints)
        self.address = self.addresses[0]
        self.port = None if isinstance(self.address, UnixPath) else self.address[1]

    def _wait_ready(self, endpoints):
        def ready():
            if self.process.poll() is not None:
                raise AssertionError(f"{self.command}: ended with {self.process.returncode} "
                                     f"before it was ready\n{self.tail()}")
            found = [re.fullmatch(r"listening on (?:unix:(.+)|(.+):(\d+))", line)
                     for line in self.out.all()]
            found = [UnixPath(each[1]) if each[1] else (each[2].strip("[]"), int(each[3]))
                     for each in found if each]
            return found if len(found) >= endpoints else None
        try:
            return wait_until(ready, f"'listening on' from {self.command}")
        except AssertionError:
            self.kill()
            raise

    # -- its log

    def log_lines(self):
        """The lines of its log, on standard error or in --log-file."""
        if self._log_file and os.path.exists(self._log_file):
            return Path(self._log_file).read_text().splitlines()
        return self.err.all()

    def log(self, *levels, contains=""):
        """Log records of the given levels (all if none is given) that contain a text."""
        return [record for record in parse_log(self.log_lines())
                if (not levels or record.level in levels) and contains in record.text]

    def reports(self):
        """All reports of the online number: (time, number)."""
        found = ((record, re.search(r"online number: (-?\d+)", record.text))
                 for record in self.log())
        return [Report(record.time, int(each[1])) for record, each in found if each]

    def reports_after(self, moment):
        """Reports written later than `moment` (Unix time)."""
        return [report for report in self.reports() if report.time > moment]

    def says_online(self, number):
        """Whether the last report has that number."""
        reports = self.reports()
        return bool(reports) and reports[-1].number == number

    def online(self):
        """The online number by the second report from now on."""
        now = time.time()
        reports = wait_until(lambda: len(r := self.reports_after(now)) >= 2 and r,
                             "two more reports of the online number")
        return reports[1].number

    def wait_online(self, number):
        """Waits until the report says `number`, and sees that the next two say so too."""
        try:
            wait_until(lambda: self.says_online(number), f"online number {number}")
        except AssertionError as error:
            raise AssertionError(f"{error}; last: {self.reports()[-3:]}") from None
        assert self.online() == number, f"online number did not stay {number}"

    def totals(self):
        """The counters of the line that begins with 'totals:', as a dictionary of numbers."""
        lines = [record.text for record in self.log() if record.text.startswith("totals:")]
        assert len(lines) == 1, f"one 'totals:' line expected\n{self.tail()}"
        return {key: int(value) for key, value in re.findall(r"(\w+)=(\d+)", lines[0])}

    def tail(self, count=15):
        """The last lines it wrote, for failure messages."""
        return "\n".join(f"    | {line}" for line in self.log_lines()[-count:])

    # -- its input

    def wait_all_read(self):
        """Waits until it has read every byte that was sent to it."""
        wait_until(lambda: unread_by_server(self.port) == 0, "the server to read what was sent")

    # -- its end

    def running(self):
        """Whether it still runs."""
        return self.process.poll() is None

    @contextlib.contextmanager
    def asleep(self):
        """While this lasts it does not run; what is sent to it waits in the kernel."""
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)

    def send_signal(self, number=signal.SIGTERM):
        """Sends a signal to it."""
        self._told_to_end = True
        self.process.send_signal(number)

    def wait_exit(self, timeout=DEADLINE):
        """Waits for its end and returns its exit status."""
        wait_until(lambda: not self.running(), f"the end of {self.command}", timeout)
        self.out.join()
        self.err.join()
        return self.process.returncode

    def stop(self, number=signal.SIGTERM, timeout=DEADLINE):
        """Ends it gracefully (if a test has not begun to); it must exit with 0 and have no
        sanitizer's report to show."""
        if self.running() and not self._told_to_end:
            self.send_signal(number)
        status = self.wait_exit(timeout)
        self.check_sanitizer()
        if not self.cut_short:
            assert status == 0, f"{self.command}: exit status {status}\n{self.tail()}"

    def check_sanitizer(self):
        """Fails, once, if a sanitizer wrote a report."""
        if self._sanitizer_told:
            return
        lines = self.err.all()
        for number, line in enumerate(lines):
            if any(mark in line for mark in SANITIZER_REPORTS):
                self._sanitizer_told = self.cut_short = True
                report = "\n".join(lines[number:number + 60])
                raise AssertionError(f"{self.command}: sanitizer report\n{report}")

    def kill(self):
        """Ends it at once, if it still runs."""
        if self.running():
            self.process.kill()
            self.process.wait()


# ---------------------------------------------------------------- clients

class Client:
    """One plain connection; everything it does has a deadline."""

    def __init__(self, address, receive_buffer=None, timeout=DEADLINE, source=None):
        local = isinstance(address, UnixPath)
        family = (socket.AF_UNIX if local else
                  socket.AF_INET6 if ":" in address[0] else socket.AF_INET)
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        self.socket.settimeout(timeout)
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        if not local:
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            if source:
                self.socket.bind((source, 0))
            self.socket.connect(address)
        except OSError:
            self.socket.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def send(self, data):
        """Sends all of it."""
        self.socket.sendall(data)

    def receive(self, size):
        """Receives exactly `size` bytes, or fails at the end of the stream."""
        parts = []
        while size > 0:
            part = self.socket.recv(min(size, 1 << 18))
            if not part:
                got = b"".join(parts)
                raise AssertionError(f"end of stream, {size} bytes missing after {got[:64]!r}")
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    def receive_to_end(self):
        """Receives until the server ends the stream; a reset raises ConnectionResetError."""
        parts = []
        while part := self.socket.recv(1 << 18):
            parts.append(part)
        return b"".join(parts)

    def is_cut(self):
        """Whether the connection was ended (by end of stream or reset) with nothing sent."""
        try:
            return self.receive_to_end() == b""
        except ConnectionError:
            return True

    def login(self, uid=1, magic=MAGIC):
        """Logs in and checks the reply."""
        self.send(login(uid, magic))
        reply = self.receive(HEAD.size)
        assert reply == login_reply(magic), f"login answered with {reply.hex(' ')}"

    def ping(self, data=b"ping", magic=MAGIC):
        """Sends an echo and checks what comes back."""
        packet = echo(data, magic)
        self.send(packet)
        reply = self.receive(len(packet))
        assert reply == packet, f"echo came back different: {reply[:64].hex(' ')}"

    def exchange(self, data, expected_size=None, half_close=False, pause=0):
        """Sends and receives at once, with a pause after each read. Returns `expected_size`
        bytes, or all up to the end."""
        received = bytearray()
        view = memoryview(data)
        self.socket.setblocking(False)
        last_progress = time.monotonic()
        with selectors.DefaultSelector() as selector:
            selector.register(self.socket,
                              selectors.EVENT_READ | (selectors.EVENT_WRITE if view else 0))
            while expected_size is None or len(received) < expected_size:
                for _, events in selector.select(POLL):
                    last_progress = time.monotonic()
                    if events & selectors.EVENT_READ:
                        part = self.socket.recv(1 << 16)
                        received += part
                        time.sleep(pause)
                        if not part:
                            self.socket.settimeout(DEADLINE)
                            return bytes(received)
                    if events & selectors.EVENT_WRITE and view:
                        view = view[self.socket.send(view):]
                        if not view:
                            selector.modify(self.socket, selectors.EVENT_READ)
                            if half_close:
                                self.half_close()
                if time.monotonic() - last_progress > DEADLINE:
                    raise AssertionError(f"stuck: {len(view)} bytes to send, {len(received)} of "
                                         f"{expected_size} received")
        self.socket.settimeout(DEADLINE)
        return bytes(received)

    def send_until_full(self, packet, limit, patience=0.3, start=0):
        """Sends `packet` again and again (the first time from byte `start` on), reading nothing,
        until nothing goes out any more for `patience` seconds or `limit` bytes are out. Returns
        how many bytes went out."""
        self.socket.setblocking(False)
        sent = 0
        rest = memoryview(packet)[start:]
        last_progress = time.monotonic()
        while sent < limit:
            try:
                count = self.socket.send(rest)
            except BlockingIOError:
                if time.monotonic() - last_progress >= patience:
                    break
                time.sleep(POLL)
                continue
            sent += count
            rest = rest[count:] or memoryview(packet)
            last_progress = time.monotonic()
        self.socket.settimeout(DEADLINE)
        return sent

    def half_close(self):
        """Says that nothing more will be sent."""
        self.socket.shutdown(socket.SHUT_WR)

    def reset(self):
        """Ends the connection with a reset."""
        reset(self.socket)

    def vanish(self):
        """Lets this end disappear without a word on the wire, as a pulled cable would. False if
        that is not permitted here."""
        try:
            self.socket.setsockopt(socket.IPPROTO_TCP, 19, 1)  # TCP_REPAIR
        except OSError:
            return False
        self.socket.close()
        return True

    def close(self):
        """Ends the connection."""
        self.socket.close()


def reset(sock):
    """Closes a socket so that its peer gets a reset."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def refuses(address):
    """Whether nobody listens at `address`; a reset comes when the end meets the handshake."""
    try:
        Client(address, timeout=DEADLINE).close()
        return False
    except (ConnectionRefusedError, ConnectionResetError):
        return True


class Swarm:
    """Many simple connections from several source addresses, worked in batches."""

    BATCH = 100
    SOURCES = [f"127.0.0.{i}" for i in range(1, 17)]
    IP_BIND_ADDRESS_NO_PORT = 24

    def __init__(self, address):
        self.address = address
        self.sockets = []
        self._opened = 0

    def open(self, count, log_in=True):
        """Opens (and logs in) `count` more; returns them."""
        opened = []
        while len(opened) < count:
            batch = [self._connect() for _ in range(min(self.BATCH, count - len(opened)))]
            self.sockets += batch
            opened += batch
            if log_in:
                self.log_in(batch)
        return opened

    def _connect(self):
        one = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        one.settimeout(DEADLINE)
        one.setsockopt(socket.IPPROTO_IP, self.IP_BIND_ADDRESS_NO_PORT, 1)
        one.bind((self.SOURCES[self._opened % len(self.SOURCES)], 0))
        one.connect(self.address)
        self._opened += 1
        return one

    @staticmethod
    def log_in(sockets):
        """Logs all of them in, and waits for every reply."""
        for number, one in enumerate(sockets):
            one.sendall(login(number & 0xFFFF))
        for one in sockets:
            reply = one.recv(HEAD.size, socket.MSG_WAITALL)
            assert reply == login_reply(), f"login answered with {reply.hex(' ')}"

    def close(self, sockets=None):
        """Closes the given ones, or all."""
        self._end(sockets, lambda one: one.close())

    def reset(self, sockets=None):
        """Resets the given ones, or all."""
        self._end(sockets, reset)

    def _end(self, sockets, end):
        gone = set(self.sockets if sockets is None else sockets)
        for one in gone:
            end(one)
        self.sockets = [one for one in self.sockets if one not in gone]

    def wait_all_ended(self, timeout=DEADLINE):
        """Waits until the server has ended every stream, with nothing more sent; closes them."""
        deadline = time.monotonic() + timeout
        for one in self.sockets:
            one.settimeout(max(0.001, deadline - time.monotonic()))
            assert one.recv(1) == b"", "bytes where the end of the stream was expected"
        self.close()


class Witness:
    """A well-behaved client that pings all the time and must not notice anything."""

    def __init__(self, address, slowest=MARGIN, client=None):
        self._client = client or Client(address)
        self._slowest = slowest
        self._stop = threading.Event()
        self._failure = None
        self.pings = 0
        self.worst = 0.0
        self._thread = threading.Thread(target=self._work, daemon=True)

    def _work(self):
        try:
            self._client.login(65535)
            while not self._stop.wait(0.002):
                begin = time.monotonic()
                self._client.ping(f"witness {self.pings}".encode())
                self.worst = max(self.worst, time.monotonic() - begin)
                self.pings += 1
        except (OSError, AssertionError) as failure:
            self._failure = failure

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, kind, *_):
        if kind is None:  # it has a last word after all that was done
            pings = self.pings
            wait_until(lambda: self.pings > pings + 1 or self._failure, "the witness's turn")
        self._stop.set()
        self._thread.join()
        self._client.close()
        if kind is None:
            assert self._failure is None, f"the witness was hurt: {self._failure!r}"
            assert self.worst < self._slowest, f"the witness waited {self.worst:.3f} s for a reply"


# ---------------------------------------------------------------- test case

class NetTest(unittest.TestCase):
    """A test with servers and clients that are cleaned up, and whose log is shown on failure."""

    maxDiff = 2000

    def run(self, result=None):
        self.servers = []
        result = self.defaultTestResult() if result is None else result
        bad_before = len(result.failures) + len(result.errors)
        super().run(result)
        if len(result.failures) + len(result.errors) > bad_before:
            load = " ".join(f"{each:.1f}" for each in os.getloadavg())
            print(f"--- {self.id()}: load {load} on {os.cpu_count()} processors", file=sys.stderr)
            for server in self.servers:
                print(f"--- {server.command}\n{server.tail()}", file=sys.stderr)
        return result

    def serve(self, **options):
        """Starts a server that must end well at the end of the test."""
        server = Server(**options)
        self.servers.append(server)
        self.addCleanup(self._end, server)
        return server

    @staticmethod
    def _end(server):
        try:
            server.stop()
        finally:
            server.kill()

    def connect(self, server, **options):
        """Connects a client that is closed at the end of the test."""
        address = server.address if isinstance(server, Server) else server
        client = Client(address, **options)
        self.addCleanup(client.close)
        return client

    def enter(self, server):
        """Connects and logs in, again and again until there is room."""
        def attempt():
            client = self.connect(server)
            try:
                client.login()
                return client
            except (AssertionError, ConnectionError):
                client.close()
                return None
        return wait_until(attempt, "a free place")

    def stuck_peer(self, server, patience=0.3):
        """A member that asks for more and more and never reads, and has come to a standstill."""
        client = self.connect(server, receive_buffer=4096)
        client.login()
        client.send_until_full(echo_of_size(LARGE), limit=64 << 20, patience=patience)
        return client

    def swarm(self, server):
        """A swarm that is closed at the end of the test."""
        swarm = Swarm(server.address)
        self.addCleanup(swarm.close)
        return swarm

    def assert_stream_ends(self, client, expected=b""):
        """The client must get exactly `expected` and then a clean end of stream."""
        try:
            got = client.receive_to_end()
        except ConnectionError as error:
            self.fail(f"a clean end of stream was expected, not {error!r}")
        except TimeoutError:
            self.fail("the server did not end the stream")
        self.assertEqual(got, expected)
