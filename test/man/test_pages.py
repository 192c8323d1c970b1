# SPDX-License-Identifier: BSL-1.0
"""The manual pages are true, and well formed.

Goal: whoever adds an option, or changes what it takes or has by default, is told of the page that
says otherwise; and the other way round.
Method: --help of each program against the options of its page; mandoc and man, as far as they are
installed, read the pages.

Environment: MILLIPEDE_BIN  folder of the programs
             MILLIPEDE_MAN  folder of the pages
"""

import os
import re
import shutil
import subprocess
import unittest
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
BIN = Path(os.environ.get("MILLIPEDE_BIN") or REPOSITORY / "build" / "dev" / "bin")
PAGES = Path(os.environ.get("MILLIPEDE_MAN") or REPOSITORY / "build" / "dev" / "man")
# A screen, and the width of a line of it; the comet server has what no other has beside it.
HELP_LINES_MAX = 60
LONGER_HELP = {"millipede-comet": 90, "millipede-load": 70}  # in groups
COLUMNS_MAX = 100


def page_names(section):
    return sorted(path.stem for path in PAGES.glob(f"*.{section}"))


def help_of(program):
    shown = subprocess.run([BIN / program, "--help"], capture_output=True, text=True, check=True)
    return shown.stdout


def options_of_help(text):
    """{name: (argument, default)} of all options; None for what there is not."""
    options = {}
    entries = re.findall(r"^  --([a-z-]+)(?: ([A-Z:]+))? *(.*(?:\n {10,}.*)*)", text, re.M)
    for name, argument, about in entries:
        about = " ".join(about.split())
        default = re.search(r"[\[(](?:default )?([^\])]*)[\])]$", about)
        options[name] = (argument or None, default and default[1])
    return options


def options_of_page(text):
    """{name: (argument, what is said of it)}."""
    options = {}
    entries = re.split(r"^\.It Fl -", text, flags=re.M)[1:]
    for entry in entries:
        head, _, rest = entry.partition("\n")
        words = re.fullmatch(r"([a-z-]+)(?: Ar (\S+))?", head)
        if not words:
            continue
        said = re.split(r"^\.(?:El|It)\b", rest, flags=re.M)[0]
        said = " ".join(line for line in said.splitlines() if not line.startswith('.\\"'))
        options[words[1]] = (words[2], said)
    return options


def says_default(said, default):
    return re.search(rf"The default is (the )?{re.escape(default)}", said)


class Parsing(unittest.TestCase):
    def test_options_of_help(self):
        text = ("Usage: it [options]\n"
                "  --listen ADDR:PORT   where, and much more of it that goes on \n"
                "                       behind [0.0.0.0:1]\n"
                "  --pin                each worker alone\n"
                "  --size BYTES         8 to 65535 (64)\n")
        self.assertEqual(options_of_help(text), {"listen": ("ADDR:PORT", "0.0.0.0:1"),
                                                 "pin": (None, None),
                                                 "size": ("BYTES", "64")})

    def test_options_of_a_page(self):
        text = (".Bl -tag\n.It Fl -size Ar BYTES\nHow\n.Cm large .\nThe default is 64.\n"
                ".It Fl -pin\nAlone.\n.El\nThe end.\n")
        found = options_of_page(text)
        self.assertEqual(found["size"], ("BYTES", "How .Cm large . The default is 64."))
        self.assertEqual(found["pin"], (None, "Alone."))
        self.assertTrue(says_default(found["size"][1], "64"))
        self.assertFalse(says_default(found["size"][1], "65"))


class Pages(unittest.TestCase):
    def test_there_is_one_for_every_program(self):
        programs = {path.name for path in BIN.glob("millipede-*")
                    if os.access(path, os.X_OK) and not path.name.startswith("millipede-test-")}
        self.assertEqual(programs - set(page_names(1)), set())

    def programs(self):
        """Those that have a page, and are built."""
        found = [name for name in page_names(1) if (BIN / name).exists()]
        self.assertTrue(found)
        return found

    def test_options_are_those_of_help(self):
        for program in self.programs():
            with self.subTest(program):
                wanted = options_of_help(help_of(program))
                page = options_of_page((PAGES / f"{program}.1").read_text(encoding="utf-8"))
                self.assertGreater(len(wanted), 5)
                self.assertEqual(sorted(page), sorted(wanted))
                for name, (argument, default) in wanted.items():
                    with self.subTest(name):
                        self.assertEqual(page[name][0], argument)
                        if default is not None:
                            self.assertTrue(says_default(page[name][1], default),
                                            f"--help: {default}; page: {page[name][1]}")

    def test_help_fits_a_screen(self):
        for program in self.programs():
            with self.subTest(program):
                lines = help_of(program).splitlines()
                self.assertLessEqual(len(lines), LONGER_HELP.get(program, HELP_LINES_MAX))
                self.assertLessEqual(max(map(len, lines)), COLUMNS_MAX)

    def test_the_overview_names_every_program(self):
        overview = (PAGES / "millipede.7").read_text(encoding="utf-8")
        for program in page_names(1):
            self.assertIn(f".It Xr {program} 1", overview)

    def test_nothing_was_left_to_fill_in(self):
        for page in PAGES.iterdir():
            self.assertNotRegex(page.read_text(encoding="utf-8"), r"@[A-Z_]+@", page.name)

    @unittest.skipUnless(shutil.which("mandoc"), "no mandoc here")
    def test_mandoc_has_no_objections(self):
        for page in sorted(PAGES.iterdir()):
            with self.subTest(page.name):
                found = subprocess.run(["mandoc", "-Tlint", "-Wwarning", page],
                                       capture_output=True, text=True, check=False)
                self.assertEqual((found.returncode, found.stdout), (0, ""))

    @unittest.skipUnless(shutil.which("groff"), "no groff here")
    def test_groff_has_no_objections(self):
        for page in sorted(PAGES.iterdir()):
            with self.subTest(page.name):
                found = subprocess.run(["groff", "-mdoc", "-Tascii", "-ww", "-z", page],
                                       capture_output=True, text=True, check=False)
                self.assertEqual((found.returncode, found.stderr), (0, ""))


if __name__ == "__main__":
    unittest.main()
