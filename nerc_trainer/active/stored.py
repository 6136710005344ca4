"""JSON and JSON Lines of a run's folder: a damaged file is named, and what to do about it."""

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from nerc_trainer.errors import NercError
from nerc_trainer.files import write_text

Row = TypeVar("Row")
WAY_OUT = "restore it from a copy, or begin again with another run.dir"
_NO_ROWS = "\n"


def read_json(path: Path) -> dict[str, Any] | None:
    """What a JSON file holds, None if there is no such file."""
    if not path.exists():
        return None
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise NercError(f"{path}: damaged ({error}); {WAY_OUT}") from error


def write_rows(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write the rows of a JSON Lines file for `read_rows`, none too."""
    text = "".join(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n" for row in rows)
    # An expert who was asked for nothing has answered; a file of no bytes is a damaged one.
    write_text(path, text or _NO_ROWS)


def read_rows(path: Path, convert: Callable[[dict[str, Any]], Row]) -> list[Row] | None:
    """The rows of a JSON Lines file, None if there is no such file."""
    if not path.exists():
        return None
    rows: list[Row] = []
    text = path.read_text(encoding="utf-8")
    if text == _NO_ROWS:
        return rows
    # Not splitlines: JSON leaves line separators of Unicode unescaped inside strings.
    for number, line in enumerate(text.rstrip("\n").split("\n"), start=1):
        try:
            rows.append(convert(json.loads(line)))
        except (ValueError, TypeError) as error:
            raise NercError(f"{path}, line {number}: damaged ({error}); {WAY_OUT}") from error
    return rows
