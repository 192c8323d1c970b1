# SPDX-License-Identifier: BSL-1.0
"""What the ways to consume the library share: commands that must succeed, builds, consumers."""

import os
import re
import shutil
import subprocess
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
BUILD = ROOT / "build"
WORK = BUILD / "consumer"
START = time.monotonic()

CCACHE = {"CCACHE_BASEDIR": str(ROOT), "CCACHE_NOHASHDIR": "1",
          "CCACHE_SLOPPINESS": "pch_defines,time_macros,include_file_mtime,include_file_ctime"}
# One file is compiled alike in all that is built here, so that ccache has it but once.
FLAGS = ["-DCMAKE_BUILD_TYPE=Release", "-DCMAKE_CXX_FLAGS_RELEASE=-O2 -DNDEBUG",
         "-DCMAKE_POSITION_INDEPENDENT_CODE=ON"]
STRICT = "-DMILLIPEDE_WARNINGS_AS_ERRORS=ON"
if shutil.which("ccache"):
    FLAGS.append("-DCMAKE_CXX_COMPILER_LAUNCHER=ccache")
LIBRARIES_ALONE = [f"-DMILLIPEDE_BUILD_{part}=OFF"
                   for part in ("PROGRAMS", "EXAMPLES", "PERF", "TESTS")]


class Failure(Exception):
    """What did not go as it must, with what the command said."""


def say(text):
    print(f"-- {text} ({time.monotonic() - START:.0f} s)", flush=True)


def run(*command, fails=False, environment=None, **more):
    """The command's output, both streams; it must succeed, or fail if that is wanted."""
    done = subprocess.run([str(word) for word in command], text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False, stdin=subprocess.DEVNULL,
                          env={**os.environ, **CCACHE, **(environment or {})}, **more)
    if (done.returncode != 0) != fails:
        ended = f"ended with {done.returncode}"
        raise Failure(f"{' '.join(map(str, command))}\n{ended}:\n{done.stdout[-6000:]}")
    return done.stdout


def require(holds, what):
    if not holds:
        raise Failure(what)


def has_admin():
    library = (ROOT / "lib/CMakeLists.txt").read_text(encoding="utf-8")
    return "add_library(millipede-admin" in library


def abi_version():
    """The part of the version that stands in the shared libraries' names."""
    project = (ROOT / "CMakeLists.txt").read_text(encoding="utf-8")
    return re.search(r"project\(millipede VERSION (\d+\.\d+)", project)[1]


def components():
    return ["core", "client", "tls"] + (["admin"] if has_admin() else [])


def fresh(path):
    shutil.rmtree(path, ignore_errors=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def configure_and_build(source, build, *settings, targets=()):
    run("cmake", "-G", "Ninja", "-S", source, "-B", build, *FLAGS, *settings)
    run("cmake", "--build", build, *(("--target", *targets) if targets else ()))


def certificate():
    """A certificate for `localhost` and its key."""
    chain, key = WORK / "chain.pem", WORK / "key.pem"
    if not chain.exists():
        WORK.mkdir(parents=True, exist_ok=True)
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
            "-nodes", "-days", "30", "-subj", "/CN=localhost", "-addext",
            "subjectAltName=DNS:localhost", "-keyout", key, "-out", chain)
    return chain, key


def run_consumers(folder, wanted, environment=None):
    for name in wanted:
        arguments = (*certificate(), "localhost") if name == "tls" else ()
        said = run(folder / f"consumer-{name}", *arguments, environment=environment, timeout=120)
        require(f"{name}: answered" in said, f"consumer-{name} of {folder} said {said!r}")
