"""The main plot of a model card: F1 over the rounds so far, and by type where a tagger belongs to no round."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from nerc_trainer.plots import Chart, bar_style, chart_style, render_chart

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CHART_NAME = "f1"
_BAR = 0.4  # of the room that a type has


def card_chart(record: Mapping[str, Any]) -> Chart:
    """F1 on dev and test from the `round.json` of a tagger: by the sentences that the expert had labelled in each round
    so far, or else of each type."""
    from matplotlib.figure import Figure

    has_rounds = record["round"] is not None
    with chart_style():
        figure = Figure(figsize=(5.6, 3.2 if has_rounds else 1.4 + 0.4 * len(_types(record))))
        (_draw_rounds if has_rounds else _draw_types)(figure.subplots(), record)
        return render_chart(CHART_NAME, figure)


def _draw_rounds(axes: Axes, record: Mapping[str, Any]) -> None:
    history = record["history"]
    sentences = [row["expert_sentences"] for row in history]
    axes.plot(sentences, [row["dev_f1"] for row in history], color="#0072B2", marker="o", label="dev")
    if all(row["test_f1"] is not None for row in history):
        tested = [row["test_f1"] for row in history]
        axes.plot(sentences, tested, color="#D55E00", linestyle="--", marker="s", label="test")
    axes.set_xlabel("sentences labelled by the expert")
    axes.set_ylabel("entity F1")
    axes.set_title(f"F1 by round, {record['strategy']}")
    axes.legend(loc="lower right")


def _draw_types(axes: Axes, record: Mapping[str, Any]) -> None:
    types = _types(record)
    splits = [split for split in ("dev", "test") if record[split] is not None]
    for number, split in enumerate(splits):
        by_type = record[split]["by_type"]
        scores = [record[split]["f1"], *(row["f1"] for row in by_type.values())]
        offset = (number - (len(splits) - 1) / 2) * _BAR
        places = [place + offset for place in (0, *(1 + types.index(name) for name in by_type))]
        axes.barh(places, scores, _BAR, label=split, **bar_style(number))
    axes.set_yticks(range(1 + len(types)), ["all", *types])
    axes.set_ylim(len(types) + 0.5, -0.5)
    axes.set_xlim(0, 1)
    axes.set_xlabel("entity F1")
    axes.set_title("F1 by type")
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1))


def _types(record: Mapping[str, Any]) -> list[str]:
    """The types of both splits, in the order of the card's table."""
    found = [record[split]["by_type"] for split in ("dev", "test") if record[split] is not None]
    return list(dict.fromkeys(name for by_type in found for name in by_type))
