"""People label what the simulation would have answered: the run ends with the same history, however it is cut off."""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(1, str(Path(__file__).parents[1]))
from launcher import outcome, run, small_recipe
from people import fill_in, read_truth, without_labels

KILLED_RUN = str(Path(__file__).with_name("killed_run.py"))
WRITE = "nerc_trainer.active.round_folder:RoundFolder.write_answers"
LATE = "nerc_trainer.active.journal:RunJournal.write_late_answers"
STEP = "nerc_trainer.training.trainer:NercTrainer.training_step:after:0"
ROUNDS = 3
SECONDS = 900  # for one step at most
OVERRIDES = {"active.query_size": 5, "active.initial_expert": 0.05, "data.test": "null"}


def history(folder: Path) -> list[dict[str, Any]]:
    """A run's rounds without what only people bring."""
    rows = outcome(folder)["history"]
    return [{key: value for key, value in row.items() if key not in ("expert_seconds", "timed_words")} for row in rows]


@pytest.mark.parametrize(
    ("ranks", "with_llm"),
    [pytest.param(1, False, id="one-rank"), pytest.param(2, True, id="two-ranks-llm", marks=pytest.mark.slow)],
)
@pytest.mark.timeout(3600)
def test_people_and_the_simulation_end_alike(ranks: int, with_llm: bool, tmp_path: Path) -> None:
    home, folder, exported = tmp_path / "home", tmp_path / "run", tmp_path / "exported"
    simulated = small_recipe(tmp_path / "simulated", with_llm, **OVERRIDES)
    assert run(1, ["-m", "nerc_trainer", *simulated], home, timeout=SECONDS).returncode == 0

    labelled = tmp_path / "corpus" / "train.conll"
    truth = read_truth(labelled)
    words = small_recipe(folder, with_llm, **OVERRIDES, **{"active.oracle": "files"})
    words.append(f"data.train={without_labels(labelled, tmp_path / 'words.conll')}")

    def active() -> str:
        done = run(ranks, ["-m", "nerc_trainer", *words], home, timeout=SECONDS)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def label(*arguments: object, point: str | None = None) -> str:
        script = ["-m", "nerc_trainer"] if point is None else [KILLED_RUN, point]
        done = run(1, [*script, "label", *map(str, arguments)], home)
        assert done.returncode == (0 if point is None else -signal.SIGKILL), done.stderr
        return done.stdout

    for number, format in enumerate(("jsonl", "conll", "label-studio")):
        said = active()
        assert f"round {number}: " in said
        assert f"nerc-trainer label export {folder} " in said
        label("export", folder, "--format", format, "--output", exported)
        answers = tmp_path / f"labelled-{number}"
        fill_in(format, exported, answers, truth, seconds=2.0)
        if number == 1:  # killed while answers are written, before and after, and again while the round is trained
            for point in (f"{WRITE}:before:0", "os:replace:1:0", f"{WRITE}:after:0"):
                label("import", folder, answers, point=point)
            died = run(ranks, [KILLED_RUN, STEP, *words], home, timeout=SECONDS)
            assert died.returncode == (-signal.SIGKILL if ranks == 1 else 1), died.stderr
        assert "has the answers that it needs" in label("import", folder, answers)
    said = active()
    assert "finished: the maximum of 2 rounds is reached" in said
    assert history(folder) == history(tmp_path / "simulated")
    assert len(history(folder)) == ROUNDS
    rows = [json.loads(line) for line in (folder / "history.jsonl").read_text(encoding="utf-8").splitlines()]
    added = [len(row["ids"]) for row in rows]
    assert [row["expert_seconds"] for row in rows] == [2 * added[0], 2 * added[0], 2 * (added[0] + added[2])]


@pytest.mark.parametrize(
    "ranks", [pytest.param(1, id="one-rank"), pytest.param(2, id="two-ranks", marks=pytest.mark.slow)]
)
@pytest.mark.timeout(3600)
def test_what_people_hand_in_late_is_learnt_and_paid_once(ranks: int, tmp_path: Path) -> None:
    home, folder, exported, answers = (tmp_path / name for name in ("home", "run", "exported.jsonl", "answers.jsonl"))
    words = small_recipe(folder, **OVERRIDES, **{"active.oracle": "files", "active.max_iterations": 1})
    words.append("active.min_iterations=1")
    labelled = tmp_path / "corpus" / "train.conll"
    truth = read_truth(labelled)
    words.append(f"data.train={without_labels(labelled, tmp_path / 'words.conll')}")

    def active(point: str | None = None) -> None:
        script = ["-m", "nerc_trainer"] if point is None else [KILLED_RUN, point]
        done = run(ranks, [*script, *words], home, timeout=SECONDS)
        assert done.returncode == (0 if point is None else -signal.SIGKILL if ranks == 1 else 1), done.stderr

    def label(*arguments: object, point: str | None = None) -> str:
        script = ["-m", "nerc_trainer"] if point is None else [KILLED_RUN, point]
        done = run(1, [*script, "label", *map(str, arguments)], home)
        assert done.returncode == (0 if point is None else -signal.SIGKILL), done.stderr
        return done.stdout

    def label_batch() -> list[str]:
        label("export", folder, "--output", exported)
        fill_in("jsonl", exported, answers, truth, seconds=2.0)
        return answers.read_text(encoding="utf-8").splitlines(keepends=True)

    active()
    first = label_batch()
    answers.write_text("".join(first[:3]), encoding="utf-8")
    label("import", folder, answers, "--close")
    active()
    answers.write_text("".join(first), encoding="utf-8")
    for point in (f"{LATE}:before:0", f"{LATE}:after:0"):
        label("import", folder, answers, point=point)
    label("import", folder, answers)
    second = label_batch()
    assert not {*first} & {*second}
    label("import", folder, answers)
    active(STEP)
    active()
    rows = outcome(folder)["history"]
    everything = {json.loads(line)["id"] for line in (*first, *second)}
    assert [len(row["ids"]) for row in rows] == [3, len(everything) - 3]
    assert {name for row in rows for name in row["ids"]} == everything
    assert rows[1]["branch"] == f"round-01-added-{len(everything) - 3:04d}"
    assert (rows[1]["expert_sentences"], rows[1]["expert_seconds"]) == (len(everything), 2.0 * len(everything))
    assert rows[1]["timed_words"] == rows[1]["tokens"]
