# SPDX-License-Identifier: BSL-1.0
"""The comet servers that are compared: how each is started, subscribed to and published to."""
import collections
import contextlib
import http.client
import json
import os
import pathlib
import re
import shutil
import socket
import tempfile
import urllib.parse

import children
from failure import Failure
from server import READY_SECONDS
from subjects import FLOOR

OURS = "millipede"
NCHAN_MODULE = "/usr/lib/nginx/modules/ngx_nchan_module.so"
OPEN_RATE = 10_000  # subscribers per second, where their opening is not answered
SPARE = 1_000  # connections beyond the subscribers

Usage = collections.namedtuple("Usage", "user_ms system_ms")

# Buffers are those of the others. Of its connections a sixteenth must stay free, else it ends some.
NGINX_CONF = """
daemon off;
{user}
worker_processes 1;
worker_rlimit_nofile {descriptors};
pid {folder}/pid;
error_log {folder}/error.log warn;
load_module {module};
events {{ worker_connections {descriptors}; }}
http {{
    access_log off;
    keepalive_timeout 24h;
    keepalive_requests 1000000000;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    nchan_shared_memory_size 512M;
    server {{
        listen {address}:{port} backlog=4096;
        tcp_nodelay on;
        nchan_subscriber_first_message newest;
        nchan_subscriber_timeout 0;
        nchan_message_timeout 1h;
        nchan_message_buffer_length 10;
        location = /push {{ nchan_publisher; nchan_channel_id $arg_cname; }}
        location = /sub {{ nchan_subscriber longpoll; nchan_channel_id $arg_cname; }}
        location = /stream {{ nchan_subscriber http-chunked; nchan_channel_id $arg_cname; }}
        location = /sse {{ nchan_subscriber eventsource; nchan_channel_id $arg_cname; }}
        location = /status {{ nchan_stub_status; }}
    }}
}}
"""


class Ours:
    """The comet server."""
    name = OURS
    protocol = "http"
    ways = {"poll": {"path": "/sub?cname=c0&seq={seq}"},
            "stream": {"path": "/stream?cname=c0&seq={seq}"},
            "sse": {"path": "/sse?cname=c0&seq={seq}"}}
    listeners = 2

    @staticmethod
    def missing(binaries):
        return "" if os.access(binaries / "millipede-comet", os.X_OK) else "no program"

    @staticmethod
    def command(binaries, folder, address, count):
        return [str(binaries / "millipede-comet"), "--workers", "1", "--front", f"{address}:0",
                "--admin", f"{address}:0", "--connections", str(count + SPARE),
                "--max-subscribers-per-channel", "10000000", "--polling-timeout", "1h",
                "--channel-timeout", "1h", "--log-level", "warning"]

    @staticmethod
    def publication(channel, content, message):
        return f"/push?cname={channel}&content={urllib.parse.quote(content)}", ""

    info_path = "/info"

    @staticmethod
    def subscribers_by(text):
        return json.loads(text)["subscribers"]


class RawEpoll(Ours):
    """The floor: nothing but a call for each. One port for everything."""
    name = FLOOR
    program = "bench-raw-comet"
    why_missing = "no program"
    ways = {**Ours.ways, "poll": {"path": "/sub?cname=c0&seq={seq}", "opened_by": "request",
                                  "open_rate": OPEN_RATE}}
    listeners = 1

    @classmethod
    def missing(cls, binaries):
        return "" if os.access(binaries / cls.program, os.X_OK) else cls.why_missing

    @classmethod
    def command(cls, binaries, folder, address, count):
        return [str(binaries / cls.program), "--listen", f"{address}:0"]


class Evhttp(RawEpoll):
    """icomet's design."""
    name = "evhttp"
    program = "bench-evhttp-comet"
    ways = Ours.ways
    why_missing = "not built (libevent-dev, pkg-config)"


class Nchan:
    """nginx with its module nchan, as Debian has it."""
    name = "nchan"
    protocol = "http"
    ways = {"poll": {"path": "/sub?cname=c0", "opened_by": "request", "open_rate": OPEN_RATE},
            "stream": {"path": "/stream?cname=c0", "field": "TE: chunked", "opened_by": "request",
                       "open_rate": OPEN_RATE},
            "sse": {"path": "/sse?cname=c0", "field": "Accept: text/event-stream",
                    "opened_by": "request", "open_rate": OPEN_RATE}}
    listeners = 0

    @staticmethod
    def missing(binaries):
        if not shutil.which("nginx", path=path_with_sbin()):
            return "no nginx (nginx-light)"
        return "" if os.path.exists(NCHAN_MODULE) else "no libnginx-mod-nchan"

    @staticmethod
    def command(binaries, folder, address, count):
        port = free_port(address)
        pathlib.Path(folder, "port").write_text(str(port))
        conf = NGINX_CONF.format(folder=folder, port=port, address=address, module=NCHAN_MODULE,
                                 descriptors=max(count * 5 // 4, 1_000),
                                 user="user root;" if os.geteuid() == 0 else "")
        pathlib.Path(folder, "nginx.conf").write_text(conf)
        return [shutil.which("nginx", path=path_with_sbin()), "-p", folder, "-c",
                f"{folder}/nginx.conf", "-e", f"{folder}/error.log"]

    @staticmethod
    def publication(channel, content, message):
        return f"/push?cname={channel}", message

    info_path = "/status"

    @staticmethod
    def subscribers_by(text):
        return int(re.search(r"^subscribers: (\d+)", text, re.M)[1])


SUBJECTS = [RawEpoll, Ours, Nchan, Evhttp]


def path_with_sbin():
    return os.environ.get("PATH", "") + ":/usr/sbin"


def free_port(address):
    with socket.create_server((address, 0)) as listener:
        return listener.getsockname()[1]


def processor_ms(pid):
    """User and system time of a process so far."""
    try:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError as error:
        raise Failure(f"process {pid}: {error}") from None
    return [int(each) * 1e3 / os.sysconf("SC_CLK_TCK") for each in fields[11:13]]


class CometServer:
    """A subject that was started and takes connections, at `address`. Use it in a with
    statement."""

    def __init__(self, subject, bench, address, count):
        self.subject, self.address = subject, address
        self.stack = contextlib.ExitStack()
        self.folder = self.stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-"))
        self.output = self.stack.enter_context(open(f"{self.folder}/output", "wb"))
        command = subject.command(bench.options.binaries, self.folder, address, count)
        self.process = children.start(command, bench.server_core, stdout=self.output,
                                      stderr=self.output)
        try:
            ports = children.wait_for(self.ports, READY_SECONDS)
            if not ports:
                raise Failure(f"{subject.name} was not ready after {READY_SECONDS} s")
        except BaseException:
            children.kill(self.process)
            self.stack.close()
            raise
        self.target = f"{address}:{ports[0]}"
        self.publish_at = address, ports[-1]

    def text(self):
        paths = [pathlib.Path(self.folder, name) for name in ("output", "error.log")]
        return "".join(path.read_text(errors="replace") for path in paths if path.exists())

    def ports(self):
        """For subscribers and for publishers; None: not yet."""
        if self.process.poll() is not None:
            raise Failure(f"{self.subject.name} ended before it was ready: "
                          f"{self.text().strip().splitlines()[-1:]}")
        if self.subject.listeners == 0:
            port = int(pathlib.Path(self.folder, "port").read_text())
            with contextlib.suppress(OSError), socket.create_connection((self.address, port), 1):
                return [port]
            return None
        found = re.findall(r"^listening on \S+:(\d+)$", self.text(), re.M)
        return found if len(found) == self.subject.listeners else None

    def subscribers(self):
        """By its own count."""
        connection = http.client.HTTPConnection(*self.publish_at, timeout=READY_SECONDS)
        try:
            connection.request("GET", self.subject.info_path)
            return self.subject.subscribers_by(connection.getresponse().read().decode())
        except (OSError, http.client.HTTPException) as error:
            raise Failure(f"{self.subject.name} does not tell its subscribers: {error}") from None
        finally:
            connection.close()

    def usage(self):
        """The time of the processor that it used so far, all its processes together."""
        pids = [self.process.pid, *children.descendants(self.process.pid)]
        return Usage(*map(sum, zip(*map(processor_ms, pids))))

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        gone = self.process.poll() is not None
        children.end(self.process)
        said = self.text().strip().splitlines()[-1:]
        self.stack.close()
        if kind is None and gone:
            raise Failure(f"{self.subject.name} ended while it was measured: {said}")
