"""Sentences repeated with marks round their entities: <TYPE>…</TYPE>, and @@…## where only one type is asked for.

What a sentence itself holds of such signs is shown disguised (`formats.disguised`), so that a model which repeats it as
shown writes no mark by it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Literal

from rapidfuzz.distance import Levenshtein

from nerc_trainer.annotation.align import Echo
from nerc_trainer.annotation.characters import squeeze
from nerc_trainer.annotation.formats import BEGIN_MARK, disguised
from nerc_trainer.annotation.rejection import Rejection
from nerc_trainer.corpus.labels import Span

MarkedFormat = Literal["inline", "one_type"]

# Of a run of @ or # longer than a mark, the first two open an entity and the last two close it.
_MARKS = {
    "inline": re.compile(r"<(?P<slash>/?)(?P<name>[^<>]+)>"),
    "one_type": re.compile(r"(?<!@)@@|(?P<slash>##)(?!#)"),
}
_WRAPPERS = " \t\"'`“”*"
# A line with marks is the answer even if one without them, which only repeats the question, is a little more alike.
_SLACK = 0.1
_LINES = 200  # in which the sentence is looked for: a model that says more has run away


def read_marks(
    format: MarkedFormat,
    words: Sequence[str],
    text: str,
    resolve_type: Callable[[str], str | None],
    type_: str | None = None,
) -> Echo:
    """The repeated sentence in a reply, and its marked parts.

    ``resolve_type`` gives the type that a name in a mark means, None for one to leave out, and raises Rejection for an
    unknown one; ``type_`` is that of all marks in the format one_type. Rejection with ``misaligned`` if the sentence is
    not repeated or its own signs can't be told from marks, and with ``wrong_shape`` if marks do not pair.
    """
    line = _choose_line(format, words, text)
    line = _disguise_own_marks(format, words, line, resolve_type)
    return _split_at_marks(format, line, resolve_type, type_)


def _choose_line(format: MarkedFormat, words: Sequence[str], text: str) -> str:
    """The line that repeats the sentence, or the whole text if it is broken into several."""
    source = squeeze("".join(disguised(format, word) for word in words)).casefold()
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    whole = " ".join(line for line in lines if not line.startswith("```"))
    candidates: list[tuple[bool, float, int, str]] = []
    for number, line in enumerate([*lines[:_LINES], whole]):
        for variant in dict.fromkeys((line, line.strip(_WRAPPERS), line.partition(":")[2].strip(_WRAPPERS))):
            # Too long or too short to be the sentence, marks included: not worth a comparison.
            if not len(source) / 2 <= len(variant) <= 8 * len(source) + 256:
                continue
            plain = squeeze(_MARKS[format].sub("", variant)).casefold()
            alike = Levenshtein.normalized_similarity(source, plain)
            candidates.append((len(plain) < len(squeeze(variant)), alike, number, variant))
    if not candidates:
        raise Rejection("misaligned", f"no line repeats the sentence: {text.strip()[:60]!r}")
    best = max(alike for _, alike, _, _ in candidates)
    has_marks, _, _, chosen = max(candidate for candidate in candidates if candidate[1] >= best - _SLACK)
    all_of_it = {squeeze(said.strip(_WRAPPERS)) for said in (whole, text)}  # without a fence, and as it is
    if not has_marks and squeeze(chosen.strip(_WRAPPERS)) not in all_of_it:
        # A model that quotes the question has not answered it: this is not a sentence without entities.
        raise Rejection("misaligned", f"the sentence without marks among other words: {text.strip()[:60]!r}")
    return chosen


def _disguise_own_marks(
    format: MarkedFormat, words: Sequence[str], line: str, resolve_type: Callable[[str], str | None]
) -> str:
    """Disguise again what the model repeated of the sentence's own signs in their plain form."""
    source = " ".join(words)
    for own in {match[0]: match for match in _MARKS[format].finditer(source)}.values():
        shown = disguised(format, own[0])
        if own[0] not in line or line.count(shown) >= source.count(own[0]):
            continue
        if format == "one_type" or _is_known(own["name"], resolve_type):
            raise Rejection("misaligned", f"{own[0]} of the sentence can't be told from a mark")
        line = line.replace(own[0], shown)
    return line


def _split_at_marks(
    format: MarkedFormat, line: str, resolve_type: Callable[[str], str | None], type_: str | None
) -> Echo:
    words: list[str] = []
    spans: list[Span] = []
    opened: list[tuple[str, int]] = []
    offset = 0
    for mark in _MARKS[format].finditer(line):
        name = mark["name"] if format == "inline" else ""
        if format == "inline" and not _is_mark(name, line, resolve_type):
            continue
        words += disguised(format, line[offset : mark.start()]).split()
        offset = mark.end()
        if not mark["slash"]:
            opened.append((name, len(words)))
            continue
        start = _pop(opened, name, mark[0])
        resolved = resolve_type(name) if format == "inline" else type_
        if resolved is not None and start < len(words):
            spans.append(Span(start, len(words), resolved))
    words += disguised(format, line[offset:]).split()
    if opened:
        raise Rejection("wrong_shape", f"a mark is never closed: {opened[0][0] or BEGIN_MARK}")
    return Echo(tuple(words), tuple(spans), by_word=False)


def _is_mark(name: str, line: str, resolve_type: Callable[[str], str | None]) -> bool:
    """Whether <name> is a mark: of a known type, or of an unknown one that is closed as well (</s> alone is none)."""
    if _is_known(name, resolve_type):
        return True
    return f"<{name}>" in line and f"</{name}>" in line


def _pop(opened: list[tuple[str, int]], name: str, mark: str) -> int:
    """Close the last mark of this name, and return where it was opened."""
    for position in range(len(opened) - 1, -1, -1):
        if opened[position][0].casefold() == name.casefold():
            return opened.pop(position)[1]
    raise Rejection("wrong_shape", f"{mark} closes nothing")


def _is_known(name: str, resolve_type: Callable[[str], str | None]) -> bool:
    try:
        resolve_type(name)
    except Rejection:
        return False
    return True
