"""Sub-words on disk: the same text, made once, named by all that decides it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from nerc_trainer.corpus.encode import EncodedText, encode_words
from nerc_trainer.corpus.stored import ARRAYS, drop_texts, store_text, stored_text, text_key

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast


@pytest.fixture
def text(wordpiece: PreTrainedTokenizerFast) -> EncodedText:
    return encode_words([["tree"], ["the", "house"] * 20, ["on", "a1"]], wordpiece, 16)


def refuse() -> EncodedText:
    raise AssertionError("encoded again")


def test_what_is_stored_is_what_is_found_and_it_is_made_once(text: EncodedText, tmp_path: Path) -> None:
    folder = tmp_path / "encoded" / "train"
    assert stored_text(folder) is None
    store_text(folder, lambda: text)
    store_text(folder, refuse)
    found = stored_text(folder)
    assert found is not None
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(found, name), getattr(text, name))
        assert getattr(found, name).dtype == getattr(text, name).dtype
        assert isinstance(getattr(found, name).base, np.memmap)
    assert (found.sentences, found.pad_id) == (text.sentences, text.pad_id)


def test_a_half_written_text_is_made_again(text: EncodedText, tmp_path: Path) -> None:
    left = tmp_path / "train.partial"
    left.mkdir()
    (left / "input_ids.npy").write_bytes(b"half")
    assert stored_text(tmp_path / "train") is None
    store_text(tmp_path / "train", lambda: text)
    assert stored_text(tmp_path / "train") is not None
    assert not left.exists()


def test_a_text_is_named_by_all_that_decides_it(
    wordpiece: PreTrainedTokenizerFast, byte_level: PreTrainedTokenizerFast
) -> None:
    keys = {
        text_key("a" * 64, wordpiece, 16, "split", 0),
        text_key("b" * 64, wordpiece, 16, "split", 0),
        text_key("a" * 64, byte_level, 16, "split", 0),
        text_key("a" * 64, wordpiece, 17, "split", 0),
        text_key("a" * 64, wordpiece, 16, "refuse", 0),
        text_key("a" * 64, wordpiece, 16, "split", 40),
    }
    assert len(keys) == 6
    assert text_key("a" * 64, wordpiece, 16, "split", 0) in keys


def test_texts_that_are_no_longer_used_go_and_none_is_found_in_part(text: EncodedText, tmp_path: Path) -> None:
    for name in ("train-1", "train-2", "dev-1"):
        store_text(tmp_path / name, lambda: text)
    (tmp_path / "train-1.partial").mkdir()
    (tmp_path / "train-1.partial" / "input_ids.npy").write_bytes(b"half")
    old = stored_text(tmp_path / "train-1")
    assert old is not None
    drop_texts(tmp_path, {"train-2", "dev-1"})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dev-1", "train-2"]
    np.testing.assert_array_equal(old.input_ids, text.input_ids, "who has it mapped reads on")
    assert stored_text(tmp_path / "train-2") is not None
