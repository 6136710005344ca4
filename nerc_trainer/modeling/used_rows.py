"""Training of those word vectors alone that a training set has a use for.

Vectors are half of a small encoder's weights and most of a multilingual one's, and a training set has a few thousand
of the vocabulary's sub-words. The others get no gradient, yet an optimizer reads and writes them at every step, keeps
two moments of each, and ranks send each other their zeros. Without them AdamW and others that treat each weight by
itself do the same, but for weight decay, which would shrink what is never learnt.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

if TYPE_CHECKING:
    import numpy as np
    from transformers import PreTrainedModel


class UsedRows(nn.Embedding):
    """Some rows of an embedding, looked up by their ids in the whole one; its state is that of the whole one."""

    def __init__(self, whole: nn.Embedding, ids: torch.Tensor) -> None:
        """``ids`` int64 [rows], on the device of ``whole``, its padding among them."""
        # Not a buffer: DistributedDataParallel would send it to the other ranks at every step.
        self.places = torch.full((whole.num_embeddings,), -1, device=ids.device)
        self.places[ids] = torch.arange(len(ids), device=ids.device)
        padding = None if whole.padding_idx is None else int(self.places[whole.padding_idx])
        super().__init__(len(ids), whole.embedding_dim, padding, _weight=whole.weight.detach()[ids])
        self._whole, self._ids = [whole], ids  # in a list, so that it is no part of this module

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """Vectors of sub-words; an IndexError, or on a GPU a failed assertion, for one that has no row here."""
        return super().forward(self.places[input])

    def write_back(self) -> nn.Embedding:
        """The whole embedding, with what its rows here have learnt."""
        with torch.no_grad():
            self._whole[0].weight[self._ids] = self.weight
        return self._whole[0]

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        # A tracker may save the model before training is over, and a checkpoint with some of the rows is none.
        self.write_back()._save_to_state_dict(destination, prefix, keep_vars)


@contextmanager
def only_used_rows(model: PreTrainedModel, used: Callable[[int], np.ndarray]) -> Iterator[None]:
    """Inside the block ``model`` has those word vectors alone that ``used`` names, bool [vocabulary] for the size of
    a vocabulary; after it all, with what those have learnt.

    A model whose vectors are frozen, or that does more than look them up, stays as it is.
    """
    whole = model.get_input_embeddings()
    plain = type(whole) is nn.Embedding and whole.max_norm is None and not (whole.scale_grad_by_freq or whole.sparse)
    if not plain or not whole.weight.requires_grad:
        yield
        return
    names = used(whole.num_embeddings)
    if whole.padding_idx is not None:
        names[whole.padding_idx] = True  # a tokenizer may pad with another
    rows = UsedRows(whole, torch.from_numpy(names).to(whole.weight.device).nonzero().flatten())
    try:
        model.set_input_embeddings(rows)
        yield
    finally:
        model.set_input_embeddings(rows.write_back())
