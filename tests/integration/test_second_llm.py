"""Runs in which a second LLM answers before the expert, against a language model on loopback."""

from __future__ import annotations

import json
import sqlite3
import sys
from collections.abc import Mapping, Sequence
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from labelling import run
from llm_server import LlmServer, answer_capitals, words_of

from nerc_trainer.corpus.conll import read_conll
from nerc_trainer.recipe.shipped import recipes_folder
from nerc_trainer.report.collect import collect_run
from nerc_trainer.report.models import models_of

DEAR = "{dear: {input: 3, output: 15}}"


def sees_nothing_in_some(messages: Sequence[Mapping[str, str]], form: Mapping[str, Any] | None) -> str:
    """No entities in sentences of an odd number of words, as first LLM and tagger see it; capitals in the others."""
    if len(words_of(messages)) % 2 == 0:
        return answer_capitals(messages, form)
    return '{"entities": []}' if form else " ".join(words_of(messages))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A part of the sample corpus, in which an LLM has seen no entities."""
    for split, sentences in (("train", 120), ("dev", 30)):
        text = (recipes_folder() / "sample" / f"{split}.conll").read_text(encoding="utf-8")
        (tmp_path / f"{split}.conll").write_text("\n\n".join(text.split("\n\n")[:sentences]) + "\n", encoding="utf-8")
    train = read_conll(tmp_path / "train.conll")
    rows = [json.dumps({"tokens": tokens, "llm_tags": ["O"] * len(tokens)}) + "\n" for tokens in train.tokens]
    (tmp_path / "llm.jsonl").write_text("".join(rows), encoding="utf-8")
    return tmp_path


def words(folder: Path, url: str, **settings: Any) -> list[str]:
    said = {
        **{f"data.{split}": folder / f"{split}.conll" for split in ("train", "dev")},
        "data.test": "null",
        "run.dir": folder / "run",
        "annotation.labels": folder / "llm.jsonl",
        "annotation.endpoints": f"[{{base_url: '{url}', models: [dear]}}]",
        "annotation.prices": DEAR,
        "active.llm_relabel": "{model: dear, reach: 3}",
        "active.query_size": 6,
        "mixing.mode": "concat",
        "training.learning_rate": 0.01,
        **settings,
    }
    return ["active", "tiny", *(f"{key}={value}" for key, value in said.items())]


def rows_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_the_expert_is_asked_where_the_second_llm_and_the_tagger_differ(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with LlmServer(answer=sees_nothing_in_some, faults={"content_filter": 0.2}) as server:
        assert run(*words(folder, server.url)) == 0
        paid = server.stats["paid"]
        questions = {json.dumps(request["messages"]) for request in server.requests}
        assert paid == len(server.requests) == len(questions), "nothing is asked twice"
        # The run is over; all that it would need is known.
        assert run(*words(folder, server.url)) == 0
        assert server.stats["paid"] == paid
    out = capsys.readouterr().out
    assert "from the second LLM" in out
    history = rows_of(folder / "run" / "history.jsonl")
    assert "second.jsonl" not in {path.name for path in (folder / "run" / "rounds" / "round-00").iterdir()}
    expert, settled, statuses = set(history[0]["ids"]), set[str](), set[str]()
    for row in history[1:]:
        kept = folder / "run" / "rounds" / f"round-{row['round']:02d}" / "second.jsonl"
        said = {one["id"]: one for one in rows_of(kept)}
        assert set(row["ids"]) <= said.keys(), "the expert is asked for nothing that the second LLM was not"
        agreed = {name for name, one in said.items() if one["agrees"]}
        assert set(row["ids"]) == said.keys() - agreed
        assert len(row["ids"]) == 6 or len(said) == 18
        assert not (agreed | set(row["ids"])) & (expert | settled), "an answer is final"
        assert all(not one["agrees"] for one in said.values() if not one["ner_tags"])
        assert all(one["ner_tags"] for one in said.values() if one["agrees"])
        statuses |= {one["status"].partition(":")[0] for one in said.values()}
        expert |= set(row["ids"])
        settled |= agreed
        assert (row["expert_sentences"], row["second_sentences"]) == (len(expert), len(settled))
        assert row["llm_dollars"] == pytest.approx(sum(one["dollars"] for one in said.values()), abs=1e-9)
        assert row["llm_dollars"] > 0
    assert settled
    assert "rejected" in statuses

    # The account holds every reply in the ledger, and a round's model what was paid up to it.
    with sqlite3.connect(folder / "run" / "ledger.sqlite") as database:
        ((price, count),) = database.execute("SELECT sum(price), count(*) FROM reply").fetchall()
    database.close()
    data = collect_run(folder / "run")
    assert count == paid
    assert data.account.llm == Decimal(price).scaleb(-12)
    by_round = [model.llm for model in models_of(data)]
    assert by_round[-1] == data.account.llm
    assert [float(after - before) for before, after in pairwise(by_round)] == pytest.approx(
        [row["llm_dollars"] for row in history[1:]]
    )


@pytest.mark.parametrize(
    ("settings", "fault", "line"),
    [
        ({}, "404", "active.llm_relabel: dear has not answered for 3 sentences: "),
        ({"annotation.prices": "{}"}, None, "model dear: no price is known"),
        ({}, "context", "active.llm_relabel.model = dear: its server refuses the first sentences of the pool"),
        ({"annotation.limit_dollars": 0.000001}, None, "annotation.limit_dollars = 1e-06: reached, and active.llm_rel"),
        ({"active.llm_relabel": "{model: daer}"}, None, "none of annotation.endpoints has it"),
        (
            {"annotation.labels": "null", "annotation.model": "dear"},
            None,
            "labels.jsonl: missing; label the corpus first with `nerc-trainer annotate`",
        ),
    ],
    ids=["no-such-model", "no-price", "refused", "no-money", "no-server", "no-labels"],
)
def test_what_can_not_be_asked_shows_before_anything_is_trained(
    folder: Path, settings: dict[str, Any], fault: str | None, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with LlmServer(faults={fault: 1.0} if fault else {}) as server:
        assert run(*words(folder, server.url, **settings)) == 1
    error = capsys.readouterr().err
    assert line in error
    assert "Traceback" not in error
    assert not list(folder.glob("run/rounds/round-*/selection.json"))


def test_a_second_llm_that_would_say_what_the_first_has_said_is_refused(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with LlmServer() as server:
        same = {"annotation.labels": "null", "annotation.model": "dear", "annotation.sentences": 5}
        assert run("annotate", *words(folder, server.url, **same)[1:]) == 0
        paid = server.stats["paid"]
        assert run(*words(folder, server.url, **same)) == 1
        assert "dear with text_spans_1 has labelled the corpus already" in capsys.readouterr().err
        other = {**same, "active.llm_relabel": "{model: dear, prompt: inline_1}", "active.max_iterations": 0}
        assert run(*words(folder, server.url, **other, **{"active.min_iterations": 0})) == 0
        assert server.stats["paid"] == paid + 3
