"""Capitals for an uncased encoder: what its tokenizer sees then, and with which vectors the new entries begin."""

from __future__ import annotations

import copy
import random
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoTokenizer, BertForTokenClassification, PreTrainedTokenizerFast

from nerc_trainer.corpus.labels import LabelSet
from nerc_trainer.errors import NercError
from nerc_trainer.modeling.build import build_tagger, load_tokenizer
from nerc_trainer.modeling.case import grow_embeddings, keep_case
from nerc_trainer.modeling.word_starts import word_starts
from nerc_trainer.recipe.load import load_recipe
from nerc_trainer.recipe.sections import ModelSection

TEXT = "The TREEHOUSE be on Unthe McTree U.S. a B 12"


def test_words_are_cut_as_before_and_keep_their_capitals(wordpiece: PreTrainedTokenizerFast) -> None:
    cased = keep_case(wordpiece)
    assert wordpiece.tokenize(TEXT)[:7] == ["the", "tree", "##house", "be", "on", "un", "##the"]
    assert cased.tokenize(TEXT)[:7] == ["The", "TREE", "##HOUSE", "be", "on", "Un", "##the"]
    assert cased.tokenize("McTree U.S. a B 12") == [
        "M",
        "##c",
        "##T",
        "##r",
        *["##e"] * 2,
        *"U.S.",
        "a",
        "B",
        *["1", "##2"],
    ]
    assert cased.tokenize("the tree") == wordpiece.tokenize("the tree")


def test_the_old_entries_keep_their_ids(wordpiece: PreTrainedTokenizerFast) -> None:
    cased = keep_case(wordpiece)
    assert wordpiece.get_vocab().items() <= cased.get_vocab().items()
    assert sorted(cased.get_vocab().values()) == list(range(len(cased)))
    assert cased("the")["input_ids"] == wordpiece("the")["input_ids"]


@given(st.lists(st.text("abthenorTHENOR1.", min_size=1, max_size=9), min_size=1, max_size=6))
def test_case_never_changes_which_word_a_sub_word_is_of(words: list[str]) -> None:
    cased = _CASED[0]
    upper, lower = ([word.upper() for word in words], [word.lower() for word in words])
    encoded = [cased(said, is_split_into_words=True) for said in (upper, lower)]
    assert encoded[0].word_ids() == encoded[1].word_ids()
    assert {index for index in cased(words, is_split_into_words=True).word_ids() if index is not None} == set(
        range(len(words))
    )


_CASED: list[PreTrainedTokenizerFast] = []


@pytest.fixture(autouse=True)
def _known_to_properties(wordpiece: PreTrainedTokenizerFast) -> None:
    _CASED[:] = [keep_case(wordpiece)]


def test_it_is_saved_and_loaded_with_its_capitals(wordpiece: PreTrainedTokenizerFast, tmp_path: Path) -> None:
    keep_case(wordpiece).save_pretrained(tmp_path)
    loaded = AutoTokenizer.from_pretrained(tmp_path)
    assert loaded.tokenize(TEXT) == keep_case(wordpiece).tokenize(TEXT)
    assert loaded.tokenize("Élan") == keep_case(wordpiece).tokenize("Elan")


def test_new_entries_begin_as_the_old_ones_and_a_shared_direction(
    tagger: BertForTokenClassification, wordpiece: PreTrainedTokenizerFast
) -> None:
    cased = keep_case(wordpiece)
    before = tagger.get_input_embeddings().weight.detach().clone()
    grow_embeddings(tagger, cased)
    weight, index = tagger.get_input_embeddings().weight, cased.get_vocab()
    assert weight.shape[0] == len(cased) == tagger.config.vocab_size
    torch.testing.assert_close(weight[: len(before)], before)
    moves = {
        entry: weight[index[entry]] - weight[index[entry.lower()]] for entry in ("The", "Tree", "THE", "##HOUSE", "A")
    }
    torch.testing.assert_close(moves["The"], moves["Tree"])
    torch.testing.assert_close(moves["The"], moves["A"])  # one letter may begin a word in lower case
    torch.testing.assert_close(moves["THE"], moves["##HOUSE"])
    assert torch.linalg.norm(moves["The"] - moves["THE"]) > 0.1 * torch.linalg.norm(moves["The"])


def test_the_order_of_the_vocabulary_is_not_in_the_vectors(
    tagger: BertForTokenClassification, wordpiece: PreTrainedTokenizerFast, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tokenizer's vocabulary is a hash map with an order of its own in every process; sums of floats have one too."""
    cased = keep_case(wordpiece)
    entries = list(cased.get_vocab().items())
    found = set()
    for seed in range(20):
        shuffled = dict(random.Random(seed).sample(entries, len(entries)))
        monkeypatch.setattr(cased, "get_vocab", lambda shuffled=shuffled: shuffled)
        grown = copy.deepcopy(tagger)
        grow_embeddings(grown, cased)
        found.add(grown.get_input_embeddings().weight.detach().numpy().tobytes())
    assert len(found) == 1


def test_words_begin_at_capital_entries_too(wordpiece: PreTrainedTokenizerFast) -> None:
    cased = keep_case(wordpiece)
    starts = word_starts(cased, len(cased))
    said = {entry: bool(starts[index]) for entry, index in cased.get_vocab().items()}
    assert (said["Tree"], said["TREE"], said["##TREE"], said["##tree"]) == (True, True, False, False)


@pytest.mark.parametrize("head", ["linear", "bilstm"])
def test_a_recipe_asks_for_it(head: str) -> None:
    model = load_recipe("tiny", ["model.restore_case=true", f"model.head={head}"]).model
    tokenizer = load_tokenizer(model)
    built = build_tagger(model, LabelSet.from_types(["PER"]), 13, tokenizer)
    ids = tokenizer(["Ilse", "ILSE"], is_split_into_words=True, return_tensors="pt")["input_ids"]
    assert built(ids).logits.shape[:2] == ids.shape
    assert len(tokenizer) > len(load_tokenizer(model.model_copy(update={"restore_case": False})))


def test_a_tokenizer_that_knows_capitals_is_refused(
    byte_level: PreTrainedTokenizerFast, wordpiece: PreTrainedTokenizerFast, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match="not an uncased WordPiece"):
        keep_case(byte_level)
    keep_case(wordpiece).save_pretrained(tmp_path)
    with pytest.raises(NercError, match=r"model.restore_case: not for .*; set it to false"):
        load_tokenizer(ModelSection(encoder=str(tmp_path), restore_case=True))


def test_adapters_can_not_be_had_with_it() -> None:
    with pytest.raises(NercError, match=r"model.restore_case.*adapters need the encoder as it is"):
        load_recipe("quickstart", ["model.restore_case=true", "model.lora.rank=4"])
