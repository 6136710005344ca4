"""How every chart of the project looks and is kept: PNG and SVG with equal bytes for equal figures.

Its series are told apart by colour, and for who sees none by line, marker and hatch.
Only matplotlib's figures are used, never pyplot, so nothing is left behind in the process.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nerc_trainer.files import write_bytes, write_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_STYLE: dict[str, Any] = {
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "figure.constrained_layout.use": True,
    "font.size": 9,
    "grid.alpha": 0.4,
    "hatch.linewidth": 0.5,
    "legend.frameon": False,
    "patch.edgecolor": "black",
    "patch.force_edgecolor": True,
    "patch.linewidth": 0.4,
    # Text stays text, which can be searched and read aloud, and a fixed salt makes the names of SVG elements repeat.
    "svg.fonttype": "none",
    "svg.hashsalt": "nerc_trainer",
    # "$" and "PRP$" are tags, not formulas.
    "text.parse_math": False,
}
_DOTS_PER_INCH = 150
SIZE = (4.7, 3.3)  # inches: text stays readable where a phone makes it a quarter smaller
# Okabe and Ito's colours without the yellow, which is too pale for a line; colour-blind readers tell them apart.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
_LINES = ("-", "--", "-.", ":")
_MARKERS = ("o", "s", "^", "D", "v", "P", "X")
_HATCHES = ("", "///", "xxx", "---", "\\\\\\", "+++", "|||", "//--")  # lines alone: each dot is a circle in an SVG


@dataclass(frozen=True)
class Chart:
    """A chart in both formats; ``name`` is the stem of its files."""

    name: str
    png: bytes
    svg: str

    def write(self, folder: Path) -> None:
        """Write both files into a folder."""
        write_bytes(folder / f"{self.name}.png", self.png)
        write_text(folder / f"{self.name}.svg", self.svg)


@contextmanager
def chart_style() -> Iterator[None]:
    """Figures that are made and rendered inside the block look alike, whatever the user's matplotlibrc says."""
    from matplotlib import style

    with style.context(["default", _STYLE]):
        yield


def render_chart(name: str, figure: Figure) -> Chart:
    """A figure as PNG and SVG. Call it inside `chart_style`."""
    png, svg = io.BytesIO(), io.BytesIO()
    # Without these the files would name the version of matplotlib and the moment.
    figure.savefig(png, format="png", dpi=_DOTS_PER_INCH, metadata={"Software": None})
    figure.savefig(svg, format="svg", metadata={"Date": None, "Creator": None})
    return Chart(name, png.getvalue(), svg.getvalue().decode("utf-8"))


def line_style(number: int) -> dict[str, Any]:
    """Keyword arguments of a line that differs from the lines of other numbers in three ways."""
    return {
        "color": _COLOURS[number % len(_COLOURS)],
        "linestyle": _LINES[number % len(_LINES)],
        "marker": _MARKERS[number % len(_MARKERS)],
        "markersize": 5,
    }


def bar_style(number: int) -> dict[str, Any]:
    """Keyword arguments of a bar that differs from the bars of other numbers."""
    return {"color": _COLOURS[number % len(_COLOURS)], "hatch": _HATCHES[number % len(_HATCHES)], "alpha": 0.85}
