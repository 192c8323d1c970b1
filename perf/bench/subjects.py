# SPDX-License-Identifier: BSL-1.0
"""The servers under test, as a manifest names them."""
import dataclasses
import pathlib
import re
import shlex
import shutil

from failure import Misuse

FLOOR = "raw-epoll"
ADDRESS = "127.0.0.1"
PLACEHOLDERS = {"bin", "address", "port", "workers"}
FIELDS = "name | command | port | protocol | note"


@dataclasses.dataclass(frozen=True)
class Subject:
    """One server under test. `port` 0 lets it pick one, which it then prints."""
    name: str
    command: str
    port: int
    protocol: str
    note: str

    def arguments(self, binaries, workers):
        """Its command line, word by word."""
        values = {"bin": str(binaries), "address": ADDRESS, "port": str(self.port),
                  "workers": str(workers)}
        return [replaced(word, values) for word in shlex.split(self.command)]

    def missing(self, binaries):
        """Why it cannot be started, or an empty text."""
        program = self.arguments(binaries, 1)[0]
        return "" if shutil.which(program) else f"no program {program}"


def replaced(word, values):
    return re.sub(r"\{(\w+)\}", lambda found: values[found[1]], word)


def subject_of(line):
    """The subject of one line of a manifest; ValueError says what is wrong with it."""
    fields = [field.strip() for field in line.split("|")]
    if len(fields) not in (4, 5):
        raise ValueError(f"{len(fields)} fields where '{FIELDS}' has 5 (the note may be left out)")
    name, command, port, protocol = fields[:4]
    if not re.fullmatch(r"[a-z0-9][a-z0-9.-]*", name):
        raise ValueError(f"name '{name}': use small letters, digits, dots and dashes")
    if port != "auto" and not (re.fullmatch(r"\d{1,5}", port) and 0 < int(port) < 65536):
        raise ValueError(f"port '{port}': use auto or a number from 1 to 65535")
    if protocol not in ("frame", "raw"):
        raise ValueError(f"protocol '{protocol}': use frame or raw")
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise ValueError(f"command '{command}': {error}") from None
    if not words:
        raise ValueError("the command is empty")
    for found in re.findall(r"\{(\w+)\}", command):
        if found not in PLACEHOLDERS:
            raise ValueError(f"command: {{{found}}} is none of {sorted(PLACEHOLDERS)}")
    return Subject(name, command, 0 if port == "auto" else int(port), protocol,
                   fields[4] if len(fields) == 5 else "")


def parse(text, source):
    """All subjects of a manifest. `source` names it in errors."""
    subjects = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        try:
            subject = subject_of(line)
            if any(subject.name == other.name for other in subjects):
                raise ValueError(f"the name '{subject.name}' stands there twice")
        except ValueError as error:
            raise Misuse(f"{source}:{number}: {error}") from None
        subjects.append(subject)
    return subjects


def load(paths):
    """The subjects of several manifests; a later one wins over an earlier one of its name."""
    subjects = {}
    for path in paths:
        try:
            text = pathlib.Path(path).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise Misuse(f"manifest {path}: {error}") from None
        subjects.update((subject.name, subject) for subject in parse(text, path))
    return list(subjects.values())


def select(subjects, wanted):
    """Those of the wanted names, in the order of the manifest; all when none is named."""
    if not wanted:
        return subjects
    known = [subject.name for subject in subjects]
    for name in wanted:
        if name not in known:
            raise Misuse(f"--subjects: no subject '{name}'; there are {', '.join(known)}")
    return [subject for subject in subjects if subject.name in wanted]
