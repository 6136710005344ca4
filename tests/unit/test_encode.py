"""Words to sub-words: no word is lost, moved or doubled, whatever the tokenizer and however long the sentence."""

from __future__ import annotations

import tracemalloc
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from nerc_trainer.corpus import encode
from nerc_trainer.corpus.encode import EncodedText, PieceDataset, encode_words, flatten_tags, special_tokens
from nerc_trainer.corpus.stored import ARRAYS
from nerc_trainer.errors import NercError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

TOKENIZERS = ("wordpiece", "byte_level", "unigram")
ODD_WORDS = (
    "",
    " ",
    "\u200b",
    "\u200d\ufeff",
    "\u0301",
    "New York",
    "[SEP]",
    "</s>",
    "▁",
    "##a",
    "a" * 120,
    "日本",
    "🙂",
)

words = st.one_of(st.sampled_from(ODD_WORDS), st.text("abetrhoun.", min_size=1, max_size=30), st.text(max_size=6))
corpora = st.lists(st.lists(words, max_size=25), max_size=6)
same_tokenizer = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@pytest.fixture(params=TOKENIZERS)
def tokenizer(request: pytest.FixtureRequest) -> PreTrainedTokenizerFast:
    return request.getfixturevalue(request.param)


def sub_words(word: str, tokenizer: PreTrainedTokenizerFast) -> list[int]:
    """The slow reference: one word by itself."""
    encoding = tokenizer.backend_tokenizer.encode([word], is_pretokenized=True, add_special_tokens=False)
    return encoding.ids or [tokenizer.unk_token_id]


def pieces(text: EncodedText, sentence: int) -> list[tuple[list[int], list[int]]]:
    """Sub-words and word positions of each piece of a sentence, in their order."""
    return [
        (
            text.input_ids[text.piece_offsets[piece] : text.piece_offsets[piece + 1]].tolist(),
            text.word_positions[text.piece_words[piece] : text.piece_words[piece + 1]].tolist(),
        )
        for piece in np.flatnonzero(text.piece_sentence == sentence)
    ]


@same_tokenizer
@example(sentences=[["house"] * 300], max_length=8)
@example(sentences=[[], ["on"], []], max_length=8)
@given(sentences=corpora, max_length=st.integers(3, 24))
def test_every_word_stands_once_in_order_in_one_piece(
    tokenizer: PreTrainedTokenizerFast, sentences: list[list[str]], max_length: int
) -> None:
    text = encode_words(sentences, tokenizer, max_length)
    prefix, suffix = special_tokens(tokenizer)
    room = max_length - len(prefix) - len(suffix)
    assert text.sentences == len(sentences)
    assert text.words().tolist() == [len(sentence) for sentence in sentences]
    some = np.arange(len(sentences))[::-2]
    assert text.words(some).tolist() == [len(sentences[index]) for index in some]
    assert (np.diff(text.piece_sentence) >= 0).all()
    for index, sentence in enumerate(sentences):
        wanted = [sub_words(word, tokenizer)[:room] for word in sentence]
        for row, positions in pieces(text, index):
            assert len(row) <= max_length
            assert row[: len(prefix)] == prefix
            assert row[len(row) - len(suffix) :] == suffix
            assert positions, "a piece without a word"
            ends = [*positions[1:], len(row) - len(suffix)]
            assert positions[0] == len(prefix)
            assert [row[start:end] for start, end in zip(positions, ends, strict=True)] == wanted[: len(positions)]
            wanted = wanted[len(positions) :]
            filled = len(row) - len(prefix) - len(suffix)
            assert not wanted or filled + len(wanted[0]) > room, "the next word would have fit into this piece"
        assert wanted == []


def test_special_tokens_are_those_of_the_model(
    wordpiece: PreTrainedTokenizerFast, byte_level: PreTrainedTokenizerFast, unigram: PreTrainedTokenizerFast
) -> None:
    assert special_tokens(wordpiece) == ([2], [3])
    assert special_tokens(byte_level) == ([0], [2])
    assert special_tokens(unigram) == ([1], [2])


def test_word_that_the_tokenizer_drops_becomes_the_unknown_token(wordpiece: PreTrainedTokenizerFast) -> None:
    text = encode_words([["on", "\u200b", "the"]], wordpiece, 8)
    assert wordpiece.convert_ids_to_tokens(text.input_ids.tolist()) == ["[CLS]", "on", "[UNK]", "the", "[SEP]"]
    assert text.word_positions.tolist() == [1, 2, 3]


def test_of_a_word_longer_than_a_piece_the_first_sub_words_are_kept(wordpiece: PreTrainedTokenizerFast) -> None:
    text = encode_words([["on", "abcdefgh", "on"]], wordpiece, 6)
    assert [wordpiece.convert_ids_to_tokens(row) for row, _ in pieces(text, 0)] == [
        ["[CLS]", "on", "[SEP]"],
        ["[CLS]", "a", "##b", "##c", "##d", "[SEP]"],
        ["[CLS]", "on", "[SEP]"],
    ]


def test_chunks_do_not_show(wordpiece: PreTrainedTokenizerFast, monkeypatch: pytest.MonkeyPatch) -> None:
    sentences = [["tree"] * length for length in (3, 1, 9, 0, 5, 2, 7)]
    whole = encode_words(sentences, wordpiece, 8)
    monkeypatch.setattr(encode, "CHUNK", 2)
    in_chunks = encode_words(sentences, wordpiece, 8)
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(in_chunks, name), getattr(whole, name))


def test_nothing_to_encode(wordpiece: PreTrainedTokenizerFast) -> None:
    text = encode_words([], wordpiece, 8)
    assert text.words().tolist() == []
    assert len(PieceDataset(text, np.array([], dtype=np.int64))) == 0


def test_refuse_names_the_sentence_that_is_too_long(wordpiece: PreTrainedTokenizerFast) -> None:
    sentences = [["on"] * 6, ["on"] * 7]
    encode_words(sentences[:1], wordpiece, 8, ids=["fits"], long_sentences="refuse")
    with pytest.raises(NercError, match=r"sentence long-one: 7 sub-words do not fit model\.max_length = 8"):
        encode_words(sentences, wordpiece, 8, ids=["fits", "long-one"], long_sentences="refuse")


def test_refuse_names_a_sentence_of_a_later_chunk(
    wordpiece: PreTrainedTokenizerFast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encode, "CHUNK", 2)
    sentences = [["on"], ["on"], ["on"], ["on"] * 9]
    with pytest.raises(NercError, match="sentence d:"):
        encode_words(sentences, wordpiece, 8, ids=list("abcd"), long_sentences="refuse")


def test_max_length_without_room_for_words_is_refused(wordpiece: PreTrainedTokenizerFast) -> None:
    with pytest.raises(NercError, match=r"model\.max_length = 2"):
        encode_words([["on"]], wordpiece, 2)


@same_tokenizer
@given(
    lengths=st.lists(st.integers(1, 20), min_size=1, max_size=8),
    max_length=st.integers(4, 12),
    data=st.data(),
)
def test_any_sentences_in_any_order(
    wordpiece: PreTrainedTokenizerFast, lengths: list[int], max_length: int, data: st.DataObject
) -> None:
    sentences = [["house"] * length for length in lengths]
    text = encode_words(sentences, wordpiece, max_length)
    labels = np.arange(sum(lengths))
    first_word = np.cumsum([0, *lengths])
    chosen = data.draw(st.permutations(range(len(lengths))))[: data.draw(st.integers(0, len(lengths)))]
    dataset = PieceDataset(text, np.array(chosen, dtype=np.int64), labels)

    wanted = [piece for sentence in chosen for piece in np.flatnonzero(text.piece_sentence == sentence)]
    assert dataset.pieces.tolist() == wanted
    assert dataset.lengths.tolist() == [len(dataset[index]["input_ids"]) for index in range(len(dataset))]
    rows = [row for sentence in chosen for row in pieces(text, sentence)]
    assert [
        (item["input_ids"].tolist(), item["word_positions"].tolist())
        for item in map(dataset.__getitem__, range(len(dataset)))
    ] == rows
    seen = [label for index in range(len(dataset)) for label in dataset[index]["labels"]]
    assert seen == [label for sentence in chosen for label in range(first_word[sentence], first_word[sentence + 1])]


def test_labels_are_looked_up_when_they_are_needed(wordpiece: PreTrainedTokenizerFast) -> None:
    text = encode_words([["on", "the"], ["tree"]], wordpiece, 8)
    labels = np.array([0, 0, 0])
    dataset = PieceDataset(text, np.array([1, 0]), labels)
    labels[2] = 4
    assert dataset[0]["labels"].tolist() == [4]
    assert "labels" not in PieceDataset(text, np.array([0]))[0]


def test_occurring_are_the_sub_words_of_all_pieces_and_the_padding(wordpiece: PreTrainedTokenizerFast) -> None:
    text = encode_words([["the"], ["on"] * 40, ["treehouse", "on"], ["being"]], wordpiece, 16)
    dataset = PieceDataset(text, np.array([1, 2]))
    assert len(dataset) > 2, "a sentence in several pieces"
    ids = {int(index) for place in range(len(dataset)) for index in dataset[place]["input_ids"]}
    occurring = dataset.occurring(len(wordpiece))
    assert set(np.flatnonzero(occurring).tolist()) == ids | {wordpiece.pad_token_id}
    assert not occurring[wordpiece.convert_tokens_to_ids("the")]


def test_flat_tags_are_laid_out_like_the_words(wordpiece: PreTrainedTokenizerFast) -> None:
    tag_ids = [[1, 2, 0], [0], [3, 4, 4, 0]]
    text = encode_words([["tree"] * len(row) for row in tag_ids], wordpiece, 4)
    flat = flatten_tags(tag_ids)
    assert flat.dtype == np.int64
    assert len(flat) == len(text.word_positions)
    dataset = PieceDataset(text, np.array([2]), flat)
    assert [int(label) for index in range(len(dataset)) for label in dataset[index]["labels"]] == tag_ids[2]


def test_memory_grows_by_what_the_arrays_hold(
    wordpiece: PreTrainedTokenizerFast, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lists of the sub-words of all sentences, kept until the end, would need several times as much."""
    monkeypatch.setattr(encode, "CHUNK", 64)

    def peak(sentences: list[list[str]]) -> tuple[int, int]:
        tracemalloc.start()
        text = encode_words(sentences, wordpiece, 64)
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most, sum(getattr(text, name).nbytes for name in ARRAYS)

    sentence = ["tree"] * 10
    peak([sentence] * 64)  # what the tokenizer keeps from its first call
    few, many = peak([sentence] * 500), peak([sentence] * 3000)
    assert many[0] - few[0] < 1.5 * (many[1] - few[1]), "not even a second copy of them"
