# SPDX-License-Identifier: BSL-1.0
"""Pictures of the main figures: bars, drawn by gnuplot, readable on light and on dark pages."""
import dataclasses
import re
import shutil
import subprocess
import typing

import questions
from exact import TESTED
from failure import Failure

WIDTH, BAR_HEIGHT, MARGIN_HEIGHT = 760, 26, 96
TEXT = "#010203"  # stands in the script for the page's own colour of text
COLOURS = {"ours": "#2f81f7", "others": "#8b949e"}
STYLE = """<style>
  svg { color: #1f2328; }
  @media (prefers-color-scheme: dark) { svg { color: #e6edf3; } }
</style>
"""


@dataclasses.dataclass(frozen=True)
class Bar:
    label: str
    value: float
    ours: bool


@dataclasses.dataclass
class Chart:
    """Horizontal bars, the first on top."""
    name: str
    title: str
    bars: typing.List[Bar]
    places: int  # of the figure beside a bar

    def height(self):
        return MARGIN_HEIGHT + BAR_HEIGHT * len(self.bars)

    def script(self):
        """What gnuplot is told."""
        count = len(self.bars)
        high = max(bar.value for bar in self.bars) * 1.12
        tics = ", ".join(f'"{bar.label}" {count - 1 - place}'
                         for place, bar in enumerate(self.bars))
        lines = [
            f"set terminal svg size {WIDTH},{self.height()} dynamic "
            'font "sans-serif,13"',
            f'set label "{self.title}" at screen 0.02, screen '
            f'{1 - 22 / self.height():.3f} left textcolor rgb "{TEXT}"',
            f"set tmargin at screen {1 - 44 / self.height():.3f}",
            f'set border 1 linecolor rgb "{TEXT}"',
            f'set tics nomirror textcolor rgb "{TEXT}"',
            f"set ytics ({tics}) scale 0",
            f"set xrange [0:{high}]", f"set yrange [-0.7:{count - 0.3}]",
            "set style fill solid 1.0 noborder", "unset key",
            f'plot "$bars" using 1:2:(0):1:($2-0.36):($2+0.36):3 with boxxyerror '
            "linecolor rgb variable, "
            f'"$bars" using 1:2:(sprintf(" %.{self.places}f", $1)) with labels left offset 0.3,0 '
            f'textcolor rgb "{TEXT}"']
        rows = [f"{bar.value} {count - 1 - place} "
                f"{int(COLOURS['ours' if bar.ours else 'others'][1:], 16)}"
                for place, bar in enumerate(self.bars)]
        return "\n".join(["$bars << END", *rows, "END", *lines]).replace('"$bars"', "$bars") + "\n"


def cpu_chart(samples, names, floor):
    """Server CPU per echo as a ratio to the floor."""
    bars = []
    for question in questions.ECHOES:
        for name in names:
            value = questions.median_ratio(samples, question.name, name, floor, "cpu_us")
            if value is not None and name != floor:
                count = question.load["connections"]
                bars.append(Bar(f"{name}, {count:,} connections", value, name == TESTED))
    return Chart("performance-cpu", f"Server CPU per 64-byte echo, ratio to {floor} "
                 "(1.00); less is better", bars, 2)


def instructions_chart(samples, names):
    """User-mode instructions per echoed frame."""
    measured = [(name, samples.all("frame", name, "instructions")) for name in names]
    bars = [Bar(name, questions.middle(values), name == TESTED)
            for name, values in measured if values]
    return Chart("performance-instructions",
                 "User-mode instructions per echoed 64-byte frame; less is better", bars, 0)


def themed(svg):
    """The picture with the page's colour of text, light or dark, instead of ours."""
    svg = re.sub(r'(<g [^>]*?) color="[^"]*"', r"\1", svg)  # else it would win within its group
    svg = re.sub(r"(?:#010203|rgb\(\s*1,\s*2,\s*3\))", "currentColor", svg, flags=re.I)
    return re.sub(r"(<svg[^>]*>)", lambda found: found[1] + "\n" + STYLE, svg, count=1)


def draw(chart, folder):
    """Writes folder/NAME.svg and returns its path."""
    if not shutil.which("gnuplot"):
        raise Failure("gnuplot is missing: apt-get install gnuplot-nox")
    try:
        done = subprocess.run(["gnuplot"], input=chart.script(), capture_output=True, text=True,
                              timeout=60, check=False)
    except (OSError, subprocess.SubprocessError) as error:
        raise Failure(f"gnuplot: {error}") from None
    if done.returncode or not done.stdout.startswith("<?xml"):
        said = done.stderr.strip().splitlines()
        raise Failure(f"gnuplot: {said[-1] if said else 'it drew nothing'}")
    path = folder / f"{chart.name}.svg"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(themed(done.stdout), encoding="utf-8")
    except OSError as error:
        raise Failure(f"{path}: {error}") from None
    return path
