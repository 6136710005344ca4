"""The figures of simulated runs: curves, areas, words to reach a share of full-data F1, and what random does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from nerc_trainer.experiments.learning_curve import area_under, first_reach, paired_difference

if TYPE_CHECKING:
    from nerc_trainer.experiments.simulated_run import SimulatedRun

SHARES = (0.9, 0.95, 0.99)
# What a curve can be drawn over: its name here, and in a line of history.jsonl.
COUNTS = {"words": "tokens", "sentences": "expert_sentences", "entities": "entities", "dollars": "dollars"}
History = Sequence[Mapping[str, Any]]


def summarize(
    runs: Sequence[SimulatedRun],
    histories: Sequence[History],
    full: Sequence[Mapping[str, Any]],
    words: int,
    split: str,
) -> dict[str, Any]:
    """The figures of all runs, by arm: a strategy, with the LLM's labels or without.

    ``histories`` holds the lines of history.jsonl of each run, ``full`` the figures of the trainings on all labels, and
    ``words`` is what the expert would label if asked for everything. F1 is that on ``split``, dev or test.

    An area is the mean height of F1 over the words between the first round and the least that any arm came to with the
    same seed, so that all are measured over the same words. ``over_random`` is its difference from random with the same
    labels of the LLM, in pairs of equal seeds. ``reach`` says after how many words F1 is a share of ``full`` for the
    first time; None where it never is, and for the mean of the seeds where one of them never is.
    """
    seeds = list(dict.fromkeys(run.seed for run in runs))
    by_run = dict(zip(runs, histories, strict=True))
    arms: dict[str, dict[int, History]] = {}
    for run, history in by_run.items():
        arms.setdefault(run.arm, {})[run.seed] = history
    first_of_arm = {run.arm: run for run in reversed(runs)}
    bounds = {seed: _bounds([arm[seed] for arm in arms.values()]) for seed in seeds}
    areas = {
        name: None if None in bounds.values() else [_area(arm[seed], bounds[seed], split) for seed in seeds]
        for name, arm in arms.items()
    }
    reference = _figure([one["scores"][split]["f1"] for one in full])
    curves = {}
    for name, arm in arms.items():
        run, area = first_of_arm[name], areas[name]
        baseline = areas["random-llm" if run.with_llm else "random"]
        curves[name] = {
            "strategy": run.strategy,
            "with_llm": run.with_llm,
            "points": _points(list(arm.values()), split),
            "area": None if area is None else _figure(area),
            "over_random": None if run.strategy == "random" else _difference(area, baseline),
            "reach": {
                f"{share:g}": _reach(list(arm.values()), share * reference["mean"], words, split) for share in SHARES
            },
            "runs": [_raw(seed, arm[seed], split) for seed in seeds],
        }
    return {
        "split": split,
        "seeds": seeds,
        "words": words,
        "full": {"f1": reference, "steps": full[0]["steps"], "words": full[0]["expert_words"]},
        "area_over": {str(seed): bounds[seed] for seed in seeds},
        "curves": curves,
    }


def f1_of(row: Mapping[str, Any], split: str) -> float:
    """F1 of a round on a split."""
    return float(row["f1"] if split == "dev" else row["test"]["f1"])


def _lines(history: History, split: str) -> tuple[list[float], list[float]]:
    return [float(row["tokens"]) for row in history], [f1_of(row, split) for row in history]


def _bounds(histories: Sequence[History]) -> tuple[float, float] | None:
    """The words over which all curves of a seed run; None where some have no second point."""
    low = max(float(history[0]["tokens"]) for history in histories)
    high = min(float(history[-1]["tokens"]) for history in histories)
    return (low, high) if low < high else None


def _area(history: History, bounds: tuple[float, float] | None, split: str) -> float:
    assert bounds is not None
    return area_under(*_lines(history, split), *bounds)


def _difference(areas: Sequence[float] | None, baseline: Sequence[float] | None) -> dict[str, float] | None:
    found = None if areas is None or baseline is None else paired_difference(areas, baseline)
    return None if found is None else found._asdict()


def _reach(histories: Sequence[History], target: float, words: int, split: str) -> dict[str, Any]:
    """Words at which each seed's curve is as high as ``target``, and their mean, also as a share of all words."""
    found = [first_reach(*_lines(history, split), target) if target > 0 else None for history in histories]
    reached = [one for one in found if one is not None]
    mean = float(np.mean(reached)) if len(reached) == len(found) else None
    return {"f1": target, "words": mean, "share": None if mean is None else mean / words, "seeds": found}


def _points(histories: Sequence[History], split: str) -> list[dict[str, Any]]:
    """The mean curve, as far as every seed went: what was labelled by a round on average, and F1 with its spread."""
    return [
        {
            "round": number,
            **{name: float(np.mean([row[key] for row in rows])) for name, key in COUNTS.items()},
            "f1": _figure([f1_of(row, split) for row in rows]),
        }
        for number, rows in enumerate(zip(*histories, strict=False))
    ]


def _raw(seed: int, history: History, split: str) -> dict[str, Any]:
    return {
        "seed": seed,
        **{name: [row[key] for row in history] for name, key in COUNTS.items()},
        "f1": [f1_of(row, split) for row in history],
    }


def _figure(values: Sequence[float]) -> dict[str, Any]:
    spread = float(np.std(values, ddof=1)) if len(values) > 1 else None
    return {"mean": float(np.mean(values)), "spread": spread, "seeds": list(values)}


def explain(summary: Mapping[str, Any]) -> list[str]:
    """What is to be known to read the table, in sentences."""
    full, seeds = summary["full"], len(summary["seeds"])
    spread = "" if full["f1"]["spread"] is None else f" ±{full['f1']['spread']:.4f}"
    lines = [
        f"full-data F1: {full['f1']['mean']:.4f}{spread}, {seeds} training(s) of {full['steps']} steps on the true "
        f"labels of all {summary['words']:,} words (train.epochs)"
    ]
    if all(summary["area_over"].values()):
        low, high = (np.mean([bounds[side] for bounds in summary["area_over"].values()]) for side in (0, 1))
        lines.append(f"area: mean F1 between {low:,.0f} and {high:,.0f} words, which all runs of a seed have")
    else:
        lines.append("no areas: some runs have no rounds after the first; raise active.max_iterations or the budget")
    lines.append(
        "90, 95, 99 %: words, in percent of all, at which F1 first is that share of full-data F1, straight lines "
        "between rounds; - where not with every seed"
    )
    if seeds == 1:
        lines.append("one seed says nothing of chance: give more in simulate.seeds for intervals")
    best = max(point["f1"]["mean"] for curve in summary["curves"].values() for point in curve["points"])
    if best > full["f1"]["mean"]:
        lines.append(
            f"a curve comes to {best:.4f}, above full-data F1: that training may be too short; try a larger "
            "train.epochs"
        )
    return lines
