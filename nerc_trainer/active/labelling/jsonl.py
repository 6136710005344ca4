"""Batches and answers as JSON Lines, a sentence a row."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from nerc_trainer.active.labelling.batch import Question
from nerc_trainer.active.labelling.given import Given
from nerc_trainer.corpus.jsonl import read_id, read_rows, read_spans, read_tags, read_tokens
from nerc_trainer.errors import NercError

_TAGS = ("ner_tags", "tags")
_SPANS = ("spans", "entities")
_YEAR = 366 * 24 * 3600


def write_jsonl(questions: Sequence[Question], types: Sequence[str]) -> str:
    """The sentences as rows, to which people add ``ner_tags`` or ``spans`` (in words)."""
    return "".join(json.dumps(question.as_row(), ensure_ascii=False) + "\n" for question in questions)


def rows_of_jsonl(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """The place and content of each row."""
    return ((f"{path}:{number}", row) for number, row in read_rows(path))


def read_jsonl_row(place: str, row: dict[str, Any]) -> Given:
    """The answer in a row: ``tokens`` with ``ner_tags``, or with ``spans`` in words; or ``text`` with ``spans``.

    A row without labels, or with null for them, is no answer. What is neither raises NercError, and so do labels under
    a key that is nearly one of these.
    """
    words = read_tokens(row) if "tokens" in row else None
    text = row.get("text") if words is None else None
    if words is None and not isinstance(text, str):
        raise NercError(f"neither tokens nor text in a row with {', '.join(row) or 'no key'}; leave the sentence in it")
    keys = [key for key in (*_TAGS, *_SPANS) if row.get(key) is not None]
    if len(keys) > 1:
        raise NercError(f"{' and '.join(keys)} in the row; give one of them")
    if not keys:
        _refuse_misspelt(row)
    tags = spans = None
    if keys and keys[0] in _TAGS:
        if words is None:
            raise NercError(f"{keys[0]} without tokens; give the tokens that they belong to, or spans in characters")
        tags = read_tags(row, keys[0], len(words))
    elif keys:
        spans = read_spans(row, keys[0])
    return Given(
        place,
        read_id(row),
        words=words,
        text=text,
        tags=tags,
        spans=spans,
        annotator=read_annotator(row.get("annotator")),
        seconds=read_seconds(row.get("seconds")),
    )


def _refuse_misspelt(row: Mapping[str, Any]) -> None:
    """Labels under a key that is nearly that of an answer are somebody's work, and no sentence without an answer."""
    for key, value in row.items():  # of an answer's own keys the value is null here
        for wanted in (*_TAGS, *_SPANS):
            if _is_nearly(key, wanted) and (_are_tags(value) if wanted in _TAGS else _are_spans(value)):
                raise NercError(f"{key}: unknown key, and the row has no answer; did you mean {wanted}?")


def _is_nearly(key: str, wanted: str) -> bool:
    """Whether two keys have the same letters, or one lacks a single one of them. A letter that differs makes new_tags,
    which is a key of people's own as llm_ner_tags is."""
    short, long = sorted((word.lower().replace("-", "").replace("_", "") for word in (key, wanted)), key=len)
    return short == long or short in [long[:at] + long[at + 1 :] for at in range(len(long))]


def _are_tags(value: Any) -> bool:
    return isinstance(value, list) and any(tag == "O" or (isinstance(tag, str) and tag[1:2] == "-") for tag in value)


def _are_spans(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(span, dict) for span in value)


def read_annotator(value: Any) -> str:
    """Who has labelled, "" for nobody named."""
    if value is None or type(value) in (str, int):
        return "" if value is None else str(value)
    raise NercError(f"annotator = {value!r}: a name or a number is expected")


def read_seconds(value: Any) -> float | None:
    """How long the label took, None where that is not said."""
    if value is None:
        return None
    if type(value) not in (int, float) or not 0 <= value <= _YEAR:
        raise NercError(f"seconds = {str(value)[:20]}: a number from 0 to {_YEAR} (a year) is expected")
    return float(value)
