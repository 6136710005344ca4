"""How long the command line takes to say what it can do: each as a process of its own."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).parents[2]


def measure(quick: bool) -> dict[str, Any]:
    """Median seconds of `--help`, of the slowest verb's `--help`, and of `recipes ls`."""
    from nerc_trainer.cli import cli

    turns = 2 if quick else 7
    verbs = {name: _seconds([name, "--help"], turns) for name in sorted(cli.commands)}
    slowest = max(verbs, key=verbs.__getitem__)
    return {
        "help_seconds": round(_seconds(["--help"], turns), 3),
        "slowest_verb": slowest,
        "slowest_verb_seconds": round(verbs[slowest], 3),
        "recipes_ls_seconds": round(_seconds(["recipes", "ls"], turns), 3),
    }


def _seconds(words: list[str], turns: int) -> float:
    taken = []
    for _ in range(turns + 1):
        started = time.perf_counter()
        subprocess.run([sys.executable, "-m", "nerc_trainer", *words], check=True, cwd=ROOT, stdout=subprocess.DEVNULL)
        taken.append(time.perf_counter() - started)
    return median(taken[1:])  # the first start reads from disk
