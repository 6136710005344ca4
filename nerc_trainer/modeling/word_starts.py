"""Which entries of a vocabulary begin a word, told by the signs that tokenizers mark them with."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_BYTE_LEVEL_SPACE = "Ġ"


def word_starts(tokenizer: PreTrainedTokenizerBase, size: int) -> np.ndarray:
    """True for the sub-words that begin a word, bool [size]; special tokens but the unknown one begin none.

    WordPiece marks what goes on with a word, byte-level BPE and SentencePiece what begins one. A tokenizer that marks
    neither is taken to make a word of every sub-word. Tokenizers that cut words at signs (BERT's makes four of "U.S.")
    begin a word after each cut.
    """
    said = json.loads(tokenizer.backend_tokenizer.to_str())
    prefix = said["model"].get("continuing_subword_prefix") or ""
    opening = _opening_sign(said.get("pre_tokenizer"))
    starts = np.ones(size, dtype=bool)
    for token, index in tokenizer.get_vocab().items():
        if index < size:
            starts[index] = not (prefix and token.startswith(prefix)) and token.startswith(opening)
    silent = [index for index in tokenizer.all_special_ids if index < size]
    starts[silent] = False
    if tokenizer.unk_token_id is not None and tokenizer.unk_token_id < size:
        starts[tokenizer.unk_token_id] = True
    return starts


def _opening_sign(pre_tokenizer: dict[str, Any] | None) -> str:
    """What a sub-word starts with that begins a word; empty where every one may."""
    steps = [pre_tokenizer or {}]
    while steps:
        step = steps.pop()
        if step.get("type") == "ByteLevel":
            return _BYTE_LEVEL_SPACE
        if step.get("type") == "Metaspace":
            return str(step["replacement"])
        steps += step.get("pretokenizers", [])
    return ""
