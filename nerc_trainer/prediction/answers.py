"""The expert's labels of chosen test sentences: a JSONL file that is written to be filled in, and read back."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nerc_trainer.active.labelling.batch import Question
from nerc_trainer.active.labelling.check import check_answers
from nerc_trainer.active.labelling.given import Given
from nerc_trainer.active.labelling.jsonl import read_jsonl_row
from nerc_trainer.corpus.jsonl import read_id, read_rows, read_tokens
from nerc_trainer.corpus.labels import LabelSet
from nerc_trainer.errors import NercError
from nerc_trainer.files import write_text


@dataclass(frozen=True)
class Answers:
    """The rows of a file as they stand there, and the BIO tags of those that have some, by sentence id."""

    rows: list[dict[str, Any]]
    tags: dict[str, list[str]]


def read_answers(path: Path, tokens: Mapping[str, Sequence[str]], labels: LabelSet) -> Answers:
    """Read rows of ``id`` and an answer in any form that `label import` takes; one without is still to come, and no
    file is no rows.

    ``tokens`` holds those of every test sentence by id. A row for no such sentence, a second one for the same, changed
    tokens, or an answer that `label import` would refuse raise NercError with the line.
    """
    rows: list[dict[str, Any]] = []
    given: list[Given] = []
    places: dict[str, int] = {}
    for number, row in read_rows(path) if path.exists() else ():
        try:
            name = read_id(row)
            if name not in tokens:
                raise NercError(f"no test sentence has the id {name!r}; take the row out, or name another file")
            if name in places:
                raise NercError(f"id {name!r} stands in line {places[name]} already; keep one of the two rows")
            if "tokens" in row and read_tokens(row) != list(tokens[name]):
                raise NercError(f"the tokens are not those of sentence {name!r}; put back {json.dumps(tokens[name])}")
            has_sentence = "tokens" in row or "text" in row
            given.append(read_jsonl_row(f"{path}:{number}", row if has_sentence else {**row, "tokens": tokens[name]}))
        except NercError as error:
            raise NercError(f"{path}:{number}: {error}") from None
        places[name] = number
        rows.append(row)
    checked = check_answers(given, {name: Question(name, list(tokens[name])) for name in places}, labels.types)
    if checked.problems:
        raise NercError(checked.problems[0])
    return Answers(rows, {label.id: label.ner_tags for label in checked.labels})


def ask_for(path: Path, answers: Answers, tokens: Mapping[str, Sequence[str]], chosen: Sequence[str]) -> int:
    """Add a row to fill in for each chosen sentence that has none; returns the answers that are still to come."""
    known = {read_id(row) for row in answers.rows}
    new = [{"id": name, "tokens": list(tokens[name]), "ner_tags": None} for name in chosen if name not in known]
    if new:
        write_text(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in [*answers.rows, *new]))
    return sum(name not in answers.tags for name in chosen)
