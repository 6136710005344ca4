"""Votes, intervals, the front and the sample of stage 1."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nerc_trainer.annotation.leaderboard import show_leaderboard
from nerc_trainer.annotation.pareto import pareto_front
from nerc_trainer.annotation.sample import stratified_sample
from nerc_trainer.annotation.votes import put_to_vote
from nerc_trainer.corpus.labels import Span
from nerc_trainer.evaluation.intervals import entity_counts, f1_difference, f1_interval, f1_of

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


def draw_counts(rates: list[float], sentences: int = 400) -> np.ndarray:
    """Counts of taggers that find each of two entities a sentence with a certain chance, [S, N, 3]."""
    generator = np.random.default_rng(5)
    found = np.stack([generator.binomial(2, rate, sentences) for rate in rates])
    return np.stack([found, np.full_like(found, 2), np.full_like(found, 2)], axis=-1)


def test_a_clear_difference_is_told_from_chance() -> None:
    better, worse = draw_counts([0.9, 0.88, 0.91]), draw_counts([0.7, 0.72])
    difference = f1_difference(better, worse, np.random.default_rng(0))
    exact = np.mean([f1_of(one.sum(0)) for one in better]) - np.mean([f1_of(one.sum(0)) for one in worse])
    assert difference.value == pytest.approx(exact)
    assert 0 < difference.low < difference.value < difference.high
    assert difference.p < 0.01
    back = f1_difference(worse, better, np.random.default_rng(0))
    assert (back.value, back.p) == (pytest.approx(-difference.value), difference.p)


def test_equal_taggers_do_not_differ() -> None:
    counts = draw_counts([0.8])
    assert f1_difference(counts, counts, np.random.default_rng(0)) == (0.0, 0.0, 0.0, 1.0)
    with pytest.raises(ValueError, match="same sentences"):
        f1_difference(counts, counts[:, :-1], np.random.default_rng(0))


def test_p_values_are_as_frequent_as_they_say() -> None:
    """Of taggers that differ by chance alone, about one pair in twenty has p below 0.05."""
    generator = np.random.default_rng(1)
    low = 0
    for _ in range(200):
        found = generator.binomial(2, 0.8, (2, 1, 150))
        first, second = np.stack([found, np.full_like(found, 2), np.full_like(found, 2)], axis=-1)
        low += f1_difference(first, second, generator).p < 0.05
    assert 2 <= low <= 24


def test_a_leaderboard_in_80_columns_still_names_prompt_and_model(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    cell = {"prompt_name": "text_spans_1", "model": "qwen2.5-coder:1.5b", "f1": 0.54, "f1_low": 0.4537, "f1_high": 0.62}
    cell |= {"coverage": 0.97, "rejected": 13, "output_tokens": 4300, "sentences": 100, "seconds": 1364.0}
    show_leaderboard([{**cell, "dollars": 1.5, "dollars_per_1000": 12.3456}])
    printed = capsys.readouterr().out
    for figure in ("text_spans_1", "qwen2.5-coder:1.5b", "0.540*", "0.45-0.62", "97%", "13", "43", "12.3456", "13.64"):
        assert figure in printed
