# SPDX-License-Identifier: BSL-1.0
"""A first root file system for a kernel: a cpio archive of the kind "newc", compressed."""
import gzip
import pathlib
import stat

CONSOLE = (5, 1)  # major and minor number of /dev/console
TRAILER = "TRAILER!!!"


class Archive:
    """Files, folders and devices by their path. What is added twice is kept once."""

    def __init__(self):
        self.entries = {}

    def add_folder(self, path):
        path = pathlib.PurePosixPath(path.strip("/"))
        for folder in [*reversed(path.parents), path]:
            if str(folder) != ".":
                self.entries.setdefault(str(folder), (stat.S_IFDIR | 0o755, b"", (0, 0)))

    def add_file(self, path, content, executable=False):
        self.add_folder(str(pathlib.PurePosixPath(path).parent))
        mode = stat.S_IFREG | (0o755 if executable else 0o644)
        self.entries[path.strip("/")] = (mode, content, (0, 0))

    def add_console(self):
        """The kernel gives /init this device as its standard output before /dev is mounted."""
        self.add_folder("dev")
        self.entries["dev/console"] = (stat.S_IFCHR | 0o600, b"", CONSOLE)

    def write(self, path):
        with gzip.open(path, "wb", compresslevel=1) as file:
            for number, (name, entry) in enumerate(self.entries.items(), 1):
                file.write(record(number, name, *entry))
            file.write(record(0, TRAILER, 0, b"", (0, 0)))


def record(number, name, mode, content, device):
    """One file as the archive has it: a head of hexadecimal numbers, the name, the content, each
    padded to a multiple of four bytes."""
    name_bytes = name.encode() + b"\0"
    fields = (number, mode, 0, 0, 2 if stat.S_ISDIR(mode) else 1, 0, len(content), 0, 0,
              *device, len(name_bytes), 0)
    head = b"070701" + b"".join(b"%08X" % field for field in fields)
    return padded(head + name_bytes) + padded(content)


def padded(content):
    return content + bytes(-len(content) % 4)
