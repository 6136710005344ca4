"""Who labelled what: the LLM's labels give way to the expert's, once, and nothing unlabelled is trained on."""

from __future__ import annotations

import hashlib
import tracemalloc
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from nerc_trainer.active.journal import RunJournal
from nerc_trainer.active.oracle import ExpertLabel
from nerc_trainer.active.second import SecondAnswer
from nerc_trainer.corpus.batches import IGNORED
from nerc_trainer.corpus.encode import EncodedText, encode_words
from nerc_trainer.corpus.labels import LabelSet
from nerc_trainer.errors import NercError
from nerc_trainer.training.mixing import judge
from nerc_trainer.training.training_set import EXPERT, LLM, SECOND, UNLABELLED, TrainingSet, first_of_equals

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

IDS = ["a", "b", "c", "d"]
LENGTHS = [2, 3, 1, 9]  # the last one in two pieces
LLM_TAGS = [["O", "O"], [], ["B-LOC"], ["B-PER", "I-PER", *["O"] * 6, "B-LOC"]]


@pytest.fixture
def text(wordpiece: PreTrainedTokenizerFast) -> EncodedText:
    return encode_words([["tree"] * length for length in LENGTHS], wordpiece, 8)


@pytest.fixture
def with_llm(text: EncodedText, labels: LabelSet) -> TrainingSet:
    return TrainingSet(IDS, text, labels, LLM_TAGS)


def expert(name: str, *tags: str) -> ExpertLabel:
    return ExpertLabel(id=name, ner_tags=list(tags), annotator="ann")


def training_labels(training_set: TrainingSet, labels: LabelSet) -> dict[str, list[str]]:
    """The tags that training would see, by sentence, put together from the pieces."""
    dataset = training_set.labelled()
    seen: dict[str, list[str]] = {}
    for index, piece in enumerate(dataset.pieces):
        name = training_set.ids[dataset.text.piece_sentence[piece]]
        seen.setdefault(name, []).extend(labels.decode(dataset[index]["labels"]))
    return seen


def test_without_llm_labels_everything_is_pool_and_nothing_is_trained_on(text: EncodedText, labels: LabelSet) -> None:
    training_set = TrainingSet(IDS, text, labels)
    assert training_set.pool().tolist() == [0, 1, 2, 3]
    assert len(training_set.labelled()) == 0
    assert training_set.source.tolist() == [UNLABELLED] * 4


def test_sentence_without_llm_label_stays_out_of_training(with_llm: TrainingSet, labels: LabelSet) -> None:
    """Reading a missing answer as "no entities" would teach the tagger that there are none."""
    assert training_labels(with_llm, labels) == {"a": LLM_TAGS[0], "c": LLM_TAGS[2], "d": LLM_TAGS[3]}
    assert with_llm.source.tolist() == [LLM, UNLABELLED, LLM, LLM]
    everything = with_llm.labelled().labels
    assert everything is not None
    assert (everything[2:5] == IGNORED).all()


def test_expert_label_replaces_that_of_the_llm(with_llm: TrainingSet, labels: LabelSet) -> None:
    with_llm.add_expert([expert("d", *["O"] * 8, "B-PER"), expert("b", "O", "B-LOC", "I-LOC")])
    assert with_llm.source.tolist() == [LLM, EXPERT, LLM, EXPERT]
    assert training_labels(with_llm, labels) == {
        "a": ["O", "O"],
        "b": ["O", "B-LOC", "I-LOC"],
        "c": ["B-LOC"],
        "d": [*["O"] * 8, "B-PER"],
    }


def test_the_llm_is_judged_by_what_the_expert_has_labelled_too(with_llm: TrainingSet) -> None:
    def judged() -> tuple[list[int], int]:
        counts, sentences = judge(with_llm.beside_expert(LLM_TAGS))
        return counts.tolist(), sentences

    assert judged() == ([0, 0, 0], 0)
    with_llm.add_expert([expert("c", "B-LOC"), expert("b", "O", "B-PER", "O")])
    assert judged() == ([1, 1, 1], 1)  # of b it has said nothing
    with_llm.add_expert([expert("d", "B-PER", "I-PER", *["O"] * 7)])
    assert judged() == ([2, 3, 2], 2)


def test_nothing_is_trained_on_twice(with_llm: TrainingSet) -> None:
    with_llm.add_expert([expert("a", "O", "B-PER")])
    sentences = with_llm.labelled().sentences.tolist()
    assert sentences == [0, 2, 3]


def test_pool_is_what_the_expert_has_not_labelled(with_llm: TrainingSet) -> None:
    assert with_llm.pool().tolist() == [0, 1, 2, 3]
    with_llm.add_expert([expert("a", "O", "B-PER"), expert("c", "O")])
    assert with_llm.pool().tolist() == [1, 3]


def test_pool_is_what_the_expert_may_be_asked_for(text: EncodedText, labels: LabelSet) -> None:
    askable = np.array([True, True, False, False])
    assert TrainingSet(IDS, text, labels, LLM_TAGS, askable=askable).pool().tolist() == [0, 1]


def test_of_equal_sentences_the_first_stands_for_those_that_may_be_asked_for(
    text: EncodedText, labels: LabelSet
) -> None:
    first_equal = np.array([0, 1, 2, 2])
    askable = np.array([True, False, False, True])
    assert TrainingSet(IDS, text, labels, None, first_equal, askable).pool().tolist() == [0, 2]


def test_counts(with_llm: TrainingSet) -> None:
    assert with_llm.counts() == {
        "expert_sentences": 0,
        "expert_words": 0,
        "expert_entities": 0,
        "llm_sentences": 3,
        "llm_words": 12,
        "pool_left": 4,
    }
    with_llm.add_expert([expert("b", "O", "B-LOC", "I-LOC"), expert("d", "B-PER", "B-PER", *["O"] * 7)])
    assert with_llm.counts() == {
        "expert_sentences": 2,
        "expert_words": 12,
        "expert_entities": 3,
        "llm_sentences": 2,
        "llm_words": 3,
        "pool_left": 2,
    }


def test_time_is_counted_where_the_expert_has_told_it(with_llm: TrainingSet) -> None:
    with_llm.add_expert([expert("b", "O", "B-LOC", "I-LOC"), replace(expert("d", *["O"] * 9), seconds=7.6)])
    counts = with_llm.counts()
    assert (counts["expert_words"], counts["expert_seconds"], counts["timed_words"]) == (12, 7.6, 9)


def test_same_content_has_the_same_fingerprint(with_llm: TrainingSet, text: EncodedText, labels: LabelSet) -> None:
    other = TrainingSet(IDS, text, labels, LLM_TAGS)
    assert other.fingerprint() == with_llm.fingerprint()
    answers = [expert("a", "O", "B-PER"), expert("b", "O", "O", "O")]
    other.add_expert(answers)
    with_llm.add_expert(answers[::-1])
    assert other.fingerprint() == with_llm.fingerprint()


def test_the_fingerprint_is_that_of_the_parts_in_a_row(with_llm: TrainingSet) -> None:
    said = b"a\nb\nc\nd" + with_llm.source.tobytes() + with_llm.tag_ids().tobytes()
    assert with_llm.fingerprint() == hashlib.sha256(said).hexdigest()


def test_a_sentence_costs_few_bytes(labels: LabelSet) -> None:
    """Ids as a list of strings, or a Python integer for each sentence, would need more than all of this."""

    class Ids(Sequence[str]):
        def __len__(self) -> int:
            return count

        def __getitem__(self, index: Any) -> Any:
            return f"{index:016x}"

        def __iter__(self) -> Iterator[str]:
            return (f"{index:016x}" for index in range(count))

    count = 50_000
    everyone = np.arange(count + 1)
    text = EncodedText(everyone, everyone, everyone[:-1], everyone, everyone[:-1], everyone[1:], count, 0)
    first_equal = np.arange(count)
    tracemalloc.start()
    training_set = TrainingSet(Ids(), text, labels, None, first_equal)
    training_set.add_expert([expert(f"{7:016x}", "O")])
    assert len(training_set.pool()) == count - 1
    assert training_set.counts()["expert_sentences"] == 1
    assert len(training_set.fingerprint()) == 64
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 70 * count


def test_fingerprint_tells_ids_sources_and_labels_apart(
    with_llm: TrainingSet, text: EncodedText, labels: LabelSet
) -> None:
    other_tags = TrainingSet(IDS, text, labels, [["O", "B-PER"], *LLM_TAGS[1:]])
    other_ids = TrainingSet(["a", "b", "c", "e"], text, labels, LLM_TAGS)
    other_source = TrainingSet(IDS, text, labels, LLM_TAGS)
    other_source.add_expert([expert("a", *LLM_TAGS[0])])
    unlabelled = TrainingSet(IDS, text, labels)
    fingerprints = [one.fingerprint() for one in (with_llm, other_tags, other_ids, other_source, unlabelled)]
    assert len(set(fingerprints)) == len(fingerprints)


def test_refuses_a_sentence_that_is_not_in_the_corpus(with_llm: TrainingSet) -> None:
    with pytest.raises(NercError, match="expert label for z: no such sentence"):
        with_llm.add_expert([expert("z", "O")])


def test_refuses_a_second_label_of_the_expert(with_llm: TrainingSet, labels: LabelSet) -> None:
    with_llm.add_expert([expert("c", "B-PER")])
    with pytest.raises(NercError, match=r"expert label for c: .* already"):
        with_llm.add_expert([expert("c", "O")])
    assert training_labels(with_llm, labels)["c"] == ["B-PER"]


def test_refuses_labels_for_another_number_of_words(with_llm: TrainingSet, labels: LabelSet) -> None:
    before = with_llm.fingerprint()
    with pytest.raises(NercError, match="labels for b: 2 tags for 3 words"):
        with_llm.add_expert([expert("b", "O", "O")])
    assert with_llm.fingerprint() == before


def test_refuses_llm_labels_for_another_number_of_words(text: EncodedText, labels: LabelSet) -> None:
    with pytest.raises(NercError, match="labels for a: 3 tags for 2 words"):
        TrainingSet(IDS, text, labels, [["O", "O", "O"], [], [], []])


def test_refuses_a_tag_outside_the_label_set(with_llm: TrainingSet) -> None:
    before = with_llm.fingerprint()
    with pytest.raises(NercError, match="tag 'B-ORG': unknown entity type 'ORG'"):
        with_llm.add_expert([expert("c", "B-ORG")])
    assert with_llm.fingerprint() == before


def test_words_are_those_of_the_sentences_not_of_their_pieces(with_llm: TrainingSet) -> None:
    np.testing.assert_array_equal(with_llm.words, LENGTHS)


def test_the_first_of_equal_sentences_is_found() -> None:
    sentences = [["a"], ["b", "c"], ["a"], ["b c"], ["a"], ["b", "c"]]
    assert first_of_equals(sentences).tolist() == [0, 1, 0, 3, 0, 1]


def test_the_expert_is_asked_once_for_equal_sentences(wordpiece: PreTrainedTokenizerFast, labels: LabelSet) -> None:
    """Else one round pays for the same table heading many times: equal sentences have equal entropy."""
    three_words = encode_words([["tree"] * length for length in (3, 2, 3, 3)], wordpiece, 8)
    training_set = TrainingSet(IDS, three_words, labels, [["O", "O", "O"], [], [], []], np.array([0, 1, 0, 0]))
    assert training_set.pool().tolist() == [0, 1]
    training_set.add_expert([expert("a", "B-LOC", "O", "O")])
    assert training_set.source.tolist() == [EXPERT, UNLABELLED, EXPERT, EXPERT]
    assert training_labels(training_set, labels) == {name: ["B-LOC", "O", "O"] for name in "acd"}
    counts = training_set.counts()
    assert (counts["expert_sentences"], counts["expert_words"], counts["expert_entities"]) == (1, 3, 1)
    assert counts["pool_left"] == 1
    with pytest.raises(NercError, match="has an expert's label already"):
        training_set.add_expert([expert("c", "O", "O", "O")])


def test_a_run_that_goes_on_has_the_answers_for_equal_sentences(
    wordpiece: PreTrainedTokenizerFast, labels: LabelSet, tmp_path: Path
) -> None:
    """The journal keeps what was asked; the equals come back with it."""
    text = encode_words([["tree"] * length for length in (3, 2, 3, 3)], wordpiece, 8)
    answers = [expert("a", "B-LOC", "O", "O"), expert("b", "O", "B-PER")]
    first, resumed = (TrainingSet(IDS, text, labels, first_equal=np.array([0, 1, 0, 0])) for _ in range(2))
    first.add_expert(answers)
    journal = RunJournal(tmp_path)
    journal.round(0).write_labels(answers)
    journal.append({"round": 0})
    resumed.add_expert(journal.expert_labels())
    assert resumed.fingerprint() == first.fingerprint()
    assert resumed.counts() == first.counts()
    assert resumed.counts()["expert_sentences"] == 2
    assert resumed.pool().tolist() == []


def second(name: str, *tags: str) -> SecondAnswer:
    return SecondAnswer(name, list(tags), "ok", agrees=True, dollars=0.1)


def test_a_second_llm_takes_the_place_of_the_first_and_never_of_the_expert(
    with_llm: TrainingSet, labels: LabelSet
) -> None:
    with_llm.add_expert([expert("d", *["O"] * 9)])
    with_llm.add_second([second("a", "B-PER", "O"), second("b", "O", "O", "O")])
    assert with_llm.source.tolist() == [SECOND, SECOND, LLM, EXPERT]
    assert training_labels(with_llm, labels)["a"] == ["B-PER", "O"]
    assert with_llm.pool().tolist() == [2]
    assert with_llm.counts() == {
        "expert_sentences": 1,
        "expert_words": 9,
        "expert_entities": 0,
        "llm_sentences": 1,
        "llm_words": 1,
        "second_sentences": 2,
        "second_words": 5,
        "pool_left": 1,
    }
    with pytest.raises(NercError, match="second LLM's label for d: this sentence has an expert's label already"):
        with_llm.add_second([second("d", *["O"] * 9)])


def test_what_a_second_llm_settles_holds_for_equal_sentences(
    wordpiece: PreTrainedTokenizerFast, labels: LabelSet
) -> None:
    three_words = encode_words([["tree"] * length for length in (3, 2, 3, 3)], wordpiece, 8)
    training_set = TrainingSet(IDS, three_words, labels, None, np.array([0, 1, 0, 0]))
    training_set.add_second([second("a", "B-LOC", "O", "O")])
    assert training_set.source.tolist() == [SECOND, UNLABELLED, SECOND, SECOND]
    assert training_set.pool().tolist() == [1]
