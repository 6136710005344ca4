"""The chart of the threshold experiment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from nerc_trainer.plots import SIZE, Chart, chart_style, render_chart

_LABELS = {"with_llm": "with the LLM's labels", "without_llm": "expert labels alone"}
_COLORS = {"with_llm": "#1b6ca8", "without_llm": "#c8553d"}
_MARKERS = {"with_llm": "o", "without_llm": "s"}
_LINES = {"with_llm": "-", "without_llm": "--"}


def threshold_chart(summary: Mapping[str, Any]) -> Chart:
    """F1 on the held-out folds by the number of expert sentences: two curves, bands of one standard deviation, knee."""
    from matplotlib.figure import Figure

    with chart_style():
        figure = Figure(figsize=SIZE)
        axes = figure.subplots()
        for name, points in summary["curves"].items():
            x = np.array([point["expert_sentences"] for point in points])
            mean = np.array([point["f1"]["mean"] for point in points])
            spread = np.array([point["f1"]["spread"] or 0.0 for point in points])
            axes.fill_between(x, mean - spread, mean + spread, color=_COLORS[name], alpha=0.15, linewidth=0)
            style: dict[str, Any] = {"color": _COLORS[name], "marker": _MARKERS[name], "linestyle": _LINES[name]}
            axes.plot(x, mean, markersize=4, label=_LABELS[name], **style)
        if (knee := summary["knee"]) is not None:
            at = summary["curves"]["with_llm"][knee["position"]]
            knee_at = f"knee: {at['share']:.0%}, {at['expert_sentences']:.0f} sentences"
            axes.axvline(at["expert_sentences"], color="0.4", linestyle=":", linewidth=1, label=knee_at)
        axes.set_xlabel("sentences labelled by the expert")
        axes.set_ylabel("entity F1 on the held-out fold")
        axes.set_title(f"Expert labels that pay ({len(points[0]['f1']['folds'])} folds, mean and deviation)")
        axes.legend(loc="lower right")
        return render_chart("threshold", figure)
