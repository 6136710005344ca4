"""The main plot of a model card: F1 over the rounds so far."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nerc_trainer.plots import Chart, chart_style, render_chart

CHART_NAME = "f1"


def card_chart(record: Mapping[str, Any]) -> Chart:
    """F1 on dev and test by the sentences that the expert had labelled, from the `round.json` of a round."""
    from matplotlib.figure import Figure

    history = record["history"]
    sentences = [row["expert_sentences"] for row in history]
    with chart_style():
        figure = Figure(figsize=(5.6, 3.2))
        axes = figure.subplots()
        axes.plot(sentences, [row["dev_f1"] for row in history], color="#0072B2", marker="o", label="dev")
        if all(row["test_f1"] is not None for row in history):
            tested = [row["test_f1"] for row in history]
            axes.plot(sentences, tested, color="#D55E00", linestyle="--", marker="s", label="test")
        axes.set_xlabel("sentences labelled by the expert")
        axes.set_ylabel("entity F1")
        axes.set_title(f"F1 by round, {record['strategy']}")
        axes.legend(loc="lower right")
        return render_chart(CHART_NAME, figure)
