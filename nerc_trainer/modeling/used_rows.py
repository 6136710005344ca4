"""Training of those word vectors alone that a training set has a use for.

Vectors are half of a small encoder's weights and most of a multilingual one's, and a training set has a few thousand
of the vocabulary's sub-words. The others get no gradient, yet an optimizer reads and writes them at every step, keeps
two moments of each, and ranks send each other their zeros. Without them training is the same but for weight decay,
which would shrink what is never learnt.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
from torch import nn

if TYPE_CHECKING:
    import numpy as np
    from transformers import PreTrainedModel


class UsedRows(nn.Embedding):
    """Some rows of an embedding, asked for by the ids that they have there."""

    def __init__(self, whole: nn.Embedding, ids: torch.Tensor) -> None:
        """``ids`` int64 [rows], on the device of ``whole``; the padding is one of them."""
        # Not a buffer: DistributedDataParallel would send it to the other ranks at every step.
        self.places = torch.full((whole.num_embeddings,), -1, device=ids.device)
        self.places[ids] = torch.arange(len(ids), device=ids.device)
        padding = None if whole.padding_idx is None else int(self.places[whole.padding_idx])
        super().__init__(len(ids), whole.embedding_dim, padding, _weight=whole.weight.detach()[ids])

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """Vectors of sub-words; IndexError for one that has no row here."""
        return super().forward(self.places[input])


@contextmanager
def only_used_rows(model: PreTrainedModel, used: np.ndarray) -> Iterator[None]:
    """Inside the block ``model`` has those word vectors alone that ``used``, bool [vocabulary], names; behind it all,
    with what those have learnt.

    A model whose vectors are frozen, or that does more than look them up, stays as it is.
    """
    whole = model.get_input_embeddings()
    plain = type(whole) is nn.Embedding and whole.max_norm is None and not (whole.scale_grad_by_freq or whole.sparse)
    if not plain or not whole.weight.requires_grad:
        yield
        return
    ids = torch.from_numpy(used).to(whole.weight.device).nonzero().flatten()
    rows = UsedRows(whole, ids)
    model.set_input_embeddings(rows)
    try:
        yield
    finally:
        with torch.no_grad():
            whole.weight[ids] = rows.weight
        model.set_input_embeddings(whole)
