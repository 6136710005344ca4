"""Which test sentences the expert labels: probabilities, strata, and draws that grow."""

from __future__ import annotations

from itertools import combinations
from typing import get_args

import numpy as np
import pytest

from nerc_trainer.evaluation.choose_test import Choice, allocate, choose, doubt, inclusion, make_strata

DOUBTS = np.random.default_rng(3).gamma(1.0, size=300) + 0.2


@pytest.mark.parametrize("how", get_args(Choice))
def test_a_sample_has_no_sentence_twice_and_its_own_probabilities(how: Choice) -> None:
    sample = choose(how, DOUBTS, 60, np.random.default_rng(0))
    assert len(sample) == len(set(sample.positions.tolist())) == 60
    assert sample.population == 300
    assert ((sample.probability > 0) & (sample.probability <= 1)).all()
    weights = 1 / sample.probability
    assert weights.sum() == pytest.approx(300, rel=1e-9 if how != "uncertain" else 0.15)


@pytest.mark.parametrize("how", get_args(Choice))
def test_sentences_are_drawn_as_often_as_their_probabilities_say(how: Choice) -> None:
    doubts = np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 0.9, 1.2, 1.6, 2.5])
    generator = np.random.default_rng(1)
    drawn, said = np.zeros(10), np.full(10, np.nan)
    for _ in range(6_000):
        sample = choose(how, doubts, 4, generator)
        drawn[sample.positions] += 1
        said[sample.positions] = sample.probability
    np.testing.assert_allclose(drawn / 6_000, np.nan_to_num(said), atol=0.03)


@pytest.mark.parametrize("how", get_args(Choice))
def test_a_larger_draw_keeps_the_sentences_of_a_smaller_one(how: Choice) -> None:
    small, large = (set(choose(how, DOUBTS, n, np.random.default_rng(5)).positions.tolist()) for n in (50, 80))
    assert len(small - large) <= (2 if how == "uncertain" else 0)


def test_every_set_is_as_likely_at_random() -> None:
    generator = np.random.default_rng(2)
    seen = dict.fromkeys(combinations(range(5), 2), 0)
    for _ in range(5_000):
        positions = choose("random", np.ones(5), 2, generator).positions
        seen[tuple(sorted(positions.tolist()))] += 1  # type: ignore[index]
    assert all(abs(count - 500) < 90 for count in seen.values())


def test_strata_hold_equal_sums_of_doubt_from_sure_to_doubtful() -> None:
    strata = make_strata(DOUBTS)
    assert set(strata.tolist()) == {0, 1, 2, 3, 4}
    sums = np.bincount(strata, DOUBTS)
    assert np.abs(sums - sums.mean()).max() < DOUBTS.max()
    assert all(DOUBTS[strata == one].max() <= DOUBTS[strata == one + 1].min() for one in range(4))


def test_one_doubtful_sentence_leaves_no_stratum_empty() -> None:
    strata = make_strata(np.array([1.0, 1.0, 1.0, 1000.0]))
    assert sorted(set(strata.tolist())) == list(range(strata.max() + 1))
    for how in get_args(Choice):
        sample = choose(how, np.array([1.0, 1.0, 1.0, 1000.0]), 3, np.random.default_rng(0))
        assert sample.probability[sample.positions == 3] == pytest.approx(1.0)


def test_what_a_stratum_lacks_the_others_give() -> None:
    assert allocate(10, np.array([100, 100])).tolist() == [5, 5]
    assert allocate(10, np.array([100, 2, 50])).tolist() == [4, 2, 4]
    assert allocate(6, np.array([3, 2, 1])).tolist() == [3, 2, 1]


def test_probabilities_add_up_and_stay_below_one() -> None:
    probability = inclusion(np.array([1.0, 1.0, 2.0, 50.0, 3.0]), 3)
    assert probability.sum() == pytest.approx(3)
    assert probability.max() == 1.0
    assert probability[2] / probability[0] == pytest.approx(2)


def test_doubt_grows_with_what_the_tagger_does_not_know() -> None:
    sure, less, least = doubt([np.array([1.0, 1.0]), np.array([0.9, 1.0]), np.array([0.5, 0.6])])
    assert 0 < sure < less < least
    assert sure == pytest.approx(0.3 / 1.3 * np.mean([sure, less, least])), "a sure sentence has a chance too"
    assert (doubt([np.ones(3), np.ones(2)]) > 0).all()


def test_more_than_there_are_cannot_be_drawn() -> None:
    with pytest.raises(ValueError, match="can't be drawn"):
        choose("random", np.ones(3), 4, np.random.default_rng(0))
    for how in get_args(Choice):
        assert sorted(choose(how, DOUBTS, 300, np.random.default_rng(0)).positions.tolist()) == list(range(300))
