"""What a file says of one sentence, before it is held against what was asked."""

from __future__ import annotations

from dataclasses import dataclass

from nerc_trainer.corpus.labels import Span


@dataclass(frozen=True)
class Given:
    """An answer as a file has it; without ``tags`` and ``spans`` it is none.

    ``id`` is "" where the file names none. The sentence stands in ``words``, or in ``text``; ``spans`` are in words
    where there are words and in characters (code points) of the text elsewhere. ``tags`` are of any scheme, one a word.
    ``versions`` counts the answers that the file has for the sentence, of which this is the newest.
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

    @property
    def is_answer(self) -> bool:
        """Whether somebody has labelled the sentence, be it that it has no entity."""
        return self.tags is not None or self.spans is not None
