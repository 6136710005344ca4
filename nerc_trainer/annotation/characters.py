"""A sentence as characters without white space, so that two ways to cut it into words can be compared."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence

Place = tuple[int, int]  # a run of words: the first, and the one after the last


def squeeze(text: str) -> str:
    """The text without its white space."""
    return "".join(text.split())


class Characters:
    """The characters of a sentence's words, and where each word begins and ends among them.

    ``folded`` takes them without their case; a character may become several ("ß" is "ss" then). A word of white space
    alone has no characters, so nothing finds it.
    """

    def __init__(self, words: Sequence[str], *, folded: bool = False) -> None:
        pieces = [squeeze(word).casefold() if folded else squeeze(word) for word in words]
        self.text = "".join(pieces)
        self.starts: list[int] = []
        self.ends: list[int] = []
        offset = 0
        for piece in pieces:
            self.starts.append(offset)
            offset += len(piece)
            self.ends.append(offset)
        # Of words at the same offset all but the last are empty at a start, and all but the first at an end.
        self._word_from = {start: index for index, start in enumerate(self.starts)}
        self._word_to = {end: index + 1 for index, end in reversed(list(enumerate(self.ends)))}

    def words_at(self, start: int, end: int) -> Place | None:
        """The words from the one that begins at character ``start`` to the one that ends before ``end``, if any do."""
        first, last = self._word_from.get(start), self._word_to.get(end)
        return None if first is None or last is None or first >= last else (first, last)

    def find(self, text: str) -> list[Place]:
        """Each place where ``text`` stands as whole words, in order.

        ``text`` has to be squeezed, and folded where the characters are. Places may overlap.
        """
        places = (self.words_at(start, start + len(text)) for start in self.offsets(text))
        return [place for place in places if place is not None]

    def length(self, word: int) -> int:
        """Characters of a word."""
        return self.ends[word] - self.starts[word]

    def word_of(self, offset: int) -> int:
        """The word that a character belongs to."""
        return bisect_right(self.ends, offset)

    def offsets(self, text: str) -> Iterator[int]:
        """Where ``text`` begins, as whole words or not."""
        start = self.text.find(text) if text else -1
        while start >= 0:
            yield start
            start = self.text.find(text, start + 1)
