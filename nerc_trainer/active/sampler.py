"""The callback that turns a Trainer into an active learner: score the pool, ask the oracle, extend the training set."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from transformers import TrainerControl, TrainerState, TrainingArguments

from nerc_trainer.active import diversity, strategies
from nerc_trainer.active.batch import UNLIMITED, affordable, candidates, fill_round, round_size
from nerc_trainer.active.journal import RunJournal
from nerc_trainer.active.oracle import ExpertLabel, Oracle
from nerc_trainer.active.pool_part import PoolPart, Scored, share_found
from nerc_trainer.active.priorities import check_labels, pool_scores, priorities_of
from nerc_trainer.active.second import draw
from nerc_trainer.active.stop_set import StopSet
from nerc_trainer.corpus.column import Picked
from nerc_trainer.corpus.encode import PieceDataset
from nerc_trainer.costs import ExpertWork, at_pace, budget_left
from nerc_trainer.errors import NercError
from nerc_trainer.ranks import on_main
from nerc_trainer.training.callbacks import RoundCallback
from nerc_trainer.training.scores import encoder_means
from nerc_trainer.training.training_set import TrainingSet

if TYPE_CHECKING:
    from nerc_trainer.active.relabel import SecondLlm
    from nerc_trainer.recipe.sections import Recipe
    from nerc_trainer.training.trainer import NercTrainer

Fill = Callable[[Sequence[int]], np.ndarray]


class EntropySamplerCallback(RoundCallback):
    """At the start of a round: the sentences that the recipe's strategy wants most go to the oracle; those with the
    highest mean token entropy, unless it says otherwise.

    Round 0 asks for a random share of the corpus. What an earlier start of the same run has selected or been told is
    taken from its journal and not asked again.
    """

    def __init__(
        self,
        recipe: Recipe,
        training_set: TrainingSet,
        oracle: Oracle,
        journal: RunJournal,
        tokens: Sequence[Sequence[str]] = (),
        llm_confidence: np.ndarray | None = None,
        second: SecondLlm | None = None,
    ) -> None:
        """``tokens`` holds the words of each train sentence, which ``active.diversity`` reads; ``llm_confidence`` float
        [sentences] how sure the LLM is of each, None where it does not say. ``second`` is asked before the oracle."""
        check_labels(recipe.active, training_set)
        self.training_set = training_set
        self.oracle = oracle
        self.journal = journal
        self.stop_set = StopSet(recipe, training_set, journal)
        self.selection: dict[str, Any] = {}
        self.waits = False  # for people, whose answers are not in
        self._recipe, self._active, self._costs, self._seed = recipe, recipe.active, recipe.costs, recipe.run.seed
        self._size = round_size(recipe.active, recipe.costs)
        self._part = PoolPart(recipe, journal, len(training_set.ids))
        self._tokens, self._llm_confidence, self._second = tokens, llm_confidence, second
        self._late: list[ExpertLabel] = []  # answers that the next round learns from, when `_free_pool` looked last

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
        folder = self.journal.round(round_number)
        selection = on_main(folder.selection)
        if selection is None:
            before = self._second.seconds if self._second else 0.0
            selection = self._select(trainer, round_number)
            spent = self._second.seconds - before if self._second else 0.0
            seconds = {"score": time.perf_counter() - started - spent} | ({"second": spent} if self._second else {})
            for phase, taken in seconds.items():
                on_main(partial(folder.note_seconds, phase, taken))
            on_main(partial(folder.write_selection, selection))
        labels = on_main(lambda: self._ask(round_number, selection["ids"]))
        self.waits, self.selection = labels is None, selection
        if labels is None:
            return
        self.training_set.add_second(on_main(folder.settled))
        self.training_set.add_expert(labels)
        trainer.train_dataset = self.training_set.labelled()
        self.selection = answered(selection, labels)

    def can_ask(self) -> bool:
        """Whether pool and budget have room for one more sentence, or answers that came late wait to be learnt."""
        pool = self._free_pool()
        return bool(self._late) or self._has_room(pool)

    def _has_room(self, pool: np.ndarray) -> bool:
        sentences, words = self._left()
        return bool(len(pool) and sentences >= 1 and words >= self.training_set.words[pool].min())

    def _free_pool(self) -> np.ndarray:
        """The pool, int64, without the sentences whose answers came late and wait to be learnt."""
        self._late = on_main(self.journal.late_to_learn)
        names = {label.id for label in self._late}
        places = [index for index, name in enumerate(self.training_set.ids) if name in names] if names else []
        pool = self.training_set.pool()
        return pool[~np.isin(pool, places)]

    def _select(self, trainer: NercTrainer, round_number: int) -> dict[str, Any]:
        pool = self._free_pool()
        initial = round_number == 0
        if self._late and not self._has_room(pool):
            self._part.pass_over(round_number)
            nothing = {"sentences": len(pool), "mean_priority": None}
            return {"strategy": self._active.strategy, "ids": [], "priorities": [], "pool": nothing}
        if not initial:
            self._size = round_size(self._active, at_pace(self._costs, self._work()), round_number)
        if initial:
            known = Scored(strategies.random(len(pool), self._seed, round_number), np.arange(len(pool)), None)
        else:
            known = self._score(trainer, pool, round_number)
        scored, priorities = pool[known.places], known.priorities[known.places]
        ids = Picked(self.training_set.ids, scored)
        count = max(round(self._active.initial_expert * len(pool)) if initial else self._size[0], 1)
        order = strategies.top(priorities, ids, len(scored) if self._may_pass_over(initial) else int(count))
        second: dict[str, Any] = {}
        if initial:
            chosen = order[affordable(self.training_set.words[scored[order]], count, *self._left())]
        else:
            fill = self._filler(trainer, scored, order, priorities, round_number)
            if self._second is None:
                chosen = fill(())
            else:
                chosen, second = self._draw(self._second, trainer, scored, fill, round_number)
        if initial and not len(chosen):
            raise NercError("active.budget: has no room for a single sentence of data.train; raise it")
        selection: dict[str, Any] = {
            "strategy": "random" if initial else self._active.strategy,
            "ids": [ids[index] for index in chosen],
            "priorities": [float(priorities[index]) for index in chosen],
            "pool": {"sentences": len(pool), "mean_priority": float(known.priorities.mean())},
            **second,
        }
        if not initial and self._part.is_wanted:
            found = share_found(known.places[chosen], known.part) if len(scored) == len(pool) else None
            selection["scoring"] = {"scored": len(scored), "found": found}
        return selection

    def _may_pass_over(self, initial: bool) -> bool:
        """Whether some of the most wanted may be left out, being too long, too like others or settled, for less wanted
        ones."""
        differs = (self._active.diversity is not None or self._second is not None) and not initial
        by_words = self._size[1] != UNLIMITED and not initial
        return differs or by_words or self._left()[1] != UNLIMITED

    def _score(self, trainer: NercTrainer, pool: np.ndarray, round_number: int) -> Scored:
        def earlier_models() -> list[Path]:
            return on_main(lambda: self.journal.earlier_models(round_number - 1, self._active.committee - 1))

        return self._part.score(
            pool,
            round_number,
            lambda part: pool_scores(self._recipe, trainer, self.training_set, part, round_number, earlier_models),
            lambda scores, part: priorities_of(scores, part, self._active, self._llm_confidence),
            self.training_set.words[pool],
            self._size,
            self._left()[1],
        )

    def _draw(
        self, second: SecondLlm, trainer: NercTrainer, pool: np.ndarray, fill: Fill, round_number: int
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """The expert's part of a round whose sentences the second LLM is asked about first, int64, and what the
        selection says of it."""
        drawn = draw(
            lambda settled: fill(settled).tolist(),
            lambda places: second.agree(trainer, round_number, pool[places]),
            self._active.llm_relabel.reach if self._active.llm_relabel else 1,
        )
        settled = [self.training_set.ids[sentence] for sentence in pool[drawn.settled]]
        return np.array(drawn.expert, dtype=np.int64), {"second": second.summary(round_number, settled, drawn.asked)}

    def _filler(
        self, trainer: NercTrainer, pool: np.ndarray, order: np.ndarray, priorities: np.ndarray, round_number: int
    ) -> Fill:
        """A function that gives what a round asks for of the part of the pool that was scored, int64, without those
        places that it is told; ``order`` has the most wanted first."""
        words = self.training_set.words[pool]
        wanted, spreads = order, self._active.diversity is not None
        if spreads:
            wanted = self._spread(trainer, pool, order, priorities, round_number)

        def fill(without: Sequence[int]) -> np.ndarray:
            kept = wanted[~np.isin(wanted, without)] if len(without) else wanted
            if not spreads:
                return kept[fill_round(words[kept], self._size, self._left())]
            repeats = diversity.near_duplicates(lambda position: self._tokens[int(pool[kept[position]])])
            return on_main(lambda: kept[fill_round(words[kept], self._size, self._left(), repeats)])

        return fill

    def _spread(
        self, trainer: NercTrainer, pool: np.ndarray, order: np.ndarray, priorities: np.ndarray, round_number: int
    ) -> np.ndarray:
        """``order`` with so many that differ in front as a round may look at; int64."""
        words = self.training_set.words[pool]
        count = len(fill_round(words[order], self._size, self._left()))
        count *= self._active.llm_relabel.reach if self._active.llm_relabel else 1
        compared = order[: candidates(words[order], self._size)]
        vectors = encoder_means(trainer, PieceDataset(self.training_set.text, pool[compared]))

        def choose() -> np.ndarray:
            if self._active.diversity == "kmeans":
                seed = np.random.SeedSequence((self._seed, round_number)).generate_state(1)
                return diversity.kmeans(vectors, priorities[compared], count, int(seed[0]))
            return diversity.coreset(vectors, 2 * count)  # some are left out for being nearly the same

        return np.concatenate([compared[on_main(choose)], order[len(compared) :]])

    def _left(self) -> tuple[float, float]:
        return budget_left(self._active.budget, self._work(), self._costs)

    def _work(self) -> ExpertWork:
        """What the expert has done, with the answers that came late: they are paid for by the round to come."""
        timed = [label for label in self._late if label.seconds is not None]
        late = ExpertWork(
            len(self._late),
            sum(len(label.ner_tags) for label in self._late),
            sum(label.seconds or 0.0 for label in timed),
            sum(len(label.ner_tags) for label in timed),
        )
        return ExpertWork.of(self.training_set.counts()) + late

    def _ask(self, round_number: int, ids: list[str]) -> list[ExpertLabel] | None:
        folder = self.journal.round(round_number)
        labels = folder.labels()
        if labels is not None:
            return labels
        started = time.perf_counter()
        labels = self.oracle.label(ids)
        if labels is not None:
            folder.note_seconds("ask", time.perf_counter() - started)
            folder.write_labels(labels)
        return labels


def answered(selection: dict[str, Any], labels: Sequence[ExpertLabel]) -> dict[str, Any]:
    """The selection as it was answered: without the sentences that stay in the pool, and with those of earlier rounds
    whose answers came late, which have no priority in this one."""
    priorities = dict(zip(selection["ids"], selection["priorities"], strict=True))
    ids = [label.id for label in labels]
    return selection | {"ids": ids, "priorities": [priorities.get(name) for name in ids]}
