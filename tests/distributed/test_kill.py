"""A run that is killed again and again ends with the ids, the history and the branches of an undisturbed one."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(1, str(Path(__file__).parents[1]))
from hub_server import HubServer
from launcher import command, environment, outcome, run, small_recipe, staged

KILLED_RUN = str(Path(__file__).with_name("killed_run.py"))
JOURNAL = "nerc_trainer.active.journal:RunJournal"
ROUND = "nerc_trainer.active.round_folder:RoundFolder"
TRAINER = "nerc_trainer.training.trainer:NercTrainer"

# Each start of the run dies at the next point, so the points follow the phases of a round.
ONE_RANK = (
    f"{ROUND}.write_selection:before:0",
    f"{ROUND}.write_selection:after:0",
    f"{ROUND}.write_labels:before:0",
    f"{ROUND}.write_labels:after:0",
    f"{TRAINER}.training_step:3:0",
    f"{TRAINER}.save_weights:after:0",
    f"{ROUND}.complete_model:before:0",
    f"{ROUND}.complete_model:after:0",
    f"{TRAINER}.evaluate:2:0",
    "nerc_trainer.hub:seal:before:0",
    "nerc_trainer.hub:seal:after:0",
    f"{ROUND}.seal:before:0",
    f"{ROUND}.seal:after:0",
    "nerc_trainer.hub.outbox:Outbox.put:after:0",
    "nerc_trainer.hub:Publisher.publish:after:0",
    f"{JOURNAL}.append:after:0",
    f"{TRAINER}.uncertainty:after:0",
    "os:replace:4:0",
    f"{JOURNAL}.finish:before:0",
    f"{JOURNAL}.finish:after:0",
)
TWO_RANKS = (
    f"{TRAINER}.training_step:2:1",
    f"{ROUND}.complete_model:after:0",
    f"{TRAINER}.load_weights:after:1",
    f"{TRAINER}.evaluate:after:1",
    f"{JOURNAL}.append:before:0",
    f"{TRAINER}.uncertainty:before:1",
    f"{ROUND}.write_labels:after:0",
    f"{ROUND}.seal:after:0",
)
PUSHES = (
    "huggingface_hub.hf_api:HfApi.create_repo:after:0",
    "huggingface_hub.hf_api:HfApi.create_commit:before:0",
    "huggingface_hub.hf_api:HfApi.create_commit:after:0",
    "nerc_trainer.hub.outbox:Outbox.deliver:before:0",
    "nerc_trainer.hub.outbox:Outbox.deliver:after:0",
    f"{JOURNAL}.confirm:before:0",
    f"{JOURNAL}.confirm:after:0",
    f"{JOURNAL}.append:before:0",
)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict:
    folder = tmp_path_factory.mktemp("undisturbed")
    words = small_recipe(folder / "run", with_llm=True, **{"hub.mode": "offline"})
    done = run(1, ["-m", "nerc_trainer", *words], home=folder / "home")
    assert done.returncode == 0, done.stderr
    found = outcome(folder / "run") | {"staged": staged(folder / "home")}
    assert len(found["history"]) == len(found["outbox"]) == len(found["staged"]) == 3
    return found


@pytest.mark.parametrize(("ranks", "points"), [(1, ONE_RANK), (2, TWO_RANKS)], ids=["one-rank", "two-ranks"])
@pytest.mark.timeout(900)
def test_a_run_killed_at_every_phase_ends_like_an_undisturbed_one(
    ranks: int, points: tuple[str, ...], undisturbed: dict, tmp_path: Path
) -> None:
    words = small_recipe(tmp_path / "run", with_llm=True, **{"hub.mode": "offline"})
    for point in points:
        died = run(ranks, [KILLED_RUN, point, *words], home=tmp_path / "home")
        expected = -signal.SIGKILL if ranks == 1 else 1
        assert died.returncode == expected, f"{point} was not reached:\n{died.stdout}\n{died.stderr}"
    done = run(ranks, ["-m", "nerc_trainer", *words], home=tmp_path / "home")
    assert done.returncode == 0, done.stderr
    assert outcome(tmp_path / "run") | {"staged": staged(tmp_path / "home")} == undisturbed

    again = run(ranks, ["-m", "nerc_trainer", *words], home=tmp_path / "home")
    assert again.returncode == 0, again.stderr
    assert "nothing to do" in again.stdout
    assert outcome(tmp_path / "run") | {"staged": staged(tmp_path / "home")} == undisturbed


def test_a_push_killed_at_every_step_leaves_one_commit_a_branch(undisturbed: dict, tmp_path: Path) -> None:
    repo = "me/tagger"
    with HubServer() as server:
        settings = {"hub.mode": "online", "hub.repo": repo, "hub.endpoint": server.url}
        words = small_recipe(tmp_path / "run", with_llm=True, **settings)
        for point in PUSHES:
            died = run(1, [KILLED_RUN, point, *words], home=tmp_path / "home", hub=server.url)
            assert died.returncode == -signal.SIGKILL, f"{point} was not reached:\n{died.stdout}\n{died.stderr}"
        done = run(1, ["-m", "nerc_trainer", *words], home=tmp_path / "home", hub=server.url)
        assert done.returncode == 0, done.stderr
        history = outcome(tmp_path / "run")["history"]
        assert [row["ids"] for row in history] == [row["ids"] for row in undisturbed["history"]]
        for row in history:
            folder = tmp_path / "run" / "rounds" / f"round-{row['round']:02d}" / "model"
            files = {path.name: path.read_bytes() for path in folder.iterdir()}
            assert server.tree(repo, row["branch"]) == files
            assert len(server.commits(repo, row["branch"])) == 2  # that which made the repository, and the round's
            assert row["commit"] == server.commits(repo, row["branch"])[0].oid
            assert row["published"] == "pushed"
        lines = (tmp_path / "run" / "history.jsonl").read_text(encoding="utf-8").splitlines()
        for line in lines:
            assert {"score", "ask", "train", "save", "evaluate", "publish"} <= json.loads(line)["seconds"].keys()


def test_ranks_whose_launcher_was_killed_end_themselves(tmp_path: Path) -> None:
    words = small_recipe(tmp_path / "run", **{"active.max_iterations": 500, "active.min_iterations": 500})
    launched = subprocess.Popen(
        command(2, ["-m", "nerc_trainer", *words]),
        env=environment(tmp_path / "home"),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert launched.stdout is not None
    while not (line := launched.stdout.readline()).startswith("round 0"):
        assert line, "the run ended before round 0"
    workers = psutil.Process(launched.pid).children(recursive=True)
    assert len([worker for worker in workers if "nerc_trainer" in worker.cmdline()]) == 2
    launched.kill()
    launched.wait()
    alive = psutil.wait_procs(workers, timeout=10)[1]
    for worker in alive:
        worker.kill()
    assert not alive


def test_a_second_start_beside_a_living_run_is_refused(tmp_path: Path) -> None:
    words = small_recipe(tmp_path / "run", **{"active.max_iterations": 500, "active.min_iterations": 500})
    first = subprocess.Popen(
        command(1, ["-m", "nerc_trainer", *words]),
        env=environment(tmp_path / "home"),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert first.stdout is not None
    try:
        while not (line := first.stdout.readline()).startswith("round 0"):
            assert line, "the run ended before round 0"
        second = run(1, ["-m", "nerc_trainer", *words], home=tmp_path / "home")
    finally:
        first.kill()
        first.wait()
    assert second.returncode == 1
    assert second.stderr.startswith("error: run.dir = ")
    assert "another process works on this run" in second.stderr
