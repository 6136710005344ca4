"""What a file says of one sentence, before it is held against what was asked."""

from __future__ import annotations

from dataclasses import dataclass, field

from nerc_trainer.corpus.labels import Span
from nerc_trainer.errors import NercError


@dataclass(frozen=True)
class Given:
    """An answer as a file has it; without ``tags`` and ``spans`` it is none.

    ``id`` is "" where the file names none. The sentence stands in ``words``, or in ``text``; ``spans`` are in words
    where there are words and in characters (code points) of the text elsewhere. ``tags`` are of any scheme, one a word.
    ``versions`` counts the answers that the file has for the sentence, of which this is the newest. ``word_places`` has
    the place of each word in a file of a word a line, and is empty elsewhere.
    """

    place: str
    id: str
    words: list[str] | None = None
    text: str | None = None
    tags: list[str] | None = None
    spans: list[Span] | None = None
    annotator: str = ""
    seconds: float | None = None
    versions: int = 1
    word_places: list[str] = field(default_factory=list)

    @property
    def is_answer(self) -> bool:
        """Whether somebody has labelled the sentence, be it that it has no entity."""
        return self.tags is not None or self.spans is not None

    def place_of(self, word: int) -> str:
        """Where a word, counted from 0, stands in the file, as nearly as that is known."""
        return self.word_places[word] if self.word_places else self.place


class FaultAt(NercError):
    """What is wrong with an answer at a place of its own, such as the line of one word."""

    def __init__(self, place: str, message: str) -> None:
        super().__init__(message)
        self.place = place


def with_place(error: NercError, place: str) -> str:
    """An error in the answer at ``place`` as a line that begins with where it is."""
    return f"{error.place if isinstance(error, FaultAt) else place}: {error}"
