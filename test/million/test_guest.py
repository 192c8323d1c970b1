# SPDX-License-Identifier: BSL-1.0
"""The parts that a guest is made of, without booting one."""
import gzip
import pathlib
import stat
import subprocess
import tempfile
import types
import unittest

import material  # noqa: F401 it tells where the modules stand
import guest
import image
import kernel
from archive import Archive
from failure import Misuse
from plan import Plan
from subjects import SUBJECTS

MIB = 1 << 20


class Kernel(unittest.TestCase):
    TEXT = ("Package: linux-image-cloud-amd64\nVersion: 6.1.192-2\n"
            "Depends: linux-image-6.1.0-56-cloud-amd64 (= 6.1.192-2)\n")

    def test_package_behind_the_meta_package(self):
        self.assertEqual(kernel.described_package(self.TEXT),
                         ("linux-image-6.1.0-56-cloud-amd64", "6.1.192-2"))
        self.assertIsNone(kernel.described_package("Package: x\nVersion: 1\nDepends: libc6\n"))

    def test_a_command_that_is_missing_or_fails_is_one_line(self):
        for command in (["no-such-program"], ["false"], ["ls", "/no/such/file"]):
            with self.assertRaisesRegex(Misuse, "--kernel FILE") as caught:
                kernel.output_of(*command)
            self.assertNotIn("\n", str(caught.exception))

    def test_the_cache_helps_when_nothing_can_be_had(self):
        with tempfile.TemporaryDirectory() as folder:
            cache = pathlib.Path(folder)
            self.assertIsNone(kernel.newest_cached(cache))
            (cache / "vmlinuz_a_1").touch()
            self.assertEqual(kernel.newest_cached(cache).name, "vmlinuz_a_1")


class Image(unittest.TestCase):
    LISTING = ("\tlinux-vdso.so.1 (0x00007ffc)\n"
               "\tlibstdc++.so.6 => /lib/x86_64-linux-gnu/libstdc++.so.6 (0x00007f20)\n"
               "\t/lib64/ld-linux-x86-64.so.2 (0x00007f20)\n")

    def test_libraries_and_loader(self):
        self.assertEqual(image.libraries_in(self.LISTING, "x"),
                         ["/lib/x86_64-linux-gnu/libstdc++.so.6", "/lib64/ld-linux-x86-64.so.2"])

    def test_a_missing_library_is_named(self):
        with self.assertRaisesRegex(Misuse, "online: its library libboost_log.so is not found"):
            image.libraries_in("\tlibboost_log.so => not found\n", "online")

    def test_settings_are_a_shell_script(self):
        text = image.settings_text(Plan(1_000_000))
        script = text + 'for word in $steps; do echo "$word"; done; echo "$descriptors"'
        done = subprocess.run(["sh", "-uc", script], capture_output=True, text=True, check=True)
        words = done.stdout.split()
        self.assertEqual(words[:2], ["first:100000:100000:100", "all:900000:1000000:100"])
        self.assertEqual(int(words[2]), Plan(1_000_000).descriptors())

    def test_settings_of_each_subject_are_a_shell_script(self):
        for name, subject in SUBJECTS.items():
            text = image.settings_text(Plan(1_000, subject=subject))
            script = text + 'eval "set -- $load_words_all"; echo "$server" "$subject" "$1" "$#"; ' \
                            'echo "${published-}"; echo "${closed-}"'
            done = subprocess.run(["sh", "-uc", script], capture_output=True, text=True, check=True)
            first, published, closed = done.stdout.split("\n")[:3]
            mode = "hold" if name == "online" else "subscribe"
            self.assertTrue(first.startswith(f"{subject.server} {name} {mode} "), first)
            counts = {"online": (0, 0), "comet": (100, 10), "comet-shared": (1, 1)}[name]
            self.assertEqual((len(published.split()), len(closed.split())), counts)

    def test_the_guest_script_is_one(self):
        subprocess.run(["sh", "-n", image.GUEST_SCRIPT], check=True)


class Cpio(unittest.TestCase):
    def entries(self, archive):
        """Reads an archive again: name -> (mode, content)."""
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "image")
            archive.write(path)
            data = gzip.decompress(path.read_bytes())
        found, at = {}, 0
        while True:
            self.assertEqual(data[at:at + 6], b"070701")
            fields = [int(data[at + 6 + i * 8:at + 14 + i * 8], 16) for i in range(13)]
            name = data[at + 110:at + 110 + fields[11] - 1].decode()
            begin = -(-(at + 110 + fields[11]) // 4) * 4
            if name == "TRAILER!!!":
                return found
            found[name] = (fields[1], data[begin:begin + fields[6]], tuple(fields[9:11]))
            at = -(-(begin + fields[6]) // 4) * 4

    def test_files_folders_and_console(self):
        archive = Archive()
        archive.add_console()
        archive.add_file("/lib/deep/er/a.so", b"12345", executable=True)
        archive.add_file("settings", b"")
        found = self.entries(archive)
        self.assertEqual(list(found), ["dev", "dev/console", "lib", "lib/deep", "lib/deep/er",
                                       "lib/deep/er/a.so", "settings"])
        self.assertEqual(found["lib/deep/er/a.so"][:2], (stat.S_IFREG | 0o755, b"12345"))
        self.assertEqual(found["dev/console"][0], stat.S_IFCHR | 0o600)
        self.assertEqual(found["dev/console"][2], (5, 1))
        self.assertTrue(stat.S_ISDIR(found["lib/deep"][0]))


class Command(unittest.TestCase):
    def command(self, accel):
        machine = types.SimpleNamespace(accel=accel, processors=2, memory_bytes=900 * MIB)
        return guest.qemu_command("qemu", machine, Plan(1_000_000), "kernel", "image", "log")

    def test_emulated_unless_told_otherwise(self):
        text = " ".join(self.command("tcg"))
        self.assertIn("-accel tcg,thread=multi", text)
        self.assertIn("-m 900M", text)
        self.assertIn("-smp 2", text)
        self.assertNotIn("kvm", text)
        self.assertIn("-accel kvm -cpu host", " ".join(self.command("kvm")))

    def test_table_of_connections_has_room(self):
        self.assertEqual(guest.buckets(1_000_000), 1 << 21)
        self.assertEqual(guest.buckets(1 << 20), 1 << 21)
        self.assertEqual(guest.buckets(100), 1 << 16)

    def test_memory_of_this_machine(self):
        guest.check_memory(1000 * MIB, 2000 * MIB)
        with self.assertRaisesRegex(Misuse, "needs 1.9 GB, this machine has 1.0 GB"):
            guest.check_memory(1000 * MIB, 1000 * MIB)

    def test_last_words_are_few_lines(self):
        words = guest.last_words("a\n\nb\n", "\n".join(f"line {i}" for i in range(20)))
        self.assertEqual(words.count("\n"), guest.TAIL_LINES)
        self.assertTrue(words.endswith("line 19"))
        self.assertEqual(guest.last_words("", " \n"), "")


if __name__ == "__main__":
    unittest.main()
