"""Entity types, tagging schemes, and the way between tags and spans.

One reading holds for every scheme, that of the conlleval script: a B- or S- tag always opens an entity; an I- or E-
tag goes on with the entity before it if the types agree and opens one otherwise; an E- or S- tag closes its entity.
The scheme only says which prefixes are legal and which tags count as repaired, so a wrong guess of the scheme never
changes an entity.
"""

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Literal, NamedTuple

from nerc_trainer.errors import NercError

Scheme = Literal["bio", "iob1", "bioes"]

# BILOU names the same two positions Last and Unit that BIOES names End and Single.
_PREFIXES: dict[str, dict[str, str]] = {
    "bio": {"B": "B", "I": "I"},
    "iob1": {"B": "B", "I": "I"},
    "bioes": {"B": "B", "I": "I", "E": "E", "S": "S", "L": "E", "U": "S"},
}


class Span(NamedTuple):
    """An entity: its first word, the word after its last (both counted from 0), and its type."""

    start: int
    end: int
    type: str


@dataclass(frozen=True)
class LabelSet:
    """The entity types of a corpus, sorted, and the BIO tags that they make.

    The sorting fixes the order of the tags, and so the rows of a model's head, for every order of the data.
    """

    types: tuple[str, ...]

    def __post_init__(self) -> None:
        if list(self.types) != sorted(set(self.types)):
            raise ValueError(f"types have to be sorted and without repeats, not {self.types}; see LabelSet.from_types")

    @classmethod
    def from_types(cls, types: Iterable[str]) -> "LabelSet":
        """Make a label set of types in any order, with or without repeats."""
        return cls(tuple(sorted(set(types))))

    @cached_property
    def tags(self) -> tuple[str, ...]:
        """``("O", "B-LOC", "I-LOC", …)``: the position of a tag is its id."""
        return ("O", *(f"{prefix}-{type_}" for type_ in self.types for prefix in "BI"))

    @cached_property
    def tag_ids(self) -> dict[str, int]:
        """The id of each tag."""
        return {tag: index for index, tag in enumerate(self.tags)}

    def encode(self, tags: Iterable[str]) -> list[int]:
        """Turn BIO tags into ids; a tag outside the set raises NercError."""
        try:
            return [self.tag_ids[tag] for tag in tags]
        except KeyError as error:
            _, type_ = parse_tag(error.args[0])
            raise NercError(f"tag {error.args[0]!r}: {describe_unknown_type(type_, self.types)}") from None

    def decode(self, ids: Iterable[int]) -> list[str]:
        """Turn ids into BIO tags; an id outside the set (-100, say) raises ValueError."""
        tags = []
        for index in ids:
            if not 0 <= index < len(self.tags):
                raise ValueError(f"tag id {index} is not in 0..{len(self.tags) - 1}")
            tags.append(self.tags[index])
        return tags


def describe_unknown_type(type_: str, types: Sequence[str]) -> str:
    """Say that an entity type is unknown, and which known one it may stand for."""
    by_lower_case = {known.lower(): known for known in types}
    nearest = difflib.get_close_matches(type_.lower(), by_lower_case, n=1)
    hint = f"did you mean {by_lower_case[nearest[0]]!r}?" if nearest else f"the types are {', '.join(types) or 'none'}"
    return f"unknown entity type {type_!r}; {hint}"


@lru_cache(maxsize=4096)
def parse_tag(tag: str, scheme: Scheme = "bio") -> tuple[str, str]:
    """Split a tag into its prefix (one of O, B, I, E, S) and its entity type ("" for O).

    A prefix that the scheme has not, or a missing type, raises NercError.
    """
    if tag == "O":
        return "O", ""
    # Types hold hyphens themselves (creative-work), so only the first one parts.
    prefix, _, type_ = tag.partition("-")
    prefixes = _PREFIXES[scheme]
    if prefix not in prefixes or not type_:
        wanted = ", ".join(f"{known}-TYPE" for known in prefixes)
        raise NercError(f"tag {tag!r} is no {scheme.upper()} tag; write O, or one of {wanted}")
    return prefixes[prefix], type_


def is_tag(text: str) -> bool:
    """Whether this is a tag of any scheme."""
    try:
        parse_tag(text, "bioes")
    except NercError:
        return False
    return True


def detect_scheme(sequences: Iterable[Sequence[str]]) -> Scheme:
    """Tell the scheme from all tag sequences of a source together.

    Any E-, S-, L- or U- tag means ``bioes`` (BILOU is read as such). Otherwise an I- that opens an entity speaks for
    IOB1 and a B- that opens one with no entity of its type before it speaks for BIO: the scheme with fewer tags
    against it wins, BIO where they tie or nothing speaks. A tag of no scheme raises NercError.
    """
    inside_opens = begin_opens = 0
    for tags in sequences:
        previous_type = ""
        for tag in tags:
            prefix, type_ = parse_tag(tag, "bioes")
            if prefix in ("E", "S"):
                return "bioes"
            if prefix != "O" and type_ != previous_type:
                inside_opens += prefix == "I"
                begin_opens += prefix == "B"
            previous_type = type_
    return "iob1" if inside_opens > begin_opens else "bio"


def tags_to_spans(tags: Sequence[str], scheme: Scheme = "bio") -> list[Span]:
    """Read the entities of one sentence, malformed sequences as conlleval does (see the head of this file).

    The spans come sorted and do not overlap. A tag that the scheme has not raises NercError.
    """
    spans: list[Span] = []
    start, open_type = 0, ""
    for index, tag in enumerate(tags):
        prefix, type_ = parse_tag(tag, scheme)
        if open_type and (prefix in ("O", "B", "S") or type_ != open_type):
            spans.append(Span(start, index, open_type))
            open_type = ""
        if type_ and not open_type:
            start, open_type = index, type_
        if prefix in ("E", "S"):
            spans.append(Span(start, index + 1, open_type))
            open_type = ""
    if open_type:
        spans.append(Span(start, len(tags), open_type))
    return spans


def spans_to_tags(spans: Iterable[Span], length: int, scheme: Scheme = "bio") -> list[str]:
    """Write entities in any order as the tags of a sentence of ``length`` words.

    A span that is empty, reaches out of the sentence, overlaps another one or has no type raises NercError.
    """
    tags = ["O"] * length
    previous = Span(0, 0, "")
    for span in sorted(spans):
        start, end, type_ = span
        if not 0 <= start < end <= length:
            raise NercError(f"words {start}:{end} {type_!r}: empty or out of range in a sentence of {length} words")
        if not type_:
            raise NercError(f"words {start}:{end}: an entity without a type")
        if start < previous.end:
            raise NercError(
                f"words {start}:{end} {type_!r} overlap words {previous.start}:{previous.end} {previous.type!r}; "
                "keep one of the two entities"
            )
        tags[start:end] = [f"I-{type_}"] * (end - start)
        touches_same_type = start == previous.end and type_ == previous.type
        if scheme != "iob1" or touches_same_type:
            tags[start] = f"B-{type_}"
        if scheme == "bioes":
            tags[end - 1] = f"S-{type_}" if end - start == 1 else f"E-{type_}"
        previous = span
    return tags


def to_bio(tags: Sequence[str], scheme: Scheme) -> tuple[list[str], int]:
    """Rewrite one sentence as well-formed BIO, and count its tags that a well-formed ``scheme`` would not have."""
    if all(tag == "O" for tag in tags):
        return list(tags), 0
    spans = tags_to_spans(tags, scheme)
    bio = spans_to_tags(spans, len(tags))
    expected = bio if scheme == "bio" else spans_to_tags(spans, len(tags), scheme)
    repaired = sum(
        parse_tag(tag, scheme) != parse_tag(wanted, scheme) for tag, wanted in zip(tags, expected, strict=True)
    )
    return bio, repaired
