"""What makes up a round's batch: its size in sentences, words or dollars, and sentences that differ."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from nerc_trainer.active import diversity
from nerc_trainer.active.batch import CANDIDATES, UNLIMITED, affordable, candidates, fill_round, round_size
from nerc_trainer.costs import ExpertWork, budget_left
from nerc_trainer.errors import NercError
from nerc_trainer.recipe.active import ActiveSection, Budget
from nerc_trainer.recipe.sections import CostsSection

COSTS = CostsSection(expert_wage=40.0, expert_seconds_per_word=0.9)  # a cent a word
NO_LIMIT = (UNLIMITED, UNLIMITED)


def test_size_of_a_round() -> None:
    assert round_size(ActiveSection(query_size=7), COSTS) == (7, UNLIMITED)
    assert round_size(ActiveSection(query_size=7, query_words=300), COSTS) == (UNLIMITED, 300)
    assert round_size(ActiveSection(query_dollars=2.5), COSTS) == (UNLIMITED, 250)


def test_rounds_that_grow() -> None:
    def sizes(**active: float) -> list[tuple[float, float]]:
        return [round_size(ActiveSection(query_growth=1.5, **active), COSTS, number) for number in (1, 2, 3)]

    assert sizes(query_size=10) == [(10, UNLIMITED), (15, UNLIMITED), (22, UNLIMITED)]
    assert sizes(query_words=301) == [(UNLIMITED, 301), (UNLIMITED, 451), (UNLIMITED, 677)]
    assert sizes(query_dollars=2) == [(UNLIMITED, 200), (UNLIMITED, 300), (UNLIMITED, 450)]
    assert round_size(ActiveSection(query_words=300), COSTS, 9) == (UNLIMITED, 300)
    assert round_size(ActiveSection(query_size=100, query_growth=1.4), COSTS, 3) == (196, UNLIMITED)


def test_money_for_three_sentences_buys_three() -> None:
    """0.3 / 0.1 is less than 3, and a round has whole sentences."""
    by_sentence = CostsSection(expert_wage=40.0, expert_by="sentences", expert_seconds_per_sentence=9)
    size = round_size(ActiveSection(query_dollars=0.3), by_sentence)
    assert fill_round(np.full(9, 5), size, NO_LIMIT).tolist() == [0, 1, 2]
    left = budget_left(Budget(dollars=0.8), ExpertWork(5, 50), by_sentence)
    assert fill_round(np.full(9, 5), (9, UNLIMITED), left).tolist() == [0, 1, 2]


def test_money_that_limits_nothing_is_refused() -> None:
    with pytest.raises(NercError, match=r"active\.query_dollars: .* set active\.query_words"):
        round_size(ActiveSection(query_dollars=1), CostsSection(expert_wage=0))


def test_two_sizes_of_a_round_are_refused() -> None:
    with pytest.raises(ValueError, match="query_words is given already"):
        ActiveSection(query_words=3, query_dollars=1)


@pytest.mark.parametrize(
    ("size", "left", "wanted"),
    [
        ((3, UNLIMITED), NO_LIMIT, [0, 1, 2]),
        ((UNLIMITED, 10), NO_LIMIT, [0, 2, 3]),  # the second is too long for the four that are left
        ((UNLIMITED, 27), NO_LIMIT, [0, 1, 2, 3, 4]),
        ((UNLIMITED, 30), (2, UNLIMITED), [0, 1]),  # the whole run's budget counts too
        ((UNLIMITED, 30), (UNLIMITED, 12), [0, 2, 3, 4]),
        ((UNLIMITED, 4), NO_LIMIT, [2, 3]),
        ((UNLIMITED, 1), NO_LIMIT, [0]),  # none is so short, and a round asks for one at least
        ((UNLIMITED, 1), (UNLIMITED, 5), [2]),
        ((UNLIMITED, 1), (UNLIMITED, 1), []),
    ],
)
def test_a_round_is_filled_up_to_its_size_and_never_beyond_the_budget(
    size: tuple[float, float], left: tuple[float, float], wanted: list[int]
) -> None:
    assert fill_round(np.array([6, 7, 2, 2, 2, 9]), size, left).tolist() == wanted


def test_the_last_words_of_a_round_do_not_go_to_the_far_end_of_the_ranking() -> None:
    words = np.array([8, *[9] * 50, 1, 1, 1])
    assert words[:-3].sum() > CANDIDATES * 10
    assert fill_round(words, (UNLIMITED, 10), NO_LIMIT).tolist() == [0]
    assert affordable(words, UNLIMITED, *(UNLIMITED, 10)).tolist() == [0, 51, 52], "without it they would"


@pytest.mark.parametrize("words", [[1] * 90, [3, 30, 4, 1, 5, 9, 2, 6, 5, 3, 5] * 5])
def test_no_strategy_gets_more_words_by_long_sentences(words: list[int]) -> None:
    for ranking in (np.sort(words), np.sort(words)[::-1]):
        assert 35 < ranking[fill_round(ranking, (UNLIMITED, 40), NO_LIMIT)].sum() <= 40


def test_ten_times_what_a_round_asks_for_compete_for_it() -> None:
    words = np.full(50, 5)
    assert candidates(words, (3, UNLIMITED)) == 30
    assert candidates(words, (6, UNLIMITED)) == 50
    assert candidates(words, (UNLIMITED, 10)) == 21  # those that hundred words would take, and the next
    assert candidates(words, (UNLIMITED, 100)) == 50
    assert candidates(words, (0.05, UNLIMITED)) == 1  # money for less than a sentence still asks for one


# Diversity


def groups(*centres: float) -> np.ndarray:
    """Three vectors around each centre, the middle one of them first."""
    return np.array([[centre + step, 0.0] for centre in centres for step in (0.0, 0.1, -0.1)], dtype=np.float32)


def test_kmeans_begins_with_the_middle_of_each_group() -> None:
    vectors = groups(0, 10, 20)
    order = diversity.kmeans(vectors, np.ones(9), 3, seed=1)
    assert order.tolist() == [0, 3, 6, 1, 2, 4, 5, 7, 8]
    assert diversity.kmeans(vectors[::-1], np.ones(9), 3, seed=1)[:3].tolist() == [2, 5, 8]


def test_kmeans_puts_centres_where_the_wanted_are() -> None:
    vectors = np.array([[0.0], [1.0], [1.2], [50.0]])
    assert diversity.kmeans(vectors, np.array([9.0, 0.1, 0.1, 1.0]), 2, seed=1)[:2].tolist() == [0, 3]
    assert diversity.kmeans(vectors, np.array([0.1, 9.0, 9.0, 1.0]), 2, seed=1)[0] in (1, 2)


def test_kmeans_of_fewer_different_candidates_than_are_asked_for() -> None:
    assert diversity.kmeans(np.ones((4, 2)), np.zeros(4), 3, seed=1)[0] == 0
    assert sorted(diversity.kmeans(np.ones((4, 2)), np.zeros(4), 3, seed=1)) == [0, 1, 2, 3]
    assert diversity.kmeans(groups(0), np.ones(3), 5, seed=1).tolist() == [0, 1, 2]


def test_kmeans_neither_reads_nor_moves_global_random_state() -> None:
    vectors = np.random.default_rng(0).normal(size=(80, 5)).astype(np.float32)
    np.random.seed(1)
    first = diversity.kmeans(vectors, np.ones(80), 9, seed=3)
    drawn = np.random.random()
    np.random.seed(1)
    assert np.random.random() == drawn
    np.testing.assert_array_equal(diversity.kmeans(vectors, np.ones(80), 9, seed=3), first)


def test_coreset_goes_from_the_most_wanted_to_the_farthest() -> None:
    assert diversity.coreset(groups(0, 10, 20), 3).tolist() == [0, 7, 3, 1, 2, 4, 5, 6, 8]


def test_coreset_of_equal_vectors_keeps_the_order() -> None:
    assert diversity.coreset(np.ones((4, 2)), 3).tolist() == [0, 1, 2, 3]


TEXTS = [
    "ANN LEE beat Bo Ray 6-3 6-4 on Monday",
    "Ann Lee beat Bo Ray 7-5 6-1 on Monday",  # digits and case
    "Ann Lee beat Bo Ray 6-3 6-4 on Friday",  # eight words of nine
    "Ann Lee lost to Bo Ray in Oslo on Monday",
    "Shares fell",
    "Shares rose",
]


def test_near_duplicates_are_the_same_but_for_digits_case_and_a_word_in_seven() -> None:
    repeats = diversity.near_duplicates(lambda index: TEXTS[index].split())
    assert [repeats(index, [0]) for index in (1, 2, 3)] == [True, True, False]
    assert repeats(1, [4, 0])
    assert not repeats(5, [4])
    assert not repeats(0, [])


def test_near_duplicates_are_never_in_one_batch() -> None:
    def repeats(index: int, others: Sequence[int]) -> bool:
        return diversity.near_duplicates(lambda position: TEXTS[position].split())(index, others)

    words = np.array([len(text.split()) for text in TEXTS])
    assert fill_round(words, (3, UNLIMITED), NO_LIMIT, repeats).tolist() == [0, 3, 4]
    assert fill_round(words, (9, UNLIMITED), NO_LIMIT, repeats).tolist() == [0, 3, 4, 5]
    assert fill_round(words, (3, UNLIMITED), NO_LIMIT).tolist() == [0, 1, 2]
