# SPDX-License-Identifier: BSL-1.0
"""The example of a service in the clear and over TLS (examples/tls).

Goal: it serves both, changes its certificate without dropping anyone, and names what is missing.
Method: the real program, plain sockets and Python's TLS.
"""

import signal
import unittest

from example import Example
from harness import Client, frame, run_to_end, wait_until
from secure import SecureTest, TlsClient

WHISPER = 0x6105


class Tls(SecureTest):
    def test_serves_both_and_reads_its_files_again(self):
        example = Example(self, "example-tls", "127.0.0.1:0", "127.0.0.1:0", self.certificate,
                          self.key, endpoints=2)
        whisper = frame(WHISPER, b"psst")
        with Client(example.addresses[0]) as plain:
            plain.send(whisper)
            self.assertEqual(plain.receive(len(whisper)), whisper)
        with TlsClient(example.addresses[1], self.context()) as first:
            before = first.socket.getpeercert(binary_form=True)
            self.authority.issue("server")  # over the old one
            example.process.send_signal(signal.SIGHUP)

            def has_changed():
                with TlsClient(example.addresses[1], self.context()) as newcomer:
                    return newcomer.socket.getpeercert(binary_form=True) != before
            wait_until(has_changed, "newcomers to get the new certificate")
            first.send(whisper)  # nobody was dropped
            self.assertEqual(first.receive(len(whisper)), whisper)

    def test_usage_and_missing_files(self):
        status, _, err = run_to_end("example-tls")
        self.assertEqual((status, err[0][:18]), (2, "usage: example-tls"))
        status, _, err = run_to_end("example-tls", "127.0.0.1:0", "127.0.0.1:0", "/no/such", "x")
        self.assertEqual(status, 2)
        self.assertIn("/no/such", "\n".join(err))


if __name__ == "__main__":
    unittest.main()
