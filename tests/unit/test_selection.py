"""Which sentences go to the expert: the highest priorities, whatever the order of the pool, within the budget."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import TrainerControl, TrainerState, TrainingArguments

from nerc_trainer.active import strategies
from nerc_trainer.active.batch import affordable, round_size
from nerc_trainer.active.journal import RunJournal
from nerc_trainer.active.oracle import ExpertLabel, FilesOracle, TruthOracle
from nerc_trainer.active.round_folder import Answers
from nerc_trainer.active.sampler import EntropySamplerCallback
from nerc_trainer.active.scoring import Measure
from nerc_trainer.corpus.encode import PieceDataset, encode_words
from nerc_trainer.corpus.labels import LabelSet
from nerc_trainer.costs import ExpertWork, at_pace, budget_left, expert_dollars
from nerc_trainer.errors import NercError
from nerc_trainer.recipe.active import ActiveSection, Budget
from nerc_trainer.recipe.sections import CostsSection, Recipe
from nerc_trainer.training.training_set import TrainingSet

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

UNLIMITED = float("inf")


def test_top_is_best_first() -> None:
    assert strategies.top(np.array([0.1, 0.9, 0.5]), ["a", "b", "c"], 2).tolist() == [1, 2]
    assert strategies.top(np.array([0.1, 0.9, 0.5]), ["a", "b", "c"], 9).tolist() == [1, 2, 0]


def test_of_equals_the_smaller_id_comes_first() -> None:
    assert strategies.top(np.array([0.5, 0.5, 0.9, 0.5]), ["s3", "s1", "s9", "s2"], 3).tolist() == [2, 1, 3]


@settings(deadline=None, derandomize=True)
@given(priorities=st.lists(st.sampled_from([0.0, 0.25, 0.5, 1.5]), min_size=1, max_size=20), data=st.data())
def test_top_does_not_hang_on_the_order_of_the_pool(priorities: list[float], data: st.DataObject) -> None:
    pool = [(priority, f"s{index}") for index, priority in enumerate(priorities)]
    count = data.draw(st.integers(0, len(pool)))
    moved = data.draw(st.permutations(pool))

    def chosen(rows: list[tuple[float, str]]) -> list[str]:
        ids = [name for _, name in rows]
        return [ids[index] for index in strategies.top(np.array([priority for priority, _ in rows]), ids, count)]

    assert (
        chosen(moved) == chosen(pool) == [name for _, name in sorted(pool, key=lambda row: (-row[0], row[1]))][:count]
    )


def test_top_reads_the_ids_of_equals_alone() -> None:
    class Ids(list[str]):
        def __init__(self, names: Sequence[str]) -> None:
            super().__init__(names)
            self.read: list[int] = []

        def __getitem__(self, index: Any) -> Any:
            self.read.append(index)
            return super().__getitem__(index)

    ids = Ids(["s3", "s1", "s9", "s2", "s0", "s7"])
    assert strategies.top(np.array([0.5, 0.7, 0.9, 0.5, 0.1, 0.7]), ids, 6).tolist() == [2, 1, 5, 3, 0, 4]
    assert sorted(ids.read) == [0, 1, 3, 5]


def test_random_priorities_are_seeded_and_differ_by_round() -> None:
    first = strategies.random(50, 13, 1)
    np.testing.assert_array_equal(strategies.random(50, 13, 1), first)
    assert len(np.unique(first)) == 50
    assert not np.array_equal(strategies.random(50, 13, 2), first)
    assert not np.array_equal(strategies.random(50, 14, 1), first)


def test_random_priorities_neither_read_nor_move_global_random_state() -> None:
    np.random.seed(1)
    torch.manual_seed(1)
    first = strategies.random(50, 13, 1)
    drawn = np.random.random(), torch.rand(()).item()
    np.random.seed(1)
    torch.manual_seed(1)
    assert (np.random.random(), torch.rand(()).item()) == drawn
    np.testing.assert_array_equal(strategies.random(50, 13, 1), first)


@pytest.mark.parametrize(
    ("count", "sentences_left", "words_left", "wanted"),
    [
        (9, UNLIMITED, UNLIMITED, [0, 1, 2, 3]),
        (2, UNLIMITED, UNLIMITED, [0, 1]),
        (9, 2, UNLIMITED, [0, 1]),
        (9, 0, UNLIMITED, []),
        (9, UNLIMITED, 8, [0, 1, 2]),
        (9, UNLIMITED, 7.9, [0, 1]),
        (9, UNLIMITED, 4, [1, 2]),  # the first is too long for what is left, the second is not
        (9, UNLIMITED, -3, []),
        (9, 1, 8, [0]),
        (1, UNLIMITED, 4, [1]),
    ],
)
def test_affordable_sentences_in_their_order(
    count: int, sentences_left: float, words_left: float, wanted: list[int]
) -> None:
    assert affordable(np.array([5, 2, 1, 4]), count, sentences_left, words_left).tolist() == wanted


def test_nothing_is_affordable_of_nothing() -> None:
    assert affordable(np.array([], dtype=np.int64), 5, UNLIMITED, UNLIMITED).tolist() == []


COSTS = CostsSection(expert_wage=40.0, expert_seconds_per_word=0.9)  # a cent a word
LABELLED = ExpertWork(sentences=5, words=50)


def test_expert_is_paid_by_the_word() -> None:
    assert expert_dollars(ExpertWork(1, 1), COSTS) == pytest.approx(0.01)
    half = CostsSection(expert_wage=20.0, expert_seconds_per_word=0.5)
    assert expert_dollars(ExpertWork(9, 3600), half) == pytest.approx(10.0)
    assert expert_dollars(ExpertWork(0, 0), COSTS) == 0.0


def test_expert_is_paid_by_the_sentence_or_by_the_second() -> None:
    by_sentence = CostsSection(expert_wage=36.0, expert_by="sentences", expert_seconds_per_sentence=10)
    assert expert_dollars(ExpertWork(7, 1000, seconds=5.0, timed_words=50), by_sentence) == pytest.approx(0.7)
    by_second = CostsSection(expert_wage=36.0, expert_by="seconds", expert_seconds_per_word=1)
    # 50 of the words took 90 seconds; the other 10 are told by their number.
    assert expert_dollars(ExpertWork(7, 60, seconds=90.0, timed_words=50), by_second) == pytest.approx(1.0)
    assert expert_dollars(ExpertWork(7, 60), by_second) == pytest.approx(0.6)


def test_budget_left() -> None:
    assert budget_left(None, LABELLED, COSTS) == (UNLIMITED, UNLIMITED)
    assert budget_left(Budget(sentences=12), LABELLED, COSTS) == (7, UNLIMITED)
    assert budget_left(Budget(words=120), LABELLED, COSTS) == (UNLIMITED, 70)
    assert budget_left(Budget(dollars=1.2), LABELLED, COSTS) == (UNLIMITED, pytest.approx(70))
    assert budget_left(Budget(words=40), LABELLED, COSTS) == (UNLIMITED, -10)
    by_sentence = CostsSection(expert_wage=36.0, expert_by="sentences", expert_seconds_per_sentence=10)
    assert budget_left(Budget(dollars=1.2), LABELLED, by_sentence) == (pytest.approx(7), UNLIMITED)


def test_what_is_left_buys_words_at_the_pace_seen_so_far() -> None:
    costs = CostsSection(expert_wage=36.0, expert_by="seconds", expert_seconds_per_word=1)  # a cent a second
    twice_as_slow = ExpertWork(5, 50, seconds=80.0, timed_words=30)  # and 20 words without a note
    assert budget_left(Budget(dollars=2), twice_as_slow, costs) == (UNLIMITED, pytest.approx(50))
    assert round_size(ActiveSection(query_dollars=1), at_pace(costs, twice_as_slow)) == (UNLIMITED, 50)
    assert budget_left(Budget(dollars=2), ExpertWork(0, 0), costs) == (UNLIMITED, 200), "nothing is known yet"
    by_words = costs.model_copy(update={"expert_by": "words"})
    assert budget_left(Budget(dollars=2), twice_as_slow, by_words) == (UNLIMITED, 150)


def test_an_expert_who_works_for_nothing_has_no_limit_in_dollars() -> None:
    assert budget_left(Budget(dollars=1), LABELLED, CostsSection(expert_wage=0)) == (UNLIMITED, UNLIMITED)


class KnownUncertainty:
    """In a trainer's place: uncertainties that are given by sentence, so that a mixed-up index shows."""

    def __init__(self, by_sentence: list[float]) -> None:
        self.by_sentence = np.array(by_sentence)
        self.train_dataset: PieceDataset | None = None

    def uncertainty(self, dataset: PieceDataset, measure: Measure) -> np.ndarray:
        return self.by_sentence[dataset.sentences]


class Sampling:
    """A sampler over ten sentences of given lengths, and what it asks the oracle."""

    def __init__(
        self, recipe: Recipe, tokenizer: PreTrainedTokenizerFast, uncertainty: list[float], lengths: list[int]
    ) -> None:
        labels = LabelSet.from_types(["PER"])
        ids = [f"s{index}" for index in range(len(lengths))]
        text = encode_words([["tree"] * length for length in lengths], tokenizer, 32)
        self.training_set = TrainingSet(ids, text, labels)
        self.oracle = CountingOracle(ids, [["O"] * length for length in lengths])
        self.journal = RunJournal(recipe.run.dir)
        self.sampler = EntropySamplerCallback(recipe, self.training_set, self.oracle, self.journal)
        self.trainer = KnownUncertainty(uncertainty)

    def begin(self, number: int) -> list[str]:
        """Begin a round and return the ids that it asks for."""
        self.sampler.on_round_begin(
            TrainingArguments(output_dir=str(self.journal.run_dir), use_cpu=True),
            TrainerState(),
            TrainerControl(),
            trainer=self.trainer,  # type: ignore[arg-type]
            round_number=number,
        )
        return self.sampler.selection["ids"]


class CountingOracle(TruthOracle):
    """Answers from the truth and keeps the questions."""

    def __init__(self, ids: Sequence[str], ner_tags: Sequence[list[str]]) -> None:
        super().__init__(ids, ner_tags)
        self.asked: list[str] = []

    def label(self, ids: Sequence[str]) -> list[ExpertLabel]:
        self.asked += ids
        return super().label(ids)


UNCERTAINTY = [0.05, 0.95, 0.15, 0.85, 0.25, 0.75, 0.35, 0.65, 0.45, 0.55]
LENGTHS = [3, 4, 5, 6, 7, 3, 4, 5, 6, 7]

MakeSampling = Callable[..., Sampling]


@pytest.fixture
def make_sampling(make_recipe: Callable[..., Recipe], wordpiece: PreTrainedTokenizerFast) -> MakeSampling:
    def make(lengths: list[int] = LENGTHS, seed: int = 13, **active: object) -> Sampling:
        recipe = make_recipe(run={"dir": make_recipe().run.dir, "seed": seed}, active=active)
        return Sampling(recipe, wordpiece, UNCERTAINTY, lengths)

    return make


def test_every_round_asks_for_the_least_certain_of_the_sentences_that_are_left(make_sampling: MakeSampling) -> None:
    """Positions in a pool that has shrunk since, or a lost sign, would give other sentences."""
    sampling = make_sampling(initial_expert=0.2, query_size=3)
    taken = sampling.begin(0)
    assert len(taken) == 2
    for number in (1, 2):
        left = [index for index in range(10) if f"s{index}" not in taken]
        wanted = [f"s{index}" for index in sorted(left, key=lambda index: -UNCERTAINTY[index])[:3]]
        assert sampling.begin(number) == wanted
        taken = [*taken, *wanted]
    assert sampling.oracle.asked == taken
    assert sampling.training_set.counts()["pool_left"] == 2


@pytest.mark.parametrize(
    ("dollars", "asked"), [(0.45, 4), (0.05, 1)], ids=["more than query_size", "less than a sentence"]
)
def test_dollars_by_the_sentence_are_not_limited_by_the_size_that_they_replace(
    make_recipe: Callable[..., Recipe], wordpiece: PreTrainedTokenizerFast, dollars: float, asked: int
) -> None:
    recipe = make_recipe(
        active={"initial_expert": 0.2, "query_size": 2, "query_dollars": dollars},
        costs={"expert_by": "sentences", "expert_seconds_per_sentence": 9, "expert_wage": 40},
    )
    sampling = Sampling(recipe, wordpiece, UNCERTAINTY, LENGTHS)
    sampling.begin(0)
    assert len(sampling.begin(1)) == asked


def test_selection_is_written_down_with_its_reasons(make_sampling: MakeSampling) -> None:
    sampling = make_sampling(initial_expert=0.2, query_size=3)
    taken = sampling.begin(0)
    left = [UNCERTAINTY[index] for index in range(10) if f"s{index}" not in taken]
    sampling.begin(1)
    written = sampling.journal.round(1).selection()
    assert written is not None
    assert written["strategy"] == "entropy"
    assert written["priorities"] == sorted(left, reverse=True)[:3]
    assert written["pool"] == {"sentences": 8, "mean_priority": pytest.approx(sum(left) / 8)}


def test_training_goes_on_with_all_that_is_labelled(make_sampling: MakeSampling) -> None:
    sampling = make_sampling(initial_expert=0.2, query_size=3)
    taken = [*sampling.begin(0), *sampling.begin(1)]
    assert sampling.trainer.train_dataset is not None
    assert [f"s{index}" for index in sampling.trainer.train_dataset.sentences] == sorted(taken)


def test_what_was_answered_before_is_not_asked_again(make_sampling: MakeSampling) -> None:
    before = make_sampling(initial_expert=0.2, query_size=3)
    asked = before.begin(0)
    after = make_sampling(initial_expert=0.2, query_size=3)
    assert after.begin(0) == asked
    assert after.oracle.asked == []
    assert after.training_set.fingerprint() == before.training_set.fingerprint()


def test_random_strategy_is_seeded_whatever_the_global_random_state(
    make_sampling: MakeSampling, monkeypatch: pytest.MonkeyPatch
) -> None:
    def chosen(seed: int, folder: str) -> list[list[str]]:
        sampling = make_sampling(seed=seed, strategy="random", initial_expert=0.2, query_size=3)
        monkeypatch.setattr(sampling.journal, "run_dir", sampling.journal.run_dir / folder)
        return [sampling.begin(number) for number in (0, 1)]

    np.random.seed(1)
    first = chosen(13, "one")
    np.random.seed(2)
    assert chosen(13, "two") == first
    assert chosen(14, "three") != first


@pytest.mark.parametrize("budget", [{"sentences": 4}, {"words": 20}, {"dollars": 0.2}])
def test_the_expert_is_never_asked_beyond_the_budget(
    make_recipe: Callable[..., Recipe], wordpiece: PreTrainedTokenizerFast, budget: dict[str, float]
) -> None:
    recipe = make_recipe(
        active={"initial_expert": 0.2, "query_size": 3, "budget": budget},
        costs={"expert_wage": 40.0, "expert_seconds_per_word": 0.9},
    )
    sampling = Sampling(recipe, wordpiece, UNCERTAINTY, [4] * 10)
    asked, number = 0, 0
    while sampling.sampler.can_ask():
        asked += len(sampling.begin(number))
        number += 1
    words = sampling.training_set.counts()["expert_words"]
    assert asked == {"sentences": 4, "words": 5, "dollars": 5}[next(iter(budget))]
    assert words == 4 * asked


class SlowOracle(CountingOracle):
    """Takes two seconds a word, and notes them."""

    def label(self, ids: Sequence[str]) -> list[ExpertLabel]:
        return [replace(label, seconds=2.0 * len(label.ner_tags)) for label in super().label(ids)]


def test_dollars_hold_with_an_expert_who_is_slower_than_the_recipe_says(
    make_recipe: Callable[..., Recipe], wordpiece: PreTrainedTokenizerFast
) -> None:
    recipe = make_recipe(
        active={"initial_expert": 0.2, "query_size": 9, "budget": {"dollars": 0.5}},
        costs={"expert_by": "seconds", "expert_wage": 36.0, "expert_seconds_per_word": 1.0},
    )
    sampling = Sampling(recipe, wordpiece, UNCERTAINTY, [4] * 10)
    sampling.sampler.oracle = SlowOracle(sampling.training_set.ids, [["O"] * 4] * 10)
    assert [len(sampling.begin(number)) for number in (0, 1)] == [2, 4]
    assert not sampling.sampler.can_ask()
    assert expert_dollars(ExpertWork.of(sampling.training_set.counts()), recipe.costs) == pytest.approx(0.48)


@pytest.mark.parametrize("size", [{"query_words": 10}, {"query_dollars": 0.1}])
@pytest.mark.parametrize("strategy", ["entropy", "longest", "random"])
def test_a_round_asks_for_no_more_words_than_its_size(
    make_recipe: Callable[..., Recipe], wordpiece: PreTrainedTokenizerFast, size: dict[str, float], strategy: str
) -> None:
    recipe = make_recipe(
        active={"initial_expert": 0.1, "strategy": strategy, "budget": {"words": 40}, **size},
        costs={"expert_wage": 40.0, "expert_seconds_per_word": 0.9},
    )
    sampling = Sampling(recipe, wordpiece, UNCERTAINTY, LENGTHS)
    length = {f"s{index}": words for index, words in enumerate(LENGTHS)}
    sampling.begin(0)
    for number in (1, 2):
        words = sum(length[name] for name in sampling.begin(number))
        assert 5 < words <= 10
    assert sampling.training_set.counts()["expert_words"] <= 40


def test_each_round_asks_for_more_than_the_one_before(make_sampling: MakeSampling) -> None:
    sampling = make_sampling(initial_expert=0.1, query_size=1, query_growth=2)
    assert [len(sampling.begin(number)) for number in range(4)] == [1, 1, 2, 4]
    resumed = make_sampling(initial_expert=0.1, query_size=1, query_growth=2)
    resumed.training_set.add_expert(sampling.journal.expert_labels())


def test_words_of_a_round_go_to_the_least_certain(make_sampling: MakeSampling) -> None:
    sampling = make_sampling(initial_expert=0.1, query_words=11, query_size=1)
    (taken,) = sampling.begin(0)
    left = [index for index in range(10) if f"s{index}" != taken]
    wanted, words = [], 11
    for index in sorted(left, key=lambda index: -UNCERTAINTY[index]):
        if LENGTHS[index] <= words:
            wanted.append(f"s{index}")
            words -= LENGTHS[index]
    assert sampling.begin(1) == wanted


@pytest.mark.parametrize(
    ("active", "said"),
    [({"strategy": "disagreement"}, "strategy = disagreement"), ({"llm_doubt": 0.5}, "llm_doubt = 0.5")],
)
def test_what_compares_with_the_llm_needs_its_labels(
    make_sampling: MakeSampling, active: dict[str, object], said: str
) -> None:
    with pytest.raises(NercError, match=rf"active\.{said}: needs labels of an LLM"):
        make_sampling(**active)


def test_nothing_can_be_asked_of_an_empty_pool(make_sampling: MakeSampling) -> None:
    sampling = make_sampling(initial_expert=0.5, query_size=5)
    sampling.begin(0)
    assert sampling.sampler.can_ask()
    sampling.begin(1)
    assert not sampling.sampler.can_ask()


def test_a_round_that_may_ask_asks_for_something(make_sampling: MakeSampling) -> None:
    lengths = [1, 20, 1, 20, 1, 1, 1, 1, 1, 1]
    sampling = make_sampling(lengths=lengths, seed=3, initial_expert=0.1, query_size=1, budget={"words": 10})
    assert sampling.begin(0) not in (["s1"], ["s3"]), "round 0 has to leave the two long sentences"
    assert sampling.sampler.can_ask()
    assert sampling.begin(1) != []


def test_journal_stands_in_the_run_folder(make_sampling: MakeSampling, tmp_path: Path) -> None:
    make_sampling(initial_expert=0.2).begin(0)
    assert (tmp_path / "run" / "rounds" / "round-00.partial" / "labels.jsonl").exists()


def test_a_round_waits_for_people_and_goes_on_with_what_they_have_answered(make_sampling: MakeSampling) -> None:
    sampling = make_sampling(initial_expert=0.4, query_size=3)
    sampling.sampler.oracle = FilesOracle(sampling.journal)
    asked = sampling.begin(0)
    assert sampling.sampler.waits
    assert sampling.training_set.counts()["expert_sentences"] == 0
    assert sampling.journal.round(0).labels() is None

    answers = {name: ExpertLabel(name, ["O"] * LENGTHS[int(name[1:])], "Ada") for name in asked[:3]}
    sampling.journal.round(0).write_answers(Answers({name: answers[name] for name in reversed(asked[1:3])}))
    assert sampling.begin(0) == asked
    assert sampling.sampler.waits, "two of four answers are not the batch"
    sampling.journal.round(0).write_answers(Answers(dict(reversed(answers.items())), closed=True))
    assert sampling.begin(0) == asked[:3]
    assert not sampling.sampler.waits
    assert sampling.journal.round(0).labels() == list(answers.values()), "in the order of the selection"
    assert len(sampling.sampler.selection["priorities"]) == 3
    pool = [sampling.training_set.ids[index] for index in sampling.training_set.pool()]
    assert asked[3] in pool
    assert len(pool) == 7


def answer(name: str) -> ExpertLabel:
    return ExpertLabel(name, ["O"] * LENGTHS[int(name[1:])], "Ada", seconds=3.0)


def close_first_batch(sampling: Sampling, late: int) -> tuple[list[str], list[str]]:
    """Round 0 asks people for four sentences, learns from the answer to the first and is over; then ``late`` others are
    answered. Returns all four, and those."""
    sampling.sampler.oracle = FilesOracle(sampling.journal)
    first = sampling.begin(0)
    sampling.journal.round(0).write_answers(Answers({first[0]: answer(first[0])}, closed=True))
    assert sampling.begin(0) == first[:1]
    sampling.journal.append({"round": 0})
    sampling.journal.write_late_answers(map(answer, first[1 : 1 + late]))
    return first, first[1 : 1 + late]


@pytest.mark.parametrize("before", [False, True])
def test_late_answers_join_the_next_round_and_are_paid_once(make_sampling: MakeSampling, before: bool) -> None:
    def sampling_by_people() -> Sampling:
        again = make_sampling(initial_expert=0.4, query_size=6 if before else 1)
        again.sampler.oracle = FilesOracle(again.journal)
        return again

    sampling = sampling_by_people()
    first, _ = close_first_batch(sampling, late=3 if before else 0)
    batch = sampling.begin(1)
    assert sampling.sampler.waits
    if before:
        assert not set(batch) & set(first), "nobody is asked again for what is answered"
    else:
        sampling.journal.write_late_answers(map(answer, [name for name in first[1:] if name not in batch]))
    sampling.journal.round(1).write_answers(Answers({name: answer(name) for name in batch}))
    everything = sampling.begin(1)
    assert not sampling.sampler.waits
    assert everything[: len(batch)] == batch
    assert len(everything) == len(set(everything))
    assert {*first, *batch} == {*first[:1], *everything}
    labelled = {*first, *batch}
    counts = sampling.training_set.counts()
    assert counts["expert_sentences"] == len(labelled)
    assert counts["expert_words"] == counts["timed_words"] == sum(LENGTHS[int(name[1:])] for name in labelled)
    assert counts["expert_seconds"] == 3 * len(labelled)
    sampling.journal.append({"round": 1})
    again = sampling_by_people()
    again.training_set.add_expert(again.journal.expert_labels())
    assert again.training_set.counts() == counts
    assert again.training_set.fingerprint() == sampling.training_set.fingerprint()


@pytest.mark.parametrize(
    ("budget", "asked"),
    [({"sentences": 5}, 1), ({"words": 26}, 1), ({"dollars": 0.15}, 1), ({"sentences": 4}, 0), ({"dollars": 0.12}, 0)],
)
def test_late_answers_are_paid_out_of_the_budget_of_the_batch_that_is_chosen_after_them(
    make_recipe: Callable[..., Recipe], wordpiece: PreTrainedTokenizerFast, budget: dict[str, float], asked: int
) -> None:
    costs = {"expert_by": "seconds", "expert_wage": 36.0, "expert_seconds_per_word": 0.5}  # a cent a second
    recipe = make_recipe(active={"initial_expert": 0.4, "query_size": 9, "budget": budget}, costs=costs)
    sampling = Sampling(recipe, wordpiece, UNCERTAINTY, LENGTHS)
    first, late = close_first_batch(sampling, late=3)
    assert sampling.sampler.can_ask(), "for what is answered has to be learnt"
    learnt = sampling.begin(1)
    selection = sampling.journal.round(1).selection()
    assert selection is not None
    assert len(selection["ids"]) == asked
    assert sampling.sampler.waits == (asked > 0)
    assert not set(selection["ids"]) & set(first)
    if asked:
        sampling.journal.round(1).write_answers(Answers({name: answer(name) for name in selection["ids"]}))
        learnt = sampling.begin(1)
    assert learnt == [*selection["ids"], *late]
    sampling.journal.append({"round": 1})
    counts = sampling.training_set.counts()
    assert counts["expert_sentences"] == 4 + asked
    assert counts["expert_words"] <= budget.get("words", 99)
    assert expert_dollars(ExpertWork.of(counts), recipe.costs) <= budget.get("dollars", 99) + 1e-9
    assert not sampling.sampler.can_ask()


def test_a_pool_that_came_late_whole_is_learnt_without_a_question(make_sampling: MakeSampling) -> None:
    sampling = make_sampling(initial_expert=0.99, query_size=2, diversity="kmeans")
    _, late = close_first_batch(sampling, late=9)
    assert sampling.sampler.can_ask()
    assert sampling.begin(1) == late
    assert sampling.sampler.selection["priorities"] == [None] * 9
    sampling.journal.append({"round": 1})
    assert not sampling.sampler.can_ask()


def test_a_round_of_late_answers_alone_keeps_what_a_later_one_chooses_its_part_by(
    make_recipe: Callable[..., Recipe], wordpiece: PreTrainedTokenizerFast
) -> None:
    """A budget in dollars by seconds, which slow answers use up; then quick ones come, and it has room again."""
    active = {"initial_expert": 0.4, "query_size": 1, "pool_fraction": 0.5, "budget": {"dollars": 2.5}}
    costs = {"expert_by": "seconds", "expert_wage": 36.0, "expert_seconds_per_word": 0.5}  # a cent a second
    sampling = Sampling(make_recipe(active=active, costs=costs), wordpiece, UNCERTAINTY, LENGTHS)
    sampling.sampler.oracle = FilesOracle(sampling.journal)
    first = sampling.begin(0)
    sampling.journal.round(0).write_answers(Answers({first[0]: replace(answer(first[0]), seconds=100.0)}, closed=True))
    sampling.begin(0)
    sampling.journal.append({"round": 0})
    slow = replace(answer(first[1]), seconds=100.0)
    sampling.journal.write_late_answers([slow])
    assert sampling.begin(1) == [slow.id], "the budget has no room for more"
    sampling.journal.append({"round": 1})
    quick = [replace(answer(name), seconds=0.1) for name in first[2:]]
    sampling.journal.write_late_answers([slow, *quick])
    sampling.begin(2)
    selection = sampling.journal.round(2).selection()
    assert selection is not None
    assert len(selection["ids"]) == 1


class AgreesWithNothing:
    """In a second LLM's place: what it was asked about."""

    seconds = 0.0

    def __init__(self) -> None:
        self.asked: set[int] = set()

    def agree(self, trainer: object, number: int, sentences: np.ndarray) -> list[bool]:
        self.asked.update(sentences.tolist())
        return [False] * len(sentences)

    def summary(self, number: int, settled: Sequence[str], asked: int) -> dict[str, Any]:
        return {"asked": asked, "settled": list(settled), "dollars": 0.0}


def test_a_second_llm_is_not_asked_what_people_have_answered(
    make_recipe: Callable[..., Recipe], wordpiece: PreTrainedTokenizerFast
) -> None:
    sampling = Sampling(make_recipe(active={"initial_expert": 0.4, "query_size": 9}), wordpiece, UNCERTAINTY, LENGTHS)
    first, late = close_first_batch(sampling, late=2)
    second = AgreesWithNothing()
    sampling.sampler._second = second  # type: ignore[assignment]
    sampling.begin(1)
    assert {f"s{index}" for index in second.asked} == {f"s{index}" for index in range(10)} - {first[0], *late}
