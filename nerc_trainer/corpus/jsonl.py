"""Read JSONL files: a sentence a row, either as tokens with tags or as text with spans."""

import json
from collections.abc import Iterator
from pathlib import Path
from sys import intern
from typing import Any

from nerc_trainer.corpus.labels import Span, spans_to_tags
from nerc_trainer.corpus.source import LabelsMissing, Sentences, document_name, read_lines
from nerc_trainer.corpus.words import align_spans, split_words
from nerc_trainer.errors import NercError

_EXTRA_COLUMNS = ("pos_tags", "chunk_tags")


def read_jsonl(path: Path, may_be_unlabelled: bool = False) -> Sentences:
    """Read a JSONL file of sentences.

    A row is ``{"tokens": […], "ner_tags" or "tags": […]}``, with ``pos_tags`` and ``chunk_tags`` in every row or in
    none, or ``{"text": …, "spans" or "entities": [{"start", "end", "type" or "label"}, …]}`` with offsets in
    characters, ``end`` exclusive (see ``split_words`` for the words made of a text). ``id`` and ``document`` may stand
    in both. With ``may_be_unlabelled`` a row may lack its labels, or have null in their place. Anything else raises
    NercError with the line.
    """
    sentences = Sentences()
    for number, row in read_rows(path):
        try:
            read = _read_tokens if "tokens" in row else _read_text
            tokens, ner_tags = read(row, may_be_unlabelled)
            extra_tags = {name: _strings(row, name, len(tokens)) for name in _EXTRA_COLUMNS if name in row}
            row_id = read_id(row)
            if not tokens:
                sentences.empty_rows += 1
                continue
            if not sentences.tokens:
                sentences.extra_tags = {name: [] for name in extra_tags}
            if extra_tags.keys() != sentences.extra_tags.keys():
                raise NercError(f"{' and '.join(_EXTRA_COLUMNS)} have to stand in every row or in none")
        except NercError as error:
            raise type(error)(f"{path}:{number}: {error}") from None
        for tag in ner_tags:
            if tag not in sentences.tag_places:
                sentences.tag_places[tag] = f"{path}:{number}"
        sentences.ids.append(row_id)
        sentences.tokens.append(tokens)
        sentences.ner_tags.append(ner_tags)
        sentences.documents.append(document_name(row.get("document")))
        for name, tags in extra_tags.items():
            sentences.extra_tags[name].append(tags)
    if not sentences.tokens:
        raise NercError(f"{path}: no sentence in the file; name another file")
    if not any(sentences.documents):
        sentences.documents = []
    return sentences


def read_rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the objects of a JSONL file with their line numbers; blank lines are skipped.

    A line that is no JSON object, or holds half a surrogate pair, which no file or table can store, raises NercError.
    """
    for number, line in read_lines(path):
        if not line.strip():
            continue
        try:
            row = parse_json(line)
        except NercError as error:
            raise NercError(f"{path}:{number}: {error}; mend the line") from None
        if not isinstance(row, dict):
            raise NercError(f"{path}:{number}: a JSON object a line is expected, not {line[:40]!r}")
        yield number, row


def parse_json(text: str) -> Any:
    """The value that a JSON text holds.

    What is no JSON, can't be held in Python's memory (a number of thousands of digits, brackets thousands deep) or
    stored in a file (half a surrogate pair) raises NercError.
    """
    try:
        value = json.loads(text)
        if "\\ud" in text.lower():
            json.dumps(value, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        line = f"line {error.lineno}, " if error.lineno > 1 else ""
        raise NercError(f"no JSON: {error.msg} at {line}column {error.colno}") from None
    except UnicodeEncodeError:
        raise NercError("an escape \\ud… without its other half") from None
    except (ValueError, RecursionError) as error:
        raise NercError(f"JSON that can't be read: {error}") from None
    return value


def read_id(row: dict[str, Any]) -> str:
    """Return a row's id as a string, "" where there is none."""
    value = row.get("id")
    if value is None:
        return ""
    if type(value) not in (str, int):
        raise NercError(f"id = {value!r}: an id is a string or a whole number")
    return str(value)


def read_tokens(row: dict[str, Any]) -> list[str]:
    """Return a row's tokens."""
    return _strings(row, "tokens")


def read_tags(row: dict[str, Any], key: str, length: int) -> list[str]:
    """Return the NER tags that a row has under ``key``, one for each of ``length`` words."""
    value = row[key]
    if isinstance(value, list) and any(type(tag) is int for tag in value):
        raise NercError(f"{key} holds numbers, and nothing says what they stand for; write names such as B-PER")
    return _strings(row, key, length)


def read_spans(row: dict[str, Any], key: str) -> list[Span]:
    """Return the spans that a row has under ``key``, in the units that the file uses."""
    value = row[key]
    if not isinstance(value, list):
        raise NercError(f"{key} = {value!r}: a list of spans is expected")
    spans = []
    for item in value:
        fields = item if isinstance(item, dict) else {}
        start, end, type_ = fields.get("start"), fields.get("end"), fields.get("type", fields.get("label"))
        if type(start) is not int or type(end) is not int or not isinstance(type_, str) or not type_:
            raise NercError(f'{key}: {item!r} is no span; write {{"start": 0, "end": 5, "type": "PER"}}')
        spans.append(Span(start, end, intern(type_)))
    return spans


def _read_tokens(row: dict[str, Any], may_be_unlabelled: bool) -> tuple[list[str], list[str]]:
    tokens = read_tokens(row)
    key = _only_key(row, ("ner_tags", "tags"), may_be_unlabelled)
    return tokens, read_tags(row, key, len(tokens)) if key else []


def _read_text(row: dict[str, Any], may_be_unlabelled: bool) -> tuple[list[str], list[str]]:
    text = row.get("text")
    if not isinstance(text, str):
        raise NercError(f"neither tokens nor text in a row with {', '.join(row) or 'no key'}; give one of them")
    key = _only_key(row, ("spans", "entities"), may_be_unlabelled)
    words = split_words(text)
    tags = spans_to_tags(align_spans(read_spans(row, key), words, text), len(words)) if key else []
    return [intern(word.text) for word in words], [intern(tag) for tag in tags]


def _only_key(row: dict[str, Any], names: tuple[str, str], may_be_missing: bool) -> str | None:
    """Return the one of two names for the same thing that the row uses; None where it may use neither, or says null."""
    present = [name for name in names if name in row and not (may_be_missing and row[name] is None)]
    if len(present) > 1:
        raise NercError(f"{' and '.join(present)} in the row; give one of them")
    if not present and not may_be_missing:
        raise LabelsMissing(f"no {' or '.join(names)} in the row; give one of them")
    return present[0] if present else None


def _strings(row: dict[str, Any], key: str, length: int | None = None) -> list[str]:
    """Return a list of strings, of ``length`` where that is given."""
    value = row.get(key)
    if not isinstance(value, list) or not all(type(item) is str for item in value):
        raise NercError(f"{key} has to be a list of strings, not {str(value)[:60]}")
    if length is not None and len(value) != length:
        raise NercError(f"{len(value)} {key} for {length} tokens; give one for each")
    return [intern(item) for item in value]
