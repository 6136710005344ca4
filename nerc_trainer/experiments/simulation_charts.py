"""Learning curves of simulated runs over all that an expert's work can be counted in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from nerc_trainer.experiments.simulation_summary import COUNTS, SHARES
from nerc_trainer.plots import SIZE, Chart, chart_style, line_style, render_chart


def simulation_charts(summary: Mapping[str, Any]) -> list[Chart]:
    """F1 against words, sentences, entities and dollars, a chart each."""
    return [simulation_chart(summary, count) for count in COUNTS]


def simulation_chart(summary: Mapping[str, Any], count: str) -> Chart:
    """F1 against what the expert labelled: a line for each strategy, with a band of one standard deviation over the
    seeds, and full-data F1 with its shares."""
    from matplotlib.figure import Figure

    full = summary["full"]["f1"]["mean"]
    with chart_style():
        figure = Figure(figsize=SIZE)
        axes = figure.subplots()
        for number, (name, curve) in enumerate(summary["curves"].items()):
            x = np.array([point[count] for point in curve["points"]])
            mean = np.array([point["f1"]["mean"] for point in curve["points"]])
            spread = np.array([point["f1"]["spread"] or 0.0 for point in curve["points"]])
            style = line_style(number)
            axes.fill_between(x, mean - spread, mean + spread, color=style["color"], alpha=0.15, linewidth=0)
            axes.plot(x, mean, label=name, **{**style, "markersize": 3.5, "linewidth": 1.2})
        bottom, top = axes.get_ylim()
        for share in (*SHARES, 1.0):
            if bottom < share * full:
                axes.axhline(share * full, color="0.4", linewidth=0.8, linestyle="-" if share == 1 else ":", zorder=0)
                # Shares on the left, where curves are lower, and below their lines: 99 % is just below all labels.
                axes.annotate(
                    "all labels" if share == 1 else f"{share:.0%}",
                    (1.0 if share == 1 else 0.0, share * full),
                    xycoords=("axes fraction", "data"),
                    xytext=(-2, 2) if share == 1 else (2, -2),
                    textcoords="offset points",
                    ha="right" if share == 1 else "left",
                    va="bottom" if share == 1 else "top",
                    fontsize=7,
                )
        axes.locator_params(axis="x", nbins=6)  # numbers of five digits would touch
        axes.set_ylim(bottom, max(top, full + 0.03 * (full - bottom)))
        axes.set_xlabel(_axis(summary) if count == "dollars" else f"{count} labelled by the expert")
        axes.set_ylabel(f"entity F1 on {summary['split']}")
        seeds = len(summary["seeds"])
        axes.set_title(f"Simulated: F1 by {count} ({seeds} seed{'s' if seeds > 1 else ''})")
        axes.legend(loc="lower right")
        return render_chart(f"simulated_{count}", figure)


def _axis(summary: Mapping[str, Any]) -> str:
    """What is counted in dollars."""
    paid = summary.get("label_dollars")  # which older simulations lack
    return "dollars for the expert" + (f", and ${paid:,.2f} for the LLM where it takes part" if paid else "")
