"""A sentence as people see it: its words with a space between them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from nerc_trainer.corpus.words import Word

_UNSEEN = "␣"
# White space and controls that end a line or a column somewhere; a blank or U+00A0 within a word does not.
_BREAKS = re.compile(r"[^\S \u00a0]|[\x00-\x1f\x7f-\x9f]")


def shown(word: str) -> str:
    """A word as people see it: one that is empty, or has white space at its ends, becomes something to point at."""
    core = word.strip()
    first = word.find(core)
    padded = _UNSEEN * first + core + _UNSEEN * (len(word) - first - len(core))
    return _BREAKS.sub(_UNSEEN, padded) or _UNSEEN


def join(tokens: Sequence[str]) -> tuple[str, list[Word]]:
    """The text of a sentence, and where each word stands in it, in characters (code points)."""
    words, position = [], 0
    for token in map(shown, tokens):
        words.append(Word(token, position, position + len(token)))
        position += len(token) + 1
    return " ".join(word.text for word in words), words
