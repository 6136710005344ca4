"""Read CoNLL files: a word a row, its tags in columns, a blank line between sentences."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from sys import intern

from nerc_trainer.corpus.labels import is_tag
from nerc_trainer.corpus.source import LabelsMissing, Sentences, read_lines
from nerc_trainer.errors import NercError

DOCUMENT_START = "-DOCSTART-"
COMMENT = "# "


def read_conll(
    path: Path, columns: Sequence[str] | None = None, separator: str | None = None, may_be_unlabelled: bool = False
) -> Sentences:
    """Read a CoNLL file.

    ``columns`` names the columns, tokens and ner_tags among them, and "_" for one to skip (the recipe has checked
    them); None means tokens first and ner_tags last, and POS and chunk tags between them where there are four.
    ``separator`` parts the columns ("tab" is "\\t"); None means any run of blanks and tabs, never U+00A0, which stands
    inside tokens. Rows of -DOCSTART- begin a document, each with a number from 1. Comments are skipped: lines that
    begin with "# " and have another number of columns than the file, as "#" is a token too. With ``may_be_unlabelled``
    a file of one column holds words that nobody has labelled. A bad row or byte, or an empty file, raises NercError.
    """
    separator = "\t" if separator == "tab" else separator
    names = ("tokens",) if may_be_unlabelled and _width(path, separator) == 1 else columns
    names = names if names is not None else _infer_columns(path, separator)
    kept = {name: names.index(name) for name in names if name != "_"}
    ner_column = kept.get("ner_tags")

    split: dict[str, list[list[str]]] = {name: [] for name in kept}
    tag_places: dict[str, str] = {}
    rows: list[list[str]] = []
    documents: list[str] = []
    document = 0
    for number, line, fields in _rows(path, separator):
        if not fields:
            _end_sentence(rows, kept, split)
            documents += [document_number(document)] * bool(rows)
            rows = []
            document += DOCUMENT_START in line
            continue
        if len(fields) != len(names):
            if line.startswith(COMMENT):
                continue
            guessed, tags_seen = columns is None and separator is None, any(map(is_tag, (*tag_places, fields[-1])))
            if guessed and len(fields) > 2 and not tags_seen and (ner_column is not None or _is_text(path)):
                tagged, spans = (" with its tag behind it", ', with "spans"') if ner_column is not None else ("", "")
                raise NercError(
                    f"{path}:{number}: looks like a sentence a line: {line[:60]!r}; write a word a line{tagged} and a "
                    f'blank line between sentences, or rows of JSON Lines such as {{"text": "..."}}{spans}'
                )
            raise NercError(
                f"{path}:{number}: {len(fields)} columns instead of {len(names)} ({' '.join(names)}) in {line[:80]!r}; "
                "mend the row, or set data.columns or data.separator"
            )
        if ner_column is not None and (tag := fields[ner_column]) not in tag_places:
            tag_places[tag] = f"{path}:{number}"
        rows.append([intern(value) for value in fields])
    _end_sentence(rows, kept, split)
    documents += [document_number(document)] * bool(rows)
    if not split["tokens"]:
        raise NercError(f"{path}: no sentence in the file; check data.columns and data.separator, or name another file")
    tokens = split.pop("tokens")
    ner_tags = split.pop("ner_tags", [[] for _ in tokens])
    return Sentences(
        tokens=tokens,
        ner_tags=ner_tags,
        extra_tags=split,
        tag_places=tag_places,
        documents=documents if document else [],
    )


def document_number(number: int) -> str:
    """The name of the document after so many -DOCSTART-; "" before the first: sentences of a file without any may
    have nothing to do with each other, as tweets have not."""
    return intern(str(number)) if number else ""


def _rows(path: Path, separator: str | None) -> Iterator[tuple[int, str, list[str]]]:
    """Yield the number, the line and the columns of each row; no columns where a sentence ends."""
    for number, line in read_lines(path):
        if separator is None:
            fields = [value for value in line.replace("\t", " ").split(" ") if value]
        else:
            fields = line.split(separator) if line.strip(" \t") else []
        ends = not any(fields) or line.startswith(DOCUMENT_START) or DOCUMENT_START in fields
        yield number, line, [] if ends else fields


def _end_sentence(rows: list[list[str]], kept: dict[str, int], split: dict[str, list[list[str]]]) -> None:
    """Append the rows of one sentence to the columns of the split; no rows are no sentence."""
    if rows:
        by_column = list(zip(*rows, strict=True))
        for name, index in kept.items():
            split[name].append(list(by_column[index]))


def _infer_columns(path: Path, separator: str | None) -> Sequence[str]:
    """Name the columns after the number that the first row has."""
    for number, line, fields in _sure_rows(path, separator):
        if len(fields) == 1:
            raise LabelsMissing(
                f"{path}:{number}: one column where at least a word and its tag are expected, in {line[:80]!r}; "
                "set data.separator, or data.format: jsonl if it is a JSONL file"
            )
        if len(fields) == 4:
            return ("tokens", "pos_tags", "chunk_tags", "ner_tags")
        return ("tokens", *("_" * (len(fields) - 2)), "ner_tags")
    raise NercError(f"{path}: no sentence in the file; check data.separator, or name another file")


def _is_text(path: Path) -> bool:
    """Whether half the rows at least are more than two words: a few may be tokens with blanks in them."""
    widths = [len(fields) for _, _, fields in _sure_rows(path, None)]
    return 2 * sum(width > 2 for width in widths) >= len(widths)


def _width(path: Path, separator: str | None) -> int:
    """The columns of the first row; 0 where there is none."""
    return next((len(fields) for _, _, fields in _sure_rows(path, separator)), 0)


def _sure_rows(path: Path, separator: str | None) -> Iterator[tuple[int, str, list[str]]]:
    """The rows that are no comments for sure: whether "# …" is one shows only against a row that cannot be one."""
    return (row for row in _rows(path, separator) if row[2] and not row[1].startswith(COMMENT))
