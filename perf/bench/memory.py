# SPDX-License-Identifier: BSL-1.0
"""What a process occupies, as the kernel accounts for it."""
import pathlib
import re
import time

from failure import Failure

STILL_SECONDS = 0.3  # unchanged for so long counts as settled
PATIENCE_SECONDS = 5


def private_of(rollup):
    """Private bytes by the text of a smaps_rollup: what the process wrote to. Unchanged pages of
    its program are left out, for they count as private or shared by who else runs it."""
    return sum(int(size) * 1024
               for size in re.findall(r"^(?:Private_Dirty|Swap):\s+(\d+) kB", rollup, re.M))


def private_bytes(pid):
    try:
        return private_of(pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text())
    except OSError as error:
        raise Failure(f"memory of process {pid}: {error}") from None


def settled_bytes(pid):
    """Private bytes once they stand still."""
    begin = since = time.monotonic()
    last = private_bytes(pid)
    while time.monotonic() - since < STILL_SECONDS and time.monotonic() - begin < PATIENCE_SECONDS:
        time.sleep(0.03)
        now = private_bytes(pid)
        if now != last:
            last, since = now, time.monotonic()
    return last
