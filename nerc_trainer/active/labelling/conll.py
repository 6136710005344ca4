"""Batches and answers as CoNLL columns: a word and its tag a row, and what else is known in comments."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from nerc_trainer.active.labelling.batch import Question
from nerc_trainer.active.labelling.given import FaultAt, Given
from nerc_trainer.active.labelling.jsonl import read_seconds
from nerc_trainer.active.labelling.text import shown
from nerc_trainer.corpus.labels import spans_to_tags
from nerc_trainer.corpus.source import read_lines
from nerc_trainer.errors import NercError

_COMMENT = re.compile(r"# (id|annotator|seconds) = ([^\t]*)")


def write_conll(questions: Sequence[Question], types: Sequence[str]) -> str:
    """The sentences with the tags that the tagger sees, else the LLM, else O: in later rounds it has learnt from both.

    Each begins with a line ``# id = …``. Every sentence of such a file counts as an answer when it comes back.
    """
    blocks = []
    for question in questions:
        suggestion = question.model or question.llm
        tags = spans_to_tags(suggestion.spans if suggestion else [], len(question.tokens))
        rows = "".join(f"{shown(word)}\t{tag}\n" for word, tag in zip(question.tokens, tags, strict=True))
        # An id that does not fit on a line is left out; the words tell the sentence.
        head = f"# id = {question.id}\n" if question.id == shown(question.id) else ""
        blocks.append(head + rows)
    return "\n".join(blocks)


def rows_of_conll(path: Path) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """The place of each sentence, and its lines with the place of each; blank lines stand between sentences."""
    lines: list[tuple[str, str]] = []
    for number, line in read_lines(path):
        if line.strip(" \t"):
            lines.append((f"{path}:{number}", line))
        elif lines:
            yield lines[0][0], lines
            lines = []
    if lines:
        yield lines[0][0], lines


def read_conll_sentence(place: str, lines: Sequence[tuple[str, str]]) -> Given:
    """The answer in the lines of a sentence, each with its place: the first column is the word and the last its tag.

    ``# id = …``, ``# annotator = …`` and ``# seconds = …`` may stand before the words. A row of one column raises
    NercError.
    """
    said: dict[str, str] = {}
    words: list[str] = []
    tags: list[str] = []
    places: list[str] = []
    for line_place, line in lines:
        if not words and (comment := _COMMENT.fullmatch(line)):
            said[comment[1]] = comment[2]
            continue
        # Words hold blanks themselves, which only matters where tabs part the columns.
        columns = line.split("\t") if "\t" in line else line.split()
        if len(columns) < 2:
            raise FaultAt(
                line_place, f"{line[:60]!r} has no tag behind the word; give each word its tag, or leave the line out"
            )
        places.append(line_place)
        words.append(columns[0])
        tags.append(columns[-1])
    if not words:
        raise NercError("a sentence without words; take out its comments as well")
    return Given(
        place,
        said.get("id", ""),
        words=words,
        tags=tags,
        annotator=said.get("annotator", ""),
        seconds=read_seconds(_number(said.get("seconds"))),
        word_places=places,
    )


def _number(text: str | None) -> float | str | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return text
