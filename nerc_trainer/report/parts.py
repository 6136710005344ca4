"""What a page is made of: parts with text, tables and plots. A part knows nothing of HTML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nerc_trainer.plots import Chart

MISSING = "–"


@dataclass(frozen=True)
class Table:
    """Rows of cells that are text; the first ``texts`` columns are words, the others numbers."""

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    texts: int = 1


@dataclass(frozen=True)
class Plot:
    """A chart, what it shows in words, and its numbers."""

    chart: Chart
    alt: str
    numbers: Table


@dataclass(frozen=True)
class Word:
    """Words of a sentence that stand together: an entity of ``type``, or None for what lies outside of entities."""

    text: str
    type: str | None


@dataclass(frozen=True)
class Reading:
    """A sentence as one of its readers labelled it. ``differs`` says that the expert saw it otherwise."""

    reader: str
    words: Sequence[Word]
    differs: bool = False


@dataclass(frozen=True)
class Sentence:
    """A selected sentence as all its readers labelled it. ``why`` says how much it was wanted, "" where nothing did."""

    id: str
    why: str
    readings: Sequence[Reading]


@dataclass(frozen=True)
class Part:
    """A part of the page under a heading of its own.

    ``facts`` are short figures with what they mean, ``text`` paragraphs; ``sentences`` stand by the name of their
    group, which can be folded away.
    """

    id: str
    title: str
    text: Sequence[str] = ()
    facts: Sequence[tuple[str, str]] = ()
    plots: Sequence[Plot] = ()
    tables: Sequence[Table] = ()
    sentences: Mapping[str, Sequence[Sentence]] | None = None
    listing: str = ""


def score(value: float | None) -> str:
    """A figure between 0 and 1, or a loss."""
    return MISSING if value is None else f"{value:.3f}"


def money(value: Any) -> str:
    """Dollars: cents, and more digits where there would be no cent."""
    if value is None:
        return MISSING
    amount = float(value)
    return f"{amount:,.4f}" if 0 < abs(amount) < 0.01 else f"{amount:,.2f}"


def count(value: float | None) -> str:
    """A number of things."""
    return MISSING if value is None else f"{value:,.0f}"


def mean_and_spread(figure: Mapping[str, Any]) -> str:
    """A mean, and the standard deviation where there is one."""
    spread = "" if figure["spread"] is None else f" ± {figure['spread']:.3f}"
    return f"{figure['mean']:.3f}{spread}"
