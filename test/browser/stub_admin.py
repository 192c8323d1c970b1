# SPDX-License-Identifier: BSL-1.0
"""An admin endpoint that says what a test wants: figures, silence, nonsense, refusals.

The page's files are the real ones, served with the real one's content security policy. Events go
out when the test says so, not by a clock, so no test depends on the speed of the machine. What was
sent last is repeated, so that a page does not take a slow test for a silent server.
"""

import copy
import http.server
import json
import queue
import threading
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "lib" / "millipede" / "admin" / "page"
TYPES = {".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8",
         ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}
CLOSE = object()  # in a stream's queue: the connection is to be ended

COUNTERS = """accepted full accept_failures opened closed closed_by_peer timeouts errors
refused_frames shed stopped closed_by_server handler_failures cut released messages_received
messages_sent bytes_received bytes_sent messages_dropped writes_blocked stale_requests
callback_failures bytes_dropped messages_dropped_newest messages_dropped_oldest bytes_shed
shed_for_budget output_held_bytes newcomers_over_limit newcomers_over_source_limit
newcomers_over_rate newcomers_over_source_rate newcomers_shed first_message_timeouts
message_timeouts too_fast rate_pauses heartbeats offloaded offload_refused offload_failed
offload_dropped offload_waiting tls_handshakes tls_failures bad_proxy_headers abandoned
worker_restarts stalls stalled log_lines_dropped""".split()


def worker(index, **changes):
    """A worker as /stats has it."""
    return {"index": index, "connections": 1000 + index, "connections_max": 4000,
            "busy_share": 0.25,
            "loop_lag_seconds": {"last": 0.00002, "max": 0.004, "p99": 0.00025},
            "stalled": False, "mailbox_bytes": 0} | changes


def figures(uptime=100.0, workers=4, totals=None, **changes):
    """What /stats would say of a server that is well."""
    return {"time": 1795302000.0 + uptime, "uptime_seconds": uptime, "version": "0.1.0",
            "program": "millipede-online", "state": "running", "ready": True, "not_ready": [],
            "connections": 12345, "connections_max": 100000, "online": 12000,
            "totals": dict.fromkeys(COUNTERS, 0) | (totals or {}),
            "workers": [worker(index) for index in range(workers)],
            "memory": {"resident_bytes": 75 << 20, "user_bytes_per_connection": 412,
                       "output_budget_bytes": 256 << 20, "output_budget_used_bytes": 3 << 20},
            "listeners": ["0.0.0.0:8082", "[::]:8082"], "alarms": []} | copy.deepcopy(changes)


class StubAdmin:
    """Listens on a port of its own; use as a context manager."""

    def __init__(self, token=None):
        self.token = token
        self.repeats = True  # what was sent last, once a second
        self.refuse_with = None  # a status for /events
        self.asked = 0  # how often /events was asked for
        self.paths = set()  # what else was asked for
        self.writing = 0  # how many streams there are
        self._streams = []
        self._arrived = threading.Condition()
        stub = self

        class Handler(_Handler):
            """Requests to this stub."""
            admin = stub

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self.address = f"http://127.0.0.1:{self._server.server_port}/"

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *failure):
        self.cut()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def send(self, latest):
        """An event for all who read."""
        self._put((f"data: {json.dumps(latest)}\n\n".encode(), True))

    def send_raw(self, text):
        """These bytes as they are, in a piece, and but once."""
        self._put((text, False))

    def _put(self, item):
        with self._arrived:
            for stream in self._streams:
                stream.put(item)

    def cut(self):
        """Ends all streams."""
        with self._arrived:
            for stream in self._streams:
                stream.put((CLOSE, False))
            self._streams.clear()

    def wait_for_reader(self, timeout=60):
        """Until somebody reads the events."""
        with self._arrived:
            if not self._arrived.wait_for(lambda: self._streams, timeout):
                raise AssertionError("nobody asked for /events")

    def wait_for_request(self, number, timeout=60):
        """Until /events has been asked for so often."""
        with self._arrived:
            if not self._arrived.wait_for(lambda: self.asked >= number, timeout):
                raise AssertionError(f"/events was asked for {self.asked} times, not {number}")

    def count_request(self):
        """Of /events, answered or not."""
        with self._arrived:
            self.asked += 1
            self._arrived.notify_all()

    def count_stream(self, one):
        """One more, or one less."""
        with self._arrived:
            self.writing += one

    def new_stream(self):
        """A queue of what a new reader is to get."""
        with self._arrived:
            self._streams.append(queue.Queue())
            self._arrived.notify_all()
            return self._streams[-1]


class _Handler(http.server.BaseHTTPRequestHandler):
    """One connection to the stub."""

    admin = None

    def do_GET(self):
        """Answers as the admin endpoint would."""
        if self.path == "/events":
            self._events()
        elif self.path == "/":
            self._file("index.html")
        elif self.path.startswith("/page/"):
            self._file(self.path.removeprefix("/page/"))
        else:
            self._head(404, "text/plain")

    def log_message(self, *_):
        """Says nothing."""

    def _head(self, status, content_type, **more):
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Security-Policy", "default-src 'self'")
        self.send_header("X-Content-Type-Options", "nosniff")
        for name, value in more.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def _file(self, name):
        self.admin.paths.add(name)
        path = PAGE / name
        if "/" in name or not path.is_file():
            self._head(404, "text/plain")
            return
        self._head(200, TYPES[path.suffix])
        self.wfile.write(path.read_bytes())

    def _events(self):
        self.admin.count_request()
        if self.admin.token and self.headers["Authorization"] != f"Bearer {self.admin.token}":
            self._head(401, "text/plain", WWW_Authenticate="Bearer")
        elif self.admin.refuse_with:
            self._head(self.admin.refuse_with, "text/plain")
        else:
            self._head(200, "text/event-stream", Cache_Control="no-store")
            self.admin.count_stream(1)
            self._write_events(self.admin.new_stream())
            self.admin.count_stream(-1)

    def _write_events(self, stream):
        text, again = b"", False
        while text is not CLOSE:
            try:
                self.wfile.write(text)
                text, again = stream.get(timeout=1)
            except queue.Empty:
                text = text if again and self.admin.repeats else b""
            except OSError:
                return  # the page has gone
