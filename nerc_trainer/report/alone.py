"""What the same F1 would have cost from experts alone, read off a curve of expert labels without the LLM's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nerc_trainer.costs import ExpertWork, expert_dollars
from nerc_trainer.report.collect import Row, RunData


@dataclass(frozen=True)
class ExpertCurve:
    """F1 that so many dollars for the expert alone bring: ``dollars`` rising, and ``f1`` [points][folds or seeds].

    ``source`` says where the curve comes from. Where ``is_coarse``, its points lie so far apart that what is read off
    between them is a bound: such curves rise steeply first, and a straight line between two points asks for too much.
    """

    dollars: Sequence[float]
    f1: Sequence[Sequence[float]]
    source: str
    is_coarse: bool


@dataclass(frozen=True)
class Alone:
    """Dollars for the same F1; ``low`` and ``high`` over the folds. None where the curve does not reach that F1, which
    then costs more than ``most``, its end."""

    dollars: float | None
    low: float | None
    high: float | None
    most: float


def expert_curve(run: RunData) -> ExpertCurve | None:
    """The curve of `threshold` without the LLM's labels, else the rows of `compare` that an expert alone labelled."""
    if run.threshold is not None and run.threshold["curves"]["without_llm"]:
        points = run.threshold["curves"]["without_llm"]
        folds = [point["f1"]["folds"] for point in points]
        return ExpertCurve([_price(run, point) for point in points], folds, "threshold", is_coarse=False)
    if run.comparison is not None:
        split = "test" if "test" in run.comparison else "dev"
        rows = [row for row in run.comparison[split]["rows"].values() if not row["llm_sentences"]]
        rows.sort(key=lambda row: row["expert_words"])
        if rows:
            seeds = [row["f1"]["values"] for row in rows]
            return ExpertCurve([_price(run, row) for row in rows], seeds, "compare", is_coarse=True)
    return None


def _price(run: RunData, row: Row) -> float:
    return expert_dollars(ExpertWork(row["expert_sentences"], row["expert_words"]), run.costs)


def alone(curve: ExpertCurve, f1: float) -> Alone:
    """Read off what an F1 costs, on the mean of the folds and on each of them.

    Between two points the curve is taken for straight, from nothing at no money; where it falls, it stays.
    """
    folds = [[point[fold] for point in curve.f1] for fold in range(len(curve.f1[0]))]
    mean = [sum(point) / len(point) for point in curve.f1]
    found = [_reach(curve.dollars, fold, f1) for fold in folds]
    reached = [value for value in found if value is not None]
    return Alone(
        dollars=_reach(curve.dollars, mean, f1),
        low=min(reached, default=None),
        high=max(reached) if len(reached) == len(found) else None,
        most=curve.dollars[-1],
    )


def _reach(dollars: Sequence[float], heights: Sequence[float], f1: float) -> float | None:
    """Where a curve from (0, 0) first comes up to an F1; None where it never does."""
    before_x = before_y = 0.0
    for x, y in zip(dollars, heights, strict=True):
        if y >= f1:
            return before_x + (x - before_x) * (f1 - before_y) / (y - before_y) if y > before_y else x
        before_x, before_y = x, max(before_y, y)
    return None
