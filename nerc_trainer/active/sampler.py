"""The callback that turns a Trainer into an active learner: score the pool, ask the oracle, extend the training set."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from transformers import TrainerControl, TrainerState, TrainingArguments

from nerc_trainer.active import strategies
from nerc_trainer.active.journal import RunJournal
from nerc_trainer.active.oracle import ExpertLabel, Oracle
from nerc_trainer.corpus.column import Picked
from nerc_trainer.corpus.encode import PieceDataset
from nerc_trainer.costs import ExpertWork, budget_left
from nerc_trainer.errors import NercError
from nerc_trainer.ranks import on_main
from nerc_trainer.training.callbacks import RoundCallback
from nerc_trainer.training.training_set import TrainingSet

if TYPE_CHECKING:
    from nerc_trainer.recipe.sections import Recipe
    from nerc_trainer.training.trainer import NercTrainer


class EntropySamplerCallback(RoundCallback):
    """At the start of a round: the sentences with the highest mean token entropy go to the oracle.

    Round 0 asks for a random share of the corpus. What an earlier start of the same run has selected or been told is
    taken from its journal and not asked again.
    """

    def __init__(self, recipe: Recipe, training_set: TrainingSet, oracle: Oracle, journal: RunJournal) -> None:
        self.training_set = training_set
        self.oracle = oracle
        self.journal = journal
        self.selection: dict[str, Any] = {}
        self.waits = False  # for people, whose answers are not in
        self._active, self._costs, self._seed = recipe.active, recipe.costs, recipe.run.seed

    def on_round_begin(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        *,
        trainer: NercTrainer,
        round_number: int,
    ) -> None:
        started = time.perf_counter()
        selection = on_main(lambda: self.journal.selection(round_number))
        if selection is None:
            selection = self._select(trainer, round_number)
            seconds = time.perf_counter() - started
            on_main(lambda: self.journal.note_seconds(round_number, "score", seconds))
            on_main(lambda: self.journal.write_selection(round_number, selection))
        labels = on_main(lambda: self._ask(round_number, selection["ids"]))
        self.waits, self.selection = labels is None, selection
        if labels is None:
            return
        self.training_set.add_expert(labels)
        trainer.train_dataset = self.training_set.labelled()
        self.selection = answered(selection, labels)

    def can_ask(self) -> bool:
        """Whether pool and budget have room for one more sentence."""
        pool = self.training_set.pool()
        sentences, words = self._left()
        return bool(len(pool) and sentences >= 1 and words >= self.training_set.words[pool].min())

    def _select(self, trainer: NercTrainer, round_number: int) -> dict[str, Any]:
        pool = self.training_set.pool()
        ids = Picked(self.training_set.ids, pool)
        initial = round_number == 0
        if initial or self._active.strategy == "random":
            priorities = strategies.random(len(pool), self._seed, round_number)
        else:
            priorities = trainer.uncertainty(PieceDataset(self.training_set.text, pool))
        count = round(self._active.initial_expert * len(pool)) if initial else self._active.query_size
        sentences, words = self._left()
        # Under a limit in words some of the highest may be too long, and lower ones take their place.
        order = strategies.top(priorities, ids, max(count, 1) if words == float("inf") else len(pool))
        chosen = order[affordable(self.training_set.words[pool[order]], max(count, 1), sentences, words)]
        if initial and not len(chosen):
            raise NercError("active.budget: has no room for a single sentence of data.train; raise it")
        return {
            "strategy": "random" if initial else self._active.strategy,
            "ids": [ids[index] for index in chosen],
            "priorities": [float(priorities[index]) for index in chosen],
            "pool": {"sentences": len(pool), "mean_priority": float(priorities.mean())},
        }

    def _left(self) -> tuple[float, float]:
        return budget_left(self._active.budget, ExpertWork.of(self.training_set.counts()), self._costs)

    def _ask(self, round_number: int, ids: list[str]) -> list[ExpertLabel] | None:
        labels = self.journal.labels(round_number)
        if labels is not None:
            return labels
        started = time.perf_counter()
        labels = self.oracle.label(ids)
        if labels is not None:
            self.journal.note_seconds(round_number, "ask", time.perf_counter() - started)
            self.journal.write_labels(round_number, labels)
        return labels


def answered(selection: dict[str, Any], labels: Sequence[ExpertLabel]) -> dict[str, Any]:
    """The selection without the sentences that were left unanswered; they stay in the pool."""
    known = {label.id for label in labels}
    kept = [index for index, name in enumerate(selection["ids"]) if name in known]
    return selection | {name: [selection[name][index] for index in kept] for name in ("ids", "priorities")}


def affordable(words: np.ndarray, count: int, sentences_left: float, words_left: float) -> np.ndarray:
    """Positions of the first ``count`` sentences that fit the budget; one too long for what is left is passed over.

    ``words`` [n] holds the words of each sentence, the most wanted first.
    """
    count = int(min(count, sentences_left, len(words)))
    if words_left == float("inf"):
        return np.arange(count)
    chosen: list[int] = []
    for position, length in enumerate(words):
        if len(chosen) == count:
            break
        if length <= words_left:
            chosen.append(position)
            words_left -= length
    return np.array(chosen, dtype=np.int64)
