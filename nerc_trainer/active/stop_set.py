"""A sample of the pool: what each round's model says of it shows whether more rounds would change much."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nerc_trainer.active.journal import RunJournal
from nerc_trainer.active.stored import WAY_OUT
from nerc_trainer.corpus.encode import PieceDataset
from nerc_trainer.errors import NercError
from nerc_trainer.ranks import on_main

if TYPE_CHECKING:
    from nerc_trainer.recipe.sections import Recipe
    from nerc_trainer.training.trainer import NercTrainer
    from nerc_trainer.training.training_set import TrainingSet


@dataclass(frozen=True)
class Signs:
    """What a round's model says of the stop set; None where no rule asks for it or there is nothing to compare with.

    uncertainty  mean token entropy, in nats, over the sentences that the expert has not labelled
    changed      share of the words that have another tag than the round before
    kappa        agreement with the round before beyond chance, as `kappa` tells it
    """

    uncertainty: float | None = None
    changed: float | None = None
    kappa: float | None = None


class StopSet:
    """Sentences drawn from the pool that a run begins with, and the signs of each round, which the journal keeps.

    They stay in the pool (Bloodgood and Vijay-Shanker 2009), so no label is lost to them, and are looked at again when
    the expert has labelled some. The signs of a round are written before the next one begins, so a run that is started
    again, perhaps with the next model already, decides by the same ones.
    """

    def __init__(self, recipe: Recipe, training_set: TrainingSet, journal: RunJournal) -> None:
        """``training_set`` is as it is before the first label of the expert."""
        self._stop, self._training_set, self._journal = recipe.active.stop, training_set, journal
        pool = training_set.pool()
        drawn = np.random.default_rng((recipe.run.seed, 3)).permutation(pool)
        self.sentences = np.sort(drawn[: self._stop.sentences])

    def signs(self, trainer: NercTrainer, number: int) -> list[Signs]:
        """Those of rounds 0 to ``number``, whose model the trainer has unless they are written down; none where no rule
        asks for them. Call it on every rank."""
        if self._stop.uncertainty is None and not self._compares:
            return []
        earlier = on_main(lambda: [self._written(before) for before in range(number)])
        newest = on_main(lambda: self._journal.signs(number))
        if newest is None:
            newest = self._measure(trainer, earlier[-1] if earlier else None)
            on_main(lambda: self._journal.write_signs(number, newest))
        return [Signs(said["uncertainty"], said["changed"], said["kappa"]) for said in [*earlier, newest]]

    def _written(self, number: int) -> dict[str, Any]:
        signs = self._journal.signs(number)
        if signs is None:
            raise NercError(f"{self._journal.run_dir / 'stopping'}: no file for round {number}; {WAY_OUT}")
        return signs

    @property
    def _compares(self) -> bool:
        return self._stop.changed is not None or self._stop.kappa is not None

    def _measure(self, trainer: NercTrainer, before: Mapping[str, Any] | None) -> dict[str, Any]:
        text, uncertainty = self._training_set.text, None
        unlabelled = np.intersect1d(self.sentences, self._training_set.pool())
        if self._stop.uncertainty is not None and len(unlabelled):
            uncertainty = float(trainer.uncertainty(PieceDataset(text, unlabelled)).mean())
        signs: dict[str, Any] = {"uncertainty": uncertainty, "changed": None, "kappa": None}
        if self._compares:
            tags = trainer.predict_words(PieceDataset(text, self.sentences)).tags
            if before is not None:
                earlier = np.array(before["tags"].split(), dtype=np.int64)
                signs |= {"changed": float((tags != earlier).mean()), "kappa": kappa(earlier, tags)}
            signs["tags"] = " ".join(map(str, tags.tolist()))
        return signs


def kappa(first: np.ndarray, second: np.ndarray) -> float:
    """Cohen's kappa of two taggings of the same words, int [n] each: 1 for the same, 0 for no better than chance."""
    count = int(max(first.max(), second.max())) + 1
    shares = [np.bincount(tags, minlength=count) / len(tags) for tags in (first, second)]
    chance = float((shares[0] * shares[1]).sum())
    agreed = float((first == second).mean())
    return 1.0 if chance == 1 else (agreed - chance) / (1 - chance)
