"""What the ranks of one job agree on: rank 0 touches disk and network, and everyone learns the outcome."""

from __future__ import annotations

import os
import platform
import sys
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from nerc_trainer.errors import NercError

Result = TypeVar("Result")
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of mallopt in glibc's malloc.h
KEPT_BUFFERS = (64 << 20, 32 << 20)  # bytes; older versions of glibc refuse the first


def prepare_environment() -> None:
    """Settings that must stand before the ranks find each other.

    Gloo picks a network interface by the machine's name, which on many machines resolves to none that works; ranks
    on one machine talk over loopback. A rank whose launcher has died ends itself: it could train and publish beside
    the run that is started in its place.
    """
    ranks = int(os.environ.get("WORLD_SIZE", "1"))
    if sys.platform == "linux" and ranks > 1 and os.environ.get("LOCAL_WORLD_SIZE") == str(ranks):
        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    if ranks > 1:
        threading.Thread(target=end_with_parent, args=(os.getppid(),), daemon=True).start()


def end_with_parent(parent: int) -> None:
    """End this process soon after its parent has ended; run it in a thread."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


def settle_cpu(threads: int) -> None:
    """On a machine without a GPU: fix the threads of this rank, and keep the memory of buffers that are freed.

    The order in which threads add up a sum shows in its last bit, and training makes other choices out of last bits.
    glibc takes large buffers anew from the system at each use, which clears them page by page: in bfloat16 that cost a
    third of the time of scoring and a seventh of that of training, for 50 to 100 MB less.
    """
    import ctypes

    import torch

    torch.set_num_threads(threads)
    if platform.libc_ver()[0] == "glibc":
        mallopt = ctypes.CDLL(None).mallopt
        for size in KEPT_BUFFERS:
            if mallopt(M_MMAP_THRESHOLD, size):
                mallopt(M_TRIM_THRESHOLD, 4 * size)
                break


def main_first(function: Callable[[], Result]) -> Result:
    """Run ``function`` on every rank, on rank 0 before the others, which find its caches; its error stops them all."""
    results: list[Result] = []
    on_main(lambda: results.append(function()))
    return results[0] if results else function()


def on_main(function: Callable[[], Result]) -> Result:
    """Run ``function`` on rank 0 alone and return its result on every rank; its error is raised on every rank."""
    import torch
    from accelerate import PartialState

    state = PartialState()
    outcome: list[object] = [None, None]
    if state.is_main_process:
        try:
            outcome[0] = function()
        except Exception as error:
            if state.num_processes == 1:
                raise
            outcome[1] = error
    if state.num_processes > 1:
        shared = [outcome[0], _portable(outcome[1])]
        torch.distributed.broadcast_object_list(shared, src=0)
        if outcome[1] is None:
            outcome = shared
    if outcome[1] is not None:
        raise outcome[1]  # type: ignore[misc]
    return outcome[0]  # type: ignore[return-value]


def _portable(error: object) -> object:
    """The error as the other ranks get it; exceptions of libraries do not all survive pickling."""
    if error is None or isinstance(error, NercError | OSError):
        return error
    return RuntimeError(f"{type(error).__name__}: {error}")
