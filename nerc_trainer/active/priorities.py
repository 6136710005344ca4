"""The priorities of a pool: the recipe's strategy at work on the trainer's tagger."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from nerc_trainer.active import strategies
from nerc_trainer.active.scoring import Measure
from nerc_trainer.corpus.encode import PieceDataset
from nerc_trainer.errors import NercError
from nerc_trainer.training.scores import ask, head_of, load_members, thinned_heads
from nerc_trainer.training.training_set import LLM

if TYPE_CHECKING:
    from nerc_trainer.recipe.active import ActiveSection
    from nerc_trainer.recipe.sections import Recipe
    from nerc_trainer.training.trainer import NercTrainer
    from nerc_trainer.training.training_set import TrainingSet

HEADS, DROPPED = 16, 0.1  # thinned heads that bald asks, and the share of inputs that each lacks, as in BERT's training


def check_labels(active: ActiveSection, training_set: TrainingSet) -> None:
    """Raise NercError where the recipe compares with labels of an LLM and there are none."""
    key = "strategy = disagreement" if active.strategy == "disagreement" else f"llm_doubt = {active.llm_doubt:g}"
    if (active.strategy == "disagreement" or active.llm_doubt) and not len(training_set.labelled_by(LLM)):
        raise NercError(
            f"active.{key}: needs labels of an LLM, and no train sentence has one; run `nerc-trainer annotate`, "
            "name their file in annotation.labels, or set active.strategy=entropy active.llm_doubt=0"
        )


def check_tagger(active: ActiveSection, trainer: NercTrainer) -> None:
    """Raise NercError where the strategy cannot work with the trainer's tagger."""
    if active.strategy == "bald":
        head_of(trainer.accelerator.unwrap_model(trainer.model))
    if active.strategy == "committee" and trainer.is_fsdp_enabled:
        raise NercError(
            "active.strategy = committee: needs whole models on every rank, and FSDP shards them; launch without FSDP, "
            "or take another strategy, such as bald"
        )


def pool_scores(
    recipe: Recipe,
    trainer: NercTrainer,
    training_set: TrainingSet,
    pool: np.ndarray,
    round_number: int,
    earlier_models: Callable[[], list[Path]],
) -> np.ndarray:
    """What is measured of each sentence of the pool in a round, float64 [measures, pool]. Call it on every rank.

    The first measure is the strategy's, the second, only where ``active.llm_doubt`` asks for it, the disagreement with
    the LLM. ``earlier_models`` gives the folders of the models before the trainer's, the newest first.
    """
    active, seed = recipe.active, recipe.run.seed
    compares = active.strategy == "disagreement" or active.llm_doubt > 0
    dataset = PieceDataset(training_set.text, pool, training_set.tag_ids() if compares else None)
    if active.strategy == "random":
        scores = strategies.random(len(pool), seed, round_number)
    elif active.strategy == "longest":
        scores = strategies.longest(training_set.words[pool])
    elif active.strategy == "bald":
        scores = _bald(trainer, dataset, (seed, round_number))
    elif active.strategy == "committee":
        members = load_members(trainer, earlier_models(), recipe.model)
        scores = trainer.uncertainty(dataset, _committee(trainer, members))
    else:
        scores = trainer.uncertainty(dataset, strategies.MEASURES[active.strategy])
    if not active.llm_doubt:
        return scores[None]
    return np.stack([scores, trainer.uncertainty(dataset, strategies.MEASURES["disagreement"])])


def priorities_of(
    scores: np.ndarray, sentences: np.ndarray, active: ActiveSection, confidence: np.ndarray | None = None
) -> np.ndarray:
    """How much each of the sentences, int64 [n], is wanted by its ``scores`` [measures, n], float64 [n].

    ``confidence`` float [train sentences] is how sure the LLM is of each, None where it does not say.
    """
    if not active.llm_doubt:
        return scores[0]
    sure = np.ones(len(sentences)) if confidence is None else confidence[sentences]
    return strategies.with_llm_doubt(scores[0], scores[1], sure, active.llm_doubt)


def _bald(trainer: NercTrainer, dataset: PieceDataset, seed: Sequence[int]) -> np.ndarray:
    measure = Measure(
        lambda logits, batch: strategies.mutual_information(logits.unflatten(-1, (1 + HEADS, -1))[..., 1:, :]), "mean"
    )
    with thinned_heads(trainer.accelerator.unwrap_model(trainer.model), HEADS, DROPPED, seed):
        return trainer.uncertainty(dataset, measure)


def _committee(trainer: NercTrainer, members: Sequence[torch.nn.Module]) -> Measure:
    return Measure(
        lambda logits, batch: strategies.consensus_entropy(
            torch.stack([logits, *(ask(trainer, member, batch) for member in members)], dim=-2)
        ),
        "mean",
    )
