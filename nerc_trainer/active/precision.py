"""The precision that a run scores in: chosen once, and held against float32 in every round that computes in less."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np
from transformers import TrainerControl, TrainerState, TrainingArguments

from nerc_trainer.active.pool_part import scores_all
from nerc_trainer.active.strategies import asks_tagger, ranks
from nerc_trainer.corpus.encode import PieceDataset
from nerc_trainer.ranks import on_main
from nerc_trainer.training.callbacks import RoundCallback
from nerc_trainer.training.precision import Precision, faster_precision

if TYPE_CHECKING:
    from nerc_trainer.active.journal import RunJournal
    from nerc_trainer.recipe.sections import Recipe
    from nerc_trainer.training.trainer import NercTrainer
    from nerc_trainer.training.training_set import TrainingSet

SAMPLE = 256  # sentences that are scored in both precisions, or fewer where a round scores few:
SAMPLE_SHARE, SMALLEST_SAMPLE = 50, 20  # one in so many of what it scores, but not fewer than so many
TOP_SHARE = 10  # the most uncertain tenth of them is compared
_STREAM = 1_000_003  # keeps the draw of the sample apart from those of strategies
_TRAINED_IN = {"no": "float32", "bf16": "bfloat16", "fp16": "float16"}


def choose_precision(recipe: Recipe, trainer: NercTrainer) -> Precision | None:
    """What `active.score_in` says, else None (as training computes) where training has a precision of its own, else
    what this machine's hardware is faster with.
    """
    if recipe.active.score_in is not None:
        return recipe.active.score_in
    said = {"bf16", "fp16"} & set(recipe.training) or trainer.accelerator.mixed_precision != "no"
    return None if said or trainer.is_fsdp_enabled else faster_precision(trainer.args.device)


class PrecisionCheck(RoundCallback):
    """Before a round's sentences are scored in less than float32: scores a few in both and keeps how they agree.

    ``found`` says which precision the round scores in, and for less than float32 how many sentences were compared,
    Spearman's correlation of the two scores, and the share of the most uncertain tenth that both have. None for a round
    that scores nothing. Stands before the sampler, so that what it finds hangs on the same model and pool.
    """

    def __init__(self, recipe: Recipe, training_set: TrainingSet, journal: RunJournal) -> None:
        self.found: dict[str, Any] | None = None
        self._training_set, self._journal = training_set, journal
        self._seed = recipe.run.seed
        self._scores, self._fraction = asks_tagger(recipe.active), recipe.active.pool_fraction

    def on_round_begin(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        *,
        trainer: NercTrainer,
        round_number: int,
    ) -> None:
        self.found = None
        if round_number == 0 or not self._scores:
            return
        precision = trainer.score_in or _TRAINED_IN[trainer.accelerator.mixed_precision]
        self.found = {"precision": precision}
        if precision != "float32":
            known: dict[str, Any] | None = on_main(self._journal.round(round_number).agreement)
            self.found |= known or self._compare(trainer, round_number)

    def _compare(self, trainer: NercTrainer, round_number: int) -> dict[str, Any]:
        started = time.perf_counter()
        pool = self._training_set.pool()
        rng = np.random.default_rng((self._seed, round_number, _STREAM))
        part = 1.0 if self._fraction is None or scores_all(round_number) else self._fraction
        drawn = rng.choice(pool, sample_size(len(pool), part), replace=False)
        sample = PieceDataset(self._training_set.text, np.sort(drawn))
        scores = trainer.uncertainty(sample)
        with trainer.scoring_in("float32"):
            exact = trainer.uncertainty(sample)
        agreement = {"sentences": len(scores), **agreement_of(scores, exact)}
        seconds = time.perf_counter() - started
        folder = self._journal.round(round_number)
        on_main(lambda: folder.note_seconds("compare", seconds))
        on_main(lambda: folder.write_agreement(agreement))
        return agreement


def sample_size(pool: int, part: float) -> int:
    """How many sentences are scored in both precisions where a round scores this ``part`` of its pool.

    Two passes, of which the one in float32 may take three times as long: of one sentence in fifty that is below a tenth
    of what the round scores anyway.
    """
    return min(pool, max(SMALLEST_SAMPLE, min(SAMPLE, round(part * pool / SAMPLE_SHARE))))


def agreement_of(scores: np.ndarray, exact: np.ndarray) -> dict[str, float | None]:
    """Spearman's rank correlation of two scores [n], None where one has no ranks, and the share of the top tenth (at
    least one) that both have.
    """
    first, second = ranks(scores), ranks(exact)
    has_ranks = np.ptp(first) > 0 and np.ptp(second) > 0
    count = max(1, len(scores) // TOP_SHARE)
    top = [set(np.argsort(-values, kind="stable")[:count].tolist()) for values in (scores, exact)]
    return {
        "spearman": round(float(np.corrcoef(first, second)[0, 1]), 6) if has_ranks else None,
        "top_overlap": round(len(top[0] & top[1]) / count, 4),
    }
