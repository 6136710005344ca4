"""When the rounds end, and what is said about it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nerc_trainer.active.stop_set import Signs, kappa
from nerc_trainer.active.stopping import stop_reason, too_dear
from nerc_trainer.recipe.active import ActiveSection, StopSection


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


# The rules that a recipe switches on


def signs(**values: list[float | None]) -> list[Signs]:
    return [Signs(**dict(zip(values, row, strict=True))) for row in zip(*values.values(), strict=True)]


RISING = [0.1, 0.2, 0.3, 0.4]


def with_rule(rule: dict[str, float], seen: list[Signs], **others: Any) -> str | None:
    section = ActiveSection(min_iterations=others.pop("min_iterations", 0), stop=StopSection(**rule))
    return stop_reason(RISING, 100, True, section, signs=seen, **others)


def test_overall_uncertainty_below_the_threshold() -> None:
    seen = signs(uncertainty=[0.3, 0.1, 0.05, 0.02])
    assert with_rule({"uncertainty": 0.02}, seen) is None
    assert with_rule({"uncertainty": 0.021}, seen) == (
        "the tagger is sure of the sentences that are left: mean token entropy 0.0200, below "
        "active.stop.uncertainty = 0.021"
    )
    assert with_rule({"uncertainty": 0.06}, signs(uncertainty=[0.3, 0.05, 0.05, 0.07])) is None, (
        "only the newest counts"
    )
    assert with_rule({"uncertainty": 0.06}, signs(uncertainty=[None] * 4)) is None


def test_classification_change_at_the_threshold() -> None:
    seen = signs(changed=[None, 0.1, 0.01, 0.001])
    assert with_rule({"changed": 0.0009}, seen) is None
    assert with_rule({"changed": 0.001}, seen) == (
        "the last round changed the tags of 0.100% of the words of the stop set, not more than "
        "active.stop.changed = 0.001"
    )
    assert with_rule({"changed": 0.0}, signs(changed=[None, 0.0, 0.0, 0.0])) is not None


def test_kappa_on_average_over_three_rounds() -> None:
    assert with_rule({"kappa": 0.99}, signs(kappa=[None, 0.985, 0.99, 0.995])) == (
        "successive models agree: kappa 0.9850, 0.9900, 0.9950 on the stop set, on average 0.9900, not below "
        "active.stop.kappa = 0.99"
    )
    assert with_rule({"kappa": 0.99}, signs(kappa=[None, 0.98, 0.99, 0.995])) is None
    assert with_rule({"kappa": 0.99}, signs(kappa=[None, 1.0, 1.0])) is None, "three rounds are needed"
    assert with_rule({"kappa": 0.99}, signs(kappa=[None, 0.1, 1.0, 1.0, 1.0])) is not None


def test_rules_wait_for_the_minimum_of_rounds_and_are_off_by_default() -> None:
    seen = signs(uncertainty=[0.0] * 4, changed=[0.0] * 4, kappa=[1.0] * 4)
    assert with_rule({}, seen) is None
    for rule in ({"uncertainty": 0.5}, {"changed": 0.5}, {"kappa": 0.5}):
        assert with_rule(rule, seen) is not None
        assert with_rule(rule, seen, min_iterations=4) is None


def test_a_point_of_f1_that_costs_more_than_it_is_worth() -> None:
    """From 0.30 to 0.34 are four points, which have cost 12 dollars: 3 a point."""
    dev_f1, dollars = [0.1, 0.30, 0.32, 0.33, 0.34], [1.0, 3.0, 7.0, 11.0, 15.0]
    assert too_dear(dev_f1, dollars, 3.01) is None
    assert too_dear(dev_f1, dollars, 2.99) == (
        "the last 3 rounds gained +4.00 points of F1 on dev for 12.00 dollars, 3.00 a point; "
        "active.stop.dollars_per_point = 2.99"
    )
    assert too_dear(dev_f1[:3], dollars[:3], 0.01) is None, "three rounds are needed"
    assert too_dear(dev_f1, dollars, None) is None
    section = ActiveSection(min_iterations=0, stop=StopSection(dollars_per_point=2.99))
    assert stop_reason(dev_f1, 100, True, section, dollars=dollars) == too_dear(dev_f1, dollars, 2.99)


def test_a_loss_is_dear_at_any_price_and_labels_for_nothing_never_are() -> None:
    falling = [0.5, 0.49, 0.48, 0.47]
    assert too_dear(falling, [0.0, 1.0, 2.0, 3.0], 1e6) == (
        "the last 3 rounds gained -3.00 points of F1 on dev for 3.00 dollars; active.stop.dollars_per_point = 1e+06"
    )
    assert too_dear([0.5] * 4, [0.0] * 4, 1.0) is None


def test_kappa_is_agreement_beyond_chance() -> None:
    """Of ten words eight agree; chance gives 0.7 x 0.7 + 0.3 x 0.3 = 0.58."""
    first = np.array([0, 0, 0, 0, 0, 0, 0, 1, 1, 1])
    second = np.array([0, 0, 0, 0, 0, 0, 1, 1, 1, 0])
    assert kappa(first, second) == pytest.approx((0.8 - 0.58) / (1 - 0.58))
    assert kappa(first, first) == 1.0
    assert kappa(np.zeros(5, dtype=int), np.zeros(5, dtype=int)) == 1.0
    assert kappa(np.array([0, 1]), np.array([1, 0])) == -1.0
