"""Areas, reaches and paired differences, against figures worked out by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nerc_trainer.experiments.learning_curve import area_under, first_reach, paired_difference

WORDS, F1 = [100.0, 200.0, 400.0], [0.2, 0.6, 0.8]


def test_the_area_is_the_mean_height_whatever_the_distance_of_the_rounds() -> None:
    # 100 words at 0.4 on average, then 200 at 0.7: (40 + 140) / 300.
    assert area_under(WORDS, F1, 100, 400) == pytest.approx(0.6)
    assert area_under(WORDS, F1, 200, 400) == pytest.approx(0.7)


def test_the_area_between_rounds_is_that_of_straight_lines() -> None:
    # From 150 (0.4) to 200 (0.6), and on to 300 (0.7): (50 * 0.5 + 100 * 0.65) / 150.
    assert area_under(WORDS, F1, 150, 300) == pytest.approx(0.6)
    assert area_under(WORDS, F1, 120, 160) == pytest.approx(0.36)


@pytest.mark.parametrize(("low", "high"), [(99, 400), (100, 401), (200, 200), (300, 200)])
def test_no_area_where_the_curve_is_not(low: float, high: float) -> None:
    with pytest.raises(ValueError, match="between 100 and 400"):
        area_under(WORDS, F1, low, high)


@given(st.lists(st.floats(0, 1), min_size=3, max_size=3), st.floats(0.001, 0.1))
def test_a_curve_that_is_higher_everywhere_has_more_area(heights: list[float], by: float) -> None:
    higher = [height + by for height in heights]
    assert area_under(WORDS, higher, 130, 390) == pytest.approx(area_under(WORDS, heights, 130, 390) + by)


def test_a_height_is_reached_between_two_rounds() -> None:
    assert first_reach(WORDS, F1, 0.4) == pytest.approx(150)
    assert first_reach(WORDS, F1, 0.7) == pytest.approx(300)
    assert first_reach(WORDS, F1, 0.6) == pytest.approx(200)
    assert first_reach(WORDS, F1, 0.8) == pytest.approx(400)


def test_the_first_time_counts_and_the_first_round_is_where_it_can_be() -> None:
    assert first_reach(WORDS, [0.2, 0.6, 0.4], 0.5) == pytest.approx(175)
    assert first_reach([1, 2, 3, 4], [0.1, 0.05, 0.3, 0.2], 0.175) == pytest.approx(2.5)
    assert first_reach(WORDS, F1, 0.1) == 100
    assert first_reach(WORDS, F1, 0.81) is None


def test_a_difference_is_taken_in_pairs_with_student_s_t() -> None:
    # Differences 0.1, 0.2, 0.3: mean 0.2, deviation 0.1, t(2) = 4.3027, so 4.3027 * 0.1 / sqrt(3) = 0.24841 each way.
    found = paired_difference([0.5, 0.7, 0.9], [0.4, 0.5, 0.6])
    assert found.value == pytest.approx(0.2)
    assert found.low == pytest.approx(0.2 - 0.24841, abs=1e-5)
    assert found.high == pytest.approx(0.2 + 0.24841, abs=1e-5)


def test_what_the_seeds_share_is_no_part_of_the_interval() -> None:
    assert paired_difference([0.2, 0.9], [0.1, 0.8]) == pytest.approx((0.1, 0.1, 0.1))


def test_one_pair_has_no_interval() -> None:
    assert paired_difference([0.5], [0.4]) == (pytest.approx(0.1), None, None)
