"""A cell of an experiment: one training on certain labels, and how good its tagger is."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from nerc_trainer.active.oracle import TruthOracle
from nerc_trainer.corpus.column import Column
from nerc_trainer.corpus.encode import PieceDataset, flatten_tags
from nerc_trainer.corpus.labels import tags_to_spans
from nerc_trainer.evaluation.intervals import entity_counts
from nerc_trainer.evaluation.metrics import entity_scores
from nerc_trainer.modeling.build import weights_digest
from nerc_trainer.training.mixing import Mix, learns_from_text, mode_used, train_mixed
from nerc_trainer.training.training_set import UNLABELLED, first_of_equals

if TYPE_CHECKING:
    from nerc_trainer.corpus.load import Corpus
    from nerc_trainer.recipe.sections import Recipe
    from nerc_trainer.training.training_set import TrainingSet
    from nerc_trainer.training.workbench import Workbench

Labels = Literal["truth", "llm", "expert", "mixed"]


@dataclass(frozen=True)
class Cell:
    """One training.

    sentences  int64  indices of the train sentences whose labels may be used; the text of the others may be
    expert     int64  those of them that the expert labels
    held_out   int64  train sentences to measure on; None for dev and test
    """

    name: str
    labels: Labels
    sentences: np.ndarray
    expert: np.ndarray
    steps: int
    seed: int
    held_out: np.ndarray | None = None


def candidates(corpus: Corpus) -> np.ndarray:
    """The train sentences that trainings are compared on: those that the LLM was asked about, else all; int64."""
    if "llm_status" not in corpus.train.column_names:
        return np.arange(len(corpus.train))
    return np.flatnonzero([bool(status) for status in Column(corpus.train, "llm_status")])


def draw_expert(sentences: np.ndarray, first_equal: np.ndarray, share: float, seed: int) -> np.ndarray:
    """The sentences that the expert labels: ``share`` of the given ones, no two with the same words; int64, sorted.

    One order for a seed, of which a larger share takes more: so what a smaller share has, a larger one has too.
    """
    _, firsts = np.unique(first_equal[sentences], return_index=True)
    pool = sentences[np.sort(firsts)]
    count = min(len(pool), max(1, round(share * len(sentences))))
    return np.sort(np.random.default_rng((seed, 2)).permutation(pool)[:count])


def digest(cell: Cell, recipe: Recipe, corpus: Corpus) -> str:
    """Names all that a cell's figures hang on, but not where the run is."""
    ids = Column(corpus.train, "id")
    mixing = recipe.mixing.model_dump(mode="json") if _hangs_on_mixing(cell, recipe, corpus) else None
    said = [
        [cell.labels, cell.steps, cell.seed, recipe.run.batch_size, recipe.run.cpu_threads, mixing],
        recipe.model_dump(mode="json", include={"model", "training", "optimizer"}),
        dict(sorted(corpus.fingerprints.items())),
        list(corpus.labels.types),
        weights_digest(recipe.model),
        *([ids[index] for index in indices] for indices in (cell.sentences, cell.expert)),
        None if cell.held_out is None else [ids[index] for index in cell.held_out],
    ]
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def _hangs_on_mixing(cell: Cell, recipe: Recipe, corpus: Corpus) -> bool:
    """Whether `train_mixed` may do more for a cell than a plain training; the truth may have sentences beside it."""
    if cell.labels == "truth":
        return learns_from_text(recipe.mixing) and len(cell.sentences) < len(corpus.train)
    return cell.labels in ("mixed", "expert")


def run_cell(bench: Workbench, cell: Cell) -> dict[str, Any]:
    """Train a cell's tagger, which the trainer then has, and measure it. Call it on every rank.

    Returns by split the figures of `entity_scores` with ``loss`` (nats a word) and ``counts``, int [sentences][3] of
    `entity_counts`; whose labels were used, and the seconds that it took.
    """
    started = time.perf_counter()
    bench.trainer.args.seed = cell.seed
    training_set = label_sentences(bench, cell)
    restart = partial(bench.start_anew, cell.seed)
    restart()
    mix = Mix(bench.trainer, training_set, bench.recipe.mixing, cell.steps, restart, bench.llm_confidence())
    mixing = train_mixed(mix)
    scores = {name: measure(bench, dataset) for name, dataset in _splits(bench, cell).items()}
    return {
        "labels": cell.labels,
        "seed": cell.seed,
        "steps": cell.steps,
        "steps_made": sum(mix.steps_made),
        "training_set": training_set.fingerprint(),
        **training_set.counts(),
        "mode": mode_used(mix),
        "mixing": mixing,
        "seconds": round(time.perf_counter() - started, 3),
        "scores": scores,
    }


def label_sentences(bench: Workbench, cell: Cell) -> TrainingSet:
    """Who labels which sentence: the training set of a cell."""
    train, may_use = bench.corpus.train, np.zeros(len(bench.corpus.train), dtype=bool)
    may_use[cell.sentences] = True
    llm_tags = bench.llm_tags() if cell.labels in ("llm", "mixed") else None
    # Equal words may have several truths; the expert is asked once for all of them.
    training_set = bench.training_set(llm_tags, one_label_for_equals=cell.labels != "truth")
    if cell.labels != "llm":
        ids, oracle = Column(train, "id"), TruthOracle(Column(train, "id"), Column(train, "ner_tags"))
        asked = cell.sentences if cell.labels == "truth" else cell.expert
        training_set.add_expert(oracle.label([ids[index] for index in asked]))
    # Others take part as text that nobody has labelled, unless it is what the tagger is measured on: of that, with
    # model.context, the neighbours alone read something, and no label.
    left_out = ~may_use & (training_set.source != UNLABELLED)
    if cell.held_out is not None:
        first_equal = first_of_equals(Column(train, "tokens"))
        left_out |= np.isin(first_equal, first_equal[cell.held_out])
    training_set.leave_out(np.flatnonzero(left_out))
    return training_set


def measure(bench: Workbench, dataset: PieceDataset) -> dict[str, Any]:
    """Figures of the trainer's tagger on labelled sentences, and the counts of each for intervals."""
    predicted, loss = bench.trainer.predict_tags(dataset)
    true = bench.trainer.true_tags(dataset)
    return {**entity_scores(predicted, true), "loss": loss, "counts": _counts(predicted, true)}


def _counts(predicted: Sequence[list[str]], true: Sequence[list[str]]) -> list[list[int]]:
    return [
        list(entity_counts(tags_to_spans(said, "bio"), tags_to_spans(right, "bio")))
        for said, right in zip(predicted, true, strict=True)
    ]


def _splits(bench: Workbench, cell: Cell) -> dict[str, PieceDataset]:
    if cell.held_out is None:
        return bench.splits
    truth = flatten_tags([bench.corpus.labels.encode(tags) for tags in Column(bench.corpus.train, "ner_tags")])
    return {"held_out": PieceDataset(bench.text, cell.held_out, truth)}
