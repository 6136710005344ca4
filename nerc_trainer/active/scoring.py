"""From numbers of words to the uncertainty of a sentence: words make pieces, pieces make sentences.

Only words count: special tokens, padding and later sub-words are none. A piece leaves the device as one float, so
memory grows by four bytes a piece, never with words or labels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch

Combine = Literal["mean", "sum", "max"]


@dataclass(frozen=True)
class Measure:
    """How uncertain a sentence is; the higher, the less certain.

    ``of_words`` gives each word a number: logits [B, W, L] and the batch that `collate` made -> float32 [B, W].
    ``combine`` says how the numbers of a sentence's words become one.
    """

    of_words: Callable[[torch.Tensor, dict[str, torch.Tensor]], torch.Tensor]
    combine: Combine

    def of_pieces(self, logits: torch.Tensor, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        """What is kept of each piece, float32 [B]."""
        return over_words(self.of_words(logits, batch), batch["word_mask"], self.combine)

    def of_sentences(self, pieces: np.ndarray, owners: np.ndarray, words: np.ndarray) -> np.ndarray:
        """The uncertainty of each sentence, float64 [N], from what was kept of its pieces (see `over_pieces`)."""
        return over_pieces(pieces, owners, words, self.combine)


def word_entropy(logits: torch.Tensor) -> torch.Tensor:
    """Entropy of each word's label distribution, -sum p log p, in nats.

    ``logits`` [..., L] in any float type -> float32 [...]; the softmax is taken in float32.
    """
    log_p = torch.log_softmax(logits.float(), dim=-1)
    return -(log_p.exp() * log_p).sum(dim=-1)


def over_words(values: torch.Tensor, word_mask: torch.Tensor, combine: Combine) -> torch.Tensor:
    """The sum over the words of each piece, or the highest: values [B, W], word_mask bool [B, W] -> [B].

    For a mean the sum is kept: pieces of one sentence differ in length, so their means have no mean.
    """
    if combine == "max":
        return values.masked_fill(~word_mask, -torch.inf).amax(dim=-1)
    return values.masked_fill(~word_mask, 0.0).sum(dim=-1)


def over_pieces(pieces: np.ndarray, owners: np.ndarray, words: np.ndarray, combine: Combine) -> np.ndarray:
    """The number of each sentence from those of its pieces, float64 [N].

    ``pieces`` [P] is what `over_words` kept, ``owners`` int [P] whose piece it is, ``words`` [N] words of each
    sentence, at least 1.
    """
    if combine == "max":
        highest = np.full(len(words), -np.inf)
        np.maximum.at(highest, owners, pieces.astype(np.float64))
        return highest
    sums = np.bincount(owners, weights=pieces.astype(np.float64), minlength=len(words))
    return sums / words if combine == "mean" else sums


ENTROPY = Measure(lambda logits, batch: word_entropy(logits), "mean")
"""Mean token entropy, the study's measure: between 0 and log L."""
