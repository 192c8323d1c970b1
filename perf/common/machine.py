# SPDX-License-Identifier: BSL-1.0
"""Where figures were measured, and of what. Whatever cannot be found out is 'unknown'."""
import datetime
import os
import pathlib
import platform
import re
import subprocess

UNKNOWN = "unknown"


def read(path):
    try:
        return pathlib.Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def first(pattern, text):
    found = re.search(pattern, text, re.M)
    return found[1].strip() if found else UNKNOWN


def output(*command, folder=None):
    """What a program prints, None when it fails or is missing."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, cwd=folder,
                              check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def processor(cpuinfo):
    """The processor's name by the text of /proc/cpuinfo."""
    return first(r"^model name\s*:\s*(.+)$", cpuinfo)


def memory_bytes(meminfo):
    found = first(r"^MemTotal:\s*(\d+) kB", meminfo)
    return None if found == UNKNOWN else int(found) * 1024


def build_of(cache):
    """Build type, compiler and Boost version by the text of a CMakeCache.txt."""
    compiler = first(r"^CMAKE_CXX_COMPILER:\w+=(.+)$", cache)
    version = output(compiler, "--version") if compiler != UNKNOWN else None
    return {"build_type": first(r"^CMAKE_BUILD_TYPE:\w+=(.+)$", cache),
            "compiler": version.splitlines()[0] if version else UNKNOWN,
            "boost": first(r"^Boost_DIR:\w+=.*/Boost-([\d.]+)$", cache)}


def describe(binaries, repository):
    """All of it, for the head of a report and for JSON."""
    commit = output("git", "rev-parse", "--short=10", "HEAD", folder=repository)
    changes = output("git", "status", "--porcelain", folder=repository)
    return {"date": datetime.date.today().isoformat(),
            "commit": commit or UNKNOWN,
            "dirty": None if changes is None else bool(changes),
            "processor": processor(read("/proc/cpuinfo")),
            "cores": len(os.sched_getaffinity(0)),
            "kernel": platform.release(),
            "memory_bytes": memory_bytes(read("/proc/meminfo")),
            "load_average": round(os.getloadavg()[0], 2),
            **build_of(read(pathlib.Path(binaries).resolve().parent / "CMakeCache.txt"))}


def lines(description):
    """The same as text."""
    gibibytes = (description["memory_bytes"] or 0) / (1 << 30)
    changed = {True: " with changes", False: "", None: ""}[description["dirty"]]
    return [f"{description['processor']}, {description['cores']} cores, {gibibytes:.0f} GiB, "
            f"Linux {description['kernel']}, load average {description['load_average']}",
            f"{description['compiler']}, Boost {description['boost']}, "
            f"{description['build_type']}; {description['date']}, "
            f"commit {description['commit']}{changed}"]
