"""The forms in which an LLM can answer: how a sentence is shown, what an ideal answer looks like, its JSON schema."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Literal, get_args

from nerc_trainer.annotation.characters import Characters, squeeze
from nerc_trainer.corpus.labels import Span, spans_to_tags

Format = Literal["tokens_tags", "index_spans", "text_spans", "inline", "one_type"]
FORMATS: tuple[Format, ...] = get_args(Format)

# The parts that an answer may have where a format leaves a choice, in the order in which they are written.
_FIELDS: dict[str, tuple[str, ...]] = {
    "tokens_tags": ("tokens", "pos_tags", "chunk_tags", "ner_tags"),
    "text_spans": ("occurrence",),
}
# Signs of a sentence that could be taken for marks, and what stands for them in what is shown and repeated.
_DISGUISES: dict[str, dict[str, str]] = {
    "inline": {"<": "‹", ">": "›"},
    "one_type": {"@@": "＠＠", "##": "＃＃"},
    "tokens_tags": {"`": "ˋ"},
}
BEGIN_MARK, END_MARK = "@@", "##"


def check_fields(format: Format, fields: Sequence[str]) -> None:
    """ValueError if a prompt asks for parts that answers in a format have not."""
    known = _FIELDS.get(format, ())
    for field in fields:
        if field not in known:
            there = f"there are {', '.join(known)}" if known else f"the format {format} has none"
            raise ValueError(f"no such field: {field}; {there}")
    if format == "tokens_tags" and "ner_tags" not in fields:
        raise ValueError("ner_tags must be among the fields of the format tokens_tags")


def disguised(format: Format, word: str) -> str:
    """A word as the format shows it: signs that it uses for itself are replaced by look-alikes."""
    for sign, stand_in in _DISGUISES.get(format, {}).items():
        word = word.replace(sign, stand_in)
    return word


def show_words(format: Format, words: Sequence[str]) -> str:
    """The sentence as a user message shows it.

    Each word in back-ticks for ``tokens_tags``, its index (from 0) before each for ``index_spans``, else plain.
    """
    if format == "tokens_tags":
        return " ".join(f"`{disguised(format, word)}`" for word in words)
    if format == "index_spans":
        return " ".join(f"{index}:{word}" for index, word in enumerate(words))
    # No sign that is disguised holds a space, so the words can be looked through together.
    return disguised(format, " ".join(words))


def answer_schema(format: Format, types: Sequence[str], fields: Sequence[str]) -> dict[str, Any] | None:
    """The strict JSON schema of an answer; None where it is no JSON."""
    if format == "tokens_tags":
        tags = ["O", *(f"{prefix}-{type_}" for type_ in types for prefix in "BI")]
        texts = {"type": "array", "items": {"type": "string"}}
        ner_tags = {"type": "array", "items": {"type": "string", "enum": tags}}
        return _object({name: ner_tags if name == "ner_tags" else texts for name in _ordered(format, fields)})
    if format in ("index_spans", "text_spans"):
        entity: dict[str, Any] = {"text": {"type": "string"}, "type": {"type": "string", "enum": list(types)}}
        if format == "index_spans":
            entity = {"index": {"type": "integer"}, **entity}
        elif "occurrence" in fields:
            entity["occurrence"] = {"type": "integer"}
        return _object({"entities": {"type": "array", "items": _object(entity)}})
    return None


def write_answer(
    format: Format,
    words: Sequence[str],
    spans: Sequence[Span],
    fields: Sequence[str],
    *,
    type_: str | None = None,
    pos_tags: Sequence[str] | None = None,
    chunk_tags: Sequence[str] | None = None,
) -> str:
    """What an ideal assistant answers. ``type_`` is the one asked for in the format one_type."""
    spans = sorted(spans)
    if format == "tokens_tags":
        columns = {
            "tokens": [disguised(format, word) for word in words],
            "pos_tags": pos_tags,
            "chunk_tags": chunk_tags,
            "ner_tags": spans_to_tags(spans, len(words)),
        }
        return _compact({name: list(columns[name] or ()) for name in _ordered(format, fields)})
    if format == "index_spans":
        return _compact(
            {"entities": [{"index": span.start, "text": _text(words, span), "type": span.type} for span in spans]}
        )
    if format == "text_spans":
        return _compact({"entities": [_text_entity(words, span, "occurrence" in fields) for span in spans]})
    if format == "inline":
        marks = {span: (f"<{span.type}>", f"</{span.type}>") for span in spans}
    else:
        marks = {span: (BEGIN_MARK, END_MARK) for span in spans if span.type == type_}
    return _marked(format, words, marks)


def _text_entity(words: Sequence[str], span: Span, with_occurrence: bool) -> dict[str, Any]:
    entity: dict[str, Any] = {"text": _text(words, span), "type": span.type}
    if with_occurrence:
        places = Characters(words).find(squeeze("".join(words[span.start : span.end])))
        entity["occurrence"] = [start for start, _ in places].index(span.start) + 1
    return entity


def _marked(format: Format, words: Sequence[str], marks: dict[Span, tuple[str, str]]) -> str:
    shown = [disguised(format, word) for word in words]
    for span, (begin, end) in marks.items():
        shown[span.start] = begin + shown[span.start]
        shown[span.end - 1] += end
    return " ".join(shown)


def _text(words: Sequence[str], span: Span) -> str:
    return " ".join(words[span.start : span.end])


def _ordered(format: Format, fields: Sequence[str]) -> list[str]:
    return [name for name in _FIELDS[format] if name in fields]


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
