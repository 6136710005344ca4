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
    label_dollars: float | None = None,
) -> dict[str, Any]:
    """The figures of all runs, by arm: a strategy, with the LLM's labels or without.

    ``runs`` has every arm with every seed, and the seeds of each arm in one order. ``histories`` holds the lines of
    history.jsonl of each run, ``full`` the figures of the trainings on all labels, and ``words`` is what the expert
    would label if asked for everything. F1 is that on ``split``, dev or test. ``label_dollars`` is what the LLM's
    labels have cost, which counts in the dollars of all arms that they take part in; None where that is not known.

    An area is the mean height of F1 over the words between the first round and the least that any arm came to with the
    same seed (``area_over``), so that all are measured over the same words. ``over_random`` is its difference from
    random with the same labels of the LLM, in pairs of equal seeds. ``reach`` says after how many words F1 is a share
    of ``full`` for the first time; None where it never is, and for the mean of the seeds where one of them never is.
    """
    arms: dict[str, list[History]] = {}  # by seed, in their order
    for run, history in zip(runs, histories, strict=True):
        arms.setdefault(run.arm, []).append(history)
    bounds = [_bounds(of_seed) for of_seed in zip(*arms.values(), strict=True)]
    areas = {name: _areas(of_arm, bounds, split) for name, of_arm in arms.items()} if all(bounds) else {}
    reference = _figure([one["scores"][split]["f1"] for one in full])
    targets = {f"{share:g}": share * reference["mean"] for share in SHARES}
    curves = {}
    for run in {run.arm: run for run in runs}.values():
        of_arm, area = arms[run.arm], areas.get(run.arm)
        extra = label_dollars or 0.0 if run.with_llm else 0.0
        over_random = None
        if area is not None and run.strategy != "random":
            over_random = paired_difference(area, areas["random-llm" if run.with_llm else "random"])._asdict()
        curves[run.arm] = {
            "strategy": run.strategy,
            "with_llm": run.with_llm,
            "area": None if area is None else _figure(area),
            "over_random": over_random,
            "reach": {share: _reach(of_arm, target, words, split) for share, target in targets.items()},
            "points": _points(of_arm, split, extra),
            "runs": [_raw(history, split, extra) for history in of_arm],
        }
    return {
        "split": split,
        "seeds": list(dict.fromkeys(run.seed for run in runs)),
        "words": words,
        "label_dollars": label_dollars if any(run.with_llm for run in runs) else None,
        "full": {"f1": reference, "steps": full[0]["steps"]},
        "area_over": bounds,
        "curves": curves,
    }


def f1_of(row: Mapping[str, Any], split: str) -> float:
    """F1 of a round on a split."""
    return float(row["f1"] if split == "dev" else row["test"]["f1"])


def share_shown(reach: Mapping[str, Any]) -> str | None:
    """The share of all words at which a curve reaches a height, for people to read; None where it never does."""
    return None if reach["share"] is None else f"{'≤' if reach.get('at_most') else ''}{reach['share']:.1%}"


def _lines(history: History, split: str) -> tuple[list[float], list[float]]:
    return [float(row["tokens"]) for row in history], [f1_of(row, split) for row in history]


def _bounds(histories: Sequence[History]) -> tuple[float, float] | None:
    """The words over which all curves of a seed run; None where some have no second point."""
    low = max(float(history[0]["tokens"]) for history in histories)
    high = min(float(history[-1]["tokens"]) for history in histories)
    return (low, high) if low < high else None


def _areas(histories: Sequence[History], bounds: Sequence[tuple[float, float] | None], split: str) -> list[float]:
    pairs = zip(histories, bounds, strict=True)
    return [area_under(*_lines(history, split), *bound) for history, bound in pairs if bound is not None]


def _reach(histories: Sequence[History], target: float, words: int, split: str) -> dict[str, Any]:
    """Words at which each seed's curve is as high as ``target``, and their mean, also as a share of all words; they are
    ``at_most`` so many where a curve begins that high."""
    found = [first_reach(*_lines(history, split), target) if target > 0 else None for history in histories]
    reached = [one for one in found if one is not None]
    mean = float(np.mean(reached)) if len(reached) == len(found) else None
    return {
        "f1": target,
        "words": mean,
        "share": None if mean is None else mean / words,
        "at_most": any(f1_of(history[0], split) >= target > 0 for history in histories),
        "seeds": found,
    }


def _labelled(row: Mapping[str, Any], name: str, extra: float) -> float:
    """What was labelled by a round, as one of COUNTS; ``extra`` dollars were paid before the first."""
    said: float = row[COUNTS[name]]
    return said + extra if name == "dollars" else said


def _points(histories: Sequence[History], split: str, extra: float) -> list[dict[str, Any]]:
    """The mean curve, as far as every seed went: what was labelled by a round on average, and F1 with its spread."""
    return [
        {
            "round": number,
            **{name: float(np.mean([_labelled(row, name, extra) for row in rows])) for name in COUNTS},
            "f1": _figure([f1_of(row, split) for row in rows]),
        }
        for number, rows in enumerate(zip(*histories, strict=False))
    ]


def _raw(history: History, split: str, extra: float) -> dict[str, Any]:
    return {
        **{name: [_labelled(row, name, extra) for row in history] for name in COUNTS},
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
    if all(summary["area_over"]):
        low, high = np.mean(summary["area_over"], axis=0)
        lines.append(f"area: mean F1 between {low:,.0f} and {high:,.0f} words, which all runs of a seed have")
    else:
        lines.append("no areas: some runs have no rounds after the first; raise active.max_iterations or the budget")
    lines.append(
        "90, 95, 99 %: words, in percent of all, at which F1 first is that share of full-data F1, straight lines "
        "between rounds; - where not with every seed, ≤ where the first round is that good with some"
    )
    if any(curve["with_llm"] for curve in summary["curves"].values()):
        paid = summary["label_dollars"]
        lines.append(
            "dollars are the expert's alone: what the LLM's labels cost is not known here"
            if paid is None
            else f"dollars: arms with the LLM's labels also pay the ${paid:,.2f} that these cost"
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
