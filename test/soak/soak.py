#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""A long soak: does the server's memory stand still while its connections come and go?

Goal: 15,000 logged-in connections, 1,000 of them dropped (closed or reset) and opened anew each
second, 3,000 echoes each second, every byte verified; the server's user memory is flat from minute
two on, its online number is exact at the end, and it ends well.
Method: `millipede-load churn` against `millipede-online`; each second the anonymous memory of the
server by /proc (smaps_rollup). A line is fitted to the samples (least squares) after the warm-up,
two minutes or a quarter of the run. The run fails when that line rises by more than a byte for each
connection that was replaced meanwhile: whatever is kept of a connection that has gone takes more.

Usage: soak.py --bin FOLDER [--seconds 600] [--connections 15000] [--churn 1000] [--send 3000]
Exit status: 0 if all held, 1 if not. `./dev soak 10m` builds and runs it.
"""

import argparse
import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "net"))

WORKERS = 2
WARM_UP_SECONDS = 120
PAGE = 4096
NOISE_PAGES = 32  # memory is counted in pages: so many may come to be touched by and by


def slope_of(samples):
    """Bytes per second by least squares; samples are (second, bytes)."""
    count = len(samples)
    mean_x = sum(x for x, _ in samples) / count
    mean_y = sum(y for _, y in samples) / count
    spread = sum((x - mean_x) ** 2 for x, _ in samples)
    if spread == 0:
        return 0.0
    return sum((x - mean_x) * (y - mean_y) for x, y in samples) / spread


def verdict(samples, seconds, churn):
    """What the samples say: a dictionary, with `flat` as the judgement."""
    begin = min(WARM_UP_SECONDS, seconds / 4)
    watched = [sample for sample in samples if sample[0] >= begin]
    if len(watched) < 3:
        return {"flat": False, "why": "too few samples"}
    duration = watched[-1][0] - watched[0][0]
    slope = slope_of(watched)
    rise = slope * duration
    replaced = churn * duration
    allowed = max(NOISE_PAGES * PAGE, replaced)
    return {"flat": rise <= allowed, "from_second": round(begin), "samples": len(watched),
            "lowest_bytes": min(y for _, y in watched), "highest_bytes": max(y for _, y in watched),
            "bytes_per_minute": round(slope * 60), "rise_bytes": round(rise),
            "rise_allowed_bytes": round(allowed),
            "bytes_per_replaced_connection": round(rise / max(1, replaced), 4)}


def sample_while_running(process, server, begin, memory_of):
    """One sample a second, with a line about it now and then, until the process has ended."""
    samples = []
    while process.poll() is None:
        samples.append((time.monotonic() - begin, memory_of(server.process.pid)))
        if len(samples) % 30 == 1:
            moment, size = samples[-1]
            number = server.reports()[-1].number if server.reports() else 0
            print(f"{moment:6.0f} s  {size / 1024:9.0f} KiB  {number} online", flush=True)
        time.sleep(1)
    return samples


def soak(options):
    """Runs it; returns what was wrong."""
    import harness  # it looks for the binaries when it is imported
    crowd = options.connections + 2 * options.churn  # leavers and newcomers overlap
    harness.raise_descriptor_limit(crowd + 256)
    server = harness.Server(workers=WORKERS, connections=-(-crowd // WORKERS), report_every="1s")
    load = harness.spawn("millipede-load", [
        "churn", f"127.0.0.1:{server.port}", "--connections", str(options.connections),
        "--churn", str(options.churn), "--send", str(options.send), "--close", "mixed",
        "--duration", f"{options.seconds}s"])
    out, err = harness.Lines(load.stdout), harness.Lines(load.stderr)
    samples = sample_while_running(load, server, time.monotonic(), harness.memory_of)
    out.join()
    err.join()
    print("\n".join(out.all()))
    wrong = [] if load.returncode == 0 else [f"millipede-load: {load.returncode}: {err.all()[-3:]}"]
    server.wait_online(0)
    server.stop()
    totals = server.totals()
    print("totals:", totals)
    if totals["opened"] != totals["closed"]:
        wrong.append("not every connection was closed once")
    if totals["refused_frames"] or totals["full"] or totals["timeouts"]:
        wrong.append("somebody was refused, turned away or timed out")
    result = verdict(samples, options.seconds, options.churn)
    print("memory:", result)
    if not result["flat"]:
        wrong.append("memory grows")
    return wrong


def main():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--bin", required=True, help="folder of the binaries")
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--connections", type=int, default=15000)
    parser.add_argument("--churn", type=int, default=1000)
    parser.add_argument("--send", type=int, default=3000)
    options = parser.parse_args()
    os.environ["MILLIPEDE_BIN"] = str(Path(options.bin).resolve())
    wrong = soak(options)
    for each in wrong:
        print("FAILED:", each, file=sys.stderr)
    print("soak:", "failed" if wrong else "all held")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
