"""What the same F1 would have cost from experts alone, read off a curve of expert labels without the LLM's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from nerc_trainer.costs import ExpertWork, expert_dollars
from nerc_trainer.report.collect import Row, RunData
from nerc_trainer.report.models import Model, split_of


@dataclass(frozen=True)
class ExpertCurve:
    """F1 that so many dollars for the expert alone bring: ``dollars`` rising, and ``f1`` [points][folds or seeds].

    ``source`` is the stage that measured it. Where ``is_coarse``, its points lie so far apart that what is read off
    between them is a bound: such curves rise steeply first, and a straight line between two points asks for too much.
    """

    dollars: Sequence[float]
    f1: Sequence[Sequence[float]]
    source: Literal["threshold", "simulate", "compare"]
    is_coarse: bool

    @property
    def measured(self) -> str:
        """How often each point was measured, in words."""
        count = len(self.f1[0])
        return f"{count} {'fold' if self.source == 'threshold' else 'seed'}{'s' if count > 1 else ''}"


@dataclass(frozen=True)
class Alone:
    """Dollars for the same F1, and the bounds between which they lie with 95 % confidence.

    None where the curve, or that bound of it, does not reach that F1, which then costs more than ``most``, its end.
    ``at_most`` says that ``dollars`` is a bound itself, which no interval is told of: of a coarse curve, or before the
    first point of any. ``has_interval`` says whether there are bounds: they take two folds or seeds.
    """

    dollars: float | None
    low: float | None
    high: float | None
    most: float
    has_interval: bool
    at_most: bool


def expert_curve(run: RunData) -> ExpertCurve | None:
    """The curve of `threshold` without the LLM's labels, else that of a simulation, of the run's own strategy or else
    of random choice; else the rows of `compare` that an expert alone labelled."""
    if run.threshold is not None and run.threshold["curves"]["without_llm"]:
        points = run.threshold["curves"]["without_llm"]
        folds = [point["f1"]["folds"] for point in points]
        return ExpertCurve([_price(run, point) for point in points], folds, "threshold", is_coarse=False)
    if (arm := expert_arm(run)) is not None:
        work = [{"expert_sentences": point["sentences"], "expert_words": point["words"]} for point in arm["points"]]
        seeds = [point["f1"]["seeds"] for point in arm["points"]]
        return ExpertCurve([_price(run, one) for one in work], seeds, "simulate", is_coarse=False)
    if run.comparison is not None:
        rows = [row for row in run.comparison[split_of(run)]["rows"].values() if not row["llm_sentences"]]
        rows.sort(key=lambda row: row["expert_words"])
        if rows:
            seeds = [row["f1"]["values"] for row in rows]
            return ExpertCurve([_price(run, row) for row in rows], seeds, "compare", is_coarse=True)
    return None


def expert_arm(run: RunData) -> Row | None:
    """What was simulated without the LLM's labels: the run's strategy, or random; None where nothing was."""
    curves = run.simulation["curves"].values() if run.simulation is not None else ()
    arms = {curve["strategy"]: curve for curve in curves if not curve["with_llm"]}
    return arms.get(run.strategy) or arms.get("random")


def _price(run: RunData, row: Row) -> float:
    return expert_dollars(ExpertWork(row["expert_sentences"], row["expert_words"]), run.costs)


def alone_as(curve: ExpertCurve, model: Model) -> Alone:
    """`alone` for the F1 of a model, in pairs of seeds where curve and model are both of `compare`."""
    paired = curve.source == "compare" and len(model.seeds) == len(curve.f1[0])
    return alone(curve, model.seeds if paired else model.f1)


def alone(curve: ExpertCurve, f1: float | Sequence[float]) -> Alone:
    """Read off what an F1 costs, or what those of the curve's own folds or seeds cost, in their order.

    Between two points the curve is taken for straight, from nothing at no money; where it falls, it stays. Its interval
    is Student's over the folds or seeds, at each measured point for what this lies above the F1: in pairs where F1 is
    given by fold or seed, else the F1 is taken as it is. Bounds of the dollars are where the bounds of the curve
    come up to it.
    """
    from scipy.special import stdtrit

    above = np.asarray(curve.f1, dtype=float) - np.asarray(f1, dtype=float)  # [points, folds]
    count = above.shape[1]
    x = [0.0, *curve.dollars]
    mean = np.array([-float(np.mean(f1)), *above.mean(axis=1)])
    half = np.zeros(len(mean))  # 0 at no money, where nothing was measured
    if count > 1:
        half[1:] = stdtrit(count - 1, 0.975) * above.std(axis=1, ddof=1) / np.sqrt(count)
    dollars = _reach(x, mean)
    return Alone(
        dollars=dollars,
        low=_reach(x, mean + half) if count > 1 else None,
        high=_reach(x, mean - half) if count > 1 else None,
        most=curve.dollars[-1],
        has_interval=count > 1,
        at_most=dollars is not None and (curve.is_coarse or dollars < curve.dollars[0]),
    )


def _reach(dollars: Sequence[float], above: np.ndarray) -> float | None:
    """Where a curve first comes up to 0; None where it never does."""
    before_x, before_y = dollars[0], float(above[0])
    for x, y in zip(dollars, above.tolist(), strict=True):
        if y >= 0:
            return before_x + (x - before_x) * -before_y / (y - before_y) if y > before_y else x
        before_x, before_y = x, max(before_y, y)
    return None
