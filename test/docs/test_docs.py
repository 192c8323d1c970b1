# SPDX-License-Identifier: BSL-1.0
"""What the pages of this tree say of it is so, as far as a program can tell.

Goal: a link leads somewhere; a log line or a counter that the runbook names is one that the library
writes; the front page says the same in both languages.
Method: the text of the pages against the tree.
"""

import re
import subprocess
import unittest
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]


def text_of(name):
    return (REPOSITORY / name).read_text(encoding="utf-8")


def without_code(text):
    return re.sub(r"```.*?```", "", text, flags=re.S)


def anchor_of(heading):
    """As GitHub makes it of a heading: lower case, words joined by hyphens, nothing else."""
    plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
    return re.sub(r"[^\w\- ]", "", plain.strip().lower()).replace(" ", "-")


def anchors_of(text):
    return {anchor_of(each) for each in re.findall(r"^#+ (.+)$", without_code(text), re.M)}


def links_of(text):
    plain = re.sub(r"`[^`\n]*`", "", without_code(text))
    return [each for each in re.findall(r"\]\(([^)\s]+)\)", plain)
            if not re.match(r"[a-z]+://|mailto:", each)]


def first_cells(page, heading):
    """What stands in the first column of the table below a heading, without its own head."""
    section = re.split(r"^#+ ", page.split(f"\n## {heading}\n", 1)[1], flags=re.M)[0]
    rows = re.findall(r"^\| (.*?) \|", section, re.M)
    return rows[1:]


def in_code(cell):
    return re.findall(r"`([^`]+)`", cell)


class Parsing(unittest.TestCase):
    def test_anchors(self):
        self.assertEqual(anchor_of("`stalled_worker`"), "stalled_worker")
        self.assertEqual(anchor_of("What the log says: all, of it"), "what-the-log-says-all-of-it")
        self.assertEqual(anchors_of("# One\n```\n# none\n```\n## Two [x](y)\n"), {"one", "two-x"})

    def test_links(self):
        self.assertEqual(links_of("[a](b.md#c) [d](http://e) `[f](g)` [h]\n(i) [j](#k)"),
                         ["b.md#c", "#k"])

    def test_cells(self):
        page = "\n## A\n\n| x | y |\n|---|---|\n| `one`, `two` | 3 |\n\n## B\n| `no` | |\n"
        self.assertEqual([in_code(each) for each in first_cells(page, "A")], [["one", "two"]])


class Links(unittest.TestCase):
    def test_lead_somewhere(self):
        listed = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard",
                                 "*.md"], cwd=REPOSITORY, capture_output=True, text=True,
                                check=True)
        pages = listed.stdout.split()
        self.assertIn("README.md", pages)
        for page in pages:
            for link in links_of(text_of(page)):
                with self.subTest(page=page, link=link):
                    path, _, anchor = link.partition("#")
                    target = ((REPOSITORY / page).parent / path) if path else REPOSITORY / page
                    self.assertTrue(target.exists())
                    if anchor and target.suffix == ".md":
                        self.assertIn(anchor, anchors_of(target.read_text(encoding="utf-8")))

    def test_alerts_lead_to_the_runbook(self):
        known = anchors_of(text_of("docs/operations.md"))
        for path in sorted((REPOSITORY / "deploy").rglob("*.yml")):
            for anchor in re.findall(r"docs/operations\.md#([\w-]+)",
                                     path.read_text(encoding="utf-8")):
                with self.subTest(path=path.name, anchor=anchor):
                    self.assertIn(anchor, known)


class Operations(unittest.TestCase):
    def setUp(self):
        self.page = text_of("docs/operations.md")

    def test_log_lines_are_those_of_the_library(self):
        source = "".join(path.read_text(encoding="utf-8")
                         for path in sorted((REPOSITORY / "lib").rglob("*.cpp")))
        source = re.sub(r'"\s*\n\s*"', "", source)  # strings that go on in the next line
        phrases = [each for cell in first_cells(self.page, "What the log says")
                   for each in in_code(cell)]
        self.assertGreater(len(phrases), 15)
        for phrase in phrases:
            with self.subTest(phrase):
                self.assertTrue(phrase in source, "no line of the library says that")

    def test_counters_are_those_of_metrics(self):
        known = set(re.findall(r'f\("(\w+)"', text_of("lib/millipede/base/metrics.hpp")))
        named = [each for cell in first_cells(self.page, "Reading the counters")
                 for each in in_code(cell)]
        self.assertGreater(len(named), 20)
        for counter in named:
            with self.subTest(counter):
                self.assertIn(counter, known)

    @unittest.skipUnless((REPOSITORY / "docs/admin.md").exists(), "there is no admin endpoint")
    def test_every_alarm_has_a_section(self):
        alarms = [in_code(cell)[0] for cell in first_cells(text_of("docs/admin.md"), "Alarms")]
        section = self.page.split("\n## Alarms\n", 1)[1].split("\n## ", 1)[0]
        self.assertGreater(len(alarms), 5)
        for alarm in alarms:
            with self.subTest(alarm):
                self.assertIn(f"`{alarm}`", section)

    def test_options_are_those_of_the_server(self):
        known = set(re.findall(r'"([a-z-]+)"', "".join(
            path.read_text(encoding="utf-8")
            for path in (REPOSITORY / "server").rglob("*.[ch]pp"))))
        named = set(re.findall(r"`--([a-z-]+)", without_code(self.page)))
        self.assertGreater(len(named), 10)
        self.assertEqual(named - known, set())


def rows_of(page, heading):
    section = page.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    return re.findall(r"^\|.*\|$", section, re.M)[2:]


def numbers_of(text):
    return sorted(re.findall(r"\d+(?:[.,]\d+)*", text))


class FrontPages(unittest.TestCase):
    def setUp(self):
        self.english, self.chinese = text_of("README.md"), text_of("README.zh-CN.md")

    def test_the_same_figures_in_both_languages(self):
        english = rows_of(self.english, "What was measured")
        chinese = rows_of(self.chinese, "实测数据")
        self.assertGreater(len(english), 8)
        self.assertEqual(len(english), len(chinese))
        for one, other in zip(english, chinese):
            with self.subTest(one):
                (what, result), (its_what, its_result) = (row.split(" | ")[:2]
                                                          for row in (one, other))
                self.assertEqual(numbers_of(what), numbers_of(its_what))
                self.assertEqual(numbers_of(result.replace("minute two", "minute 2")),
                                 numbers_of(its_result))

    def test_the_same_server_in_both_languages(self):
        def server(page):
            code = re.search(r"```cpp\n(.*?)```", page, re.S)[1]
            return [line.split("//")[0].rstrip() for line in code.splitlines()]

        self.assertIn("server.run();", "".join(server(self.english)))
        self.assertEqual(server(self.english), server(self.chinese))

    def test_the_same_programs_in_both_languages(self):
        def programs(page, heading):
            return [in_code(row)[0] for row in rows_of(page, heading)]

        self.assertEqual(programs(self.english, "The programs"), programs(self.chinese, "程序"))


if __name__ == "__main__":
    unittest.main()
