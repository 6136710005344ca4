"""Works through the cells of an experiment: those that are done are kept, the others trained, side by side if asked."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nerc_trainer.errors import NercError
from nerc_trainer.experiments.cell import Cell, digest, run_cell
from nerc_trainer.experiments.publication import is_kept, keep_model
from nerc_trainer.experiments.workers import side_by_side
from nerc_trainer.files import write_json
from nerc_trainer.progress import progress
from nerc_trainer.ranks import on_main

if TYPE_CHECKING:
    from nerc_trainer.training.job import Job


def run_cells(
    work: Job, cells: Sequence[Cell], workers: int = 1, branches: Mapping[str, str] | None = None
) -> list[dict[str, Any]]:
    """The figures of every cell, from its file in ``<run.dir>/cells`` or from its training, which writes that file.

    With ``workers`` above 1 so many processes train a cell each, on a GPU of their own where there are enough; else the
    ranks of the job share each training. ``branches`` says by the name of a cell which taggers are kept, and for which
    branch; one whose tagger is gone is trained again. Workers keep none.
    """
    from nerc_trainer.training.workbench import build_workbench

    recipe, corpus = work.recipe, work.corpus
    folder = recipe.run.dir / "cells"
    digests = {cell.name: digest(cell, recipe, corpus) for cell in cells}
    known: dict[str, dict[str, Any] | None] = on_main(
        lambda: {cell.name: _read(folder, cell, digests[cell.name]) for cell in cells}
    )
    branches = branches or {}
    for name, branch in branches.items():
        if not on_main(lambda: is_kept(recipe, branch, digests[name])):  # noqa: B023
            known[name] = None
    missing = [cell for cell in cells if known[cell.name] is None]
    workers = min(workers, len(missing))
    with progress(total=len(cells), initial=len(cells) - len(missing), unit="training", disable=not _is_main()) as bar:

        def keep(cell: Cell, found: dict[str, Any]) -> None:
            known[cell.name] = found
            facts = {"digest": digests[cell.name], "workers": workers}
            on_main(lambda: write_json(_file(folder, cell), {**facts, **found}))
            bar.update()

        if workers > 1:
            side_by_side(recipe, corpus, missing, run_cell, workers, keep)
        elif missing:
            bench = build_workbench(recipe, work.arguments, corpus)
            for cell in missing:
                bar.set_description(cell.name)
                found = run_cell(bench, cell)
                if cell.name in branches:
                    keep_model(bench, cell, found, branches[cell.name])
                keep(cell, found)
    return [figures for cell in cells if (figures := known[cell.name]) is not None]


def _is_main() -> bool:
    return os.environ.get("RANK", "0") == "0"


def _file(folder: Path, cell: Cell) -> Path:
    return folder / f"{cell.name}.json"


def _read(folder: Path, cell: Cell, digest: str) -> dict[str, Any] | None:
    """What an earlier start has found, None where it has not or of another recipe or corpus."""
    path = _file(folder, cell)
    try:
        figures = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise NercError(f"{path}: damaged ({error}); delete it, and the cell is trained again") from error
    return figures if figures.pop("digest", None) == digest else None
