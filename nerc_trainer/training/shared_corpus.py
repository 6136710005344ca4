"""One reading of the corpus for all ranks of a machine."""

from __future__ import annotations

import multiprocessing
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from accelerate import PartialState

from nerc_trainer.errors import NercError
from nerc_trainer.ranks import on_main

if TYPE_CHECKING:
    from datasets import Dataset

    from nerc_trainer.corpus.load import Corpus

SPLITS = ("train", "dev", "test")
LARGE = 8 << 20  # bytes of a file, above which a process for reading it costs less than the memory that is left behind


def share_corpus(load: Callable[[], Corpus], large: bool = False) -> Corpus:
    """What ``load`` gives on rank 0, on every rank; the sentences stand in files that the ranks map into memory.

    The files have no name any more when this returns, and their room is free again when the last rank ends. A rank that
    does not find them, since it runs on another machine, loads for itself. A ``large`` corpus is read in a process of
    its own, since the words as Python strings take many times the memory that the files do; ``load`` is then pickled.
    """
    folder, corpus = on_main(lambda: _in_a_process(load) if large else _write(load()))
    shared = _mapped(corpus, folder) if folder.is_dir() else load()
    PartialState().wait_for_everyone()
    on_main(lambda: shutil.rmtree(folder, ignore_errors=True))
    return shared


def is_large(files: list[str]) -> bool:
    """Whether any of the files is too large to be read beside a model."""
    return any(Path(name).is_file() and Path(name).stat().st_size > LARGE for name in files)


def _in_a_process(load: Callable[[], Corpus]) -> tuple[Path, Corpus]:
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=_load_and_write, args=(load, there), daemon=True)
    process.start()
    there.close()
    try:
        outcome: Any = here.recv()
    except EOFError as error:
        raise NercError("the process that reads the corpus was killed; is there enough memory?") from error
    process.join()
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


def _load_and_write(load: Callable[[], Corpus], there: Connection) -> None:
    try:
        there.send(_write(load()))
    except NercError as error:
        there.send(error)
    except KeyboardInterrupt:
        pass  # the process that waits says it


def _write(corpus: Corpus) -> tuple[Path, Corpus]:
    """A new folder with the splits as Arrow streams, and the corpus with no rows in them, which is quickly sent."""
    import pyarrow
    from datasets import Dataset

    folder = Path(tempfile.mkdtemp(prefix="nerc-trainer-"))
    empty = {}
    try:
        for name, split in _splits(corpus).items():
            table = split.data.table.combine_chunks()
            with pyarrow.ipc.new_stream(str(folder / name), table.schema) as stream:
                stream.write_table(table)
            empty[name] = Dataset.from_dict({column: [] for column in split.column_names}, features=split.features)
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise NercError(
            f"{folder}: the corpus can't be written here ({error}); set TMPDIR to another folder"
        ) from error
    pyarrow.default_memory_pool().release_unused()
    return folder, replace(corpus, **empty)


def _mapped(corpus: Corpus, folder: Path) -> Corpus:
    from datasets import Dataset

    return replace(corpus, **{name: Dataset.from_file(str(folder / name)) for name in _splits(corpus)})


def in_memory(corpus: Corpus) -> Corpus:
    """The same corpus with its rows in this process's memory, so that it can be sent to another: mapped files have no
    name by which that could find them."""
    from datasets import Dataset
    from datasets.table import InMemoryTable

    return replace(
        corpus, **{name: Dataset(InMemoryTable(split.data.table)) for name, split in _splits(corpus).items()}
    )


def _splits(corpus: Corpus) -> dict[str, Dataset]:
    return {name: split for name in SPLITS if (split := getattr(corpus, name)) is not None}
