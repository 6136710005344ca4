"""Context: what is around a sentence in its document, never more, and nothing but read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nerc_trainer.corpus.context import add_context
from nerc_trainer.corpus.encode import EncodedText, PieceDataset, encode_words, flatten_tags, special_tokens
from nerc_trainer.corpus.inner_words import InnerWords
from nerc_trainer.corpus.labels import LabelSet
from nerc_trainer.corpus.stored import ARRAYS
from nerc_trainer.modeling.word_starts import word_starts
from nerc_trainer.prediction import tagger as tagger_module
from nerc_trainer.prediction.tagger import Tagger, tag_all

if TYPE_CHECKING:
    from transformers import BertForTokenClassification, PreTrainedTokenizerFast

SENTENCES = [["on", "the"], ["tree"], ["house", "be", "on"], ["un"]]


def row(text: EncodedText, piece: int) -> list[int]:
    return text.input_ids[text.piece_offsets[piece] : text.piece_offsets[piece + 1]].tolist()


def own(text: EncodedText, piece: int) -> list[list[int]]:
    """The sub-words of each of a piece's words."""
    starts = text.word_positions[text.piece_words[piece] : text.piece_words[piece + 1]].tolist()
    ends = [*starts[1:], int(text.piece_ends[piece])]
    return [row(text, piece)[start:end] for start, end in zip(starts, ends, strict=True)]


def tokens(text: EncodedText, tokenizer: PreTrainedTokenizerFast) -> list[str]:
    return [" ".join(tokenizer.convert_ids_to_tokens(row(text, piece))) for piece in range(len(text.piece_sentence))]


def slow_row(
    text: EncodedText,
    documents: Sequence[str],
    piece: int,
    width: int,
    specials: tuple[list[int], list[int]],
    most: int,
) -> list[int]:
    """The reference: walk away from the piece, sub-word by sub-word, on one side and the other in turn."""
    prefix, suffix = specials

    def neighbours(step: int) -> list[int]:
        found: list[int] = []
        place = piece
        while 0 <= place + step < len(text.piece_sentence):
            here, there = text.piece_sentence[place], text.piece_sentence[place + step]
            between = documents[min(here, there) : max(here, there) + 1]
            if here != there and (len(set(between)) > 1 or not between[0]):
                break
            place += step
            words = [part for word in own(text, place) for part in word]
            found += words[::step]
        return found[:width]

    before, after = neighbours(-1), neighbours(1)
    mine = [part for word in own(text, piece) for part in word]
    room = most - len(prefix) - len(mine) - len(suffix) * (1 + bool(before) + bool(after))
    left = right = 0
    while room > 0 and (left < len(before) or right < len(after)):
        if right < len(after) and (right <= left or left == len(before)):
            right += 1
        else:
            left += 1
        room -= 1
    made = [*prefix, *before[:left][::-1], *(suffix if left else []), *mine, *suffix]
    return [*made, *after[:right], *suffix] if right else made


@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@pytest.mark.parametrize("name", ["wordpiece", "byte_level", "unigram"])
@given(
    sentences=st.lists(
        st.tuples(
            st.lists(st.text("abtre. ", min_size=1, max_size=8), min_size=1, max_size=9),
            st.sampled_from(["", "1", "2"]),
        ),
        max_size=7,
    ),
    width=st.integers(1, 30),
    max_length=st.integers(4, 40),
)
def test_a_piece_reads_what_is_around_it_in_its_document(
    request: pytest.FixtureRequest, name: str, sentences: list[tuple[list[str], str]], width: int, max_length: int
) -> None:
    tokenizer = request.getfixturevalue(name)
    documents = [document for _, document in sentences]
    plain = encode_words([words for words, _ in sentences], tokenizer, max_length)
    text = add_context(plain, documents, width, tokenizer, max_length)
    specials = special_tokens(tokenizer)
    for piece in range(len(plain.piece_sentence)):
        assert row(text, piece) == slow_row(plain, documents, piece, width, specials, max_length)
        assert len(row(text, piece)) <= max_length
        assert own(text, piece) == own(plain, piece)
    for array in ("piece_words", "piece_sentence"):
        np.testing.assert_array_equal(getattr(text, array), getattr(plain, array))
    assert [getattr(text, array).dtype for array in ARRAYS] == [getattr(plain, array).dtype for array in ARRAYS]
    assert text.words().tolist() == [len(words) for words, _ in sentences]


def test_it_ends_where_the_document_ends(wordpiece: PreTrainedTokenizerFast) -> None:
    text = add_context(encode_words(SENTENCES, wordpiece, 32), ["1", "1", "1", "2"], 2, wordpiece, 32)
    assert tokens(text, wordpiece) == [
        "[CLS] on the [SEP] tree house [SEP]",
        "[CLS] on the [SEP] tree [SEP] house be [SEP]",
        "[CLS] the tree [SEP] house be on [SEP]",
        "[CLS] un [SEP]",
    ]


def test_sides_share_what_room_is_left(wordpiece: PreTrainedTokenizerFast) -> None:
    plain = encode_words(SENTENCES, wordpiece, 9)
    text = add_context(plain, ["1"] * 4, 5, wordpiece, 9)
    assert tokens(text, wordpiece) == [
        "[CLS] on the [SEP] tree house be on [SEP]",
        "[CLS] on the [SEP] tree [SEP] house be [SEP]",
        "[CLS] tree [SEP] house be on [SEP] un [SEP]",
        "[CLS] the tree house be on [SEP] un [SEP]",
    ]


def test_a_long_sentence_reads_its_own_other_part_and_none_of_a_stranger(wordpiece: PreTrainedTokenizerFast) -> None:
    plain = encode_words([["tree"] * 5, ["on"]], wordpiece, 6)
    text = add_context(plain, ["", ""], 4, wordpiece, 6)
    assert tokens(text, wordpiece) == [
        "[CLS] tree tree tree tree [SEP]",
        "[CLS] tree tree [SEP] tree [SEP]",
        "[CLS] on [SEP]",
    ]


@pytest.mark.parametrize("documents", [["", "", "", ""], ["1", "2", "3", "1"]])
def test_without_neighbours_nothing_changes(wordpiece: PreTrainedTokenizerFast, documents: list[str]) -> None:
    plain = encode_words(SENTENCES, wordpiece, 32)
    text = add_context(plain, documents, 40, wordpiece, 32)
    for name in ARRAYS:
        assert getattr(text, name).tobytes() == getattr(plain, name).tobytes()


def test_parts_of_its_words_get_no_labels(wordpiece: PreTrainedTokenizerFast, labels: LabelSet) -> None:
    plain = encode_words([["a.b.", "on"], ["un-the"], ["be-on", "tree"]], wordpiece, 64)
    text = add_context(plain, ["1", "1", "1"], 8, wordpiece, 64)
    given_tags = flatten_tags([labels.encode(tags) for tags in (["B-PER", "O"], ["B-LOC"], ["B-LOC", "O"])])
    starts = word_starts(wordpiece, len(wordpiece))
    alone, within = (InnerWords(PieceDataset(one, np.arange(3), given_tags), starts, labels) for one in (plain, text))
    for index, before in enumerate((0, len("a.b.") + 1 + 1, 8 + 1)):
        assert within[index]["labels"].tolist() == alone[index]["labels"].tolist()
        assert within[index]["word_positions"].tolist() == (alone[index]["word_positions"] + before).tolist()
    assert labels.decode(within[1]["labels"]) == ["B-LOC", "I-LOC", "I-LOC"]


def test_lengths_for_batches_include_it(wordpiece: PreTrainedTokenizerFast) -> None:
    text = add_context(encode_words(SENTENCES, wordpiece, 32), ["1"] * 4, 4, wordpiece, 32)
    dataset = PieceDataset(text, np.array([2, 0]))
    assert dataset.lengths.tolist() == [len(dataset[index]["input_ids"]) for index in (0, 1)] == [11, 9]


def test_a_corpus_in_parts_is_tagged_as_in_one(
    tagger: BertForTokenClassification,
    wordpiece: PreTrainedTokenizerFast,
    labels: LabelSet,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    generator = np.random.default_rng(0)
    sentences = [generator.choice(["on", "tree", "house", "unbe"], 1 + index % 4).tolist() for index in range(23)]
    documents = ["1"] * 9 + ["2"] * 14
    tagger.config.id2label = dict(enumerate(labels.tags))
    tagger.config.nerc_context = 5
    one = Tagger(tagger, wordpiece)
    whole = one.tag(sentences, repair=False, documents=documents)
    monkeypatch.setattr(tagger_module, "_AT_A_TIME", 4)
    for got, wanted in zip(tag_all(one, sentences, documents), whole, strict=True):
        assert got.tokens == wanted.tokens
        np.testing.assert_allclose(got.confidence, wanted.confidence, rtol=1e-5)
    alone = tag_all(one, sentences)
    changed = [bool(np.abs(a.confidence - b.confidence).max() > 1e-3) for a, b in zip(alone, whole, strict=True)]
    assert all(changed), "all have neighbours"
