"""What else a pass of the tagger can tell of sentences: the answers of other taggers, and what the encoder sees."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from nerc_trainer.errors import NercError
from nerc_trainer.modeling.load import read_weights
from nerc_trainer.modeling.words import word_logits
from nerc_trainer.training.precision import computed_in
from nerc_trainer.training.sharding import set_weights

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from nerc_trainer.corpus.encode import PieceDataset
    from nerc_trainer.recipe.sections import ModelSection
    from nerc_trainer.training.trainer import NercTrainer

HEADS = ("classifier", "score")  # what taggers of transformers and of this package call their last layer


def head_of(model: PreTrainedModel) -> torch.nn.Module:
    """The last layer of a tagger, which turns what is known of a word into logits."""
    whole = _whole(model)
    for name in HEADS:
        if isinstance(head := getattr(whole, name, None), torch.nn.Module):
            return head
    raise NercError(
        f"active.strategy = bald: {type(whole).__name__} has no last layer named {' or '.join(HEADS)}, where dropout "
        "would go; take another strategy, such as mnlp"
    )


@contextmanager
def thinned_heads(model: PreTrainedModel, count: int, rate: float, seed: Sequence[int]) -> Iterator[None]:
    """Inside the block the tagger's logits are [..., (1 + count) * L]: its own, then those of ``count`` thinned heads.

    A thinned head lacks a share ``rate`` of its inputs, the same ones for every word: its mask hangs on ``seed`` and
    its number alone, neither on batches nor on ranks. The encoder runs once.
    """

    def answer(head: torch.nn.Module, inputs: tuple[torch.Tensor, ...], logits: torch.Tensor) -> torch.Tensor:
        known = inputs[0]
        masks = torch.from_numpy(dropout_masks(count, known.shape[-1], rate, seed)).to(known)
        return torch.cat([logits, *(head.forward(known * mask) for mask in masks)], dim=-1)

    hook = head_of(model).register_forward_hook(answer)
    try:
        yield
    finally:
        hook.remove()


def dropout_masks(count: int, width: int, rate: float, seed: Sequence[int]) -> np.ndarray:
    """Masks that drop a share ``rate`` of ``width`` inputs and scale up the others, float32 [count, width]."""
    kept = np.random.default_rng(tuple(seed)).random((count, width)) >= rate
    return (kept / (1 - rate)).astype(np.float32)


def load_members(trainer: NercTrainer, folders: Sequence[Path], section: ModelSection) -> list[PreTrainedModel]:
    """Taggers like the trainer's with the weights that earlier rounds have saved. Call it on every rank."""
    members = []
    for folder in folders:
        member = copy.deepcopy(trainer.accelerator.unwrap_model(trainer.model))
        member.zero_grad()
        state = read_weights(folder, section) if trainer.is_world_process_zero() else None
        set_weights(member, state, trainer.args.world_size)
        members.append(member.eval())
    return members


def ask(trainer: NercTrainer, member: PreTrainedModel, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    """Another tagger's logits [B, W, L] for a batch that the trainer's tagger is at, in the precision of scoring."""
    precision, device = trainer.score_in, trainer.args.device.type
    with trainer.accelerator.autocast() if precision is None else computed_in(precision, member, device):
        return word_logits(member, batch)


def encoder_means(trainer: NercTrainer, dataset: PieceDataset) -> np.ndarray:
    """The mean of the encoder's last hidden states over each sentence's words, float32 [sentences, hidden].

    Words are read at their first sub-word. It keeps a vector a piece, so it is for thousands of sentences, not for a
    whole pool. The same on any number of ranks.
    """
    encoder = _whole(trainer.accelerator.unwrap_model(trainer.model)).base_model
    sums = torch.zeros(len(dataset), encoder.config.hidden_size, device=trainer.args.device)
    states: list[torch.Tensor] = []

    def keep(batch: torch.Tensor, logits: torch.Tensor, inputs: dict[str, torch.Tensor]) -> None:
        hidden = states.pop().float()
        places = inputs["word_positions"][..., None].expand(-1, -1, hidden.shape[-1])
        words = hidden.gather(1, places).masked_fill(~inputs["word_mask"][..., None], 0.0)
        sums[batch] = words.sum(dim=1)

    def catch(module: torch.nn.Module, inputs: object, output: tuple[torch.Tensor, ...]) -> None:
        states[:] = [output[0]]

    hook = encoder.register_forward_hook(catch)
    try:
        trainer.run_batches(dataset, keep, "comparing", trainer.score_in)
    finally:
        hook.remove()
    piece_sums = trainer.accelerator.reduce(sums, "sum").cpu().numpy()
    means = np.zeros((len(dataset.sentences), piece_sums.shape[1]), dtype=np.float32)
    np.add.at(means, dataset.owners(), piece_sums)
    return means / dataset.words()[:, None].astype(np.float32)


def _whole(model: PreTrainedModel) -> PreTrainedModel:
    """The tagger without the wrapper that peft puts around it."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model
