"""Where the entities of an answer that repeats the sentence stand in it, found by alignment.

All is compared by characters without white space, so it makes no difference how an answer splits or joins words. A
place that had to be guessed never counts as certain: see the statuses of `PlacedSpan`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from rapidfuzz.distance import Levenshtein

from nerc_trainer.annotation.characters import Characters, Place, squeeze
from nerc_trainer.corpus.labels import Span

Status = Literal["exact", "case", "fuzzy", "moved", "not_found"]


@dataclass(frozen=True)
class Mention:
    """A name that an answer quotes: where it says that it stands, by the index of a word or by occurrence (from 1)."""

    text: str
    type: str
    index: int | None = None
    occurrence: int | None = None


@dataclass(frozen=True)
class Echo:
    """What an answer repeats of the sentence and marks in it; spans count the words of the echo.

    ``by_word`` says that each word was tagged as a whole, so that one which joins words of the sentence is in doubt;
    marks stand wherever the model puts them. ``mended`` counts tags that were no well-formed BIO.
    """

    words: tuple[str, ...]
    spans: tuple[Span, ...]
    by_word: bool = True
    mended: int = 0


@dataclass(frozen=True)
class PlacedSpan:
    """An entity of an answer and its place in the sentence, None where there is none.

    exact: the place is certain and the text the same. case: certain, and the text differs in case alone. moved: the
    text is the same, and its place had to be guessed. fuzzy: the text differs in more than case, or only a part of a
    word was meant. not_found: nothing like it stands there.
    """

    span: Span | None
    status: Status
    text: str
    type: str


@dataclass(frozen=True)
class Alignment:
    """The entities of an answer in the sentence.

    ``uncovered`` counts the words that an echo left out, ``difference`` is the share (0 to 1) of characters in which
    it differs from the sentence by more than case; both are 0 for quoted names.
    """

    placed: tuple[PlacedSpan, ...]
    uncovered: int = 0
    difference: float = 0.0


def align_echo(words: Sequence[str], echo: Echo) -> Alignment:
    """Carry the spans of an echo over to the sentence, by the alignment with the fewest edits (Levenshtein).

    An echo much longer than the sentence is not aligned at all: its ``difference`` is 1.
    """
    source, repeated = Characters(words, folded=True), Characters(echo.words, folded=True)
    if len(repeated.text) > 2 * len(source.text) + 64:
        return Alignment((), len(words), 1.0)
    matches = _match(source.text, repeated.text)
    anchors = _anchors(source, repeated)
    placed = []
    for span in echo.spans:
        said = echo.words[span.start : span.end]
        start, end = repeated.starts[span.start], repeated.ends[span.end - 1]
        place = _claimed_words(source, [match for match in matches[start:end] if match is not None], end - start)
        if place is None:
            placed.append(PlacedSpan(None, "not_found", " ".join(said), span.type))
            continue
        meant = words[place[0] : place[1]]
        status: Status
        if squeeze("".join(said)).casefold() != squeeze("".join(meant)).casefold():
            status = "fuzzy"
        elif not _is_certain(source, repeated, place, start, anchors):
            status = "moved"
        elif echo.by_word and _joins_words(source, repeated, place, start):
            status = "fuzzy"
        else:
            status = "exact" if squeeze("".join(said)) == squeeze("".join(meant)) else "case"
        placed.append(PlacedSpan(Span(*place, span.type), status, " ".join(said), span.type))
    difference = Levenshtein.normalized_distance(source.text, repeated.text)
    return Alignment(tuple(placed), _count_uncovered(source, matches), difference)


def _match(source: str, repeated: str) -> list[int | None]:
    """For each character of the echo the equal one of the sentence that it stands for."""
    if source == repeated:
        return [*range(len(source))]
    matches: list[int | None] = [None] * len(repeated)
    for step in Levenshtein.opcodes(source, repeated):
        if step.tag == "equal":
            matches[step.dest_start : step.dest_end] = range(step.src_start, step.src_end)
    return matches


def _count_uncovered(source: Characters, matches: Sequence[int | None]) -> int:
    """Words of which less than half is in the echo."""
    counts = Counter(source.word_of(match) for match in matches if match is not None)
    return sum(2 * counts[word] < source.length(word) for word in range(len(source.starts)))


def _claimed_words(source: Characters, matches: Sequence[int], length: int) -> Place | None:
    """The words that a span of ``length`` characters stands for, if it matches these characters of the sentence."""
    # Single characters match anywhere; half of a word does not, nor does half of a span that is a part of a word.
    claimed = [
        word
        for word, count in Counter(source.word_of(match) for match in matches).items()
        if 2 * count >= min(source.length(word), length)
    ]
    if not claimed:
        return None
    first, last = min(claimed), max(claimed)
    is_scattered = first < last and 2 * len(matches) < source.ends[last] - source.starts[first]
    return None if is_scattered else (first, last + 1)


def _anchors(source: Characters, repeated: Characters) -> set[int]:
    """Words of the sentence whose text stands nowhere else in it, not even inside of words, and once in the echo."""
    return {
        word
        for word, (start, end) in enumerate(zip(source.starts, source.ends, strict=True))
        if start < end and all(_stands_once(source.text[start:end], text) for text in (source.text, repeated.text))
    }


def _stands_once(part: str, text: str) -> bool:
    return text.find(part) == text.rfind(part) >= 0


def _is_certain(source: Characters, repeated: Characters, place: Place, start: int, anchors: Collection[int]) -> bool:
    """Whether the echo's text from character ``start`` can stand for no other words than those of ``place``.

    It can't if on both sides the echo and the sentence go on alike up to an anchor or to their ends: then nothing can
    have been left out or put in between, so even words that stand elsewhere as well are at their place.
    """
    shift = start - source.starts[place[0]]

    def is_alike(word: int) -> bool:
        begin, end = source.starts[word], source.ends[word]
        return begin + shift >= 0 and repeated.text[begin + shift : end + shift] == source.text[begin:end]

    def reaches_anchor(outward: Iterable[int]) -> bool | None:
        for word in outward:
            if not is_alike(word):
                return False
            if word in anchors:
                return True
        return None

    before = reaches_anchor(range(place[0] - 1, -1, -1))
    behind = reaches_anchor(range(place[1], len(source.starts)))
    if before is None:
        before = shift == 0
    if behind is None:
        behind = len(source.text) + shift == len(repeated.text)
    return before and behind


def _joins_words(source: Characters, repeated: Characters, place: Place, start: int) -> bool:
    """Whether the echo joins words of ``place`` or beside it, so that a tag may be meant for a part of one."""
    shift = start - source.starts[place[0]]
    cuts = {0, *repeated.ends}
    first, last = max(place[0] - 1, 0), min(place[1], len(source.ends) - 1)
    wanted = {source.starts[first], *source.ends[first : last + 1]}
    return not {cut + shift for cut in wanted} <= cuts
