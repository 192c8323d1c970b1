# SPDX-License-Identifier: BSL-1.0
"""A service manager for tests, as systemd is one: a socket that servers send their notices to."""

import contextlib
import os
import socket
import struct
import tempfile
import threading
from pathlib import Path

from harness import DEADLINE, NetTest, wait_until

CREDENTIALS = struct.Struct("iII")  # process, user, group


class Notice(dict):
    """The NAME=VALUE lines of one datagram, and which process sent it."""

    def __init__(self, text, process):
        super().__init__(line.split("=", 1) for line in text.splitlines())
        self.process = process


class Manager:
    """Collects the notices of all processes that are started while `environment()` lasts."""

    def __init__(self, abstract=False, reads=True, **more):
        self._folder = tempfile.TemporaryDirectory(prefix="millipede-")
        path = str(Path(self._folder.name) / "notify")
        self._more = {name.upper(): str(value) for name, value in more.items()}
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self._socket.bind("\0" + path if abstract else path)
        self.address = "@" + path if abstract else path
        self._notices = []
        self._thread = threading.Thread(target=self._collect, daemon=True)
        if reads:
            self._thread.start()

    def _collect(self):
        while True:
            text, ancillary, _, _ = self._socket.recvmsg(4096, 1024)
            if text == b"end":
                break
            process = CREDENTIALS.unpack(ancillary[0][2][:CREDENTIALS.size])[0]
            self._notices.append(Notice(text.decode(), process))

    @contextlib.contextmanager
    def environment(self):
        """What systemd sets for the processes that it starts."""
        added = {"NOTIFY_SOCKET": self.address, **self._more}
        os.environ.update(added)
        try:
            yield
        finally:
            for name in added:
                del os.environ[name]

    def notices(self):
        """All so far."""
        return list(self._notices)

    def count(self):
        """How many there are so far."""
        return len(self._notices)

    def wait_for(self, name, since=0, **expected):
        """The index of the first notice from `since` on that has this name, and these values."""
        def find():
            for index, notice in enumerate(self.notices()[since:], since):
                if name in notice and all(notice.get(each.upper()) == value
                                          for each, value in expected.items()):
                    return index + 1
            return None
        return wait_until(find, f"a notice {name} {expected} among {self.notices()[since:]}",
                          DEADLINE) - 1

    def get(self, name):
        """The first notice that has this name, as soon as it is there."""
        index = self.wait_for(name)
        return self.notices()[index]

    def close(self):
        """Nobody listens any more."""
        if self._thread.is_alive():
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as own:
                own.sendto(b"end", self._socket.getsockname())
            self._thread.join()
        self._socket.close()
        self._folder.cleanup()


class ManagedTest(NetTest):
    """A test whose servers may have a service manager."""

    def manage(self, **options):
        """A manager that is there until the end of the test."""
        manager = Manager(**options)
        self.addCleanup(manager.close)
        return manager

    def serve_under(self, manager, **options):
        """Starts a server that the manager knows of."""
        with manager.environment():
            return self.serve(**options)
