"""The knee of a curve: found where returns diminish, and not read into a straight line."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nerc_trainer.experiments.knee import find_knee


def test_the_knee_of_a_curve_that_bends_at_once() -> None:
    knee = find_knee([0, 10, 20, 50, 100], [0.2, 0.6, 0.62, 0.63, 0.64])
    assert knee is not None
    assert knee.position == 1
    assert knee.bend == pytest.approx(0.4 / 0.44 - 0.1)


def test_the_known_knee_of_a_saturating_curve() -> None:
    """For 1 - exp(-a x) on [0, 1], scaled, the slope is 1 where exp(-a x) a / (1 - exp(-a)) = 1."""
    x = np.linspace(0, 1, 2001)
    a = 6.0
    knee = find_knee(x.tolist(), (1 - np.exp(-a * x)).tolist())
    assert knee is not None
    assert x[knee.position] == pytest.approx(np.log(a / (1 - np.exp(-a))) / a, abs=1e-3)


@pytest.mark.parametrize(
    "heights",
    [[0.1, 0.2, 0.3, 0.4], [0.4, 0.3, 0.2, 0.1], [0.5] * 4, [0.1, 0.12, 0.2, 0.9], [0.1, 0.9, 0.5, 0.4]],
    ids=["straight", "falling", "flat", "ever steeper", "one step"],
)
def test_no_knee_where_nothing_bends(heights: list[float]) -> None:
    assert find_knee([1, 2, 3, 4], heights) is None


@given(st.lists(st.floats(0, 1), min_size=2, max_size=12), st.floats(0.1, 10), st.floats(-5, 5))
def test_neither_units_nor_origin_matter(heights: list[float], scale: float, shift: float) -> None:
    x = np.cumsum(np.arange(1, len(heights) + 1)).tolist()
    knee, moved = find_knee(x, heights), find_knee([scale * value + 7 for value in x], [h + shift for h in heights])
    if np.ptp(heights) > 1e-3:  # else rounding decides
        assert (knee is None) == (moved is None) or abs((knee or moved).bend - 0.1) < 1e-6  # type: ignore[union-attr]
        if knee is not None:
            assert knee.bend >= 0.1
            assert heights[knee.position] > heights[0]
