"""Text to tag, read as it comes: lines of text, CoNLL columns, or JSON Lines."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import Any, Literal

from nerc_trainer.corpus.conll import COMMENT, DOCUMENT_START, document_number
from nerc_trainer.corpus.jsonl import read_rows, read_tokens
from nerc_trainer.corpus.labels import is_tag
from nerc_trainer.corpus.source import document_name, read_lines
from nerc_trainer.corpus.words import Word, split_words
from nerc_trainer.errors import NercError

InputFormat = Literal["auto", "text", "conll", "jsonl"]
_ROWS_LOOKED_AT = 200  # to tell columns from text


@dataclass(frozen=True)
class Sentence:
    """Words to tag; ``text`` and their places in it where it came as text, ``row`` where it came as JSON.

    ``document`` names the document that it is from, for taggers that read the sentences around it; "" for none.
    """

    tokens: list[str]
    text: str | None = None
    words: Sequence[Word] = ()
    row: dict[str, Any] = field(default_factory=dict)
    document: str = ""


def read_sentences(path: Path, format: InputFormat) -> Iterator[Sentence]:
    """Yield the sentences of a file, or of standard input (``-``), while it is read.

    text: a sentence or paragraph a line. conll: a word a line, in the first column, and a blank line between sentences.
    jsonl: rows with tokens or text. "auto" goes by the file's name and, where that says nothing, takes it for conll if
    its first rows are columns with a tag at the end of each, else for text; standard input is text. A line of text or a
    row without a word is a sentence of no words, so that what comes out can be laid beside what went in.
    Documents are the lines between blank ones, what follows a -DOCSTART-, and rows with the same ``document``.
    """
    chosen = _format_of(path) if format == "auto" else format
    source = Path("/dev/stdin") if str(path) == "-" else path
    return {"text": _read_text, "conll": _read_conll, "jsonl": _read_jsonl}[chosen](source)


def _format_of(path: Path) -> str:
    if str(path) == "-":
        return "text"
    suffix = path.suffix.lower()
    if suffix in (".jsonl", ".ndjson", ".json"):
        return "jsonl"
    if suffix in (".conll", ".iob", ".iob2", ".bio"):
        return "conll"
    # A pipe can be read but once; os.path, as a Path refuses to look at a name that is longer than a file's may be.
    return "conll" if os.path.isfile(path) and _has_tags(path) else "text"


def _has_tags(path: Path) -> bool:
    """Whether the first rows have all as many columns, the last one a tag: O in some, and an entity's in others."""
    lines = (line for _, line in read_lines(path) if not line.startswith((COMMENT, DOCUMENT_START)))
    rows = list(islice(filter(None, map(_columns, lines)), _ROWS_LOOKED_AT))
    tags = {row[-1] for row in rows if len(row) > 1}
    return len({len(row) for row in rows}) == 1 and "O" in tags and len(tags) > 1 and all(map(is_tag, tags))


def _columns(line: str) -> list[str]:
    return [value for value in line.replace("\t", " ").split(" ") if value]


def _read_text(path: Path) -> Iterator[Sentence]:
    document = 1
    for _, line in read_lines(path):
        sentence = _from_text(line, {}, str(document))
        document += not sentence.tokens
        yield sentence


def _from_text(text: str, row: dict[str, Any], document: str) -> Sentence:
    words = split_words(text)
    return Sentence([word.text for word in words], text, words, row, document)


def _read_conll(path: Path) -> Iterator[Sentence]:
    """The first column of each row, by the rules of `nerc_trainer.corpus.conll` for documents and comments."""
    tokens: list[str] = []
    document = 0
    for word in chain(_first_column(path), [None]):
        if word is not None and word != DOCUMENT_START:
            tokens.append(word)
            continue
        if tokens:
            yield Sentence(tokens, document=document_number(document))
            tokens = []
        document += word == DOCUMENT_START


def _first_column(path: Path) -> Iterator[str | None]:
    """The words, None at a blank line, and -DOCSTART- where a document begins."""
    width: int | None = None  # columns of a row that is no comment for sure
    perhaps_rows: list[list[str]] = []  # before that is known
    for _, line in read_lines(path):
        columns = _columns(line)
        is_row = bool(columns) and columns[0] != DOCUMENT_START
        if width is None and (not is_row or line.startswith(COMMENT)):
            perhaps_rows.append(columns)
            continue
        if width is None:
            width = len(columns)
            for row in perhaps_rows:
                if len(row) == width or row[:1] in ([], [DOCUMENT_START]):
                    yield row[0] if row else None
        if not is_row or len(columns) == width or not line.startswith(COMMENT):
            yield columns[0] if columns else None


def _read_jsonl(path: Path) -> Iterator[Sentence]:
    for number, row in read_rows(path):
        try:
            if "tokens" in row:
                yield Sentence(read_tokens(row), row=row, document=document_name(row.get("document")))
            elif isinstance(row.get("text"), str):
                yield _from_text(row["text"], row, document_name(row.get("document")))
            else:
                raise NercError(f"neither tokens nor text in a row with {', '.join(row) or 'no key'}; give one of them")
        except NercError as error:
            raise NercError(f"{path}:{number}: {error}") from None
