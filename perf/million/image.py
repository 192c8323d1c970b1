# SPDX-License-Identifier: BSL-1.0
"""The guest's only file system: busybox, our programs with their libraries, and what to do."""
import pathlib
import re
import shlex
import subprocess

from archive import Archive
from failure import Misuse
from subjects import joined

BUSYBOX = pathlib.Path("/bin/busybox")
CLIENT = "millipede-load"
GUEST_SCRIPT = pathlib.Path(__file__).with_name("guest") / "init"


def libraries_in(listing, program):
    """Paths of the shared libraries, the loader among them, in the output of ldd."""
    missing = re.findall(r"^\s*(\S+) => not found", listing, re.M)
    if missing:
        raise Misuse(f"{program}: its library {missing[0]} is not found")
    return re.findall(r"^\s*(?:\S+ => )?(/\S+) \(0x", listing, re.M)


def libraries_of(path):
    done = subprocess.run(["ldd", path], capture_output=True, text=True, check=False)
    static = "not a dynamic executable" in done.stderr or "statically linked" in done.stdout
    if done.returncode != 0 and not static:
        raise Misuse(f"ldd {path}: {done.stderr.strip()}")
    return [] if static else libraries_in(done.stdout, path)


def check_busybox():
    if not BUSYBOX.exists():
        raise Misuse(f"no {BUSYBOX}, which is the guest's shell: install busybox-static")
    if libraries_of(BUSYBOX):
        raise Misuse(f"{BUSYBOX} needs libraries: install busybox-static instead of busybox")


def settings_text(plan):
    """Shell variables for guest/init."""
    lines = [f"workers={plan.workers}",
             f"server={plan.subject.server}",
             f"per_worker={plan.per_worker()}",
             f"descriptors={plan.descriptors()}",
             f"files={2 * plan.descriptors() + 100_000}",
             f"hold_seconds={plan.hold_seconds()}"]
    lines += [f"subject={plan.subject.name}",
              "server_words=" + shlex.quote(joined(plan.subject.server_words(plan)))]
    for step in plan.steps():
        words = joined(plan.subject.load_words(plan, step))
        lines.append(f"load_words_{step.label}=" + shlex.quote(words))
    if plan.subject.counted == "messages":
        published, closed = plan.subject.publish_to(plan)
        lines += ["published=" + shlex.quote(" ".join(published)),
                  "closed=" + shlex.quote(" ".join(closed))]
    words = [f"{step.label}:{step.added}:{step.total}:{plan.sources()}" for step in plan.steps()]
    lines.append("steps=" + shlex.quote(" ".join(words)))
    return "\n".join(lines) + "\n"


def write_image(path, plan, binaries):
    """Puts together what the guest starts from."""
    check_busybox()
    archive = Archive()
    archive.add_console()
    for folder in ("proc", "sys", "run", "bin"):
        archive.add_folder(folder)
    archive.add_file("bin/busybox", BUSYBOX.read_bytes(), executable=True)
    archive.add_file("init", GUEST_SCRIPT.read_bytes(), executable=True)
    archive.add_file("settings", settings_text(plan).encode())
    for name in (plan.subject.server, CLIENT):
        archive.add_file(f"bin/{name}", (binaries / name).read_bytes(), executable=True)
        for library in libraries_of(binaries / name):
            archive.add_file(library, pathlib.Path(library).read_bytes(), executable=True)
    archive.write(path)
