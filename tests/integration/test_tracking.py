"""Rounds in trackers that are installed: real ones, whose files are read back."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from labelling import run
from transformers import TrainerCallback, TrainerControl, TrainerState
from transformers.integrations import integration_utils

from nerc_trainer.training.tracking import RoundTracking, round_metrics
from nerc_trainer.training.trainer import NercTrainer

RECORD: dict[str, Any] = {
    "round": 2,
    **dict.fromkeys(("f1", "precision", "recall", "accuracy", "loss"), 0.5),
    "test": {"f1": 0.25},
    "expert_sentences": 10,
    "tokens": 99,
    "dollars": 1.5,
    "seconds": {"train": 2.0, "score": 1.0},
}
TRACKERS = ("tensorboard", "trackio")


def history(run_dir: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run_dir / "history.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("tracker", TRACKERS)
def test_each_round_is_in_the_tracker_at_its_number(
    tracker: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a run of two starts, as with people who label."""
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path / "trackio"))
    run_dir = tmp_path / "tracked"
    words = ("active", "tiny", f"run.dir={run_dir}", f"training.report_to={tracker}", "training.logging_steps=1")

    def begin_or_end(trainer: NercTrainer, number: int) -> None:
        if number == 2:
            raise KeyboardInterrupt
        begin_round(trainer, number)

    begin_round = NercTrainer.begin_round
    with monkeypatch.context() as interrupted:
        interrupted.setattr(NercTrainer, "begin_round", begin_or_end)
        assert run(*words) == 130
    assert run(*words) == 0
    rounds = history(run_dir)
    assert len(rounds) == 3
    found = {"tensorboard": read_tensorboard, "trackio": read_trackio}[tracker](tmp_path, run_dir)
    for name, key in (("round/f1", "f1"), ("round/expert_words", "tokens"), ("round/dollars", "dollars")):
        wanted = [(row["round"], pytest.approx(row[key], rel=1e-6)) for row in rounds]
        assert found[name] == wanted
    steps = [step for step, _ in found["train/loss"]]
    assert steps == sorted(set(steps))  # on and on through the rounds and both starts


def read_tensorboard(tmp_path: Path, run_dir: Path) -> dict[str, list[tuple[int, float]]]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    folders = sorted((run_dir / "trainer" / "runs").iterdir(), key=lambda folder: folder.stat().st_mtime_ns)
    assert len(folders) == 2  # one a start
    found: dict[str, list[tuple[int, float]]] = {}
    for folder in folders:
        events = EventAccumulator(str(folder), size_guidance={"scalars": 0})
        events.Reload()
        for tag in events.Tags()["scalars"]:
            found.setdefault(tag, []).extend((event.step, event.value) for event in events.Scalars(tag))
    return found


def read_trackio(tmp_path: Path, run_dir: Path) -> dict[str, list[tuple[int, float]]]:
    (path,) = (tmp_path / "trackio").glob("*.db")
    with sqlite3.connect(path) as database:
        rows = database.execute("SELECT run_name, metrics FROM metrics ORDER BY step").fetchall()
    assert {name for name, _ in rows} == {"tracked"}
    found: dict[str, list[tuple[int, float]]] = {}
    for _, text in rows:
        metrics = json.loads(text)
        for name, value in metrics.items():
            found.setdefault(name, []).append((metrics["train/global_step"], value))
    return found


class BrokenTracker(TrainerCallback):
    """A tracker whose server is gone."""

    def on_log(self, *args: Any, **kwargs: Any) -> None:
        raise ConnectionError("no such host")


def test_a_tracker_that_fails_stops_no_round_and_is_told_about_once(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    tracking = RoundTracking.__new__(RoundTracking)
    tracking._trackers, tracking._trainer, tracking._is_training = [BrokenTracker()], _NoModel(), False  # type: ignore[assignment]
    rewrite = integration_utils.rewrite_logs
    for _ in range(2):
        tracking.on_round_end(None, TrainerState(), TrainerControl(), trainer=_NoModel(), record=RECORD)  # type: ignore[arg-type]
    assert capsys.readouterr().out == "BrokenTracker: no such host; this run is no longer tracked there\n"
    assert integration_utils.rewrite_logs is rewrite


class _NoModel:
    model, steps_taken = None, 0


def test_metrics_of_a_round() -> None:
    found = round_metrics(RECORD)
    assert found["round/number"] == 2
    assert found["round/test_f1"] == 0.25
    assert found["round/expert_words"] == 99
    assert found["round/seconds"] == 3.0
    assert "round/test_f1" not in round_metrics({**RECORD, "test": None})
    assert "round/second_llm_dollars" not in found
    assert round_metrics({**RECORD, "llm_dollars": 0.5})["round/second_llm_dollars"] == 0.5
