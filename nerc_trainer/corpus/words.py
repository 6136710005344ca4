"""Cut plain text into words, and move entities from character offsets to words."""

import re
import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

from nerc_trainer.corpus.labels import Span
from nerc_trainer.errors import NercError

# A combining mark (a vowel sign, a joiner) belongs to the character before it, but ``\w`` has no word for it: in the
# text that the expression sees, U+0300 stands for all of them.
_MARK = "\u0300"
_JOINERS = "\u200c\u200d"
_WORD = re.compile(rf"\d+(?:[.,]\d+)*{_MARK}*|\w[\w{_MARK}]*|[^\w\s]{_MARK}*")


class Word(NamedTuple):
    """A word and its character offsets in the text, ``end`` exclusive."""

    text: str
    start: int
    end: int


def split_words(text: str) -> list[Word]:
    """Cut text into numbers ("1,234.5"), words (letters, digits and "_" in a row) and single other characters.

    White space parts words and belongs to none. Languages that are written without spaces need rows with tokens.
    """
    seen = text if text.isascii() else "".join(_MARK if _is_mark(character) else character for character in text)
    return [Word(text[match.start() : match.end()], match.start(), match.end()) for match in _WORD.finditer(seen)]


def align_spans(spans: Sequence[Span], words: Sequence[Word], text: str) -> list[Span]:
    """Turn spans in characters of ``text`` into spans in ``words``; white space at a span's ends does not matter.

    A span that is out of range, covers no word, or begins or ends inside a word raises NercError.
    """
    starts = {word.start: index for index, word in enumerate(words)}
    ends = {word.end: index + 1 for index, word in enumerate(words)}
    aligned = []
    for start, end, type_ in spans:
        if not 0 <= start <= end <= len(text):
            raise NercError(
                f"span {start}:{end} {type_!r} is out of range in a text of {len(text)} characters; count characters, "
                "not bytes, from 0"
            )
        covered = text[start:end]
        if not covered.strip():
            raise NercError(f"span {start}:{end} {type_!r} is empty; its end is the character after the last one")
        first = starts.get(start + len(covered) - len(covered.lstrip()))
        last = ends.get(end - (len(covered) - len(covered.rstrip())))
        if first is None or last is None:
            raise NercError(
                f"span {start}:{end} {type_!r} ({covered!r}) cuts {_cut(words, start, end)}; mend its offsets, or give "
                "the row as tokens and ner_tags"
            )
        aligned.append(Span(first, last, type_))
    return aligned


def _cut(words: Sequence[Word], start: int, end: int) -> str:
    """The words that a span's ends lie inside of, to be told to the user."""
    inside = [word.text for word in words if any(word.start < at < word.end for at in (start, end))]
    return " and ".join(f"the word {text!r}" for text in inside) or "a word"


def _is_mark(character: str) -> bool:
    return character in _JOINERS or unicodedata.category(character).startswith("M")
