"""Rounds with weights sharded over two gloo ranks (FSDP2) are those of two ranks with whole weights (DDP)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

sys.path.insert(0, str(Path(__file__).parent))
from launcher import ROOT, environment, outcome, run, small_recipe

FSDP = ROOT / "recipes" / "accelerate" / "fsdp.yaml"
FSDP_RUN = str(Path(__file__).with_name("fsdp_run.py"))
TRAINER = "nerc_trainer.training.trainer:NercTrainer"
# Several steps in each round; and what is sharded is scored in float32, so the others are too.
SETTINGS = {"active.initial_expert": 0.3, "active.query_size": 24, "active.score_in": "float32"}


def sharded(script: list[str], home: Path) -> subprocess.CompletedProcess[str]:
    """Run ``script`` on two ranks as fsdp.yaml says, and return exit status and output."""
    launch = [sys.executable, "-m", "accelerate.commands.accelerate_cli", "launch", "--config_file", str(FSDP)]
    return subprocess.run(
        [*launch, "--num_processes", "2", "--main_process_port", "0", *script],
        env=environment(home), capture_output=True, text=True, timeout=240, cwd=ROOT,
    )  # fmt: skip


def check_alike(one: Path, other: Path) -> None:
    """Shards are summed in another order, so figures agree but for rounding; names, ids and kinds of weights do."""
    histories: list[list[dict[str, Any]]] = [outcome(folder)["history"] for folder in (one, other)]
    assert len(histories[0]) == len(histories[1]) == 3
    for row, expected in zip(*histories, strict=True):
        assert row["ids"] == expected["ids"]
        assert row["training_set"] == expected["training_set"]
        for split, expected_split in ((row, expected), (row["test"], expected["test"])):
            assert split["loss"] == pytest.approx(expected_split["loss"], rel=1e-6)
            assert split["f1"] == pytest.approx(expected_split["f1"], abs=1e-3)
        folder = Path("rounds") / f"round-{row['round']:02d}" / "model"
        assert (one / folder / "config.json").read_text() == (other / folder / "config.json").read_text()
        weights = load_file(one / folder / "model.safetensors")
        expected_weights = load_file(other / folder / "model.safetensors")
        assert weights.keys() == expected_weights.keys()
        for name, tensor in weights.items():
            assert (tensor - expected_weights[name]).abs().max() < 1e-4, name


@pytest.fixture(scope="module")
def whole_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole") / "run"
    done = run(2, ["-m", "nerc_trainer", *small_recipe(folder, **SETTINGS)], folder.parent / "home")
    assert done.returncode == 0, done.stderr
    return folder


def test_sharded_rounds_are_those_of_whole_weights(whole_run: Path, tmp_path: Path) -> None:
    done = sharded([FSDP_RUN, "none", *small_recipe(tmp_path / "fsdp", **SETTINGS)], tmp_path / "home")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("a rank holds 50% of the weights") == 2
    check_alike(tmp_path / "fsdp", whole_run)


@pytest.mark.timeout(300)
def test_cold_starts_and_killed_runs_go_on_with_shards(whole_run: Path, tmp_path: Path) -> None:
    """The encoder is a pre-trained one here, whose weights rank 0 alone reads (fsdp_cpu_ram_efficient_loading)."""
    encoder = whole_run / "rounds" / "round-02" / "model"
    settings = SETTINGS | {"active.start": "cold", "model.encoder": encoder, "model.random_weights": "false"}
    words = small_recipe(tmp_path / "fsdp", **settings)
    for point in (f"{TRAINER}.evaluate:before:0", f"{TRAINER}.uncertainty:before:1"):
        died = sharded([FSDP_RUN, point, *words], tmp_path / "home")
        assert died.returncode == 1, f"{point} was not reached:\n{died.stdout}\n{died.stderr}"
    done = sharded([FSDP_RUN, "none", *words], tmp_path / "home")
    assert done.returncode == 0, done.stderr
    assert "carrying on in round 1 with the model of" in done.stdout
    whole = run(2, ["-m", "nerc_trainer", *small_recipe(tmp_path / "ddp", **settings)], tmp_path / "home")
    assert whole.returncode == 0, whole.stderr
    check_alike(tmp_path / "fsdp", tmp_path / "ddp")


def test_fsdp_on_cpu_is_refused(tmp_path: Path) -> None:
    """accelerate would train with whole weights on every rank and not say so."""
    done = sharded(["-m", "nerc_trainer", *small_recipe(tmp_path / "run")], tmp_path / "home")
    assert done.returncode == 1
    assert "error: distributed_type: FSDP is asked for, but accelerate does not shard over 2 process(es)" in done.stderr
    assert not (tmp_path / "run" / "history.jsonl").exists()
