"""`nerc-trainer compare`: the same tagger on truth, LLM labels, a share of expert labels, and both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from nerc_trainer.active.console import say
from nerc_trainer.evaluation.intervals import f1_difference
from nerc_trainer.experiments.cell import Labels, candidates
from nerc_trainer.experiments.cells import run_cells
from nerc_trainer.experiments.mixing_mode import with_mode
from nerc_trainer.experiments.publication import publish_model
from nerc_trainer.experiments.tables import show_comparison
from nerc_trainer.experiments.train import branch_of, make_cell
from nerc_trainer.files import write_json
from nerc_trainer.ranks import on_main
from nerc_trainer.training.job import job

if TYPE_CHECKING:
    from nerc_trainer.corpus.load import Corpus
    from nerc_trainer.recipe.sections import Recipe

ROWS: tuple[Labels, ...] = ("truth", "llm", "expert", "mixed")
FIGURES = ("f1", "precision", "recall", "accuracy", "loss")


def compare_labels(recipe: Recipe) -> None:
    """Train each row with each seed on the same sentences, for the same steps; publish the rows of the first seed.

    Figures and differences are written to ``<run.dir>/compare/comparison.json``. Call it on every rank of the job.
    """
    share, first_seed = recipe.train.expert_share, recipe.compare.seeds[0]
    with job(recipe) as begun:
        work = with_mode(begun)
        recipe = work.recipe
        sentences = candidates(work.corpus)
        cells = [
            make_cell(work, labels, sentences, seed, name=f"compare-{branch_of(labels, share)}-seed-{seed}")
            for seed in recipe.compare.seeds
            for labels in ROWS
        ]

        branches = {cell.name: branch_of(cell.labels, share) for cell in cells if cell.seed == first_seed}
        found = run_cells(work, cells, branches=branches)
        rows = {
            branch_of(labels, share): [
                figures for cell, figures in zip(cells, found, strict=True) if cell.labels == labels
            ]
            for labels in ROWS
        }
        comparison = compare(rows, recipe.run.seed)
        path = recipe.run.dir / "compare" / "comparison.json"
        facts = {"mixing": recipe.mixing.model_dump(mode="json"), "examples_pool": examples_pool(recipe, work.corpus)}
        on_main(lambda: write_json(path, {**facts, **comparison}))
        show_comparison(comparison)
        if facts["examples_pool"]:
            say(
                f"the LLM was shown examples from {facts['examples_pool']} sentences with true labels "
                f"(annotation.truth = {recipe.annotation.truth}), which no row counts among the expert's"
            )
        for branch in rows:
            publication = publish_model(recipe, branch)
            say(f"{branch} {publication.state}: {publication.detail}")
        say(f"all figures are in {path}")


def examples_pool(recipe: Recipe, corpus: Corpus) -> int:
    """Sentences with true labels that the LLM's prompts take their examples from; 0 for labels made elsewhere."""
    section = recipe.annotation
    if section.labels is not None or not section.endpoints or not section.examples.count:
        return 0
    return min(section.examples.pool, len(corpus.train if section.truth == "train" else corpus.dev))


def compare(rows: Mapping[str, Sequence[Mapping[str, Any]]], seed: int) -> dict[str, Any]:
    """Means over seeds with their spread for each row, and the difference of each pair of rows, by split.

    ``rows`` holds by name the figures of `run_cell`, one for each seed. A spread is the standard deviation over seeds.
    """
    splits = list(next(iter(rows.values()))[0]["scores"])
    return {
        split: {
            "rows": {name: _summary(found, split) for name, found in rows.items()},
            "differences": [
                {"higher": first, "lower": second, **_difference(rows[first], rows[second], split, seed)}
                for first, second in _by_f1(rows, split)
            ],
        }
        for split in splits
    }


# The same for every seed of a row.
OF_A_ROW = (
    *("expert_sentences", "expert_words", "llm_sentences", "llm_words"),
    *("mode", "steps", "steps_made"),
)


def _summary(found: Sequence[Mapping[str, Any]], split: str) -> dict[str, Any]:
    scores = [figures["scores"][split] for figures in found]
    types = sorted({type_ for one in scores for type_ in one["by_type"]})
    return {
        "seeds": [figures["seed"] for figures in found],
        **{key: found[0][key] for key in OF_A_ROW},
        **{name: _mean_and_spread([one[name] for one in scores]) for name in FIGURES},
        "f1_by_type": {
            type_: _mean_and_spread([one["by_type"].get(type_, {"f1": 0.0})["f1"] for one in scores]) for type_ in types
        },
    }


def _mean_and_spread(values: Sequence[float]) -> dict[str, Any]:
    spread = float(np.std(values, ddof=1)) if len(values) > 1 else None
    return {"mean": float(np.mean(values)), "spread": spread, "values": list(values)}


def _by_f1(rows: Mapping[str, Sequence[Mapping[str, Any]]], split: str) -> list[tuple[str, str]]:
    """All pairs of rows, the one with the higher mean F1 first."""
    means = {name: np.mean([figures["scores"][split]["f1"] for figures in found]) for name, found in rows.items()}
    return list(combinations(sorted(rows, key=lambda name: (-means[name], name)), 2))


def _difference(
    first: Sequence[Mapping[str, Any]], second: Sequence[Mapping[str, Any]], split: str, seed: int
) -> dict[str, float]:
    counts = [np.array([figures["scores"][split]["counts"] for figures in side]) for side in (first, second)]
    return f1_difference(counts[0], counts[1], np.random.default_rng(seed))._asdict()
