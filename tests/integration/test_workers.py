"""Worker processes that can't begin, that are killed, and that are interrupted: one line, and none is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from nerc_trainer.corpus.load import load_corpus
from nerc_trainer.errors import NercError
from nerc_trainer.experiments.workers import side_by_side
from nerc_trainer.recipe.load import load_recipe

ROOT = Path(__file__).parents[2]


def end_itself(bench: Any, task: str) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def begin(folder: Path, *settings: str) -> None:
    """Let one worker end itself with the tiny recipe."""
    recipe = load_recipe("tiny", [f"run.dir={folder}/run", "data.test=null", *settings])
    side_by_side(recipe, load_corpus(recipe.data), ["task"], end_itself, 1, lambda task, found: None)


def test_a_worker_that_cannot_begin_says_why(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(NercError, match=r"model\.encoder"):
        begin(tmp_path, f"model.encoder={tmp_path}/nowhere")
    assert "Traceback" not in capfd.readouterr().err


def test_a_killed_worker_is_no_bug_of_the_program(tmp_path: Path) -> None:
    with pytest.raises(NercError, match=r"one of 1 workers was killed, .* the same command again with fewer workers"):
        begin(tmp_path)


def test_ctrl_c_ends_all_workers_with_one_line(tmp_path: Path) -> None:
    command = ["active", "tiny", "--simulate", f"run.dir={tmp_path}/run", "simulate.workers=2"]
    process = subprocess.Popen(
        [sys.executable, "-m", "nerc_trainer", *command, "active.initial_epochs=500"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    runs = tmp_path / "run" / "simulate" / "runs"
    while len(list(runs.glob("*/rounds/*/selection.json"))) < 2 and process.poll() is None:
        time.sleep(0.05)
    children = psutil.Process(process.pid).children(recursive=True)
    os.killpg(process.pid, signal.SIGINT)
    errors = process.communicate(timeout=120)[1]
    assert process.returncode == 130
    assert "Traceback" not in errors
    assert errors.splitlines()[-1] == "error: interrupted; the same command carries on where it stopped"
    assert psutil.wait_procs(children, timeout=10)[1] == []
