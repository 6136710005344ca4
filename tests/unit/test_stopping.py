"""When the rounds end, and what is said about it."""

from __future__ import annotations

from typing import Any

import pytest

from nerc_trainer.active.stopping import stop_reason
from nerc_trainer.recipe.active import ActiveSection


def reason(
    dev_f1: list[float], *, pool_left: int = 100, can_ask: bool = True, min_iterations: int = 0, **active: Any
) -> str | None:
    section = ActiveSection(min_iterations=min_iterations, **active)
    return stop_reason(dev_f1, pool_left, can_ask, section)


def test_goes_on_while_there_is_gain() -> None:
    assert reason([0.1, 0.2, 0.3]) is None


def test_maximum_of_rounds_counts_those_after_round_0() -> None:
    assert reason([0.1, 0.2, 0.3], max_iterations=3) is None
    assert reason([0.1, 0.2, 0.3, 0.4], max_iterations=3) == "the maximum of 3 rounds is reached"
    assert reason([0.1], max_iterations=0) == "the maximum of 0 rounds is reached"


def test_empty_pool() -> None:
    assert reason([0.1, 0.2], pool_left=0, can_ask=False) == "the pool is empty"


def test_spent_budget() -> None:
    assert reason([0.1, 0.2], can_ask=False) == "the expert budget is spent"


def test_empty_pool_and_spent_budget_end_a_run_before_its_minimum_of_rounds() -> None:
    assert reason([0.1], pool_left=0, min_iterations=10) == "the pool is empty"
    assert reason([0.1], can_ask=False, min_iterations=10) == "the expert budget is spent"


def test_no_gain_says_how_much_and_how_often() -> None:
    assert reason([0.5, 0.25], improvement_threshold=0.125) == (
        "the gain in F1 on dev (-0.2500) stayed below 0.125 for 1 round(s)"
    )


@pytest.mark.parametrize(("gain", "stops"), [(0.1249, True), (0.125, False), (0.1251, False), (0.0, True)])
def test_gain_that_equals_the_threshold_is_a_gain(gain: float, stops: bool) -> None:
    assert (reason([0.0, gain], improvement_threshold=0.125) is not None) == stops


def test_threshold_of_zero_stops_only_at_a_loss() -> None:
    assert reason([0.5, 0.5], improvement_threshold=0.0) is None
    assert reason([0.5, 0.4999], improvement_threshold=0.0) is not None


def test_round_0_alone_shows_no_lack_of_gain() -> None:
    assert reason([0.0], improvement_threshold=1.0) is None


def test_lack_of_gain_waits_for_the_minimum_of_rounds() -> None:
    flat = [0.5, 0.5, 0.5, 0.5]
    assert reason(flat[:3], min_iterations=3) is None
    assert reason(flat, min_iterations=3) is not None


def test_gain_before_the_minimum_does_not_matter_after_it() -> None:
    assert reason([0.1, 0.9, 0.9], min_iterations=2) is not None
    assert reason([0.1, 0.1, 0.9], min_iterations=2) is None


def test_patience_wants_as_many_rounds_in_a_row() -> None:
    assert reason([0.5, 0.5], patience=2) is None
    assert reason([0.5, 0.5, 0.5], patience=2) is not None
    assert reason([0.5, 0.5, 0.6, 0.6], patience=2) is None
    assert reason([0.5, 0.6, 0.6, 0.6], patience=2) is not None


def test_patience_looks_at_each_gain_by_itself() -> None:
    """Slow gains that together pass the threshold are still stalled rounds, as the recipe's text says."""
    assert reason([0.0, 0.1, 0.2], patience=2, improvement_threshold=0.15) is not None
