"""What each mixing mode trains on, in which order, with which labels; and how noise is told."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from transformers import PreTrainedTokenizerFast

from nerc_trainer.active.oracle import ExpertLabel
from nerc_trainer.active.second import SecondAnswer
from nerc_trainer.corpus.batches import IGNORED
from nerc_trainer.corpus.encode import PieceDataset, encode_words
from nerc_trainer.corpus.labels import LabelSet
from nerc_trainer.recipe.experiments import MixingMode, MixingSection
from nerc_trainer.training.inference import WordPredictions
from nerc_trainer.training.mixing import (
    ENOUGH_ENTITIES,
    GOOD_LABELS,
    MODES,
    Mix,
    fine_tune,
    mode_by,
    probably_clean,
    train_mixed,
    vote,
)
from nerc_trainer.training.training_set import TrainingSet

SENTENCES = [["the", "tree"], ["house"], ["be", "on", "the"], ["un", "the"], ["ing"], ["tree", "house"]]
LLM_TAGS = [["O", "B-PER"], ["O"], ["O", "O", "B-LOC"], [], ["B-PER"], ["B-LOC", "O"]]


@dataclass
class Recorder:
    """Stands where the trainer is: what it was to train on, and what it answers when asked."""

    answers: list[WordPredictions] = field(default_factory=list)
    trained: list[dict[str, Any]] = field(default_factory=list)

    def train_steps(self, dataset: PieceDataset, steps: int, stage: int) -> None:
        rows = [dataset[index] for index in range(len(dataset))]
        self.trained.append(
            {
                "sentences": dataset.sentences.tolist(),
                "labels": [row["labels"].tolist() for row in rows],
                "weights": None if dataset.weights is None else [row["weights"].tolist() for row in rows],
                "steps": steps,
                "stage": stage,
            }
        )

    def predict_words(self, dataset: PieceDataset) -> WordPredictions:
        return self.answers.pop(0)

    def restart(self) -> None:
        self.trained.append({"restart": True})


@pytest.fixture
def training_set(wordpiece: PreTrainedTokenizerFast, labels: LabelSet) -> TrainingSet:
    """LLM labels for sentences 0, 2 and 5 once the expert has labelled 1 and 4; nothing for 3."""
    text = encode_words(SENTENCES, wordpiece, 64)
    made = TrainingSet([f"s{index}" for index in range(6)], text, labels, LLM_TAGS)
    made.add_expert([ExpertLabel("s1", ["B-LOC"], "x"), ExpertLabel("s4", ["O"], "x")])
    return made


def mix(training_set: TrainingSet, recorder: Recorder, confidence: Any = None, **section: Any) -> Mix:
    return Mix(recorder, training_set, MixingSection(**{"teachers": 1} | section), 100, recorder.restart, confidence)  # type: ignore[arg-type]


def test_concat_is_one_heap(training_set: TrainingSet, labels: LabelSet) -> None:
    recorder = Recorder()
    train_mixed(mix(training_set, recorder, mode="concat"))
    (only,) = recorder.trained
    assert only["sentences"] == [0, 1, 2, 4, 5]
    assert only["labels"][1] == labels.encode(["B-LOC"])
    assert only["labels"][0] == labels.encode(["O", "B-PER"])
    assert (only["steps"], only["weights"]) == (100, None)


def test_the_llm_comes_first_and_the_expert_has_the_last_word(training_set: TrainingSet) -> None:
    recorder = Recorder()
    train_mixed(mix(training_set, recorder, mode="llm_then_expert", expert_steps=0.3))
    assert [(one["sentences"], one["steps"]) for one in recorder.trained] == [([0, 2, 5], 70), ([1, 4], 30)]
    assert len({one["stage"] for one in recorder.trained}) == 2


def test_weights_favour_the_expert_and_keep_the_size_of_a_step(training_set: TrainingSet) -> None:
    recorder = Recorder()
    train_mixed(mix(training_set, recorder, mode="weighted", llm_weight=0.25))
    (only,) = recorder.trained
    flat = [weight for row in only["weights"] for weight in row]
    assert np.mean(flat) == pytest.approx(1)
    by_sentence = dict(zip(only["sentences"], only["weights"], strict=True))
    assert by_sentence[1][0] == pytest.approx(4 * by_sentence[0][0])
    confidence = np.array([1.0, 1.0, 0.5, 1.0, 1.0, 1.0])
    train_mixed(mix(training_set, recorder, confidence, mode="weighted", llm_weight=0.25, by_confidence=True))
    by_sentence = dict(zip(only["sentences"], recorder.trained[1]["weights"], strict=True))
    assert by_sentence[2][0] == pytest.approx(by_sentence[0][0] / 2)
    assert by_sentence[1][0] == pytest.approx(4 * by_sentence[0][0])


@pytest.mark.parametrize("noisy", ["drop", "relabel"])
def test_small_losses_are_kept_and_large_ones_dropped_or_relabelled(
    training_set: TrainingSet, labels: LabelSet, noisy: str
) -> None:
    # Words of 0, 2 and 5: two, three and two. The second sentence is the odd one.
    told = WordPredictions(np.array([0, 1, 2, 1, 0, 3, 0]), np.full(7, 0.9, np.float32), np.array([0.02, 9.0, 0.03]))
    recorder = Recorder([told])
    figures = train_mixed(mix(training_set, recorder, mode="small_loss", noisy=noisy))
    assert figures["clean_share"] == pytest.approx(2 / 3)
    first, restart, second, third = recorder.trained
    assert (first["sentences"], first["steps"]) == ([0, 1, 2, 4, 5], 25)
    assert restart == {"restart": True}
    assert third["sentences"] == [1, 4]
    if noisy == "drop":
        assert second["sentences"] == [0, 5]
    else:
        assert second["sentences"] == [0, 2, 5]
        assert second["labels"][1] == [2, 1, 0]
        assert second["labels"][0] == labels.encode(["O", "B-PER"])


def test_self_training_keeps_what_is_agreed_and_corrects_where_it_is_sure(
    training_set: TrainingSet, labels: LabelSet
) -> None:
    given = [*labels.encode(LLM_TAGS[0]), *labels.encode(LLM_TAGS[2]), *labels.encode(LLM_TAGS[5])]
    said = given.copy()
    said[1], said[3], said[4] = 0, 1, 0  # disagrees three times,
    probability = np.array([0.6, 0.95, 0.6, 0.7, 0.99, 0.6, 0.6], dtype=np.float32)  # twice for sure
    recorder = Recorder([WordPredictions(np.array(said), probability, None)])
    section = {"mode": "self_train", "sure": 0.9, "unlabelled": False, "expert_loss": 0.5, "student_steps": 1.5}
    made = mix(training_set, recorder, **section)
    figures = train_mixed(made)
    assert figures == {
        "agreed_share": pytest.approx(4 / 7),
        "corrected_share": pytest.approx(2 / 7),
        "labelled_share": pytest.approx(6 / 7),
        "unlabelled_sentences": 0,
    }
    assert [one.get("sentences", "restart") for one in recorder.trained] == [
        *([0, 2, 5], [1, 4]),
        "restart",
        [0, 1, 2, 4, 5],
    ]
    heap = recorder.trained[3]
    by_llm = [[given[0], 0], [given[2], IGNORED, 0], given[5:]]
    assert heap["labels"] == [by_llm[0], labels.encode(["B-LOC"]), by_llm[1], labels.encode(["O"]), by_llm[2]]
    assert made.steps_made == [50, 50, 150]
    assert len({one["stage"] for one in recorder.trained if "stage" in one}) == 3
    # Six words of the LLM's sentences count and two of the expert's, which make up half of the loss.
    assert heap["weights"][1][0] == pytest.approx(3 * heap["weights"][0][0])
    counted = [
        weight
        for weights, tags in zip(heap["weights"], heap["labels"], strict=True)
        for weight, tag in zip(weights, tags, strict=True)
        if tag != IGNORED
    ]
    assert np.mean(counted) == pytest.approx(1)


def test_teachers_correct_only_what_they_agree_on(training_set: TrainingSet, labels: LabelSet) -> None:
    given = [*labels.encode(LLM_TAGS[0]), *labels.encode(LLM_TAGS[2]), *labels.encode(LLM_TAGS[5])]
    first, second = np.array(given), np.array(given)
    first[[1, 4]] = 0
    second[1] = 0  # and sees in 4 what the LLM sees
    sure = np.full(7, 0.95, np.float32)
    recorder = Recorder([WordPredictions(first, sure, None), WordPredictions(second, sure, None)])
    made = mix(training_set, recorder, mode="self_train", sure=0.9, unlabelled=False, teachers=2, student_steps=1)
    train_mixed(made)
    assert made.steps_made == [50, 50, 50, 50, 100]
    assert [one for one in recorder.trained if "restart" in one] == [recorder.trained[2], recorder.trained[5]]
    labelled = recorder.trained[-1]["labels"]
    assert labelled[0] == [given[0], 0]
    assert labelled[2][2] in (IGNORED, given[4])  # one vote each
    assert len({one["stage"] for one in recorder.trained if "stage" in one}) == 5


def test_a_vote_counts_the_probability_of_each_tag() -> None:
    tags, probability = vote(
        [np.array([1, 1, 0]), np.array([2, 1, 0]), np.array([2, 1, 3])],
        [np.array([0.9, 0.9, 0.3]), np.array([0.5, 0.6, 0.3]), np.array([0.5, 0.9, 0.9])],
    )
    assert tags.tolist() == [2, 1, 3]
    assert probability == pytest.approx([1.0 / 3, 0.8, 0.3])


def test_an_experts_word_never_counts_less_than_others(training_set: TrainingSet) -> None:
    recorder = Recorder([WordPredictions(np.zeros(7, np.int64), np.full(7, 0.95, np.float32), None)])
    train_mixed(mix(training_set, recorder, mode="self_train", unlabelled=False, expert_loss=0.01))
    assert {weight for row in recorder.trained[3]["weights"] for weight in row} == {1.0}


def test_self_training_labels_what_nobody_has_where_it_is_sure(training_set: TrainingSet) -> None:
    # Words of 0, 2, 3 and 5: two, three, two and two; 3 has no label.
    said = np.array([0, 3, 0, 0, 1, 1, 2, 1, 0])
    probability = np.array([0.6, 0.6, 0.6, 0.6, 0.6, 0.95, 0.6, 0.6, 0.6], dtype=np.float32)
    recorder = Recorder([WordPredictions(said, probability, None)])
    figures = train_mixed(mix(training_set, recorder, mode="self_train", sure=0.9))
    assert (figures["agreed_share"], figures["unlabelled_sentences"]) == (1, 1)
    assert [one.get("sentences") for one in recorder.trained] == [[0, 2, 5], [1, 4], None, [0, 1, 2, 3, 4, 5]]
    assert recorder.trained[3]["labels"][3] == [1, IGNORED]


def test_text_alone_teaches_an_experts_tagger_too(wordpiece: PreTrainedTokenizerFast, labels: LabelSet) -> None:
    """So what the LLM's sentences are worth as text is not taken for the worth of its labels."""
    text = encode_words(SENTENCES, wordpiece, 64)
    alone = TrainingSet(list("abcdef"), text, labels)
    alone.add_expert([ExpertLabel("b", ["B-LOC"], "x"), ExpertLabel("e", ["O"], "x")])
    alone.leave_out(np.array([0]))
    said = WordPredictions(np.zeros(7, np.int64), np.full(7, 0.95, np.float32), None)
    recorder = Recorder([said])
    figures = train_mixed(mix(alone, recorder, mode="self_train"))
    assert figures == {"labelled_share": 1, "unlabelled_sentences": 3}
    assert [one.get("sentences") for one in recorder.trained] == [[1, 4], None, [1, 2, 3, 4, 5]]
    plain = Recorder()
    train_mixed(mix(alone, plain, mode="self_train", unlabelled=False))
    assert [(one["sentences"], one["steps"]) for one in plain.trained] == [([1, 4], 100)]


@pytest.mark.parametrize("mode", MODES)
def test_with_one_kind_of_label_there_is_nothing_to_mix(
    mode: str, wordpiece: PreTrainedTokenizerFast, labels: LabelSet
) -> None:
    text = encode_words(SENTENCES, wordpiece, 64)
    recorder = Recorder()
    made = mix(TrainingSet(list("abcdef"), text, labels, LLM_TAGS), recorder, mode=mode)
    train_mixed(made)
    assert made.steps_made == [100]
    assert [(one["sentences"], one["steps"]) for one in recorder.trained] == [([0, 1, 2, 4, 5], 100)]


@pytest.mark.parametrize(
    ("counts", "mode"),
    [
        ((17, 20, 20), "concat"),  # F1 0.85
        ((15, 20, 20), "self_train"),  # F1 0.75
        ((19, 19, 19), "self_train"),  # too few to tell
        ((0, 0, 0), "self_train"),
        (None, "llm_then_expert"),
    ],
)
def test_an_open_mode_follows_the_quality_of_the_labels(counts: tuple[int, ...] | None, mode: str) -> None:
    assert mode_by(None if counts is None else np.array(counts)) == mode


def test_every_mode_that_a_recipe_may_name_is_there() -> None:
    assert set(MODES) == set(get_args(MixingMode))


def test_two_heaps_of_losses_are_told_apart() -> None:
    generator = np.random.default_rng(0)
    losses = np.concatenate([generator.normal(0.1, 0.03, 300), generator.normal(1.5, 0.3, 100)]).clip(0)
    clean = probably_clean(losses) > 0.5
    assert clean[:300].mean() > 0.98
    assert clean[300:].mean() < 0.02


def test_losses_that_are_all_alike_are_all_clean() -> None:
    assert probably_clean(np.full(10, 0.3)).tolist() == [1.0] * 10
    assert probably_clean(np.array([0.3])).tolist() == [1.0]


def test_what_a_second_llm_has_settled_is_trained_on_as_the_llms(training_set: TrainingSet) -> None:
    training_set.add_second([SecondAnswer("s3", ["O"] * int(training_set.words[3]), "ok", agrees=True, dollars=0.0)])
    recorder = Recorder()
    train_mixed(mix(training_set, recorder, mode="llm_then_expert"))
    assert [one["sentences"] for one in recorder.trained] == [[0, 2, 3, 5], [1, 4]]
    later = Recorder()
    fine_tune(mix(training_set, later, mode="llm_then_expert"))
    assert [one["sentences"] for one in later.trained] == [[1, 4]]


def test_what_is_written_about_a_mode_of_null_has_its_conditions() -> None:
    root = Path(__file__).parents[2]
    pages = [(root / name).read_text(encoding="utf-8") for name in ("README.md", "recipes/conll2003/README.md")]
    for text in (*pages, str(MixingSection.model_fields["mode"].description)):
        words = " ".join(text.split())
        assert f"{ENOUGH_ENTITIES} entities or more" in words
        assert f"F1 {GOOD_LABELS}" in words or f"F1 of {GOOD_LABELS}" in words
