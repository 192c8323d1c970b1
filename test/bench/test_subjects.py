# SPDX-License-Identifier: BSL-1.0
"""Manifests: what a good line means, and what is said of a bad one."""
import contextlib
import io
import pathlib
import tempfile
import unittest

import modules
import subjects
from failure import Misuse
from runner import present

LINE = "mine | {bin}/server --listen {address}:{port} --workers {workers} | auto | frame | a note"


class Parse(unittest.TestCase):
    def refused(self, text, *mentions):
        with self.assertRaises(Misuse) as caught:
            subjects.parse(text, "mine.conf")
        message = str(caught.exception)
        for mention in mentions:
            self.assertIn(mention, message)
        self.assertNotIn("\n", message)

    def test_a_good_line(self):
        (subject,) = subjects.parse("# a remark\n\n  " + LINE + "\n", "mine.conf")
        self.assertEqual((subject.name, subject.port, subject.protocol, subject.note),
                         ("mine", 0, "frame", "a note"))
        self.assertEqual(subject.arguments("/a/b", 3),
                         ["/a/b/server", "--listen", "127.0.0.1:0", "--workers", "3"])

    def test_a_port_and_no_note(self):
        (subject,) = subjects.parse("x | /opt/x '{port} and' | 3000 | raw", "mine.conf")
        self.assertEqual((subject.port, subject.protocol, subject.note), (3000, "raw", ""))
        self.assertEqual(subject.arguments("/a", 1), ["/opt/x", "3000 and"])

    def test_a_folder_with_braces_is_not_replaced_again(self):
        (subject,) = subjects.parse("x | {bin}/x | auto | raw", "mine.conf")
        self.assertEqual(subject.arguments("/a{port}", 1), ["/a{port}/x"])

    def test_the_line_is_named(self):
        self.refused(LINE + "\n# remark\nonly a name", "mine.conf:3:")

    def test_bad_lines(self):
        for fields, mention in [
                (["a", "b", "auto"], "3 fields"),
                (["a", "b", "auto", "raw", "note", "more"], "6 fields"),
                (["A b", "b", "auto", "raw"], "name 'A b'"),
                (["", "b", "auto", "raw"], "name ''"),
                (["a", "b", "0", "raw"], "port '0'"),
                (["a", "b", "65536", "raw"], "port '65536'"),
                (["a", "b", "any", "raw"], "port 'any'"),
                (["a", "b", "auto", "http"], "protocol 'http'"),
                (["a", "", "auto", "raw"], "empty"),
                (["a", "b 'c", "auto", "raw"], "command"),
                (["a", "b {host}", "auto", "raw"], "{host}")]:
            with self.subTest(fields=fields):
                self.refused(" | ".join(fields), "mine.conf:1:", mention)

    def test_a_name_twice(self):
        self.refused(LINE + "\n" + LINE, "mine.conf:2:", "'mine' stands there twice")


class Load(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def manifest(self, name, text):
        path = self.folder / name
        path.write_text(text)
        return path

    def test_a_later_manifest_wins(self):
        first = self.manifest("1", "a | one | auto | raw\nb | two | auto | raw")
        second = self.manifest("2", "b | three | auto | raw\nc | four | auto | raw")
        self.assertEqual([(each.name, each.command) for each in subjects.load([first, second])],
                         [("a", "one"), ("b", "three"), ("c", "four")])

    def test_a_manifest_that_cannot_be_read(self):
        for path in (self.folder / "none", self.folder):
            with self.assertRaisesRegex(Misuse, f"manifest {path}"):
                subjects.load([path])

    def test_our_own_manifest(self):
        found = subjects.load([modules.BENCH / "subjects.conf"])
        names = [subject.name for subject in found]
        self.assertEqual(names[:2], [subjects.FLOOR, "millipede"])
        for subject in found:
            words = subject.arguments("/bin-folder", 2)
            self.assertTrue(words[0].startswith("/bin-folder/"), words)
            self.assertIn("127.0.0.1:0", words)
            self.assertEqual(words[words.index("--workers") + 1], "2")

    def test_programs_that_are_missing_are_left_out(self):
        there = self.folder / "there"
        there.write_text("")
        there.chmod(0o755)
        chosen = subjects.parse("a | {bin}/there | auto | raw\nb | {bin}/gone | auto | raw", "x")
        with contextlib.redirect_stderr(io.StringIO()) as told:
            self.assertEqual([each.name for each in present(chosen, self.folder)], ["a"])
            self.assertEqual(told.getvalue(), f"b is left out: no program {self.folder}/gone\n")
            with self.assertRaisesRegex(Misuse, "no subject can be started"):
                present(chosen[1:], self.folder)


class Select(unittest.TestCase):
    def setUp(self):
        self.known = subjects.parse("a | x | auto | raw\nb | x | auto | raw", "x")

    def test_keeps_the_order_of_the_manifest(self):
        names = [each.name for each in subjects.select(self.known, ["b", "a"])]
        self.assertEqual(names, ["a", "b"])
        self.assertEqual([each.name for each in subjects.select(self.known, ["b"])], ["b"])
        self.assertEqual(subjects.select(self.known, []), self.known)

    def test_an_unknown_name(self):
        with self.assertRaisesRegex(Misuse, "no subject 'c'; there are a, b"):
            subjects.select(self.known, ["a", "c"])


if __name__ == "__main__":
    unittest.main()
