"""Which test sentences the expert labels, and how likely each of them was to be chosen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

Choice = Literal["random", "stratified", "uncertain"]

MOST_STRATA = 5
_FLOOR = 0.3  # of the mean doubt: a tagger that is sure may be wrong, and weights stay bounded


@dataclass(frozen=True)
class Sample:
    """Sentences drawn without replacement from ``population``.

    ``positions`` int64 [n] in the population, ``probability`` float64 [n] of each to be drawn, ``stratum`` int64 [n];
    ``chances`` and ``strata`` [N] are the same for the whole population, None where they are not known.
    """

    population: int
    positions: np.ndarray
    probability: np.ndarray
    stratum: np.ndarray
    chances: np.ndarray | None = None
    strata: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.positions)

    @classmethod
    def of_all(cls, population: int) -> Sample:
        """All sentences, in their order."""
        return cls(population, np.arange(population), np.ones(population), np.zeros(population, dtype=np.int64))


def doubt(confidence: Sequence[np.ndarray]) -> np.ndarray:
    """How far the counts of a sentence are likely to be off: confidences [words] each -> float64 [N], above 0.

    The words that a tagger gets wrong number sum(1 - p) if it knows itself. Their root is taken, since sampling is best
    in proportion to the standard deviation of what is measured, and a share of the mean is added to each.
    """
    root = np.sqrt([float((1.0 - np.asarray(one, dtype=np.float64)).sum()) for one in confidence])
    return root + _FLOOR * root.mean() + np.finfo(float).tiny


def choose(how: Choice, doubts: np.ndarray, count: int, generator: np.random.Generator) -> Sample:
    """Draw ``count`` of the sentences whose `doubt` [N] is given.

    random: each set of them is as likely as any other. stratified: the sentences in order of doubt are cut where the
    doubt adds up to equal parts, and each stratum gives the same number, which is close to Neyman's allocation
    (Dalenius and Hodges 1959). uncertain: with a probability in proportion to doubt, by Pareto sampling (Rosén 1997),
    whose probabilities are those aimed at within a hundredth. With the same generator a larger count keeps the
    sentences of a smaller one (uncertain: nearly all).
    """
    if not 0 < count <= len(doubts):
        raise ValueError(f"{count} sentences can't be drawn from {len(doubts)}")
    if how == "uncertain":
        return _uncertain(doubts, count, generator)
    strata = np.zeros(len(doubts), dtype=np.int64) if how == "random" else make_strata(doubts)
    order = generator.permutation(len(doubts))
    sizes = np.bincount(strata)
    given = allocate(count, sizes)
    positions = np.concatenate([order[strata[order] == number][:share] for number, share in enumerate(given)])
    return _sample(positions, (given / sizes)[strata], strata)


def make_strata(doubts: np.ndarray) -> np.ndarray:
    """Strata of equal sums of doubt, the surest sentences in stratum 0 -> int64 [N]; none is empty."""
    order = np.argsort(doubts, kind="stable")
    # The middle of a sentence's own share says where it lies, so that rounding decides nothing.
    middle = (np.cumsum(doubts[order]) - doubts[order] / 2) / doubts.sum()
    strata = np.empty(len(doubts), dtype=np.int64)
    strata[order] = np.minimum((middle * MOST_STRATA).astype(np.int64), MOST_STRATA - 1)
    return np.unique(strata, return_inverse=True)[1].reshape(-1)


def allocate(count: int, sizes: np.ndarray) -> np.ndarray:
    """Equal shares of ``count`` for strata of these sizes; what a stratum has not, the others give -> int64 [H]."""
    given = np.zeros(len(sizes), dtype=np.int64)
    for _ in range(count):
        given[np.argmin(np.where(given < sizes, given, count))] += 1
    return given


def inclusion(doubts: np.ndarray, count: int) -> np.ndarray:
    """Probabilities in proportion to doubt that add up to ``count``, none above 1 -> float64 [N]."""
    probability = np.zeros(len(doubts))
    sure = np.zeros(len(doubts), dtype=bool)
    while True:
        probability[sure] = 1.0
        probability[~sure] = (count - sure.sum()) * doubts[~sure] / doubts[~sure].sum()
        if not (over := probability > 1.0).any():
            return probability
        sure |= over


def _uncertain(doubts: np.ndarray, count: int, generator: np.random.Generator) -> Sample:
    probability, number = inclusion(doubts, count), generator.random(len(doubts))
    with np.errstate(divide="ignore"):
        rank = number / (1 - number) * (1 - probability) / probability
    positions = np.argsort(rank, kind="stable")[:count]
    return _sample(positions, probability, np.zeros(len(doubts), dtype=np.int64))


def _sample(positions: np.ndarray, chances: np.ndarray, strata: np.ndarray) -> Sample:
    return Sample(len(chances), positions, chances[positions], strata[positions], chances, strata)
