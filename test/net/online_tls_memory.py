# SPDX-License-Identifier: BSL-1.0
"""What an idle, logged-in TLS connection costs in user space.

Goal: no buffers: at most 15 KiB, in TLS 1.2 and 1.3, of which OpenSSL 3.0's own state is 13; its
buffers would be 33 more.
Method: as in online_memory.py: the server's anonymous pages, between few connections and many.

Environment: MILLIPEDE_TLS_MEMORY_CONNECTIONS (1200)
"""

import os
import ssl
import unittest

from harness import SANITIZER, memory_of, raise_descriptor_limit
from online_memory import settled_memory
from secure import SecureTest

FEW = 200
MANY = int(os.environ.get("MILLIPEDE_TLS_MEMORY_CONNECTIONS", "1200"))
CONNECTION_MAX = 15 * 1024  # bytes


@unittest.skipIf(SANITIZER, "a sanitizer's own memory would be measured")
class TlsMemory(SecureTest):
    """Memory by the kernel's account."""

    def slope(self, version):
        """Bytes per connection."""
        raise_descriptor_limit(MANY + 256)
        server = self.serve_tls(workers=2, connections=MANY)
        context = self.context(version=version)
        clients = []
        points = {}
        for count in (FEW, MANY // 2, MANY):
            while len(clients) < count:
                clients.append(self.connect_tls(server, context))
                clients[-1].login()
            server.wait_online(count)
            points[count] = settled_memory(server)
        slope = (points[MANY] - points[FEW]) / (MANY - FEW)
        print(f"{version.name}: " + ", ".join(
            f"{count} connections {size // 1024} KiB" for count, size in points.items()) +
            f": {slope:.0f} bytes each (at most {CONNECTION_MAX})")
        self.assertGreater(memory_of(server.process.pid), 0)
        return slope

    def test_an_idle_connection(self):
        for version in (ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_2):
            with self.subTest(version=version.name):
                self.assertLessEqual(self.slope(version), CONNECTION_MAX)


if __name__ == "__main__":
    unittest.main()
