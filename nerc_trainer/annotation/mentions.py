"""Where the names that an answer quotes stand in the sentence."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence

from rapidfuzz.distance import Levenshtein

from nerc_trainer.annotation.align import Alignment, Mention, PlacedSpan, Status
from nerc_trainer.annotation.characters import Characters, Place, squeeze
from nerc_trainer.corpus.labels import Span

# Share of its characters in which a quoted name may differ from the text that is taken for it.
_MOST_DIFFERENCE = 0.2
_FUZZY: Status = "fuzzy"
_NOWHERE: tuple[list[Place], Status] = ([], "not_found")
_WORD_NUMBER = re.compile(r"(?<!\S)\d+:(?=\S)")


def place_mentions(words: Sequence[str], mentions: Sequence[Mention]) -> Alignment:
    """Find quoted names in the sentence.

    Without index or occurrence the k-th mention of a text means its k-th occurrence outside of longer names. Where a
    text stands more often than it is mentioned, its last mention means the others as well, and all of them are guessed.
    """
    finder = _Finder(words)
    placed: defaultdict[int, list[PlacedSpan]] = defaultdict(list)
    groups: defaultdict[str, list[int]] = defaultdict(list)
    for number, mention in enumerate(mentions):
        if mention.index is not None:
            placed[number].append(_place_by_index(finder, mention, mention.index))
        elif mention.occurrence is not None:
            placed[number].append(_place_by_occurrence(finder, mention, mention.occurrence))
        else:
            groups[squeeze(mention.text)].append(number)

    taken: list[Place] = []
    for text in sorted(groups, key=len, reverse=True):
        places, status = next(finder.ways(text), _NOWHERE)
        # "York" beside "New York" is the York that stands alone, if there is one.
        places = [place for place in places if not _is_inside(place, taken)] or places
        numbers = groups[text]
        if len(places) > len(numbers):
            status = _guessed(status)
            numbers = numbers + numbers[-1:] * (len(places) - len(numbers))
        for number, place in zip(numbers, places, strict=False):
            placed[number].append(_placed(place, status, mentions[number]))
        for number in numbers[len(places) :]:
            placed[number].append(_not_found(mentions[number]))
        taken += places
    return Alignment(tuple(span for number in range(len(mentions)) for span in placed[number]))


def _place_by_index(finder: _Finder, mention: Mention, index: int) -> PlacedSpan:
    # The numbers of the words may have been copied with them: "3:New 4:York".
    ways = list(finder.ways(mention.text)) or [
        (places, _FUZZY) for places, _ in finder.ways(_WORD_NUMBER.sub("", mention.text))
    ]
    for places, status in ways:
        for place in places:
            if place[0] == index:
                return _placed(place, status, mention)
    for places, status in ways:
        return _placed(min(places, key=lambda place: abs(place[0] - index)), _guessed(status), mention)
    return _not_found(mention)


def _place_by_occurrence(finder: _Finder, mention: Mention, occurrence: int) -> PlacedSpan:
    for places, status in finder.ways(mention.text):
        if 1 <= occurrence <= len(places):
            return _placed(places[occurrence - 1], status, mention)
        return _placed(places[-1] if occurrence > 0 else places[0], _guessed(status), mention)
    return _not_found(mention)


def _guessed(status: Status) -> Status:
    return "fuzzy" if status == "fuzzy" else "moved"


def _placed(place: Place, status: Status, mention: Mention) -> PlacedSpan:
    return PlacedSpan(Span(*place, mention.type), status, mention.text, mention.type)


def _not_found(mention: Mention) -> PlacedSpan:
    return PlacedSpan(None, "not_found", mention.text, mention.type)


def _is_inside(place: Place, others: Sequence[Place]) -> bool:
    return any(other != place and other[0] <= place[0] and place[1] <= other[1] for other in others)


class _Finder:
    """Finds texts in one sentence."""

    def __init__(self, words: Sequence[str]) -> None:
        self._exact = Characters(words)
        self._folded = Characters(words, folded=True)

    def ways(self, text: str) -> Iterator[tuple[list[Place], Status]]:
        """The places of a text, in order, in each way in which there are any, the surest way first.

        As it is; whatever its case; and, where neither finds it, as a part of longer words or nearly the same.
        """
        text = squeeze(text)
        folded = text.casefold()
        if places := self._exact.find(text):
            yield places, "exact"
        if places := self._folded.find(folded):
            yield places, "case"
        elif places := self._parts(folded) or self._nearest(folded):
            yield places, "fuzzy"

    def _parts(self, text: str) -> list[Place]:
        """Words that a text is a part of, cut off at a sign such as a hyphen."""
        whole = self._folded.text
        places = []
        for start in self._folded.offsets(text):
            end = start + len(text)
            first, last = self._folded.word_of(start), self._folded.word_of(end - 1)
            cuts_before = start > self._folded.starts[first] and whole[start - 1].isalnum()
            cuts_behind = end < self._folded.ends[last] and whole[end].isalnum()
            if not cuts_before and not cuts_behind:
                places.append((first, last + 1))
        return list(dict.fromkeys(places))

    def _nearest(self, text: str) -> list[Place]:
        """The run of words that differs least from a text, if it differs little."""
        characters = self._folded
        longest, shortest = len(text) / (1 - _MOST_DIFFERENCE), len(text) * (1 - _MOST_DIFFERENCE)
        best: list[Place] = []
        least = _MOST_DIFFERENCE
        for first, start in enumerate(characters.starts):
            for last in range(first, len(characters.ends)):
                end = characters.ends[last]
                if end - start > longest:
                    break
                if end - start < max(shortest, 1):
                    continue
                difference = Levenshtein.normalized_distance(characters.text[start:end], text, score_cutoff=least)
                if difference < least or (difference == least and not best):
                    best, least = [(first, last + 1)], difference
        return best
