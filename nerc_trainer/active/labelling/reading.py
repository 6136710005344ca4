"""Read a file of answers, whatever its format."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from nerc_trainer.active.labelling.conll import read_conll_sentence, rows_of_conll
from nerc_trainer.active.labelling.given import Given, with_place
from nerc_trainer.active.labelling.jsonl import read_jsonl_row, rows_of_jsonl
from nerc_trainer.active.labelling.label_studio import read_task, tasks_of_label_studio
from nerc_trainer.corpus.source import read_lines
from nerc_trainer.errors import NercError

_READERS: dict[str, tuple[Callable[[Path], Iterator[tuple[str, Any]]], Callable[[str, Any], Given]]] = {
    "jsonl": (rows_of_jsonl, read_jsonl_row),
    "conll": (rows_of_conll, read_conll_sentence),
    "label-studio": (tasks_of_label_studio, read_task),
}


def read_answers(path: Path) -> tuple[list[Given], list[str]]:
    """The answers in a file, and a line for each row that can't be read.

    The file's name or its beginning tells the format. A file that is none of the formats raises NercError.
    """
    rows, read = _READERS[_format(path)]
    given, problems = [], []
    for place, row in rows(path):
        try:
            given.append(read(place, row))
        except NercError as error:
            problems.append(with_place(error, place))
    if not given and not problems:
        raise NercError(f"{path}: no sentence in the file; name another file")
    return given, problems


def _format(path: Path) -> str:
    suffix = path.suffix.lower()
    if suffix in (".jsonl", ".ndjson"):
        return "jsonl"
    first = next((line.strip() for _, line in read_lines(path) if line.strip()), "")
    try:
        if isinstance(json.loads(first), dict):
            return "jsonl"
    except ValueError:
        pass
    return "label-studio" if suffix == ".json" or first == "[" or first.startswith("[{") else "conll"
