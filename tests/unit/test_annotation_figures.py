"""Votes, intervals, the front and the sample of stage 1."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nerc_trainer.annotation.quality import entity_counts, f1_interval, f1_of, pareto_front
from nerc_trainer.annotation.sample import stratified_sample
from nerc_trainer.annotation.votes import put_to_vote
from nerc_trainer.corpus.labels import Span

PER, LOC = Span(0, 2, "PER"), Span(3, 4, "LOC")


def test_what_most_answers_say_wins_word_by_word() -> None:
    vote = put_to_vote([[PER], [PER, LOC], [Span(0, 1, "PER"), LOC]], 5)
    assert vote.spans == (PER, LOC)
    assert vote.shares == pytest.approx((1, 2 / 3, 1, 2 / 3, 1))
    assert vote.agreement == pytest.approx(13 / 15)


def test_the_first_answer_decides_between_two() -> None:
    assert put_to_vote([[PER], []], 4).spans == (PER,)
    assert put_to_vote([[], [PER]], 4).spans == ()


def test_one_answer_stands_as_it_is() -> None:
    vote = put_to_vote([[PER, LOC]], 4)
    assert vote.spans == (PER, LOC)
    assert vote.agreement == 1


def test_entities_count_only_with_type_and_bounds() -> None:
    assert entity_counts([PER, LOC], [PER, Span(3, 4, "ORG"), Span(5, 6, "LOC")]) == (1, 2, 3)


def test_f1() -> None:
    assert f1_of(np.array([[1, 2, 3], [0, 0, 0], [2, 2, 2]])).tolist() == [0.4, 0.0, 1.0]


def test_the_interval_holds_the_figure_and_narrows_with_more_sentences() -> None:
    few = np.tile([[1, 2, 2], [2, 2, 3], [0, 1, 1]], (10, 1))
    narrow, wide = (f1_interval(counts, np.random.default_rng(0)) for counts in (np.tile(few, (20, 1)), few))
    assert wide.low < wide.value < wide.high
    assert wide.value == pytest.approx(narrow.value)
    assert narrow.high - narrow.low < 0.4 * (wide.high - wide.low)
    assert f1_interval(few, np.random.default_rng(0)) == wide


def test_the_interval_covers_the_true_f1_of_simulated_labels() -> None:
    """Each entity is found with probability 0.7 and nothing wrong is added, so F1 is 2 * 0.7 / 1.7."""
    truth = 1.4 / 1.7
    covered = 0
    for seed in range(200):
        generator = np.random.default_rng(seed)
        true = generator.integers(1, 4, 80)
        found = generator.binomial(true, 0.7)
        interval = f1_interval(np.stack([found, found, true], 1), generator)
        covered += interval.low <= truth <= interval.high
    assert 180 <= covered <= 200


def test_the_front_holds_what_nothing_beats() -> None:
    assert pareto_front([3, 1, 2, 2, 0.5], [0.9, 0.5, 0.4, 0.7, 0.5]) == [4, 3, 0]
    assert pareto_front([0, 0, 0], [0.1, 0.3, 0.2]) == [1]


@given(
    st.lists(st.sampled_from([frozenset(), frozenset("A"), frozenset("B"), frozenset("AB")]), min_size=1, max_size=60),
    st.integers(1, 70),
)
def test_each_mix_of_types_has_its_share(strata: list[frozenset[str]], count: int) -> None:
    chosen = stratified_sample(strata, count, np.random.default_rng(1))
    assert len(chosen) == len(set(chosen)) == min(count, len(strata))
    for mix in set(strata):
        share = strata.count(mix) * min(count, len(strata)) / len(strata)
        assert abs(sum(strata[index] == mix for index in chosen) - share) < 1
    assert chosen == stratified_sample(strata, count, np.random.default_rng(1))
