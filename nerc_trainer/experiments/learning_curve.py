"""What a learning curve says: the area under it, where it reaches a height, and how sure a difference of two is.

A curve is F1 after each round against what the expert had labelled by then. Between two rounds it is taken for a
straight line, and nothing is said beyond its ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class PairedDifference(NamedTuple):
    """A mean difference, and the bounds between which it lies with 95 % confidence; None for a single pair."""

    value: float
    low: float | None
    high: float | None


def area_under(x: Sequence[float], heights: Sequence[float], low: float, high: float) -> float:
    """The area under a curve between ``low`` and ``high``, divided by their distance: its mean height.

    ``x`` and ``heights`` hold a number a round, and ``x`` rises. ValueError unless the curve has points on both sides.
    """
    places = np.asarray(x, dtype=float)
    if not places[0] <= low < high <= places[-1]:
        raise ValueError(f"the curve lies between {places[0]:g} and {places[-1]:g}, not {low:g} and {high:g}")
    at = np.concatenate([[low], places[(places > low) & (places < high)], [high]])
    up = np.interp(at, places, np.asarray(heights, dtype=float))
    return float(((up[1:] + up[:-1]) / 2 * np.diff(at)).sum() / (high - low))


def first_reach(x: Sequence[float], heights: Sequence[float], target: float) -> float | None:
    """Where a curve is as high as ``target`` for the first time, whatever it does later; None where it never is.

    That may lie between two rounds. A curve that begins that high or higher has reached it at its first point, at most.
    """
    reached = np.flatnonzero(np.asarray(heights, dtype=float) >= target)
    if not len(reached):
        return None
    first = int(reached[0])
    if first == 0:
        return float(x[0])
    return float(np.interp(target, heights[first - 1 : first + 1], x[first - 1 : first + 1]))


def paired_difference(first: Sequence[float], second: Sequence[float]) -> PairedDifference:
    """The mean of ``first`` - ``second`` over seeds, a number each and in pairs, with its 95 % interval.

    Student's t with seeds - 1 degrees of freedom. A bootstrap would draw from so few values only such means as lie
    between them, and come out far too narrow. Runs of one seed begin with the same sentences and the same head, which
    is what pairs them; it is the seeds that the interval generalises to, not the sentences of the measured split.
    """
    from scipy.special import stdtrit

    differences = np.asarray(first, dtype=float) - np.asarray(second, dtype=float)
    value, count = float(differences.mean()), len(differences)
    if count == 1:
        return PairedDifference(value, None, None)
    half = float(stdtrit(count - 1, 0.975) * differences.std(ddof=1) / np.sqrt(count))
    return PairedDifference(value, value - half, value + half)
