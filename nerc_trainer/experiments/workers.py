"""Trainings side by side: processes that each have a workbench of their own, and work through tasks on it."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import TYPE_CHECKING, Any, TypeVar

from nerc_trainer.errors import NercError
from nerc_trainer.ranks import end_with_parent
from nerc_trainer.training.job import join_ranks
from nerc_trainer.training.shared_corpus import in_memory

if TYPE_CHECKING:
    from nerc_trainer.corpus.load import Corpus
    from nerc_trainer.recipe.sections import Recipe
    from nerc_trainer.training.workbench import Workbench

Task = TypeVar("Task")
Found = TypeVar("Found")
_LOOK_SECONDS = 1.0


def count_gpus() -> int:
    """The GPUs of this machine, 1 on a machine without."""
    import torch

    return max(1, torch.cuda.device_count())


def side_by_side(
    recipe: Recipe,
    corpus: Corpus,
    tasks: Sequence[Task],
    run: Callable[[Workbench, Task], Found],
    workers: int,
    keep: Callable[[Task, Found], None],
    meanwhile: Callable[[], None] = lambda: None,
) -> None:
    """Let ``workers`` processes ``run`` the tasks, each on a GPU of its own where there are enough.

    ``run`` and the tasks are pickled. ``keep`` gets what was found of a task, here, when it is; ``meanwhile`` is called
    about once a second. The first error ends all of them.

    Raises NercError also when a worker was killed from outside.
    """
    context = multiprocessing.get_context("spawn")  # a forked process can't use the GPU
    numbers, one_at_a_time = context.Queue(), context.Lock()
    for number in range(workers):
        numbers.put(number)
    given = (recipe, in_memory(corpus), numbers, one_at_a_time, _devices(workers))
    pool = ProcessPoolExecutor(workers, context, _begin_work, given)
    try:
        waiting = {pool.submit(_work, run, task): task for task in tasks}
        while waiting:
            done, _ = wait(waiting, timeout=_LOOK_SECONDS, return_when=FIRST_COMPLETED)
            for one in done:
                keep(waiting.pop(one), one.result())
            meanwhile()
    except BaseException as error:
        pool.shutdown(wait=False, cancel_futures=True)
        for process in multiprocessing.active_children():
            process.terminate()
        if isinstance(error, BrokenProcessPool):
            raise NercError(
                f"one of {workers} workers was killed, most likely because memory ran out; start the same command "
                "again with fewer workers (simulate.workers, threshold.workers), and it carries on"
            ) from error
        raise
    pool.shutdown()


def _devices(workers: int) -> list[str | None]:
    """The GPU of each worker, in turn where there are fewer; None on a machine without."""
    import torch

    count = torch.cuda.device_count()
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", ",".join(map(str, range(count)))).split(",")
    return [visible[number % count] if count else None for number in range(workers)]


_bench: Workbench | None = None
_failure: Exception | None = None


def _begin_work(
    recipe: Recipe, corpus: Corpus, numbers: Any, one_at_a_time: Any, devices: Sequence[str | None]
) -> None:
    """In a worker process: take a GPU, and set up a workbench for all its tasks."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all; the process that started this one ends it
    threading.Thread(target=end_with_parent, args=(os.getppid(),), daemon=True).start()
    from nerc_trainer.training.workbench import build_workbench

    device = devices[numbers.get()]
    if device is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = device
    quiet = recipe.model_copy(update={"training": {**recipe.training, "disable_tqdm": True}})
    global _bench, _failure
    try:
        with one_at_a_time:  # the first one leaves the corpus in sub-words for the others
            _bench = build_workbench(quiet, join_ranks(quiet), corpus)
    except Exception as error:
        _failure = error  # raised here it would only be logged, and the pool be called broken


def _work(run: Callable[[Workbench, Task], Found], task: Task) -> Found:
    if _failure is not None:
        raise _failure
    assert _bench is not None  # the initializer made it
    return run(_bench, task)
