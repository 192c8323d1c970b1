# SPDX-License-Identifier: BSL-1.0
"""What is in deploy/ fits the server: alert rules, the dashboard, and the names on the live page.

Goal: no query for a metric or label that there is not, no alert without a test and a runbook, no
counter on the page that the server does not have.
Method: names are looked up in docs/admin.md, which the admin endpoint's own tests hold against its
answers. What Prometheus thinks of it says promtool, when there is one.

Environment: MILLIPEDE_PROMTOOL  the program; if it is set, it has to be there
"""

import itertools
import json
import os
import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
PROMETHEUS = REPOSITORY / "deploy" / "prometheus"
DASHBOARD = json.loads((REPOSITORY / "deploy" / "grafana" / "millipede.json").read_text())
ALERTS = (PROMETHEUS / "alerts.yml").read_text(encoding="utf-8")
PAGE = REPOSITORY / "lib" / "millipede" / "admin" / "page"
PROMTOOL = os.environ.get("MILLIPEDE_PROMTOOL") or shutil.which("promtool")

METRIC = re.compile(r"\b((?:millipede|process)_[a-z0-9_]+)\b(?:\{([^}]*)\})?")
LABEL = re.compile(r'(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"')
CODE = re.compile(r"`([^`]+)`")


def table(page, heading):
    """The cells of the table's rows below that heading."""
    text = page.read_text(encoding="utf-8").split(f"\n## {heading}\n")[1].split("\n## ")[0]
    rows = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
            for line in text.splitlines() if line.startswith("|")]
    return rows[2:]


def documented():
    """Metric -> label -> values, or None where they are open, of docs/admin.md."""
    known = {"millipede_online": {}}
    for names, kind, labels, *_ in table(REPOSITORY / "docs" / "admin.md", "Metrics"):
        values = {}
        for label, said in re.findall(r"`(\w+)`(?:: ((?:`\w+`(?:, )?)+))?", labels):
            values[label] = set(CODE.findall(said)) or None
        for name in CODE.findall(names):
            for suffix in ["_bucket", "_count", "_sum"] if kind == "histogram" else [""]:
                known[name + suffix] = values
    return known


def alarms():
    """The names of alarms in docs/admin.md."""
    return {name for row in table(REPOSITORY / "docs" / "admin.md", "Alarms")
            for name in CODE.findall(row[0])}


def panels():
    """The dashboard's, without rows' titles."""
    return [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]


def dashboard_queries():
    """All of them, each with where it stands."""
    for panel in panels():
        for target in panel["targets"]:
            yield panel["title"], target["expr"]
    for annotation in DASHBOARD["annotations"]["list"]:
        yield annotation["name"], annotation["expr"]
    for choice in DASHBOARD["templating"]["list"]:
        if choice["type"] == "query":
            yield choice["name"], re.sub(r"label_values\((.*), \w+\)", r"\1", choice["definition"])


def alert_queries():
    """All of them, each with its alert's or record's name."""
    for name, expression in re.findall(
            r"- (?:alert|record): (\S+).*?\n +expr: (.*?)\n +(?:for|labels|annotations):",
            ALERTS + "\n        labels:", re.DOTALL):
        yield name, expression


def anchors(page):
    """What links may point to in a page, as GitHub names it."""
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")
            for heading in re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)}


class Names(unittest.TestCase):
    """Everything that is asked for is there."""

    def test_metrics_and_labels(self):
        known = documented()
        self.assertGreater(len(known), 40)
        for place, query in itertools.chain(dashboard_queries(), alert_queries()):
            found = METRIC.findall(query)
            self.assertTrue(found or "millipede:" in query or query.startswith("up{"),
                            f"{place}: {query}")
            for name, selector in found:
                with self.subTest(place=place, metric=name):
                    self.assertIn(name, known)
                    self.check_labels(known[name], selector)

    def check_labels(self, labels, selector):
        """Of one selector; whatever is scraped has job and instance."""
        for label, operator, value in LABEL.findall(selector):
            if label in ("job", "instance"):
                continue
            self.assertIn(label, labels)
            values = alarms() if label == "name" else labels[label]
            if values is not None:
                self.assertLessEqual(set(value.split("|") if "~" in operator else [value]), values)

    def test_every_alarm_has_an_alert_of_its_own(self):
        others = re.search(r'millipede_alarm\{name!~"([^"]*)"\}', ALERTS)[1]
        self.assertEqual(set(others.split("|")), alarms())

    def test_counters_of_the_page(self):
        header = (REPOSITORY / "lib/millipede/base/metrics.hpp").read_text(encoding="utf-8")
        counted = set(re.findall(r'f\("(\w+)", self\.', header)) | {"log_lines_dropped"}
        script = (PAGE / "counters.js").read_text(encoding="utf-8")
        shown = set(" ".join(re.findall(r"`([a-z_\s]+)`", script)).split())
        self.assertGreater(len(shown), 40)
        self.assertLessEqual(shown, counted)  # what it does not list, it shows among the others
        rates = (PAGE / "history.js").read_text(encoding="utf-8")
        listed = re.findall(r"const (?:refusals|rates) = \[(.*?)\]", rates, re.DOTALL)
        self.assertEqual(len(listed), 2)
        self.assertLessEqual(set(re.findall(r'"(\w+)"', " ".join(listed))), counted)


class Alerts(unittest.TestCase):
    """Each has all that belongs to it."""

    NAMES = re.findall(r"- alert: (\w+)", ALERTS)

    def test_runbooks(self):
        there = anchors(REPOSITORY / "docs" / "operations.md")
        links = re.findall(r"runbook_url: docs/operations\.md#(\S+)", ALERTS)
        self.assertEqual(len(links), len(self.NAMES))
        self.assertLessEqual(set(links), there)

    def test_tests(self):
        worlds = re.findall(r'- name: "(\w+) is (raised|not raised)"',
                            (PROMETHEUS / "alerts_test.yml").read_text(encoding="utf-8"))
        self.assertEqual(worlds, [(name, kind) for name in self.NAMES
                                  for kind in ("raised", "not raised")])

    def test_list(self):
        rows = re.findall(r"^\| `(\w+)` \|.*\[`#(\S+)`\]\(../../docs/operations.md#(\S+)\) \|$",
                          (PROMETHEUS / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
        links = re.findall(r"runbook_url: docs/operations\.md#(\S+)", ALERTS)
        self.assertEqual(rows, [(name, link, link) for name, link in zip(self.NAMES, links)])


class Dashboard(unittest.TestCase):
    """It can be shown."""

    def test_panels_do_not_overlap(self):
        taken = set()
        for panel in DASHBOARD["panels"]:
            place = panel["gridPos"]
            self.assertLessEqual(place["x"] + place["w"], 24, panel["title"])
            cells = set(itertools.product(range(place["x"], place["x"] + place["w"]),
                                          range(place["y"], place["y"] + place["h"])))
            self.assertFalse(cells & taken, panel["title"])
            taken |= cells
        self.assertEqual(len({panel["id"] for panel in DASHBOARD["panels"]}),
                         len(DASHBOARD["panels"]))

    def test_every_query_heeds_the_choices(self):
        for panel in panels():
            self.assertTrue(panel["targets"])
            for target in panel["targets"]:
                self.assertEqual(target["datasource"]["uid"], "${source}")
                for name, selector in METRIC.findall(target["expr"]):
                    self.assertIn('job=~"$job", instance=~"$instance"', selector,
                                  f"{panel['title']}: {name}")


@unittest.skipUnless(PROMTOOL, "NOT RUN: promtool is not installed (`./dev alerts` fetches it)")
class Promtool(unittest.TestCase):
    """Prometheus understands it."""

    def check(self, *arguments):
        """Runs it; its words are in the failure."""
        done = subprocess.run([PROMTOOL, *arguments], cwd=PROMETHEUS, capture_output=True,
                              text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_rules(self):
        self.check("check", "rules", "alerts.yml")
        self.check("test", "rules", "alerts_test.yml")
        self.check("check", "config", "prometheus.yml")

    def test_queries_of_the_dashboard(self):
        rules = [{"record": f"query:{number}", "expr": query.replace("$__rate_interval", "1m")}
                 for number, (_, query) in enumerate(dashboard_queries())]
        self.assertGreater(len(rules), 40)
        with tempfile.NamedTemporaryFile("w", suffix=".yml") as file:  # JSON is YAML
            json.dump({"groups": [{"name": "dashboard", "rules": rules}]}, file)
            file.flush()
            self.check("check", "rules", file.name)


if __name__ == "__main__":
    unittest.main()
