#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""The rules of this tree that no compiler checks: which room may include which, how long files and
lines may be, and what may not stand anywhere. Prints each breach as FILE:LINE; status 1 if any."""
import pathlib
import re
import subprocess
import sys

ROOMS = ["base", "wire", "memory", "worker", "process"]  # each may include those before it
# Rooms beside those, and what they may include.
APART = {"admin": [*ROOMS, "admin"], "client": ["base", "wire", "client"]}
COMET_ROOMS = ["wire", "channels", "ports"]  # of server/comet, likewise
FILE_LINES_MAX = 400
LINE_COLUMNS_MAX = 100
FORBIDDEN = {
    r"\b(TODO|FIXME|XXX|HACK)\b": "left-over note",
    r"#pragma GCC diagnostic ignored": "a warning switched off",
}
breaches = []


def breach(path, number, text):
    breaches.append(f"{path}:{number}: {text}")


def includes(lines):
    for number, line in enumerate(lines, 1):
        if match := re.match(r'#\s*include\s*[<"]([^>"]+)[>"]', line):
            yield number, match[1]


def check_rooms(path, lines):
    """lib/millipede/<room>/...: its includes reach only rooms at or above its own."""
    if path.parts[:2] != ("lib", "millipede") or path.parts[2] not in [*ROOMS, *APART]:
        return
    own = path.parts[2]
    allowed = APART.get(own) or ROOMS[:ROOMS.index(own) + 1]
    for number, header in includes(lines):
        if not header.startswith("millipede/"):
            continue
        room = header.split("/")[1]
        if room not in allowed:
            breach(path, number, f"room {own} may not include {header}")


def check_comet_rooms(path, lines):
    """server/comet/<room>/...: the same there, whose includes name the room alone."""
    if path.parts[:2] != ("server", "comet") or path.parts[2] not in COMET_ROOMS:
        return
    allowed = COMET_ROOMS[:COMET_ROOMS.index(path.parts[2]) + 1]
    for number, header in includes(lines):
        is_own = pathlib.Path("server/comet", header).is_file()
        if is_own and header.split("/")[0] not in allowed:
            breach(path, number, f"room {path.parts[2]} may not include {header}")


def check_borders(path, lines):
    for number, header in includes(lines):
        if header.startswith("boost/log/") and path.name != "log.cpp":
            breach(path, number, "Boost.Log is included by base/log.cpp only")
        if header.startswith("millipede/") and path.parts[0] == "perf" and "load" in path.parts:
            breach(path, number, "the load generator is written from the specification alone")
    if path.parts[0] in ("server", "client", "examples"):
        for number, line in enumerate(lines, 1):
            if "detail::" in line:
                breach(path, number, "programs use public names only")


def check_text(path, lines):
    if "SPDX-License-Identifier: BSL-1.0" not in "\n".join(lines[:3]):
        breach(path, 1, "no SPDX line")
    if len(lines) > FILE_LINES_MAX and path.parts[0] != "test":
        breach(path, len(lines), f"more than {FILE_LINES_MAX} lines")
    for number, line in enumerate(lines, 1):
        if len(line) > LINE_COLUMNS_MAX:
            breach(path, number, f"more than {LINE_COLUMNS_MAX} columns")
        for pattern, what in FORBIDDEN.items():
            if re.search(pattern, line) and path.name != "tidy.py":
                breach(path, number, what)


def check_quotations(page):
    """Code in a page that begins with `// examples/...` must stand there, line by line."""
    text = pathlib.Path(page).read_text(encoding="utf-8")
    for found in re.finditer(r"```cpp\n// (examples/\S+)\n(.*?)```", text, re.S):
        source = pathlib.Path(found[1])
        number = text.count("\n", 0, found.start()) + 1
        if not source.exists():
            breach(page, number, f"there is no {source}")
        elif found[2] not in source.read_text(encoding="utf-8"):
            breach(page, number, f"does not stand in {source} like this")


def main():
    listed = subprocess.run(["git", "ls-files"], capture_output=True, text=True, check=True)
    for name in listed.stdout.splitlines():
        path = pathlib.PurePath(name)
        if path.suffix == ".md":
            check_quotations(name)
        if path.suffix not in (".hpp", ".cpp", ".py"):
            continue
        lines = pathlib.Path(name).read_text(encoding="utf-8").splitlines()
        check_text(path, lines)
        if path.suffix != ".py":
            check_rooms(path, lines)
            check_comet_rooms(path, lines)
            check_borders(path, lines)
    print("\n".join(breaches) or "layers and style: as they should be")
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main())
