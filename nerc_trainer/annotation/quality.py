"""How good labels are against the truth: entity F1 with its interval, and which choices are worth their money."""

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
    if not len(counts):
        raise ValueError("an interval needs at least one sentence")
    drawn = generator.multinomial(len(counts), np.full(len(counts), 1 / len(counts)), size=RESAMPLES)
    low, high = np.quantile(f1_of(drawn @ counts), [0.025, 0.975])
    return Interval(float(f1_of(counts.sum(0))), float(low), float(high))


def pareto_front(costs: Sequence[float], values: Sequence[float]) -> list[int]:
    """Indices of what nothing else beats: no other is as cheap and better, or as good and cheaper; cheapest first."""
    front: list[int] = []
    for index in sorted(range(len(costs)), key=lambda index: (costs[index], -values[index], index)):
        if not front or values[index] > values[front[-1]]:
            front.append(index)
    return front
