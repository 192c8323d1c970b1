# SPDX-License-Identifier: BSL-1.0
"""The guest's kernel: Debian's for cloud machines, taken out of its package. It is downloaded with
apt, which checks its signature; nothing is installed. A second run finds it in the cache."""
import pathlib
import platform
import re
import shutil
import subprocess
import tempfile

from failure import Misuse

META_PACKAGE = "linux-image-cloud-amd64"  # depends on the newest kernel, which is a package
HINT = "try 'apt-get update' as root, or give a kernel of your own with --kernel FILE"


def described_package(text):
    """Name and version of the kernel that the meta package depends on, by apt-cache show."""
    version = re.search(r"^Version: (\S+)", text, re.M)
    package = re.search(r"^Depends:.*?\b(linux-image-\d\S*)", text, re.M)
    return (package[1], version[1]) if version and package else None


def output_of(*command, folder=None):
    """Standard output of a command; Misuse with its last line of complaint if it failed."""
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    except OSError as error:
        raise Misuse(f"kernel: {command[0]}: {error.strerror}; {HINT}") from None
    if done.returncode != 0:
        complaint = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise Misuse(f"kernel: {' '.join(command[:2])} failed: {complaint}; {HINT}")
    return done.stdout


def downloaded(package, target):
    """Puts the kernel of a package at `target`."""
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        output_of("apt-get", "download", package, folder=folder)
        archive = next(pathlib.Path(folder).glob("*.deb"))
        output_of("dpkg", "-x", archive.name, "content", folder=folder)
        images = list(pathlib.Path(folder, "content/boot").glob("vmlinuz-*"))
        if not images:
            raise Misuse(f"kernel: no vmlinuz in package {package}; {HINT}")
        shutil.move(str(images[0]), target)


def newest_cached(cache):
    images = sorted(cache.glob("vmlinuz_*"), key=lambda path: path.stat().st_mtime)
    return images[-1] if images else None


def kernel_image(cache, say):
    """Path of a kernel that can be booted. `say` is told what takes time."""
    if platform.machine() != "x86_64":
        raise Misuse(f"kernel: a guest for {platform.machine()} is not known here, only for "
                     "x86_64; use --native, or give --kernel FILE")
    cache.mkdir(parents=True, exist_ok=True)
    try:
        text = output_of("apt-cache", "show", "--no-all-versions", META_PACKAGE)
        found = described_package(text)
        if not found:
            raise Misuse(f"kernel: {META_PACKAGE} names no kernel; {HINT}")
        package, version = found
        target = cache / f"vmlinuz_{package}_{version.replace(':', '%3a')}"
        if not target.exists():
            say(f"downloading {package} {version}")
            downloaded(package, target)
        return target
    except Misuse as refusal:
        older = newest_cached(cache)
        if not older:
            raise
        say(f"{refusal}; taking {older.name} from the cache")
        return older
