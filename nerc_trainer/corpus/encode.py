"""Words to sub-words, once for a whole run.

A sentence is cut into *pieces* that fit the encoder; nearly all sentences are one piece. Everything is held in flat
arrays with offsets, so a million sentences cost what their sub-words cost and no Python object stands for a word.
Words are represented by their first sub-word: `word_positions` says where it stands in the piece.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np
from torch.utils.data import Dataset

from nerc_trainer.errors import NercError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

CHUNK = 4096  # sentences tokenised at a time


@dataclass(frozen=True)
class EncodedText:
    """The sub-words of N sentences in P pieces.

    input_ids       int32  [sub-words]  special tokens included
    piece_offsets   int64  [P + 1]      piece p is input_ids[piece_offsets[p]:piece_offsets[p + 1]]
    word_positions  int32  [words]      first sub-word of each word, counted from the start of its piece
    piece_words     int64  [P + 1]      the words of piece p are piece_words[p]:piece_words[p + 1]
    piece_sentence  int64  [P]          which sentence a piece belongs to; pieces stand in the order of the text
    piece_ends      int32  [P]          where the sub-words of its words end, counted from the start of the piece
    """

    input_ids: np.ndarray
    piece_offsets: np.ndarray
    word_positions: np.ndarray
    piece_words: np.ndarray
    piece_sentence: np.ndarray
    piece_ends: np.ndarray
    sentences: int
    pad_id: int

    def words(self, sentences: np.ndarray | None = None) -> np.ndarray:
        """Number of words of each of the given sentences, or of all; int64 [n]."""
        first, last = self._ends(np.arange(self.sentences) if sentences is None else sentences)
        return self.piece_words[last] - self.piece_words[first]

    def _ends(self, sentences: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The first piece of each sentence, and the piece after its last one."""
        first, last = (np.searchsorted(self.piece_sentence, sentences, side=side) for side in ("left", "right"))
        return first, last

    def pieces_of(self, sentences: np.ndarray) -> np.ndarray:
        """The pieces of the given sentences, in the order of the given sentences."""
        first, last = self._ends(sentences)
        if (last - first == 1).all():
            return first
        return np.concatenate([np.arange(a, b) for a, b in zip(first, last, strict=True)] or [first])


def encode_words(
    sentences: Sequence[Sequence[str]],
    tokenizer: PreTrainedTokenizerBase,
    max_length: int,
    *,
    ids: Sequence[str] | None = None,
    long_sentences: str = "split",
) -> EncodedText:
    """Tokenise pre-split sentences.

    No word is ever dropped: a sentence of more than ``max_length`` sub-words is split between words into pieces
    (``long_sentences="split"``) or refused by its id (``"refuse"``); a word that the tokenizer turns into nothing
    (a lone zero-width character, say) becomes the unknown token; of a single word longer than a piece the first
    sub-words are kept.
    """
    prefix, suffix = special_tokens(tokenizer)
    room = max_length - len(prefix) - len(suffix)
    if room < 1:
        raise NercError(f"model.max_length = {max_length}: leaves no room for words; give at least 8")
    unknown = tokenizer.unk_token_id if tokenizer.unk_token_id is not None else 0

    # Compact arrays, not lists: a million sentences would be forty million Python ints.
    input_ids, word_positions, owners = array("i"), array("i"), array("q")
    piece_offsets, piece_words = array("q", [0]), array("q", [0])
    for begin in range(0, len(sentences), CHUNK):
        chunk = [list(words) for words in sentences[begin : begin + CHUNK]]
        encoding = tokenizer(chunk, is_split_into_words=True, add_special_tokens=False, truncation=False, verbose=False)
        for number, sub_words in enumerate(encoding["input_ids"]):
            index = begin + number
            groups = _by_word(sub_words, encoding.word_ids(number), len(chunk[number]), unknown)
            if long_sentences == "refuse" and sum(map(len, groups)) > room:
                name = ids[index] if ids is not None else str(index)
                raise NercError(
                    f"sentence {name}: {sum(map(len, groups))} sub-words do not fit model.max_length = {max_length}; "
                    "shorten it or set data.long_sentences: split"
                )
            for row, starts in _pieces(groups, room):
                input_ids.extend([*prefix, *row, *suffix])
                word_positions.extend(len(prefix) + start for start in starts)
                piece_offsets.append(len(input_ids))
                piece_words.append(len(word_positions))
                owners.append(index)

    offsets = np.asarray(piece_offsets, dtype=np.int64)
    return EncodedText(  # over the same memory, where a copy would take as much again
        input_ids=np.asarray(input_ids, dtype=np.int32),
        piece_offsets=offsets,
        word_positions=np.asarray(word_positions, dtype=np.int32),
        piece_words=np.asarray(piece_words, dtype=np.int64),
        piece_sentence=np.asarray(owners, dtype=np.int64),
        piece_ends=(np.diff(offsets) - len(suffix)).astype(np.int32),
        sentences=len(sentences),
        pad_id=tokenizer.pad_token_id if tokenizer.pad_token_id is not None else 0,
    )


def special_tokens(tokenizer: PreTrainedTokenizerBase) -> tuple[list[int], list[int]]:
    """What the tokenizer puts before and after a sentence ([CLS] and [SEP] for BERT)."""
    bare = tokenizer("a", add_special_tokens=False)["input_ids"]
    full = tokenizer("a")["input_ids"]
    for start in range(len(full) - len(bare) + 1):
        if full[start : start + len(bare)] == bare:
            return full[:start], full[start + len(bare) :]
    raise NercError("model.encoder: its tokenizer changes a word when special tokens are added; choose another encoder")


def flatten_tags(tag_ids: Sequence[Sequence[int]]) -> np.ndarray:
    """Label ids of all words of all sentences in a row, int64 [words]: the layout of `EncodedText.word_positions`."""
    return np.fromiter(chain.from_iterable(tag_ids), dtype=np.int64, count=sum(map(len, tag_ids)))


class PieceDataset(Dataset):
    """Some pieces of an encoded text, with the labels of its words where they are known.

    ``labels`` is int64 [words of the whole text], so a sentence's labels can change without encoding it again, and
    ``weights`` float32 [words of the whole text] says how much each of them counts in training.
    """

    def __init__(
        self,
        text: EncodedText,
        sentences: np.ndarray,
        labels: np.ndarray | None = None,
        weights: np.ndarray | None = None,
    ) -> None:
        self.text = text
        self.sentences = np.asarray(sentences, dtype=np.int64)
        self.labels = labels
        self.weights = weights
        self.pieces = text.pieces_of(self.sentences)
        self.lengths = text.piece_offsets[self.pieces + 1] - text.piece_offsets[self.pieces]

    def __len__(self) -> int:
        return len(self.pieces)

    def words(self) -> np.ndarray:
        """Number of words of each sentence, int64 [sentences]."""
        return self.text.words(self.sentences)

    def owners(self) -> np.ndarray:
        """The sentence of each piece as its position in ``sentences``, int64 [pieces]."""
        sentences = self.text.piece_sentence[self.pieces]
        return np.cumsum(np.concatenate([[0], np.diff(sentences) != 0])) if len(sentences) else sentences

    def occurring(self, vocabulary: int) -> np.ndarray:
        """Which sub-words of a vocabulary of that size occur, the padding included, bool [vocabulary]."""
        occurs = np.zeros(vocabulary, dtype=bool)
        occurs[self.text.pad_id] = True
        offsets = self.text.piece_offsets
        for piece in self.pieces:
            occurs[self.text.input_ids[offsets[piece] : offsets[piece + 1]]] = True
        return occurs

    def __getitem__(self, index: int) -> dict[str, np.ndarray]:
        piece, text = self.pieces[index], self.text
        words = slice(text.piece_words[piece], text.piece_words[piece + 1])
        item = {
            "input_ids": text.input_ids[text.piece_offsets[piece] : text.piece_offsets[piece + 1]],
            "word_positions": text.word_positions[words],
        }
        if self.labels is not None:
            item["labels"] = self.labels[words]
        if self.weights is not None:
            item["weights"] = self.weights[words]
        return item


def _by_word(sub_words: list[int], word_ids: list[int | None], words: int, unknown: int) -> list[list[int]]:
    """The sub-words of each word; [unknown] for a word that has none."""
    groups: list[list[int]] = [[] for _ in range(words)]
    for sub_word, word in zip(sub_words, word_ids, strict=True):
        if word is not None:
            groups[word].append(sub_word)
    return [group or [unknown] for group in groups]


def _pieces(groups: list[list[int]], room: int) -> Iterator[tuple[list[int], list[int]]]:
    """Fill pieces of at most ``room`` sub-words with whole words: (sub-words, where each word starts)."""
    row: list[int] = []
    starts: list[int] = []
    for group in groups:
        if row and len(row) + len(group) > room:
            yield row, starts
            row, starts = [], []
        starts.append(len(row))
        row.extend(group[:room])
    if row:
        yield row, starts
