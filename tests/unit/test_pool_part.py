"""Rounds that score a part of the pool: which part, what is kept of it, and what the whole pool would have found."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from nerc_trainer.active.journal import RunJournal
from nerc_trainer.active.pool_part import PoolPart, Scored, part_of, share_found
from nerc_trainer.errors import NercError
from nerc_trainer.recipe.sections import Recipe

UNLIMITED = float("inf")
SENTENCES = 100
POOL = np.arange(SENTENCES)


def test_a_part_is_half_wanted_and_half_drawn() -> None:
    most_wanted = np.array([7, 3, 9, 0, 1, 2, 4, 5, 6, 8])
    part = part_of(most_wanted, 5, (13, 2))
    assert {7, 3, 9} <= set(part.tolist())
    assert len(set(part.tolist())) == 5
    assert part.tolist() == sorted(part.tolist())
    assert part.tolist() == part_of(most_wanted, 5, (13, 2)).tolist()
    drawn = {tuple(part_of(most_wanted, 5, (13, number))) for number in range(40)}
    assert {place for part in drawn for place in part} == set(range(10)), "each has its turn"


@pytest.mark.parametrize(("count", "wanted"), [(0, []), (1, [2]), (3, [0, 1, 2]), (9, [0, 1, 2])])
def test_a_part_of_few(count: int, wanted: list[int]) -> None:
    assert part_of(np.array([2, 0, 1]), count, (1,)).tolist() == wanted


def test_what_a_part_has_found() -> None:
    assert share_found(np.array([4, 1, 8, 3]), np.array([1, 2, 3, 4])) == 0.75
    assert share_found(np.array([4]), None) is None
    assert share_found(np.array([], dtype=np.int64), np.array([1])) is None


class Pool:
    """A pool whose scores the test gives; ``asked`` holds the sentences that were scored, call by call."""

    def __init__(self, recipe: Recipe) -> None:
        self.part = PoolPart(recipe, RunJournal(recipe.run.dir), SENTENCES)
        self.scores = np.linspace(0, 1, SENTENCES)
        self.words = np.full(SENTENCES, 10)
        self.asked: list[np.ndarray] = []

    def score(
        self, number: int, pool: np.ndarray = POOL, size: float = 1, words_left: float = UNLIMITED, doubt: bool = False
    ) -> Scored:
        def measure(sentences: np.ndarray) -> np.ndarray:
            self.asked.append(sentences)
            second = [np.ones(len(sentences))] if doubt else []
            return np.stack([self.scores[sentences], *second])

        def sum_of(scores: np.ndarray, sentences: np.ndarray) -> np.ndarray:
            return scores.sum(axis=0)

        return self.part.score(pool, number, measure, sum_of, self.words[pool], (size, UNLIMITED), words_left)


@pytest.fixture
def pool(make_recipe: Callable[..., Recipe]) -> Pool:
    return Pool(make_recipe(active={"pool_fraction": 0.2}))


def test_the_first_round_and_each_fifth_after_it_score_the_whole_pool(pool: Pool) -> None:
    scored = [pool.score(number) for number in range(1, 12)]
    assert [len(asked) for asked in pool.asked] == [100, 20, 20, 20, 20, 100, 20, 20, 20, 20, 100]
    assert scored[0].part is None, "nothing is known to choose a part by"
    assert [len(found.part) for found in scored[1:]] == [20] * 10, "a whole round says what a part would have held"


def test_a_part_has_the_most_uncertain_of_what_is_known(pool: Pool) -> None:
    pool.score(1)
    pool.scores = np.zeros(SENTENCES)
    second = pool.score(2)
    assert set(range(90, 100)) <= set(pool.asked[1].tolist())
    np.testing.assert_allclose(second.priorities[second.places], 0)
    rest = np.setdiff1d(POOL, second.places)
    np.testing.assert_allclose(second.priorities[rest], np.linspace(0, 1, SENTENCES)[rest], atol=1e-6)
    pool.score(3)
    best_known = rest[-10:]  # what was scored in round 2 is certain now
    assert set(best_known.tolist()) <= set(pool.asked[2].tolist())


def test_of_two_measures_both_are_kept(pool: Pool) -> None:
    first = pool.score(1, doubt=True)
    second = pool.score(2, doubt=True)
    np.testing.assert_allclose(second.priorities, first.priorities, atol=1e-6)


def test_places_are_those_in_a_pool_that_has_shrunk(pool: Pool) -> None:
    pool.score(1)
    left = POOL[::2]
    second = pool.score(2, left)
    assert pool.asked[1].tolist() == left[second.places].tolist()
    assert len(second.places) == 10
    assert set(left[-5:].tolist()) <= set(pool.asked[1].tolist())


def test_a_part_has_ten_times_what_a_round_asks_for(pool: Pool) -> None:
    pool.score(1)
    assert len(pool.score(2, size=4).places) == 40
    assert len(pool.score(3, size=40).places) == 100


def test_what_the_budget_has_no_room_for_is_in_no_part(pool: Pool) -> None:
    pool.score(1)
    pool.words[20:] = 11
    second = pool.score(2, words_left=10)
    assert len(second.places) == 10
    assert second.places.max() < 20


def test_a_part_does_not_hang_on_what_was_written_after_the_round_before(pool: Pool, tmp_path: Path) -> None:
    pool.score(1)
    first = pool.score(2)
    again = pool.score(2)  # as a start that was killed before its selection was written
    assert first.places.tolist() == again.places.tolist()
    pool.score(3)
    assert sorted(path.name for path in (tmp_path / "run" / "scores").iterdir()) == ["round-02.npy", "round-03.npy"]


def test_a_round_that_chooses_nothing_hands_the_scores_on(pool: Pool) -> None:
    pool.part.pass_over(1)
    assert pool.score(2).part is None, "nothing was scored before"
    found = pool.score(3)
    pool.part.pass_over(4)
    later = pool.score(5)
    assert later.part is not None
    np.testing.assert_allclose(later.priorities, found.priorities, atol=1e-6)


def test_scores_that_are_gone_or_damaged_are_named(pool: Pool, tmp_path: Path) -> None:
    pool.score(1)
    path = tmp_path / "run" / "scores" / "round-01.npy"
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(NercError, match=r"round-01\.npy: missing or damaged"):
        pool.score(2)
    path.unlink()
    with pytest.raises(NercError, match=r"round-01\.npy: missing or damaged.*another run\.dir"):
        pool.score(2)


@pytest.mark.parametrize("active", [{}, {"pool_fraction": 0.2, "strategy": "random"}])
def test_without_a_share_and_without_scores_nothing_is_kept(
    make_recipe: Callable[..., Recipe], tmp_path: Path, active: dict
) -> None:
    pool = Pool(make_recipe(active=active))
    assert not pool.part.is_wanted
    for number in (1, 2):
        assert len(pool.score(number).places) == SENTENCES
    assert not (tmp_path / "run" / "scores").exists()


@pytest.mark.parametrize("strategy", ["random", "longest"])
def test_a_part_is_scored_too_where_only_the_doubt_about_the_llm_is(
    make_recipe: Callable[..., Recipe], strategy: str
) -> None:
    pool = Pool(make_recipe(active={"pool_fraction": 0.2, "strategy": strategy, "llm_doubt": 0.5}))
    assert pool.part.is_wanted
    for number in (1, 2):
        pool.score(number, doubt=True)
    assert [len(asked) for asked in pool.asked] == [SENTENCES, SENTENCES // 5]
