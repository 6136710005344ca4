"""Where the time of the rounds went."""

from __future__ import annotations

from nerc_trainer.plots import SIZE, bar_style, chart_style, render_chart
from nerc_trainer.report.collect import RunData
from nerc_trainer.report.parts import Part, Plot, Table


def timings_part(run: RunData) -> Part | None:
    """Seconds of each phase in each round; None without rounds."""
    if not run.history:
        return None
    from matplotlib.figure import Figure

    phases = list(dict.fromkeys(phase for row in run.history for phase in row["seconds"]))
    rounds = [row["round"] for row in run.history]
    with chart_style():
        figure = Figure(figsize=SIZE)
        axes = figure.subplots()
        bottom = [0.0] * len(rounds)
        for number, phase in enumerate(phases):
            seconds = [row["seconds"].get(phase, 0.0) for row in run.history]
            axes.bar(rounds, seconds, bottom=bottom, label=phase, width=0.7, **bar_style(number))
            bottom = [low + high for low, high in zip(bottom, seconds, strict=True)]
        axes.set_xticks(rounds)
        axes.grid(visible=False, axis="x")
        axes.set_xlabel("round")
        axes.set_ylabel("seconds")
        axes.set_title("Seconds by phase")
        axes.legend(loc="upper right")
        chart = render_chart("seconds", figure)
    rows = [
        [str(row["round"]), *(f"{row['seconds'].get(phase, 0.0):,.1f}" for phase in phases), f"{total:,.1f}"]
        for row, total in zip(run.history, bottom, strict=True)
    ]
    beside = sum(row["seconds"].get("publish", 0.0) for row in run.history)
    text = (
        f"{sum(bottom) - beside:,.0f} seconds in all, without the publishing beside the next round. A start that was "
        "cut off in the middle of a round is not counted."
    )
    alt = f"Stacked bars: seconds by phase of each round. {text}"
    numbers = Table("Seconds by phase", ["round", *phases, "all"], rows)
    return Part("timings", "Where the time went", [text], plots=[Plot(chart, alt, numbers)])
