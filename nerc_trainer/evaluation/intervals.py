"""How sure an entity F1 is: bootstrap intervals of one, and of the difference of two on the same sentences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from nerc_trainer.corpus.labels import Span

RESAMPLES = 2_000


class Interval(NamedTuple):
    """A figure and the bounds between which it lies with 95 % confidence."""

    value: float
    low: float
    high: float


def entity_counts(predicted: Sequence[Span], true: Sequence[Span]) -> tuple[int, int, int]:
    """Entities of a sentence that are found with the right type, start and end; that are predicted; that are true."""
    return len(set(predicted) & set(true)), len(predicted), len(true)


def f1_of(counts: np.ndarray) -> np.ndarray:
    """Entity F1 from counts [..., 3] as `entity_counts` gives them, summed over sentences; 0 where nothing is right."""
    found, predicted, true = np.moveaxis(np.asarray(counts, dtype=float), -1, 0)
    return np.divide(2 * found, predicted + true, out=np.zeros_like(found), where=predicted + true > 0)


def f1_interval(counts: np.ndarray, generator: np.random.Generator) -> Interval:
    """F1 over sentences with its percentile-bootstrap interval: sentences drawn with replacement.

    ``counts`` is int [N, 3]. Sentences are the unit since the entities of one are not independent.
    """
    counts = np.asarray(counts).reshape(-1, 3)
    low, high = np.quantile(f1_of(_resamples(len(counts), generator) @ counts), [0.025, 0.975])
    return Interval(float(f1_of(counts.sum(0))), float(low), float(high))


class Difference(NamedTuple):
    """A difference of two F1, the bounds between which it lies with 95 % confidence, and its p-value."""

    value: float
    low: float
    high: float
    p: float


def f1_difference(first: np.ndarray, second: np.ndarray, generator: np.random.Generator) -> Difference:
    """How much higher the F1 of ``first`` is than that of ``second``, by the paired bootstrap over sentences.

    Both are int [S, N, 3]: the counts of `entity_counts` for S seeds (which may differ in number) on the same N
    sentences; the F1 of each side is the mean over its seeds. Each resample draws the same sentences for both. p is
    two-sided: twice the share of resamples on the other side of zero (Efron and Tibshirani 1993, chapter 15).
    """
    sides = [np.asarray(side).reshape(-1, np.shape(side)[-2], 3) for side in (first, second)]
    if sides[0].shape[1] != sides[1].shape[1]:
        raise ValueError("both sides need the same sentences")
    drawn = _resamples(sides[0].shape[1], generator)
    resampled, exact = (
        np.mean([f1_of(weights @ counts) for counts in sides[0]], axis=0)
        - np.mean([f1_of(weights @ counts) for counts in sides[1]], axis=0)
        for weights in (drawn, np.ones((1, drawn.shape[1]), dtype=drawn.dtype))
    )
    low, high = np.quantile(resampled, [0.025, 0.975])
    # One is added, so that no finite number of resamples claims a p-value of 0 (Davison and Hinkley 1997, section 4.2).
    tail = min(np.count_nonzero(resampled <= 0), np.count_nonzero(resampled >= 0))
    return Difference(float(exact[0]), float(low), float(high), min(1.0, 2 * (tail + 1) / (len(resampled) + 1)))


def _resamples(sentences: int, generator: np.random.Generator) -> np.ndarray:
    """How often each sentence is drawn in each resample, int64 [RESAMPLES, sentences]."""
    if not sentences:
        raise ValueError("an interval needs at least one sentence")
    return generator.multinomial(sentences, np.full(sentences, 1 / sentences), size=RESAMPLES)
