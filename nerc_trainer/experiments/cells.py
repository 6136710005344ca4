"""Works through the cells of an experiment: those that are done are kept, the others trained, side by side if asked."""

from __future__ import annotations

import json
import multiprocessing
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm.auto import tqdm

from nerc_trainer.errors import NercError
from nerc_trainer.experiments.cell import Cell, digest, run_cell
from nerc_trainer.experiments.publication import is_kept, keep_model
from nerc_trainer.files import write_json
from nerc_trainer.ranks import end_with_parent, on_main
from nerc_trainer.training.job import Job, join_ranks
from nerc_trainer.training.shared_corpus import in_memory

if TYPE_CHECKING:
    from nerc_trainer.corpus.load import Corpus
    from nerc_trainer.recipe.sections import Recipe
    from nerc_trainer.training.workbench import Workbench


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
    with tqdm(total=len(cells), initial=len(cells) - len(missing), unit="training", disable=not _is_main()) as bar:

        def keep(cell: Cell, found: dict[str, Any]) -> None:
            known[cell.name] = found
            on_main(lambda: write_json(_file(folder, cell), {"digest": digests[cell.name], **found}))
            bar.update()

        if workers > 1:
            _side_by_side(recipe, corpus, missing, workers, keep)
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


# Workers


def _side_by_side(
    recipe: Recipe,
    corpus: Corpus,
    cells: Sequence[Cell],
    workers: int,
    keep: Callable[[Cell, dict[str, Any]], None],
) -> None:
    context = multiprocessing.get_context("spawn")  # a forked process can't use the GPU
    numbers = context.Queue()
    for number in range(workers):
        numbers.put(number)
    pool = ProcessPoolExecutor(workers, context, _begin_work, (recipe, in_memory(corpus), numbers, _devices(workers)))
    try:
        tasks = {pool.submit(_work, cell): cell for cell in cells}
        for done in as_completed(tasks):
            keep(tasks[done], done.result())
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        for process in multiprocessing.active_children():
            process.terminate()
        raise
    pool.shutdown()


def _devices(workers: int) -> list[str | None]:
    """The GPU of each worker, in turn where there are fewer; None on a machine without."""
    import torch

    count = torch.cuda.device_count()
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", ",".join(map(str, range(count)))).split(",")
    return [visible[number % count] if count else None for number in range(workers)]


_bench: Workbench | None = None


def _begin_work(recipe: Recipe, corpus: Corpus, numbers: Any, devices: Sequence[str | None]) -> None:
    """In a worker process: take a GPU, and set up a workbench for all its cells."""
    threading.Thread(target=end_with_parent, args=(os.getppid(),), daemon=True).start()
    from nerc_trainer.training.workbench import build_workbench

    device = devices[numbers.get()]
    if device is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = device
    quiet = recipe.model_copy(update={"training": {**recipe.training, "disable_tqdm": True}})
    global _bench
    _bench = build_workbench(quiet, join_ranks(quiet), corpus)


def _work(cell: Cell) -> dict[str, Any]:
    assert _bench is not None  # the initializer made it
    return run_cell(_bench, cell)
