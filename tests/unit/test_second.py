"""Who answers: the second LLM where it sees what the tagger sees, the expert for the rest, within the round's size."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from nerc_trainer.active.batch import UNLIMITED, fill_round
from nerc_trainer.active.second import draw


class Opinions:
    """A second LLM that agrees about some places, and the questions that it was asked."""

    def __init__(self, agrees: Sequence[bool]) -> None:
        self.agrees, self.questions = agrees, list[list[int]]()

    def __call__(self, places: list[int]) -> list[bool]:
        self.questions.append(places)
        return [self.agrees[place] for place in places]


def round_of(
    words: Sequence[int], sentences: float = UNLIMITED, most_words: float = UNLIMITED
) -> Callable[[Sequence[int]], list[int]]:
    """What a round of so many sentences or words asks for; the sentences are in the order in which they are wanted."""

    def fill(without: Sequence[int]) -> list[int]:
        kept = np.setdiff1d(np.arange(len(words)), np.array(without, dtype=np.int64))
        return kept[fill_round(np.array(words)[kept], (sentences, most_words), (UNLIMITED, UNLIMITED))].tolist()

    return fill


def test_where_it_never_agrees_the_expert_gets_what_the_round_asked_for() -> None:
    opinions = Opinions([False] * 9)
    drawn = draw(round_of([5] * 9, sentences=3), opinions, reach=4)
    assert (drawn.expert, drawn.settled, drawn.asked) == ([0, 1, 2], [], 3)
    assert opinions.questions == [[0, 1, 2]]


def test_what_it_settles_makes_room_for_the_next_in_their_order() -> None:
    opinions = Opinions([True, False, True, True, False, False, False, False])
    drawn = draw(round_of([5] * 8, sentences=3), opinions, reach=4)
    assert (drawn.expert, drawn.settled) == ([1, 4, 5], [0, 2, 3])
    assert opinions.questions == [[0, 1, 2], [3, 4], [5]]


def test_questions_have_a_bound_and_the_expert_answers_for_nothing_that_was_not_asked() -> None:
    opinions = Opinions([True, True, False, *[True] * 20])
    drawn = draw(round_of([5] * 23, sentences=3), opinions, reach=2)
    assert drawn.asked == 6
    assert (drawn.expert, drawn.settled) == ([2], [0, 1, 3, 4, 5])


def test_a_pool_that_is_settled_whole_leaves_the_expert_nothing() -> None:
    drawn = draw(round_of([5] * 4, sentences=3), Opinions([True] * 4), reach=4)
    assert (drawn.expert, drawn.settled, drawn.asked) == ([], [0, 1, 2, 3], 4)


def test_words_of_a_round_are_the_experts_alone() -> None:
    words = [10, 10, 4, 10, 6, 3]
    drawn = draw(round_of(words, most_words=20), Opinions([True, False, False, False, False, False]), reach=4)
    assert drawn.settled == [0]
    assert drawn.expert == [1, 2, 4]
    assert sum(words[place] for place in drawn.expert) == 20


@settings(deadline=None, derandomize=True)
@given(
    st.lists(st.tuples(st.integers(1, 9), st.booleans()), min_size=1, max_size=30),
    st.integers(1, 5),
    st.integers(5, 40),
    st.booleans(),
    st.integers(1, 4),
)
def test_each_sentence_has_one_answer_and_no_budget_is_passed(
    pool: list[tuple[int, bool]], sentences: int, most_words: int, by_words: bool, reach: int
) -> None:
    words, agrees = [length for length, _ in pool], [agreed for _, agreed in pool]
    fill = round_of(words, *((UNLIMITED, most_words) if by_words else (sentences, UNLIMITED)))
    opinions, first = Opinions(agrees), len(fill(()))
    drawn = draw(fill, opinions, reach)
    questions = [place for asked in opinions.questions for place in asked]
    assert len(questions) == len(set(questions)) == drawn.asked <= reach * first
    assert drawn.settled == [place for place in questions if agrees[place]]
    assert not any(agrees[place] for place in drawn.expert)
    assert set(drawn.expert) <= set(questions)
    assert drawn.expert == sorted(drawn.expert)
    assert set(drawn.expert) <= set(fill(drawn.settled))
    if drawn.asked < reach * first:
        assert drawn.expert == fill(drawn.settled), "the expert's part is full"
