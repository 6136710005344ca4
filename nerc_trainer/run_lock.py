"""One process at a time works on a run."""

from __future__ import annotations

import fcntl
from pathlib import Path
from typing import IO

from nerc_trainer.errors import NercError


def lock_run(run_dir: Path) -> IO[str]:
    """Make the folder of a run and hold it until the returned file is closed or the process ends.

    NercError if the folder can't be written or another process holds it.
    """
    try:
        run_dir.mkdir(parents=True, exist_ok=True)
        lock = (run_dir / ".lock").open("a+")
    except OSError as error:
        raise NercError(f"run.dir = {run_dir}: can't be written ({error.strerror}); choose another") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.close()
        raise NercError(f"run.dir = {run_dir}: another process works on this run; wait for it or end it") from error
    return lock
