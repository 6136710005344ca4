"""Runs commands one after the other, each as a process of its own, for test_readme.

A JSON string a line on standard input is a command; a JSON list a line on standard output is its exit status and what
it has printed. A command that is `nerc-trainer` and its words alone is forked from this process, which has imported
what takes seconds to import; everything else is given to bash.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
import traceback
from typing import IO

import datasets  # noqa: F401
import matplotlib.figure  # noqa: F401
import peft  # noqa: F401
import sklearn.cluster  # noqa: F401
import torch
import transformers.trainer  # noqa: F401

from nerc_trainer.cli import main

# An unquoted sign of these means something to a shell, so that it must be asked.
_FOR_SHELL = re.compile(r"[|&;<>$`*?~\\]")


def run(command: str, output: IO[bytes]) -> int:
    """The exit status of a command whose output goes to a file."""
    if not command.startswith("nerc-trainer ") or _FOR_SHELL.search(command):
        done = subprocess.run(["bash", "-c", command], stdout=output, stderr=output, stdin=subprocess.DEVNULL)
        return done.returncode
    child = os.fork()
    if child == 0:
        for number in (1, 2):
            os.dup2(output.fileno(), number)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        status = 70
        try:
            main(shlex.split(command)[1:])
        except SystemExit as end:
            status = int(end.code or 0)
        except BaseException:
            traceback.print_exc()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


if __name__ == "__main__":
    torch.set_num_threads(1)
    for line in sys.stdin:
        with tempfile.TemporaryFile() as output:
            status = run(json.loads(line), output)
            output.seek(0)
            print(json.dumps([status, output.read().decode("utf-8", "replace")]), flush=True)
