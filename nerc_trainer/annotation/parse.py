"""What a reply says: the sentence that it repeats with its tags or marks, or the names that it quotes."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from nerc_trainer.annotation.align import Echo, Mention
from nerc_trainer.annotation.formats import Format, disguised
from nerc_trainer.annotation.json_text import json_values
from nerc_trainer.annotation.marks import read_marks
from nerc_trainer.annotation.rejection import Rejection
from nerc_trainer.corpus.labels import spans_to_tags, tags_to_spans

NO_ALIASES: Mapping[str, str | None] = MappingProxyType({})

_LONGEST = 1_000_000  # characters: what is longer has run away, and is refused before any work
_TAG = re.compile(r"([BIESLU])[-_](.+)", re.IGNORECASE | re.DOTALL)
_CUT = ("length", "max_tokens", "too_large")


def parse_reply(
    format: Format,
    words: Sequence[str],
    text: str,
    finish_reason: str | None,
    types: Sequence[str],
    fields: Sequence[str],
    *,
    type_: str | None = None,
    aliases: Mapping[str, str | None] = NO_ALIASES,
) -> Echo | list[Mention]:
    """Read what the reply to a sentence of ``words`` says, in the format that was asked for.

    ``types`` are matched ignoring case and by ``aliases``, in which None means entities to leave out; ``fields`` are
    the prompt's, and ``type_`` is the one asked for in the format one_type. Code fences, prose around the answer and
    small slips of JSON are forgiven; what cannot be read for sure raises Rejection.
    """
    if len(text) > _LONGEST:
        raise Rejection("wrong_shape", f"a reply of {len(text):,} characters")
    if finish_reason in _CUT or finish_reason == "content_filter":
        raise Rejection("cut" if finish_reason in _CUT else "refused", f"finish_reason {finish_reason}")
    text = text.strip()
    if text.startswith("<think>") and not "".join(words[:1]).startswith("<think>"):
        text = text.partition("</think>")[2].strip()
    if not text:
        raise Rejection("empty", "nothing was said")

    def resolve_type(name: str) -> str | None:
        return _resolve_type(name, types, aliases)

    if format in ("inline", "one_type"):
        return read_marks(format, words, text, resolve_type, type_)
    source = " ".join(disguised(format, word) for word in words)
    read = _read_tags if format == "tokens_tags" else _read_mentions
    answers: list[Echo | list[Mention]] = []
    refused: Rejection | None = None
    for value in json_values(text, source):
        try:
            answers.append(read(value, words, fields, resolve_type))
        except Rejection as rejection:
            refused = refused or rejection
    if not answers:
        assert refused is not None
        raise refused
    if any(answer != answers[0] for answer in answers):
        raise Rejection("wrong_shape", f"{len(answers)} answers that differ")
    return answers[0]


def _resolve_type(name: str, types: Sequence[str], aliases: Mapping[str, str | None]) -> str | None:
    """The type that a name means, None for one to leave out; unknown names raise Rejection."""
    name = name.strip()
    if name in types:
        return name
    known: dict[str, str | None] = {alias.casefold(): type_ for alias, type_ in aliases.items()}
    # A type goes before an alias, and the first of two types that differ in case alone before the second.
    known |= {type_.casefold(): type_ for type_ in reversed(types)}
    try:
        return known[name.casefold()]
    except KeyError:
        raise Rejection("unknown_type", name[:40]) from None


def _read_tags(
    value: Any, words: Sequence[str], fields: Sequence[str], resolve_type: Callable[[str], str | None]
) -> Echo:
    if isinstance(value, list):
        value = value[0] if len(value) == 1 and isinstance(value[0], dict) else {"ner_tags": value}
    if not isinstance(value, dict) or "ner_tags" not in value:
        raise Rejection("wrong_shape", "no list of ner_tags")
    tags = [_normal_tag(tag, resolve_type) for tag in _strings(value["ner_tags"], "ner_tags")]
    if "tokens" in value or "tokens" in fields:
        tokens = _strings(value.get("tokens"), "tokens")
        # As they were shown, if the model repeated that too.
        if all(len(token) > 2 and token[0] == token[-1] == "`" for token in tokens):
            tokens = [token[1:-1] for token in tokens]
        counted = f"{len(tokens)} tokens"
    else:
        tokens, counted = list(words), f"{len(words)} words"
    if len(tags) != len(tokens):
        raise Rejection("length_mismatch", f"{len(tags)} ner_tags for {counted}")
    spans = tags_to_spans(tags, "bioes")
    mended = sum(tag != wanted for tag, wanted in zip(tags, spans_to_tags(spans, len(tags)), strict=True))
    return Echo(tuple(disguised("tokens_tags", token) for token in tokens), tuple(spans), mended=mended)


def _normal_tag(tag: str, resolve_type: Callable[[str], str | None]) -> str:
    """A tag with one of the known types; I- goes before a type without a prefix."""
    tag = tag.strip()
    if tag in ("O", "o"):
        return "O"
    prefix, name = match.groups() if (match := _TAG.fullmatch(tag)) else ("I", tag)
    try:
        type_ = resolve_type(name)
    except Rejection as unknown:
        # A type may itself begin like a tag: "B-side".
        try:
            prefix, type_ = "I", resolve_type(tag)
        except Rejection:
            raise unknown from None
    return "O" if type_ is None else f"{prefix.upper()}-{type_}"


def _read_mentions(
    value: Any, words: Sequence[str], fields: Sequence[str], resolve_type: Callable[[str], str | None]
) -> list[Mention]:
    if isinstance(value, dict):
        value = value.get("entities")
    elif isinstance(value, list) and len(value) == 1 and isinstance(value[0], dict) and "entities" in value[0]:
        value = value[0]["entities"]
    if not isinstance(value, list):
        raise Rejection("wrong_shape", "no list of entities")
    # Entities do not overlap, so there are never more than words; a model that repeats itself may say many more.
    if len(value) > 2 * len(words) + 8:
        raise Rejection("wrong_shape", f"{len(value)} entities for {len(words)} words")
    mentions = []
    for entity in value:
        if not isinstance(entity, dict) or not isinstance(entity.get("text"), (str, int, float)):
            raise Rejection("wrong_shape", f"an entity without text: {str(entity)[:40]}")
        if not isinstance(entity.get("type"), str):
            raise Rejection("wrong_shape", f"an entity without type: {str(entity)[:40]}")
        type_ = resolve_type(entity["type"])
        if type_ is not None:
            index, occurrence = _whole_number(entity, "index"), _whole_number(entity, "occurrence")
            mentions.append(Mention(str(entity["text"]), type_, index, occurrence))
    return mentions


def _strings(value: Any, name: str) -> list[str]:
    if not isinstance(value, list):
        raise Rejection("wrong_shape", f"no list of {name}")
    for item in value:
        # A number stands for the word that it was read from.
        if not isinstance(item, (str, int, float)) or isinstance(item, bool):
            raise Rejection("wrong_shape", f"{name} holds {str(item)[:40]}")
    return [str(item) for item in value]


def _whole_number(entity: Mapping[str, Any], name: str) -> int | None:
    """The number under a name, None where there is none."""
    value = entity.get(name)
    if value is None:
        return None
    digits = str(value).strip()
    if isinstance(value, bool) or not re.fullmatch(r"-?[0-9]{1,9}(\.0+)?", digits):
        raise Rejection("wrong_shape", f"{name} is {digits[:40]}, no whole number")
    return int(float(digits))
