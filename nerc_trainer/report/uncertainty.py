"""How unsure the tagger was of what was chosen, or how much that was wanted, round by round."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from nerc_trainer.plots import SIZE, Chart, chart_style, render_chart
from nerc_trainer.recipe.active import SCORES_NOTHING
from nerc_trainer.report.collect import RunData
from nerc_trainer.report.parts import Part, Plot, Table, count, score

_BINS = 12


def measure_of(run: RunData, strategy: str) -> str:
    """What the priorities of a round are: the tagger's uncertainty; a priority, which is made of ranks, where the doubt
    about the LLM's labels counts too; "" where chance or length has chosen."""
    if run.recipe is not None and run.recipe.active.llm_doubt > 0:
        return "priority"
    return "" if strategy in SCORES_NOTHING else "uncertainty"


def uncertainty_part(run: RunData) -> Part | None:
    """A histogram of the selected sentences' uncertainty, or priority, for each round; None where no round asked a
    tagger."""
    chosen = {
        number: found
        for number, found in sorted(run.selections.items())
        if number > 0 and found.get("priorities") and measure_of(run, found["strategy"])
    }
    if not chosen:
        return None
    edges, counts = histograms([found["priorities"] for found in chosen.values()])
    strategy = next(iter(chosen.values()))["strategy"]
    measure = measure_of(run, strategy)
    by_ranks = measure == "priority"  # whose mean over the pool is the same in every round
    rows = []
    for (number, found), row in zip(chosen.items(), counts, strict=True):
        values, pool = found["priorities"], found["pool"]
        ends = [
            score(float(np.median(values))),
            score(max(values)),
            *([] if by_ranks else [score(pool["mean_priority"])]),
            count(pool["sentences"]),
        ]
        rows.append([str(number), *ends, *(count(values_in) for values_in in row)])
    bins = [f"{low:.2g} to {high:.2g}" for low, high in pairwise(edges)]
    mean = [] if by_ranks else ["mean of the pool"]
    columns = ["round", "median", "highest", *mean, "pool", *bins]
    numbers = Table(f"Selected sentences by their {measure}", columns, rows)
    text = f"By the strategy {strategy}; round 0 was drawn at random. "
    if by_ranks:
        text += (
            "A priority is a sentence's rank in the pool by that strategy and by the doubt about the LLM's label, "
            "added up (active.llm_doubt): it says what was wanted most, and not how unsure the tagger was."
        )
    else:
        first, last = (found["pool"]["mean_priority"] for found in (chosen[min(chosen)], chosen[max(chosen)]))
        text += f"The mean over the whole pool went from {score(first)} to {score(last)}."
    parts = {number: found["scoring"] for number, found in chosen.items() if found.get("scoring")}
    if parts:
        text += _part_text(parts)
    alt = f"A histogram of {measure} for each round, as counts in shaded cells. {text}"
    return Part(
        "uncertainty",
        "How much the sentences were wanted" if by_ranks else "How unsure the tagger was",
        [text],
        plots=[Plot(_draw(list(chosen), edges, counts, measure), alt, numbers)],
    )


def _part_text(parts: Mapping[int, Mapping[str, Any]]) -> str:
    """What rounds that scored a part of the pool have scored, and what such a part would have found of the whole."""
    scored = sum(one["scored"] for one in parts.values())
    found = [f"{one['found']:.0%} in round {number}" for number, one in parts.items() if one["found"] is not None]
    share = f" Of what a whole pass chose, a part would have found {', '.join(found)}." if found else ""
    return (
        f" Some rounds scored a part of it, {count(scored)} sentences in all; the others count as last scored.{share}"
    )


def histograms(rounds: Sequence[Sequence[float]]) -> tuple[np.ndarray, np.ndarray]:
    """Edges of bins over all rounds, float64 [bins + 1], and how many values of each round lie in each, int [r, b]."""
    values = np.concatenate([np.asarray(one, dtype=float) for one in rounds])
    low, high = float(values.min()), float(values.max())
    edges = np.linspace(low, high if high > low else low + 1.0, _BINS + 1)
    return edges, np.array([np.histogram(one, edges)[0] for one in rounds])


def _draw(rounds: Sequence[int], edges: np.ndarray, counts: np.ndarray, measure: str) -> Chart:
    from matplotlib.figure import Figure

    with chart_style():
        figure = Figure(figsize=(SIZE[0], 1.3 + 0.34 * len(rounds)))
        axes = figure.subplots()
        axes.grid(visible=False)
        axes.imshow(counts, cmap="Greys", vmin=0, vmax=1.4 * counts.max(), aspect="auto")
        for row, column in np.ndindex(counts.shape):
            if counts[row, column]:
                dark = counts[row, column] > 0.75 * counts.max()
                axes.text(
                    column,
                    row,
                    str(counts[row, column]),
                    ha="center",
                    va="center",
                    fontsize=8,
                    color="w" if dark else "k",
                )
        axes.set_yticks(range(len(rounds)), [f"round {number}" for number in rounds])
        axes.set_xticks(np.arange(len(edges))[::3] - 0.5, [f"{edge:.2g}" for edge in edges[::3]])
        axes.set_xlabel(f"{measure} of the selected sentences")
        axes.set_title(f"Selected sentences by {measure}, round by round")
        return render_chart("uncertainty", figure)
