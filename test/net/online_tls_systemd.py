# SPDX-License-Identifier: BSL-1.0
"""What systemd hears of a reload: its begin, with the time, and its end.

Method: a TLS listener, whose certificates SIGHUP reads again, and a socket of ours in the place of
systemd's.
"""

import os
import signal
import tempfile
import unittest

from secure import Authority
from service_manager import ManagedTest


class Reload(ManagedTest):
    """RELOADING, and READY again."""

    def test_reloading_and_ready_again(self):
        with tempfile.TemporaryDirectory(prefix="millipede-") as folder:
            certificate, key = Authority(folder).issue("localhost")
            manager = self.manage()
            server = self.serve_under(manager, listen="127.0.0.1:0,tls",
                                      tls_certificate=certificate, tls_key=key)
            ready = manager.wait_for("READY")
            for _ in range(2):
                os.kill(server.process.pid, signal.SIGHUP)
                begun = manager.wait_for("RELOADING", since=ready)
                self.assertGreater(int(manager.notices()[begun]["MONOTONIC_USEC"]), 0)
                ready = manager.wait_for("READY", since=begun)
            server.stop()


if __name__ == "__main__":
    unittest.main()
