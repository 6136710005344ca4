"""`nerc-trainer threshold`: how many expert labels pay, with the LLM's labels and without them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from nerc_trainer.active.console import say
from nerc_trainer.corpus.column import Column
from nerc_trainer.errors import NercError
from nerc_trainer.experiments.cell import Cell, Labels, candidates, draw_expert
from nerc_trainer.experiments.cells import run_cells
from nerc_trainer.experiments.knee import find_knee
from nerc_trainer.experiments.mixing_mode import with_mode
from nerc_trainer.experiments.tables import show_threshold
from nerc_trainer.experiments.threshold_chart import threshold_chart
from nerc_trainer.experiments.workers import count_gpus
from nerc_trainer.files import write_json
from nerc_trainer.ranks import on_main
from nerc_trainer.training.arguments import step_size, steps_of
from nerc_trainer.training.job import Job, job
from nerc_trainer.training.training_set import first_of_equals

if TYPE_CHECKING:
    from nerc_trainer.recipe.sections import Recipe

FIGURES = ("f1", "accuracy", "loss")
CURVES: dict[str, tuple[Labels, ...]] = {"with_llm": ("llm", "mixed"), "without_llm": ("expert",)}


def find_threshold(recipe: Recipe) -> None:
    """Cross-validate the expert's share; the sentences that the LLM was asked about are cut into folds.

    One fold after the other is held out to measure on; of the others the expert labels a share. Writes
    ``threshold.json`` and a chart to ``<run.dir>/threshold``. Call it on every rank of the job.
    """
    folder = recipe.run.dir / "threshold"
    with job(recipe) as begun:
        work = with_mode(begun)
        recipe = work.recipe
        cells = make_cells(work)
        workers = recipe.threshold.workers or count_gpus()
        found = run_cells(work, cells, workers if work.arguments.world_size == 1 else 1)
        summary = summarize(cells, found)
        on_main(lambda: write_json(folder / "threshold.json", {"mixing": recipe.mixing.mode, **summary}))
        on_main(lambda: threshold_chart(summary).write(folder))
        show_threshold(summary)
        for line in explain(summary):
            say(line)
        say(f"figures and chart are in {folder}")


def make_cells(work: Job) -> list[Cell]:
    """The trainings of all folds: the LLM's labels alone, and for each share the expert's with them and without."""
    recipe, corpus = work.recipe, work.corpus
    if "llm_tags" not in corpus.train.column_names:
        raise NercError(
            "annotation.labels: needed for the curve with LLM labels; label the corpus first with `nerc-trainer "
            "annotate`, or give a file"
        )
    section, seed, epochs = recipe.threshold, recipe.run.seed, recipe.train.epochs
    sentences, first_equal = candidates(corpus), first_of_equals(Column(corpus.train, "tokens"))
    cells = []
    for number, held_out in enumerate(make_folds(sentences, first_equal, section.folds, seed)):
        rest = np.setdiff1d(sentences, held_out)
        steps = steps_of(epochs, len(rest), step_size(work.arguments))

        def cell(name: str, labels: Labels, expert: np.ndarray) -> Cell:
            return Cell(f"threshold-fold-{number}-{name}", labels, rest, expert, steps, seed, held_out)  # noqa: B023

        cells.append(cell("llm", "llm", np.array([], dtype=np.int64)))
        for share in section.shares:
            # A share is of all that the LLM labelled, but the held-out fold can't be drawn from.
            expert = draw_expert(rest, first_equal, share * len(sentences) / len(rest), seed)
            cells += [cell(f"{labels}-{share:g}", labels, expert) for labels in ("mixed", "expert")]
    return cells


def make_folds(sentences: np.ndarray, first_equal: np.ndarray, folds: int, seed: int) -> list[np.ndarray]:
    """Cut sentences at random into folds of like size, those with the same words into the same one; int64, sorted.

    Equal sentences on both sides of a cut would be learnt by heart.
    """
    groups = np.unique(first_equal[sentences])
    if len(groups) < folds:
        raise NercError(f"threshold.folds = {folds}: more than the {len(groups)} different sentences; lower it")
    shuffled = np.random.default_rng((seed, 3)).permutation(groups)
    fold_of = dict(zip(shuffled.tolist(), (np.arange(len(groups)) % folds).tolist(), strict=True))
    own = np.array([fold_of[first] for first in first_equal[sentences].tolist()])
    return [sentences[own == number] for number in range(folds)]


def summarize(cells: Sequence[Cell], found: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Both curves: at each number of expert sentences the figures of the folds, their mean and standard deviation.

    ``knee`` is the position of the knee on the curve with LLM labels, None where there is none.
    """
    points: dict[str, dict[str, list[dict[str, Any]]]] = {name: {} for name in CURVES}
    for cell, figures in zip(cells, found, strict=True):
        curve = next(name for name, labels in CURVES.items() if cell.labels in labels)
        share = "0" if cell.labels == "llm" else cell.name.rpartition("-")[2]
        points[curve].setdefault(share, []).append(figures)
    curves = {name: [_point(share, rows) for share, rows in shares.items()] for name, shares in points.items()}
    upper = curves["with_llm"]
    knee = find_knee([point["expert_sentences"] for point in upper], [point["f1"]["mean"] for point in upper])
    return {"curves": curves, "knee": None if knee is None else knee._asdict()}


def _point(share: str, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    scores = [row["scores"]["held_out"] for row in rows]
    return {
        "share": float(share),
        "expert_sentences": float(np.mean([row["expert_sentences"] for row in rows])),
        "expert_words": float(np.mean([row["expert_words"] for row in rows])),
        **{
            name: {
                "mean": float(np.mean([one[name] for one in scores])),
                "spread": float(np.std([one[name] for one in scores], ddof=1)) if len(scores) > 1 else None,
                "folds": [one[name] for one in scores],
            }
            for name in FIGURES
        },
    }


def explain(summary: dict[str, Any]) -> list[str]:
    """What the curves say, in sentences."""
    upper, lower = summary["curves"]["with_llm"], summary["curves"]["without_llm"]
    lines = []
    if summary["knee"] is None:
        lines.append(
            "no knee: F1 rises about evenly, or not at all, over these shares; stop where the money ends, or try more"
        )
    else:
        position = summary["knee"]["position"]
        at = upper[position]
        before, after = _gain(upper, 0, position), _gain(upper, position, len(upper) - 1)
        lines.append(
            f"the knee is at {at['share']:.0%}, {at['expert_sentences']:.0f} expert sentences, F1 "
            f"{at['f1']['mean']:.3f}: up to there 10 sentences more bring {100 * before:.1f} points of F1 on average, "
            f"after it {100 * after:.1f}"
        )
    same = equal_without_llm(upper, lower)
    lines += [
        f"{point['expert_sentences']:.0f} expert sentences with the LLM's labels do what "
        f"{'more than ' if more else ''}{sentences:.0f} do without"
        for point, sentences, more in same[-1:]
    ]
    return lines


def _gain(points: Sequence[dict[str, Any]], first: int, last: int) -> float:
    """F1 that 10 expert sentences bring between two points of a curve."""
    sentences = points[last]["expert_sentences"] - points[first]["expert_sentences"]
    return 10 * (points[last]["f1"]["mean"] - points[first]["f1"]["mean"]) / sentences if sentences else 0.0


def equal_without_llm(
    upper: Sequence[dict[str, Any]], lower: Sequence[dict[str, Any]]
) -> list[tuple[dict[str, Any], float, bool]]:
    """For points with LLM labels that do better: as many expert sentences without, and whether it takes even more.

    Interpolated between the points of the lower curve; points where the LLM's labels do not help are left out.
    """
    sentences = [point["expert_sentences"] for point in lower]
    heights = np.maximum.accumulate([point["f1"]["mean"] for point in lower])
    found = []
    for point in upper:
        f1, own = point["f1"]["mean"], point["expert_sentences"]
        if own and f1 > np.interp(own, sentences, heights):
            found.append((point, float(np.interp(f1, heights, sentences)), bool(f1 > heights[-1])))
    return found
