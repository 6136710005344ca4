"""The precision that a run scores in: chosen once, and how its ranks agree with those in float32."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import spearmanr

from nerc_trainer.active.journal import RunJournal
from nerc_trainer.active.precision import agreement_of, sample_size
from nerc_trainer.recipe.sections import Recipe


@pytest.mark.parametrize("distinct", [5, 10_000])
def test_agreement_is_spearmans_correlation_with_equals_sharing_a_rank(distinct: int) -> None:
    rng = np.random.default_rng(4)
    exact = rng.integers(0, distinct, 200) / distinct
    scores = exact + rng.normal(0, 0.2, 200)
    assert agreement_of(scores, exact)["spearman"] == pytest.approx(spearmanr(scores, exact).statistic, abs=1e-6)


def test_agreement_counts_the_top_tenth_that_both_have() -> None:
    exact = np.arange(40.0)
    scores = exact.copy()
    assert agreement_of(scores, exact) == {"spearman": 1.0, "top_overlap": 1.0}
    scores[39] = -1.0
    assert agreement_of(scores, exact)["top_overlap"] == 0.75


@pytest.mark.parametrize(
    ("pool", "part", "wanted"),
    [
        (1_000_000, 1, 256),
        (1_000_000, 0.001, 20),
        (12_800, 1, 256),
        (5_000, 1, 100),
        (5_000, 0.5, 50),
        (100, 1, 20),
        (7, 1, 7),
    ],
)
def test_few_are_scored_twice_where_few_are_scored(pool: int, part: float, wanted: int) -> None:
    assert sample_size(pool, part) == wanted


def test_scores_that_are_all_alike_have_no_correlation() -> None:
    assert agreement_of(np.zeros(3), np.arange(3.0))["spearman"] is None


def test_a_run_keeps_what_its_first_start_has_decided(make_recipe: Callable[..., Recipe]) -> None:
    recipe = make_recipe()
    for now in ("bfloat16", "float32"):
        journal = RunJournal(recipe.run.dir)
        journal.open(recipe, {}, {})
        assert journal.decide("score_in", now) == "bfloat16"
        journal.round(0).write_selection({"ids": []})
        journal.close()
