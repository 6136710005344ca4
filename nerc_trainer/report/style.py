"""How the charts of a report tell their series apart: by colour, and for who sees none by line, marker and hatch."""

from __future__ import annotations

from typing import Any

# Okabe and Ito's colours without the yellow, which is too pale for a line; colour-blind readers tell them apart.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
_LINES = ("-", "--", "-.", ":")
_MARKERS = ("o", "s", "^", "D", "v", "P", "X")
_HATCHES = ("", "///", "xxx", "...", "\\\\\\", "+++", "ooo")
SIZE = (4.7, 3.3)  # inches: text stays readable where a phone makes it a quarter smaller


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
