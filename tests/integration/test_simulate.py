"""`active --simulate` through the command line: beside a real run, killed and carried on, with workers, and refused."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from labelling import run, write_corpus_and_prompts, write_recipe

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from llm_server import LlmServer

from nerc_trainer.corpus.conll import read_conll

ROOT = Path(__file__).parents[2]
KILLED_RUN = ROOT / "tests" / "distributed" / "killed_run.py"


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A part of the sample corpus; something like an LLM has labelled every second train sentence."""
    folder = tmp_path_factory.mktemp("corpus")
    for split, count in (("train", 120), ("dev", 30)):
        blocks = (ROOT / "recipes" / "sample" / f"{split}.conll").read_text(encoding="utf-8").strip().split("\n\n")
        (folder / f"{split}.conll").write_text("\n\n".join(blocks[:count]) + "\n", encoding="utf-8")
    train = read_conll(folder / "train.conll")
    pairs = list(zip(train.tokens, train.ner_tags, strict=True))[::2]
    rows = [json.dumps({"tokens": tokens, "llm_tags": ["O"] * 3 + tags[3:]}) + "\n" for tokens, tags in pairs]
    (folder / "llm.jsonl").write_text("".join(rows), encoding="utf-8")
    return folder


def words(corpus: Path, folder: Path, *settings: str) -> list[str]:
    """`active` on the tiny recipe with a tagger that learns enough to differ from round to round."""
    return [
        *("active", "tiny", *(f"data.{split}={corpus}/{split}.conll" for split in ("train", "dev"))),
        *("data.test=null", f"run.dir={folder}", "training.learning_rate=0.005", "run.batch_size=8"),
        *("active.initial_epochs=6", "simulate.strategies=[margin]", "simulate.seeds=[13,5]", "train.epochs=20"),
        *settings,
    ]


def rows(folder: Path) -> list[dict[str, Any]]:
    """A run's history without what hangs on the clock."""
    lines = (folder / "history.jsonl").read_text(encoding="utf-8").splitlines()
    return [{key: value for key, value in json.loads(line).items() if key != "seconds"} for line in lines]


def summary(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "simulate" / "simulate.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def beside_a_real_run(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a real run, and the simulation that was made in it afterwards."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    assert run(*words(corpus, folder, "active.strategy=margin", "run.seed=5")) == 0
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert run(*words(corpus, folder, "hub.mode=offline", "hub.repo=me/never"), "--simulate") == 0
    after = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert {path: after[path] for path in before} == before
    assert {path.relative_to(folder).parts[0] for path in after.keys() - before.keys()} == {"simulate"}
    return folder


def test_a_simulated_run_is_the_real_run_to_the_last_figure(beside_a_real_run: Path) -> None:
    real, runs = rows(beside_a_real_run), beside_a_real_run / "simulate" / "runs"
    assert [len(row["ids"]) for row in real[1:]] == [8, 8]
    assert rows(runs / "margin-seed-5") == real
    assert rows(runs / "random-seed-5")[0] == real[0]
    other = {path.name: [row["ids"] for row in rows(path)] for path in runs.iterdir()}
    assert len({json.dumps(ids) for ids in other.values()}) == len(other) == 4


def test_what_a_simulation_leaves_behind(beside_a_real_run: Path, corpus: Path) -> None:
    folder = beside_a_real_run / "simulate"
    assert not list(folder.rglob("*.safetensors"))
    found = summary(beside_a_real_run)
    assert found["full"]["f1"]["mean"] > 0
    assert list(found["curves"]) == ["margin", "random"]
    real = rows(beside_a_real_run)
    assert found["curves"]["margin"]["runs"][1] == {
        "words": [row["tokens"] for row in real],
        "sentences": [row["expert_sentences"] for row in real],
        "entities": [row["entities"] for row in real],
        "dollars": [row["dollars"] for row in real],
        "f1": [row["f1"] for row in real],
    }
    tokens = read_conll(corpus / "train.conll").tokens
    assert found["words"] == sum(map(len, dict.fromkeys(map(tuple, tokens))))
    for count in ("words", "sentences", "entities", "dollars"):
        assert (folder / f"simulated_{count}.png").stat().st_size > 5000


def test_a_simulation_that_was_killed_carries_on(
    beside_a_real_run: Path, corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "run"
    command = [*words(corpus, folder), "--simulate"]
    # In the second round of the second run; the models of two rounds are there then.
    point = "nerc_trainer.active.round_folder:RoundFolder.seal:5:0"
    died = subprocess.run(
        [sys.executable, str(KILLED_RUN), point, *command],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert died.returncode == -signal.SIGKILL, died.stderr
    done = {path: path.stat().st_mtime_ns for path in folder.glob("simulate/*/**/*.json") if "random" not in str(path)}
    runs = folder / "simulate" / "runs"
    assert len(rows(runs / "margin-seed-13")) == 3
    assert len(rows(runs / "random-seed-13")) == 1

    assert run(*command) == 0
    made_again = [path for path, stamp in done.items() if path.stat().st_mtime_ns != stamp]
    assert {path.name for path in made_again} <= {"state.json"}, "what had not begun is begun"
    assert summary(folder) == summary(beside_a_real_run)
    assert not list(folder.rglob("*.safetensors"))
    capsys.readouterr()

    assert run(*command, "simulate.strategies=[random]") == 0
    said = capsys.readouterr().out
    assert "full-data F1" in said
    assert "margin" not in said


def test_runs_with_the_llm_s_labels_pay_what_these_cost(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever paid for the replies, and not for others in a ledger that runs share."""
    write_corpus_and_prompts(tmp_path, 60)
    short = [f"train.epochs=1 active.{name}=1" for name in ("initial_epochs", "max_iterations")]
    settings = [*" ".join(short).split(), "active.min_iterations=0", "active.query_size=5", "simulate.seeds=[13]"]
    settings += ["simulate.strategies=[random]", "simulate.with_llm=[true,false]", f"annotation.ledger={tmp_path}/all"]
    with LlmServer() as server:
        recipe = write_recipe(tmp_path, server.url)
        other = [f"run.dir={tmp_path / 'other'}", f"annotation.prompt={tmp_path / 'spans.yaml'}", settings[-1]]
        assert run("annotate", recipe, *other) == 0
        for folder in (tmp_path / "first", tmp_path / "second"):
            words = [recipe, f"run.dir={folder}", *settings]
            assert run("annotate", *words) == 0
            about = folder / "annotation" / "annotation.json"
            said = about.read_text()
            about.write_text(json.dumps({**json.loads(said), "replies": {}}))
            assert run("active", *words, "--simulate") == 1
            assert "annotation.json: damaged" in capsys.readouterr().err
            assert not (folder / "simulate").exists(), "nothing was trained for it"
            about.write_text(said)
            assert run("active", *words, "--simulate") == 0
    paid = json.loads((tmp_path / "first" / "annotation" / "annotation.json").read_text())["replies"]["dollars"]
    assert paid > 0
    for folder in (tmp_path / "first", tmp_path / "second"):
        found = summary(folder)
        assert found["label_dollars"] == paid
        for name, extra in (("random-llm", paid), ("random", 0.0)):
            real = rows(folder / "simulate" / "runs" / f"{name}-seed-13")
            expected = [row["dollars"] + extra for row in real]
            assert [point["dollars"] for point in found["curves"][name]["points"]] == pytest.approx(expected)
    assert "arms with the LLM's labels also pay the $" in " ".join(capsys.readouterr().out.split())


@pytest.mark.slow
def test_workers_with_the_llm_s_labels_and_without_find_what_one_process_finds(corpus: Path, tmp_path: Path) -> None:
    settings = [f"annotation.labels={corpus}/llm.jsonl", "simulate.strategies=[disagreement]", "simulate.seeds=[13]"]
    settings += ["simulate.with_llm=[true,false]", "active.max_iterations=1", "active.min_iterations=0"]
    settings += ["mixing.mode=null"]
    for workers in (1, 2):
        command = words(corpus, tmp_path / str(workers), *settings, f"simulate.workers={workers}")
        assert run(*command, "--simulate") == 0
    found = summary(tmp_path / "1")
    assert summary(tmp_path / "2") == found
    assert run(*words(corpus, tmp_path / "1", *settings), "--simulate") == 0, "a finished one is read again"
    assert list(found["curves"]) == ["disagreement-llm", "random-llm", "random"]
    first = [rows(tmp_path / "1" / "simulate" / "runs" / f"{name}-seed-13")[0] for name in found["curves"]]
    assert first[0]["ids"] == first[1]["ids"] == first[2]["ids"], "the pool is the same with the labels and without"
    assert [row["llm_sentences"] > 0 for row in first] == [True, True, False]
    assert len({row["mixing"] for row in first}) == 1, "they differ in labels alone"
    assert first[1]["loss"] != first[2]["loss"]


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        (["simulate.strategies=[entropie]"], "simulate.strategies"),
        (["simulate.seeds=[1,1]"], "give different seeds"),
        (["simulate.strategies=[margin,margin]"], "named twice"),
        (["simulate.measure=test"], "the recipe has no data.test"),
        (["simulate.with_llm=[true]"], "simulate.with_llm: there are no LLM labels"),
        (["simulate.strategies=[disagreement]"], "simulate.strategies: disagreement needs labels of an LLM"),
        (
            ["active.query_size=9"],
            "margin-seed-13: holds a run of another recipe or corpus (active.query",
        ),
    ],
)
def test_what_is_wrong_is_said_in_a_line_before_anything_is_trained(
    beside_a_real_run: Path, corpus: Path, settings: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def files() -> dict[Path, int]:
        return {
            path: path.stat().st_mtime_ns
            for path in beside_a_real_run.rglob("*")
            if path.suffix in (".json", ".jsonl", ".png")
        }

    before = files()
    assert run(*words(corpus, beside_a_real_run, *settings), "--simulate") == 1
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error:")]
    assert complaint in line
    assert files() == before
