"""How much a round asks for, and which of the ranked sentences make up its batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from nerc_trainer.costs import bought_by
from nerc_trainer.errors import NercError

if TYPE_CHECKING:
    from nerc_trainer.recipe.active import ActiveSection
    from nerc_trainer.recipe.sections import CostsSection

UNLIMITED = float("inf")
CANDIDATES = 10  # times what a round asks for: so many of the most wanted compete for it (10 to 50 in Zhdanov 2019)


def round_size(active: ActiveSection, costs: CostsSection, round_number: int = 1) -> tuple[float, float]:
    """Sentences and words that a round asks for at most, from 1 on; one of them is infinite."""
    grown = (active.query_growth or 1) ** (round_number - 1)
    if active.query_words is not None:
        return UNLIMITED, _whole(active.query_words * grown)
    if active.query_dollars is None:
        return _whole(active.query_size * grown), UNLIMITED
    size = bought_by(active.query_dollars * grown, costs)
    if size == (UNLIMITED, UNLIMITED):
        raise NercError("active.query_dollars: limits nothing while costs.expert_wage is 0; set active.query_words")
    return size


def _whole(number: float) -> int:
    return int(round(number, 6))  # 100 * 1.4 * 1.4 is a little less than 196


def candidates(words: np.ndarray, size: tuple[float, float]) -> int:
    """How many of the first sentences compete for a round of ``size`` (sentences, words).

    ``words`` [n] holds the words of each sentence, the most wanted first.
    """
    sentences, most_words = size
    by_words = int(np.searchsorted(np.cumsum(words), CANDIDATES * most_words, side="right")) + 1
    return int(min(len(words), max(CANDIDATES * sentences, 1), by_words))


def affordable(
    words: np.ndarray,
    count: float,
    sentences_left: float,
    words_left: float,
    repeats: Callable[[int, Sequence[int]], bool] | None = None,
) -> np.ndarray:
    """Positions of the first ``count`` sentences that fit the budget; one too long for what is left is passed over, and
    so is one that ``repeats`` says is nearly the same as one of those chosen before it.

    ``words`` [n] holds the words of each sentence, the most wanted first.
    """
    count = int(min(count, sentences_left, len(words)))
    if words_left == UNLIMITED and repeats is None:
        return np.arange(count)
    chosen: list[int] = []
    for position, length in enumerate(words):
        if len(chosen) >= count:
            break
        if length <= words_left and not (repeats is not None and repeats(position, chosen)):
            chosen.append(position)
            words_left -= length
    return np.array(chosen, dtype=np.int64)


def fill_round(
    words: np.ndarray,
    size: tuple[float, float],
    left: tuple[float, float],
    repeats: Callable[[int, Sequence[int]], bool] | None = None,
) -> np.ndarray:
    """Positions of the sentences of a round's batch: as many as ``size`` (sentences, words) asks for and the budget's
    ``left`` (sentences, words) allows, but one where the budget has room for one and the round's words have not.

    Where a round's words are limited its `candidates` come first: the last few words would often find no other
    sentences short enough than those at the far end of the ranking.
    """
    sentences, most_words = size
    limits = (sentences, left[0], min(most_words, left[1]), repeats)
    reach = len(words) if most_words == UNLIMITED else candidates(words, size)
    batch = affordable(words[:reach], *limits)
    if not len(batch):
        batch = affordable(words, *limits)
    return batch if len(batch) else affordable(words, 1, *left)
