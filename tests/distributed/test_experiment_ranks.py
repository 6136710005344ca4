"""Trainings of an experiment on one rank and on two, and what a killed one leaves behind."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
from launcher import ROOT, environment, run, small_recipe

MIXED = ["model.head=bilstm", "mixing.mode=self_train", "train.epochs=1", "training.learning_rate=0.005"]


def words(folder: Path, verb: str, **overrides: Any) -> list[str]:
    """The words of a verb for the tiny recipe, every second train sentence with its true labels as if by an LLM."""
    _, recipe, *settings = small_recipe(folder, with_llm=True, **overrides)
    return ["-m", "nerc_trainer", verb, recipe, *settings]


def test_a_tagger_trained_on_two_ranks_is_the_one_trained_on_one(tmp_path: Path) -> None:
    for ranks in (1, 2):
        ended = run(ranks, [*words(tmp_path / f"run-{ranks}", "train"), *MIXED], tmp_path / "home")
        assert ended.returncode == 0, ended.stderr[-2000:]
    one, two = (json.loads((tmp_path / f"run-{ranks}" / "cells" / "init-12.json").read_text()) for ranks in (1, 2))
    assert {**one, "seconds": 0} == {**two, "seconds": 0}
    one, two = (tmp_path / f"run-{ranks}" / "models" / "init-12" / "model.safetensors" for ranks in (1, 2))
    assert one.read_bytes() == two.read_bytes()


@pytest.mark.parametrize("workers", [1, 2])
def test_a_killed_threshold_goes_on_and_leaves_no_worker(tmp_path: Path, workers: int) -> None:
    folder = tmp_path / "run"
    script = [*words(folder, "threshold"), f"threshold.workers={workers}", "train.epochs=1"]
    script += ["threshold.shares=[0.05,0.1,0.2]", "threshold.folds=2"]
    process = subprocess.Popen(
        [sys.executable, *script], env=environment(tmp_path / "home"), cwd=ROOT, stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 120
    while len(list((folder / "cells").glob("*.json"))) < 3 and time.monotonic() < deadline:
        time.sleep(0.02)
    children = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGKILL)
    process.wait()
    _, alive = psutil.wait_procs(children, timeout=10)
    assert alive == []
    made = {path: path.stat().st_mtime_ns for path in (folder / "cells").glob("*.json")}
    assert 3 <= len(made) < 14
    ended = run(1, script, tmp_path / "home")
    assert ended.returncode == 0, ended.stderr[-2000:]
    assert len(list((folder / "cells").glob("*.json"))) == 14
    assert {path: path.stat().st_mtime_ns for path in made} == made


@pytest.mark.slow
def test_a_simulation_on_two_ranks_is_the_one_on_one(tmp_path: Path) -> None:
    for ranks in (1, 2):
        script = [*words(tmp_path / f"run-{ranks}", "active"), "--simulate", "simulate.strategies=[mnlp]"]
        ended = run(ranks, [*script, "simulate.seeds=[3]", "train.epochs=1"], tmp_path / "home")
        assert ended.returncode == 0, ended.stderr[-2000:]
    one, two = (json.loads((tmp_path / f"run-{ranks}/simulate/simulate.json").read_text()) for ranks in (1, 2))
    assert one == two
    assert list(one["curves"]) == ["mnlp-llm", "random-llm"]
    assert not list(tmp_path.glob("run-*/simulate/**/*.safetensors"))
