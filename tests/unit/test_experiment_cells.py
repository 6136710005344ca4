"""Which sentences the expert labels and which are held out: shares, folds, and what names a cell."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from datasets import Dataset
from hypothesis import given
from hypothesis import strategies as st
from transformers import PreTrainedTokenizerFast

from nerc_trainer.corpus.encode import encode_words
from nerc_trainer.corpus.labels import LabelSet
from nerc_trainer.corpus.load import Corpus
from nerc_trainer.errors import NercError
from nerc_trainer.experiments.cell import Cell, Labels, digest, draw_expert, label_sentences
from nerc_trainer.experiments.threshold import equal_without_llm, explain, make_folds
from nerc_trainer.experiments.train import branch_of
from nerc_trainer.recipe.sections import Recipe
from nerc_trainer.training.arguments import steps_of
from nerc_trainer.training.training_set import LEFT_OUT, UNLABELLED
from nerc_trainer.training.workbench import Workbench

TINY_ENCODER = Path(__file__).parents[2] / "recipes" / "sample" / "tiny-encoder"
FIRST_EQUAL = st.lists(st.integers(0, 30), min_size=5, max_size=60).map(
    lambda words: np.array([words.index(word) for word in words])
)


@given(FIRST_EQUAL, st.integers(0, 5), st.floats(0.01, 1), st.floats(0.01, 1))
def test_a_larger_share_has_what_a_smaller_one_has(first_equal: np.ndarray, seed: int, a: float, b: float) -> None:
    sentences = np.flatnonzero(np.arange(len(first_equal)) % 4 != 1)
    smaller, larger = (draw_expert(sentences, first_equal, share, seed) for share in sorted((a, b)))
    assert set(smaller) <= set(larger) <= set(sentences)
    assert len({first_equal[index] for index in larger}) == len(larger)
    different = len(set(first_equal[sentences]))
    assert len(larger) == min(different, max(1, round(max(a, b) * len(sentences))))


@given(FIRST_EQUAL, st.integers(2, 5), st.integers(0, 5))
def test_folds_part_the_sentences_and_never_equal_ones(first_equal: np.ndarray, folds: int, seed: int) -> None:
    sentences = np.arange(1, len(first_equal))
    if len(set(first_equal[sentences])) < folds:
        with pytest.raises(NercError, match=r"threshold\.folds"):
            make_folds(sentences, first_equal, folds, seed)
        return
    parts = make_folds(sentences, first_equal, folds, seed)
    assert sorted(np.concatenate(parts).tolist()) == sentences.tolist()
    words = [set(first_equal[part]) for part in parts]
    assert all(words[a].isdisjoint(words[b]) for a in range(folds) for b in range(a))
    assert max(map(len, words)) - min(map(len, words)) <= 1


def test_seeds_draw_differently() -> None:
    everything = np.arange(200)
    drawn = [tuple(draw_expert(everything, everything, 0.1, seed)) for seed in range(5)]
    assert len(set(drawn)) == 5
    assert all(len(one) == 20 for one in drawn)


def test_steps_are_those_of_so_many_epochs() -> None:
    assert steps_of(2, 33, 16) == 6
    assert steps_of(0.5, 33, 16) == 2
    assert steps_of(0.01, 1, 16) == 1


def test_branches_have_the_names_of_the_study() -> None:
    assert branch_of("truth", 0.12) == "model-primary"
    assert branch_of("llm", 0.12) == "llm-pure"
    assert branch_of("mixed", 0.12) == "init-12"
    assert branch_of("mixed", 1.0) == "init-100"
    assert branch_of("expert", 0.07) == "expert-7"
    assert branch_of("expert", 0.005) == "expert-0.5"


def point(sentences: int, f1: float) -> dict[str, object]:
    return {"share": sentences / 1000, "expert_sentences": float(sentences), "f1": {"mean": f1}}


def test_what_the_llm_saves_is_read_off_the_curves() -> None:
    upper = [point(0, 0.5), point(10, 0.6), point(50, 0.7), point(100, 0.75)]
    lower = [point(10, 0.2), point(50, 0.6), point(100, 0.72)]
    found = equal_without_llm(upper, lower)
    assert [one[0]["expert_sentences"] for one in found] == [10, 50, 100]
    assert [one[1] for one in found] == pytest.approx([50, 50 + 50 * 0.1 / 0.12, 100])
    assert [one[2] for one in found] == [False, False, True]
    lines = explain({"curves": {"with_llm": upper, "without_llm": lower}, "knee": {"position": 2, "bend": 0.3}})
    assert "the knee is at 5%, 50 expert sentences, F1 0.700" in lines[0]
    assert "10 sentences more bring 4.0 points of F1 on average, after it 1.0" in lines[0]
    assert lines[1] == "100 expert sentences with the LLM's labels do what more than 100 do without"


def test_nothing_is_said_of_llm_labels_that_do_not_help() -> None:
    lower = [point(10, 0.4), point(50, 0.6)]
    summary = {"curves": {"with_llm": [point(0, 0.1), point(10, 0.3), point(50, 0.5)], "without_llm": lower}}
    (line,) = explain({**summary, "knee": None})
    assert line.startswith("no knee")


@pytest.mark.parametrize("labels", ["llm", "expert", "mixed"])
def test_nothing_of_a_held_out_fold_is_in_training_its_text_neither(
    labels: Labels, wordpiece: PreTrainedTokenizerFast, make_recipe: Callable[..., Recipe]
) -> None:
    tokens = [["the", "tree"], ["house"], ["the", "tree"], ["be"], ["house"], ["on"], ["un", "on"], ["the", "tree"]]
    tags = [["O", "B-PER"], ["O"], ["O", "B-PER"], ["B-PER"], ["O"], ["O"], ["O", "O"], ["O", "B-PER"]]
    llm = [tags[0], tags[1], [], tags[3], tags[4], tags[5], [], []]
    columns = {"id": list("abcdefgh"), "tokens": tokens, "ner_tags": tags, "llm_tags": llm}
    types = LabelSet.from_types(["PER"])
    corpus = Corpus(Dataset.from_dict(columns), Dataset.from_dict(columns), None, types, {}, {}, [])
    bench = Workbench(make_recipe(), corpus, None, encode_words(tokens, wordpiece, 64), {})  # type: ignore[arg-type]
    # "the tree" is held out once, and stands in two other places; the expert labels a sentence that stands twice.
    cell = Cell("x", labels, np.array([1, 3, 5]), np.array([1]), 10, 13, held_out=np.array([0]))
    training_set = label_sentences(bench, cell)
    assert training_set.source[[0, 2, 7]].tolist() == [LEFT_OUT] * 3
    assert not set(training_set.labelled().sentences) & {0, 2, 7}
    assert set(training_set.labelled().sentences) == {"llm": {1, 3, 5}, "expert": {1}, "mixed": {1, 3, 5}}[labels]
    # What the LLM was not asked about may serve as text; a double of a labelled sentence may not.
    assert 6 in training_set.labelled_by(UNLABELLED)
    assert 4 not in training_set.labelled_by(UNLABELLED)


def test_the_truth_hangs_on_mixing_where_other_sentences_are_learnt_from_as_text(
    make_recipe: Callable[..., Recipe],
) -> None:
    train = Dataset.from_dict({"id": list("abc"), "tokens": [["on"]] * 3, "ner_tags": [["O"]] * 3})
    corpus = Corpus(train, train, None, LabelSet.from_types(["PER"]), {}, {}, [])

    def name(sentences: int, **mixing: object) -> str:
        recipe = make_recipe(model={"encoder": str(TINY_ENCODER)}, mixing=mixing)
        return digest(Cell("x", "truth", np.arange(sentences), np.arange(0), 10, 13), recipe, corpus)

    assert name(2, mode="self_train") != name(2, mode="concat")
    assert name(2, mode="self_train", sure=0.8) != name(2, mode="self_train", sure=0.9)
    assert name(3, mode="self_train") == name(3, mode="concat")
    assert name(2, mode="self_train", unlabelled=False) == name(2, mode="concat") == name(2, mode="weighted")
