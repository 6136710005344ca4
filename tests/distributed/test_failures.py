"""What a user sees when a run on two ranks fails: one line that can be found, and nothing lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from launcher import command, environment, outcome, run, small_recipe

DIVERGING = {
    "active.strategy": "random",
    "training.learning_rate": "1e30",
    "training.max_grad_norm": "0",
    "training.warmup_steps": "0",
}


def test_a_bad_row_is_named_at_the_end_of_what_the_launcher_prints(tmp_path: Path) -> None:
    words = small_recipe(tmp_path / "run")
    corpus = tmp_path / "corpus" / "train.conll"
    corpus.write_text(corpus.read_text(encoding="utf-8") + "\nHarvell NNP\n", encoding="utf-8")
    failed = run(2, ["-m", "nerc_trainer", *words], home=tmp_path / "home")
    assert failed.returncode == 1
    line = failed.stderr.rstrip().splitlines()[-2]
    assert "error: " in line
    assert "train.conll:" in line
    assert "'Harvell NNP'" in line
    spoken = [line for line in failed.stderr.splitlines() if line.startswith("error: ")]
    assert len(spoken) == 1


@pytest.mark.parametrize("ranks", [1, 2])
def test_a_training_that_diverges_is_not_published(ranks: int, tmp_path: Path) -> None:
    words = small_recipe(tmp_path / "run", **DIVERGING, **{"hub.mode": "offline"})
    failed = run(ranks, ["-m", "nerc_trainer", *words], home=tmp_path / "home")
    assert failed.returncode == 1
    assert "error: round 0: training diverged (the loss on dev is nan)" in failed.stderr
    assert not (tmp_path / "run" / "history.jsonl").exists()
    assert not list((tmp_path / "run").glob("outbox/**/*.json"))


def test_ctrl_c_on_two_ranks_loses_nothing(tmp_path: Path) -> None:
    words = small_recipe(tmp_path / "run")
    launched = subprocess.Popen(
        command(2, ["-m", "nerc_trainer", *words]),
        env=environment(tmp_path / "home"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert launched.stdout is not None
    while not (line := launched.stdout.readline()).startswith("round 0"):
        assert line, "the run ended before round 0"
    workers = psutil.Process(launched.pid).children(recursive=True)
    os.killpg(launched.pid, signal.SIGINT)  # a terminal sends it to all of them
    _, said = launched.communicate(timeout=60)
    assert launched.returncode != 0
    assert "interrupted; the same command carries on where it stopped" in said
    assert not psutil.wait_procs(workers, timeout=10)[1]
    done = run(2, ["-m", "nerc_trainer", *words], home=tmp_path / "home")
    assert done.returncode == 0, done.stderr
    undisturbed = tmp_path / "other"
    assert run(1, ["-m", "nerc_trainer", *small_recipe(undisturbed)], home=tmp_path / "home").returncode == 0
    assert outcome(tmp_path / "run") == outcome(undisturbed)
