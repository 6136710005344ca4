"""How sure a tagger is of a sentence."""

from __future__ import annotations

import numpy as np
import torch


def word_entropy(logits: torch.Tensor) -> torch.Tensor:
    """Entropy of each word's label distribution, -sum p log p, in nats.

    ``logits`` [..., L] in any float type -> float32 [...]; the softmax is taken in float32.
    """
    log_p = torch.log_softmax(logits.float(), dim=-1)
    return -(log_p.exp() * log_p).sum(dim=-1)


def piece_entropy(logits: torch.Tensor, word_mask: torch.Tensor) -> torch.Tensor:
    """Sum of the word entropies of each piece: logits [B, W, L], word_mask [B, W] -> float32 [B]."""
    return word_entropy(logits).masked_fill(~word_mask, 0.0).sum(dim=-1)


def mean_token_entropy(piece_sums: np.ndarray, piece_sentence: np.ndarray, words: np.ndarray) -> np.ndarray:
    """Mean word entropy of each sentence, the study's measure of uncertainty (between 0 and log L).

    ``piece_sums`` [P] entropies summed over each piece, ``piece_sentence`` [P] whose piece it is, ``words`` [N] words
    of each sentence -> float64 [N]. Special tokens, padding and later sub-words are no words and never count.
    """
    sums = np.bincount(piece_sentence, weights=piece_sums.astype(np.float64), minlength=len(words))
    return sums / words
