"""Bar charts of a corpus analysis, the splits side by side; equal analyses give equal bytes.

Only matplotlib's figures are used, never pyplot, so nothing is left behind in the process.
"""

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nerc_trainer.corpus.analyze import NONE, CorpusAnalysis, Frequency, LengthCount, order_by_count
from nerc_trainer.plots import Chart, chart_style, render_chart

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CHART_NAMES = ("pos_tags", "chunk_tags", "ner_tags", "entity_types", "sentence_lengths")

# Three colours of Okabe and Ito, which colour-blind readers tell apart; their greys and the hatches differ in print.
_FILLS: dict[str, dict[str, Any]] = {
    "train": {"color": "#0072B2", "hatch": ""},
    "dev": {"color": "#E69F00", "hatch": "/////"},
    "test": {"color": "#F0E442", "hatch": "xxxxx"},
}
_BAR_INCHES = 0.12
# The part of the step from row to row that bars take; the rest keeps the rows apart.
_FILLED = 0.8
_MOST_ROWS = 100
_MOST_BINS = 16


@dataclass(frozen=True)
class _Bars:
    """Rows of a chart with one bar for each split: the shares (0..1) of each split are in the order of the rows."""

    title: str
    unit: str
    rows: list[str]
    shares: dict[str, list[float]]


def draw_charts(analysis: CorpusAnalysis) -> Iterator[Chart]:
    """Draw each of CHART_NAMES, without those that have nothing to show.

    The rows of a chart stand in the order of their counts in all splits together.
    """
    bars = (
        _tag_bars(analysis, "pos_tags", "Part-of-speech tags"),
        _tag_bars(analysis, "chunk_tags", "Chunk tags"),
        _entity_tag_bars(analysis),
        _type_bars(analysis),
        _length_bars(analysis),
    )
    for name, rows in zip(CHART_NAMES, bars, strict=True):
        if not rows.rows:
            continue
        with chart_style():
            figure = _draw_columns(rows) if name == "sentence_lengths" else _draw_rows(rows)
            chart = render_chart(name, figure)
        yield chart


def _tag_bars(analysis: CorpusAnalysis, column: str, title: str) -> _Bars:
    counts = {split: found.tags[column] for split, found in analysis.splits.items() if column in found.tags}
    return _make_bars(title, "tokens", counts)


def _entity_tag_bars(analysis: CorpusAnalysis) -> _Bars:
    """The NER tags without O, beside which no other bar could be seen."""
    counts = {split: found.tags["ner_tags"] for split, found in analysis.splits.items() if "ner_tags" in found.tags}
    outside = ", ".join(f"{split} {_percent(tags['O'].share)} %" for split, tags in counts.items() if "O" in tags)
    inside = {split: {tag: tags[tag] for tag in tags if tag != "O"} for split, tags in counts.items()}
    return _make_bars(f"NER tags of entities (not drawn: O, {outside})" if outside else "NER tags", "tokens", inside)


def _type_bars(analysis: CorpusAnalysis) -> _Bars:
    counts = {
        split: {name: Frequency(type_.count, type_.share) for name, type_ in found.entity_types.items()}
        for split, found in analysis.splits.items()
        if found.entity_types
    }
    return _make_bars("Entity types", "entities", counts)


def _make_bars(title: str, unit: str, counts: Mapping[str, Mapping[str, Frequency]]) -> _Bars:
    """One row for each name that any split has, the most frequent ones first and no more than can be drawn."""
    rows = order_by_count(counts.values())
    if len(rows) > _MOST_ROWS:
        title = f"{title}\n(the {_MOST_ROWS} most frequent of {len(rows)})"
        rows = rows[:_MOST_ROWS]
    shares = {split: [frequencies.get(name, NONE).share for name in rows] for split, frequencies in counts.items()}
    return _Bars(title, unit, rows, shares)


def _length_bars(analysis: CorpusAnalysis) -> _Bars:
    """Sentence lengths in bins of equal width, the last of which holds all that is longer than 99 % of sentences."""
    lengths = {split: found.sentence_lengths for split, found in analysis.splits.items()}
    longest = max(found.maximum for found in lengths.values())
    usual = max(found.percentiles["p99"] for found in lengths.values())
    width = -(-usual // _MOST_BINS)
    starts = list(range(1, usual + 1, width))
    rows = [str(start) if width == 1 else f"{start}–{start + width - 1}" for start in starts]
    if longest > starts[-1] + width - 1:
        starts.append(starts[-1] + width)
        rows.append(f"≥ {starts[-1]}")
    shares = {split: _bin_shares(found.histogram, starts) for split, found in lengths.items()}
    medians = ", ".join(f"{split} {found.median:g}" for split, found in lengths.items())
    return _Bars(f"Sentence lengths (median: {medians} words)", "sentences", rows, shares)


def _bin_shares(histogram: Sequence[LengthCount], starts: Sequence[int]) -> list[float]:
    counts = [0] * len(starts)
    for found in histogram:
        counts[bisect_right(starts, found.words) - 1] += found.sentences
    return [count / sum(counts) for count in counts]


def _draw_rows(bars: _Bars) -> "Figure":
    """Horizontal bars with their shares at the end; the figure is as high as the rows need."""
    from matplotlib.figure import Figure

    height = len(bars.rows) * len(bars.shares) * _BAR_INCHES / _FILLED
    figure = Figure(figsize=(7, height + 1.2))
    axes = figure.add_subplot()
    for split, positions, thickness in _place_bars(bars):
        shares = bars.shares[split]
        percents = [100 * share for share in shares]
        drawn = axes.barh(positions, percents, thickness, label=split, **_FILLS[split])
        axes.bar_label(drawn, [_percent(share) for share in shares], padding=2, fontsize=6.5)
    axes.set_yticks(range(len(bars.rows)), bars.rows)
    for label in axes.get_yticklabels():
        # A tag such as "." or "``" would be a speck.
        if not any(map(str.isalnum, label.get_text())):
            label.set(fontsize=12, fontweight="bold")
    axes.set_ylim(len(bars.rows) - 0.5, -0.5)
    axes.set_xlabel(f"share of {bars.unit} (%)")
    axes.grid(visible=False, axis="y")
    axes.margins(x=0.08)
    _add_heading(figure, axes, bars.title)
    return figure


def _draw_columns(bars: _Bars) -> "Figure":
    """Vertical bars, which suit rows that are the steps of a scale."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4))
    axes = figure.add_subplot()
    for split, positions, thickness in _place_bars(bars):
        percents = [100 * share for share in bars.shares[split]]
        axes.bar(positions, percents, thickness, label=split, **_FILLS[split])
    axes.set_xticks(range(len(bars.rows)), bars.rows)
    axes.set_xlabel("words in a sentence")
    axes.set_ylabel(f"share of {bars.unit} (%)")
    axes.grid(visible=False, axis="x")
    axes.margins(x=0.02)
    _add_heading(figure, axes, bars.title)
    return figure


def _place_bars(bars: _Bars) -> Iterator[tuple[str, list[float], float]]:
    """Each split with the middles and the thickness of its bars; rows stand at 0, 1, 2, …"""
    thickness = _FILLED / len(bars.shares)
    for index, split in enumerate(bars.shares):
        offset = (index - (len(bars.shares) - 1) / 2) * thickness
        yield split, [row + offset for row in range(len(bars.rows))], thickness


def _add_heading(figure: "Figure", axes: "Axes", title: str) -> None:
    """The title, and below it the legend: outside of the axes, where no bar can run into it."""
    figure.suptitle(title, x=0.02, horizontalalignment="left", fontsize=10, fontweight="bold")
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=len(_FILLS), borderaxespad=0.2)


def _percent(share: float) -> str:
    """A share in per cent, short and never rounded to nothing."""
    percent = 100 * share
    if 0 < percent < 0.001:
        return "<0.001"
    if percent < 0.01:
        return f"{percent:.2g}"
    return f"{percent:.2f}" if percent < 1 else f"{percent:.1f}"
