"""What a reply is worth: the entities that it names in a sentence, and whether it could be read, repaired, or not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from nerc_trainer.annotation.align import Alignment, Echo, PlacedSpan, align_echo
from nerc_trainer.annotation.formats import Format, disguised
from nerc_trainer.annotation.mentions import place_mentions
from nerc_trainer.annotation.parse import NO_ALIASES, parse_reply
from nerc_trainer.annotation.rejection import Rejection
from nerc_trainer.corpus.labels import Span

# Raised with every change that may read a reply in another way.
READER_VERSION = 2
# Share of the characters in which an echo may differ from the sentence.
_MOST_DIFFERENCE = 0.2


@dataclass(frozen=True)
class Reading:
    """The entities that a reply names. ``reason`` says what was repaired or why nothing could be read.

    ``statuses`` counts the entities of the reply by how surely they were placed. A rejected reply has no spans, which
    does not mean that the sentence has no entities.
    """

    status: Literal["ok", "repaired", "rejected"]
    reason: str
    spans: tuple[Span, ...]
    statuses: Mapping[str, int] = field(default_factory=dict)


def read_reply(
    format: Format,
    words: Sequence[str],
    types: Sequence[str],
    text: str,
    finish_reason: str,
    fields: Sequence[str],
    *,
    type_: str | None = None,
    aliases: Mapping[str, str | None] = NO_ALIASES,
) -> Reading:
    """Read a reply about a sentence; see `parse_reply` for the arguments. Raises nothing: what is wrong is rejected."""
    try:
        said = parse_reply(format, words, text, finish_reason, types, fields, type_=type_, aliases=aliases)
    except Rejection as rejection:
        return Reading("rejected", str(rejection), ())
    if not isinstance(said, Echo):
        return _judge(place_mentions(words, said))
    shown = [disguised(format, word) for word in words]
    alignment = align_echo(shown, said)
    if alignment.difference > _MOST_DIFFERENCE:
        return Reading("rejected", f"misaligned: {alignment.difference:.0%} of the sentence differ", ())
    return _judge(alignment, said.mended)


def merge_readings(readings: Mapping[str, Reading]) -> Reading:
    """One reading of the answers for each type, in the order of the types; one that is rejected rejects all."""
    for type_, reading in readings.items():
        if reading.status == "rejected":
            return Reading("rejected", f"{reading.reason} (asked for {type_})", ())
    spans, overlaps = _without_overlaps([span for reading in readings.values() for span in reading.spans])
    reasons = [reading.reason for reading in readings.values() if reading.reason]
    if overlaps:
        reasons.append(f"overlap: {overlaps} dropped")
    statuses: Counter[str] = Counter()
    for reading in readings.values():
        statuses.update(reading.statuses)
    return Reading("repaired" if reasons else "ok", "; ".join(reasons), spans, statuses)


def _judge(alignment: Alignment, mended: int = 0) -> Reading:
    statuses: Counter[str] = Counter(placed.status for placed in alignment.placed)
    found = [placed for placed in alignment.placed if placed.span is not None]
    if alignment.placed and not found:
        return Reading("rejected", f"not_found: {_quoted(alignment.placed)}", (), statuses)
    spans, overlaps = _without_overlaps([placed.span for placed in found if placed.span is not None])
    reasons = [f"{status}: {count}" for status, count in sorted(statuses.items()) if status != "exact"]
    if mended:
        reasons.append(f"mended: {mended} tags")
    if alignment.uncovered:
        reasons.append(f"left out: {alignment.uncovered} words")
    elif alignment.difference and not reasons:
        reasons.append(f"differs: {alignment.difference:.0%}")
    if overlaps:
        reasons.append(f"overlap: {overlaps} dropped")
    return Reading("repaired" if reasons else "ok", "; ".join(reasons), spans, statuses)


def _quoted(placed: Sequence[PlacedSpan]) -> str:
    return ", ".join(repr(one.text[:40]) for one in placed[:3])


def _without_overlaps(spans: Sequence[Span]) -> tuple[tuple[Span, ...], int]:
    """The spans in order without overlaps: longer ones first, then earlier ones of the list; and how many went."""
    kept: list[Span] = []
    for span in sorted(dict.fromkeys(spans), key=lambda span: span.start - span.end):
        if all(span.end <= other.start or other.end <= span.start for other in kept):
            kept.append(span)
    return tuple(sorted(kept)), len(set(spans)) - len(kept)
