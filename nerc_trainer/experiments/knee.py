"""Where a rising curve begins to flatten."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

# A straight line lies on its chord; noise lifts it a little. Below this a knee would be read into it.
CLEAR_BEND = 0.1


class Knee(NamedTuple):
    """The point of a curve that lies farthest above its chord; ``bend`` is by how much, as a share of its rise."""

    position: int
    bend: float


def find_knee(x: Sequence[float], y: Sequence[float]) -> Knee | None:
    """The knee of a curve with diminishing returns, or None where it has none.

    Both axes are scaled to [0, 1] between the first point and the highest one, and the knee is where the curve is
    highest above the diagonal (Satopää et al. 2011, Kneedle). None where the curve does not rise, or where it rises so
    evenly (less than 0.1 above the diagonal) that stopping anywhere on it would be arbitrary.
    """
    best = int(np.argmax(y))
    if best < 2:
        return None
    across = (np.asarray(x[: best + 1], dtype=float) - x[0]) / (x[best] - x[0])
    up = (np.asarray(y[: best + 1], dtype=float) - y[0]) / (y[best] - y[0]) if y[best] > y[0] else None
    if up is None:
        return None
    above = up - across
    position = int(np.argmax(above))
    return Knee(position, float(above[position])) if above[position] >= CLEAR_BEND else None
