"""A run with a second LLM that is killed while it asks, and carried on by two ranks, ends as if nothing had been."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(1, str(Path(__file__).parents[1]))
from launcher import outcome, run, small_recipe
from llm_server import LlmServer, answer_capitals, words_of

KILLED_RUN = str(Path(__file__).with_name("killed_run.py"))


def sees_nothing_in_some(messages: Sequence[Mapping[str, str]], form: Mapping[str, Any] | None) -> str:
    if len(words_of(messages)) % 2 == 0:
        return answer_capitals(messages, form)
    return '{"entities": []}' if form else " ".join(words_of(messages))


def small_run(folder: Path, url: str) -> list[str]:
    """The words of a run of two rounds whose first LLM, and so its tagger, sees no entities."""
    settings = {
        "annotation.endpoints": f"[{{base_url: '{url}', models: [dear], concurrency: 3}}]",
        "annotation.prices": "{dear: {input: 3, output: 15}}",
        "active.llm_relabel": "{model: dear}",
        "active.max_iterations": 1,
        "active.min_iterations": 1,
        "mixing.mode": "concat",
        "training.learning_rate": 0.01,
    }
    words = small_recipe(folder, with_llm=True, **settings)
    labels = folder.parent / "corpus" / "llm.jsonl"
    rows = [json.loads(line) for line in labels.read_text(encoding="utf-8").splitlines()]
    blank = [{"tokens": row["tokens"], "llm_tags": ["O"] * len(row["tokens"])} for row in rows]
    labels.write_text("".join(json.dumps(row) + "\n" for row in blank), encoding="utf-8")
    return words


def said(folder: Path) -> dict[str, list[Any]]:
    """What the second LLM has said in each round."""
    files = sorted(folder.glob("rounds/*/second.jsonl"))
    return {path.parent.name: [json.loads(line) for line in path.read_text().splitlines()] for path in files}


@pytest.mark.timeout(900)
def test_a_run_killed_while_it_asks_ends_like_an_undisturbed_one_on_any_number_of_ranks(tmp_path: Path) -> None:
    with LlmServer(answer=sees_nothing_in_some) as server:
        words = small_run(tmp_path / "undisturbed", server.url)
        done = run(1, ["-m", "nerc_trainer", *words], home=tmp_path / "home", timeout=600)
        assert done.returncode == 0, done.stderr
        paid = server.stats["paid"]
        undisturbed = outcome(tmp_path / "undisturbed") | {"said": said(tmp_path / "undisturbed")}

        words = small_run(tmp_path / "run", server.url)
        # Three are tried at first; of the questions of round 1 the third slice has a reply by then.
        point = "nerc_trainer.annotation.ledger:Ledger.put:11:0"
        died = run(1, [KILLED_RUN, point, *words], home=tmp_path / "home", timeout=600)
        assert died.returncode == -signal.SIGKILL, f"{point} was not reached:\n{died.stdout}\n{died.stderr}"
        (first_slices,) = said(tmp_path / "run").values()
        assert len(first_slices) == 6
        done = run(2, ["-m", "nerc_trainer", *words], home=tmp_path / "home", timeout=600)
        assert done.returncode == 0, done.stderr
    assert "2 process(es)" in done.stdout
    assert outcome(tmp_path / "run") | {"said": said(tmp_path / "run")} == undisturbed
    assert undisturbed["history"][-1]["second_sentences"] > 0
    assert server.stats["paid"] <= 2 * paid + 3, "but for those in flight when it was killed, each once in both runs"
