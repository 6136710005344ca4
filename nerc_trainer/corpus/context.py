"""Neighbouring sentences as context for the encoder.

What a document says around a sentence tells what its names are: FLERT (Schweter and Akbik 2020), Luoma and Pyysalo
(2020). The words around are read alone; they have no labels and no scores, and are counted nowhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from nerc_trainer.corpus.encode import EncodedText, special_tokens

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def add_context(
    text: EncodedText, documents: Sequence[str], width: int, tokenizer: PreTrainedTokenizerBase, max_length: int
) -> EncodedText:
    """The same pieces, each with up to ``width`` sub-words of its document before it and as many after it.

    ``documents`` names the document of each sentence; a document is a run of sentences with the same name, and a
    sentence without one ("") stands alone. A piece becomes [CLS] before [SEP] own [SEP] after [SEP], in the terms of
    BERT; a side with nothing to read has no [SEP] either, so that a piece without neighbours stays as it was. Both
    sides share what ``max_length`` leaves, and what one does not need is the other's.
    """
    prefix, suffix = (np.array(ids, dtype=np.int32) for ids in special_tokens(tokenizer))
    own = text.piece_ends - len(prefix)
    read = np.ones(len(text.input_ids), dtype=bool)
    for place in range(len(prefix)):
        read[text.piece_offsets[:-1] + place] = False
    for place in range(len(suffix)):
        read[text.piece_offsets[1:] - 1 - place] = False
    stream = text.input_ids[read]  # all words in a row; piece p is stream[begins[p]:begins[p + 1]]
    begins = np.concatenate([[0], np.cumsum(own, dtype=np.int64)])

    document = _runs(documents)[text.piece_sentence]
    first, last = (np.searchsorted(document, document, side=side) for side in ("left", "right"))
    before = np.minimum(width, begins[:-1] - begins[first])
    after = np.minimum(width, begins[last] - begins[1:])
    room = max_length - len(prefix) - own - len(suffix) * (1 + (before > 0).astype(int) + (after > 0))
    room = np.maximum(room, 0)
    before = np.minimum(before, np.maximum(room // 2, room - after))
    after = np.minimum(after, room - before)

    moved = before + len(suffix) * (before > 0)
    lengths = np.diff(text.piece_offsets) + moved + after + len(suffix) * (after > 0)
    offsets = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
    input_ids = np.empty(offsets[-1], dtype=text.input_ids.dtype)
    for piece, (left, right) in enumerate(zip(before.tolist(), after.tolist(), strict=True)):
        begin, end = begins[piece], begins[piece + 1]
        parts = [prefix, stream[begin - left : begin], suffix if left else suffix[:0], stream[begin:end], suffix]
        parts += [stream[end : end + right], suffix] if right else []
        input_ids[offsets[piece] : offsets[piece + 1]] = np.concatenate(parts)
    shift = np.repeat(moved, np.diff(text.piece_words))
    return replace(
        text,
        input_ids=input_ids,
        piece_offsets=offsets,
        word_positions=(text.word_positions + shift).astype(text.word_positions.dtype),
        piece_ends=(text.piece_ends + moved).astype(text.piece_ends.dtype),
    )


def _runs(documents: Sequence[str]) -> np.ndarray:
    """The number of the run that each sentence is in, int64 [sentences]; one without a document is a run of its own."""
    begins = np.zeros(len(documents), dtype=bool)
    before = ""
    for index, name in enumerate(documents):
        begins[index] = not name or name != before
        before = name
    return np.cumsum(begins)
