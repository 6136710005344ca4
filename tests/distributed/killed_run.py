"""The command line with a SIGKILL built in: ``killed_run.py POINT ARGUMENTS...``.

POINT is ``module:function:before|after:rank``; the first call of the function on that rank ends the process there.
``module:function:NUMBER:rank`` ends it before the call of that number.
"""

from __future__ import annotations

import functools
import importlib
import os
import signal
import sys
from typing import Any


def arm(point: str) -> None:
    """Replace the function that the point names by one that kills the process."""
    module, name, when, rank = point.split(":")
    if os.environ.get("RANK", "0") != rank:
        return
    *owners, last = name.split(".")
    owner: Any = functools.reduce(getattr, owners, importlib.import_module(module))
    original = getattr(owner, last)
    calls = 0

    @functools.wraps(original)
    def deadly(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += 1
        if when == "before" or when == str(calls):
            os.kill(os.getpid(), signal.SIGKILL)
        result = original(*args, **kwargs)
        if when == "after":
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(owner, last, deadly)


if __name__ == "__main__":
    arm(sys.argv[1])
    from nerc_trainer.cli import main

    main(sys.argv[2:])
