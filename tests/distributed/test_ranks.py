"""One rank and two give the same losses, scores, selections, metrics and weights."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from launcher import outcome, run, small_recipe

STEP = str(Path(__file__).with_name("step_size_run.py"))


def step(ranks: int, micro_batch: int, accumulation: int, kind: str, home: Path) -> dict[str, float]:
    done = run(ranks, [STEP, str(micro_batch), str(accumulation), kind], home)
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout.strip().splitlines()[-1])
    assert figures["ranks"] == ranks
    return figures


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, float]:
    return step(1, 8, 1, "ours", tmp_path_factory.mktemp("whole"))


@pytest.mark.parametrize(("ranks", "micro_batch", "accumulation"), [(1, 4, 2), (2, 2, 2)])
def test_loss_and_gradient_do_not_hang_on_how_a_step_is_shared(
    ranks: int, micro_batch: int, accumulation: int, whole: dict[str, float], tmp_path: Path
) -> None:
    shared = step(ranks, micro_batch, accumulation, "ours", tmp_path)
    assert shared["loss"] == pytest.approx(whole["loss"], rel=1e-5)
    assert shared["norm"] == pytest.approx(whole["norm"], rel=1e-5)


def test_the_loss_of_stock_heads_does_hang_on_it(whole: dict[str, float], tmp_path: Path) -> None:
    """So the tests above can fail."""
    assert step(1, 8, 1, "stock", tmp_path)["norm"] == pytest.approx(whole["norm"], rel=1e-5)
    assert step(1, 4, 2, "stock", tmp_path)["norm"] > 1.5 * whole["norm"]
    assert step(2, 2, 2, "stock", tmp_path)["norm"] > 1.5 * whole["norm"]


@pytest.mark.parametrize("ranks", [1, 2])
def test_the_third_training_is_like_the_first(ranks: int, tmp_path: Path) -> None:
    """accelerate wraps model and forward anew where a training has weights of its own."""
    done = run(ranks, [str(Path(__file__).with_name("training_again_run.py"))], tmp_path)
    assert done.returncode == 0, done.stderr
    trainings = json.loads(done.stdout.strip().splitlines()[-1])
    assert len(trainings) == 3
    for training in trainings:
        assert training["computed_in"] == ["torch.bfloat16"]
        assert training["only_rows_in_use"]
        assert training["ranks_agree"]
        assert training["wrappers"] == (trainings[0]["wrappers"] if ranks == 1 else 0), "its own forward again"


@pytest.mark.parametrize("with_llm", [False, True])
def test_a_run_on_two_ranks_is_the_run_on_one(with_llm: bool, tmp_path: Path) -> None:
    outcomes = []
    for ranks in (1, 2):
        folder = tmp_path / f"run-{ranks}"
        done = run(ranks, ["-m", "nerc_trainer", *small_recipe(folder, with_llm)], home=tmp_path / "home")
        assert done.returncode == 0, done.stderr
        assert f"{ranks} process(es) on cpu" in done.stdout
        outcomes.append(outcome(folder))
    assert outcomes[0] == outcomes[1]


def test_an_error_stops_all_ranks_and_is_said_once(tmp_path: Path) -> None:
    words = [*small_recipe(tmp_path / "run"), "active.query_siz=3"]
    done = run(2, ["-m", "nerc_trainer", *words], home=tmp_path / "home")
    assert done.returncode != 0
    errors = [line for line in done.stderr.splitlines() if line.startswith("error:")]
    assert errors == ["error: command line: active.query_siz = 3: unknown key; did you mean active.query_size?"]
