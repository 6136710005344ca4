"""annotate with annotation.mode: batch, against the Batch API on loopback."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from batch_api import BatchApi
from labelling import ROOT, ledger_rows, rows, run, truth, write_corpus_and_prompts, write_recipe
from llm_server import LASTING, LlmServer

from nerc_trainer.annotation import batch

# One request is asked live, to learn what the server knows.
LIVE = 1


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_corpus_and_prompts(tmp_path, 60)
    return tmp_path


@pytest.fixture
def server() -> Iterator[LlmServer]:
    with LlmServer() as started:
        yield started


@pytest.fixture(autouse=True)
def no_long_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "_FIRST_WAIT", 0.01)
    monkeypatch.setattr(batch, "_LONGEST_WAIT", 0.05)


def batches_of(server: LlmServer) -> BatchApi:
    assert server.batch is not None
    return server.batch


def annotate(folder: Path, server: LlmServer, *overrides: str, **annotation: Any) -> int:
    recipe = write_recipe(folder, server.url, mode="batch", **annotation)
    return run("annotate", recipe, f"run.dir={folder / 'run'}", *overrides)


def dollars_of(server: LlmServer) -> Decimal:
    """What the server would bill: batches at half the price."""
    prices = (("cached_tokens", "-0.075"), ("prompt_tokens", "0.15"), ("completion_tokens", "0.6"))
    live, batched = (
        sum((Decimal(stats[kind]) * Decimal(price) for kind, price in prices), Decimal())
        for stats in (server.stats, batches_of(server).stats)
    )
    return (live + batched / 2) / 10**6


def paid_dollars(folder: Path) -> float:
    figures = json.loads((folder / "run" / "annotation" / "annotation.json").read_text())
    return float(figures["ledger"]["dollars"])


def test_labels_and_the_bill_at_half_the_price(
    folder: Path, server: LlmServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert annotate(folder, server) == 0
    assert [row["llm_tags"] for row in rows(folder)] == [truth(row["tokens"]) for row in rows(folder)]
    assert len(rows(folder)) == 60
    assert server.stats["calls"] == LIVE
    assert batches_of(server).stats["batches"] == 1
    assert batches_of(server).stats["paid"] == 60 - LIVE
    assert paid_dollars(folder) == pytest.approx(float(dollars_of(server)), abs=1e-9)
    said = capsys.readouterr().err
    assert "batch batch_0: 59 requests submitted" in said
    assert "batches under way: 1, 0 of 59 requests done" in said

    assert annotate(folder, server) == 0
    assert batches_of(server).stats["batches"] == LIVE
    assert len(batches_of(server).lines) == 60 - LIVE


def test_a_plan_says_half_the_price(folder: Path, server: LlmServer, capsys: pytest.CaptureFixture[str]) -> None:
    cost = []
    for mode in ("live", "batch"):
        price = {"m": {"input": 1000, "output": 1000}}
        recipe = write_recipe(folder, server.url, mode=mode, prices=price)
        assert run("annotate", recipe, "--plan", f"run.dir={folder / 'run'}") == 0
        cost.append(float(capsys.readouterr().out.split(" about ")[-1].split(" dollars")[0]))
    assert cost[1] == pytest.approx(cost[0] / 2, rel=0.01)
    assert not server.stats
    assert not batches_of(server).stats


@pytest.mark.parametrize("fault", ["lost_upload", "lost_create", "500_create", "500_look", "cut_content"])
def test_a_fault_of_an_operation_makes_no_second_batch(folder: Path, server: LlmServer, fault: str) -> None:
    batches_of(server).script.append(fault)
    assert annotate(folder, server) == 0
    assert batches_of(server).stats[fault] == 1
    assert batches_of(server).stats["batches"] == 1
    assert all(row["llm_tags"] == truth(row["tokens"]) for row in rows(folder))
    assert ledger_rows(folder / "run" / "ledger.sqlite") == 60


def test_a_server_that_says_nothing_is_asked_again(folder: Path, server: LlmServer) -> None:
    batches_of(server).script.append("stall_look")
    assert annotate(folder, server, deadline_seconds=2) == 0
    assert batches_of(server).stats["stall_look"] == 1
    assert len(rows(folder)) == 60


def test_an_answer_that_is_none_of_the_batch_api_ends_in_one_line(
    folder: Path, server: LlmServer, capsys: pytest.CaptureFixture[str]
) -> None:
    batches_of(server).script.append("strange_look")
    assert annotate(folder, server) == 1
    assert "looking at batch batch_0: the answer is none of the Batch API" in capsys.readouterr().err
    assert annotate(folder, server) == 0
    assert batches_of(server).stats["batches"] == 1


def test_a_batch_is_found_among_many_where_the_answer_to_it_was_lost(folder: Path, server: LlmServer) -> None:
    api = batches_of(server)
    for number in range(5):
        assert annotate(folder, server, f"annotation.genre=kind {number}", f"run.dir={folder / f'other{number}'}") == 0
    before = api.stats["batches"]
    api.script.append("lost_create")
    assert annotate(folder, server) == 0
    assert api.stats["batches"] == before + 1


def test_what_expired_or_failed_is_asked_again_and_what_is_refused_is_not(folder: Path) -> None:
    with LlmServer(faults={"500": 0.3, "context": 0.2}, seed=1) as server:
        api = batches_of(server)
        api.expires_after = 40
        assert annotate(folder, server) == 1
        refused = api.stats["refused"] + server.stats["context"]
        assert refused > 3
        assert api.stats["500"] > 3
        assert api.stats["batches"] == 3
        labelled = rows(folder)
        assert len(labelled) == 60 - refused
        assert all(row["llm_tags"] == truth(row["tokens"]) for row in labelled)
        with sqlite3.connect(folder / "run" / "ledger.sqlite") as ledger:
            kinds = dict(ledger.execute("SELECT kind, count(*) FROM failure GROUP BY kind"))
        assert kinds["batch_expired"] > 3
        assert kinds["500"] == api.stats["500"] + server.stats["500"]
        assert paid_dollars(folder) == pytest.approx(float(dollars_of(server)), abs=1e-9)


def test_a_server_that_never_answers_one_request_is_not_asked_for_ever(
    folder: Path, server: LlmServer, capsys: pytest.CaptureFixture[str]
) -> None:
    batches_of(server).forgets = True
    assert annotate(folder, server) == 1
    assert batches_of(server).stats["batches"] == 3
    assert "1 sentences are not labelled: batch batch_2 says nothing of it; the same" in capsys.readouterr().err
    assert len(rows(folder)) == 59


def test_answers_of_every_kind(folder: Path) -> None:
    with LlmServer(faults=dict.fromkeys(LASTING, 0.05), seed=2) as server:
        assert annotate(folder, server, fallback_prompt="spans.yaml") == 0
        labelled = rows(folder)
        assert len(labelled) == 60
        for row in labelled:
            assert row["llm_tags"] == ([] if row["llm_status"].startswith("rejected") else truth(row["tokens"])), row
        assert batches_of(server).stats["batches"] == 2
        assert ledger_rows(folder / "run" / "ledger.sqlite") == server.stats["paid"] + batches_of(server).stats["paid"]


def test_smaller_batches_where_the_account_allows_no_larger(
    folder: Path, server: LlmServer, capsys: pytest.CaptureFixture[str]
) -> None:
    batches_of(server).enqueued = 20
    assert annotate(folder, server) == 0
    assert "Enqueued token limit reached; going on with batches of 15, one after the other" in capsys.readouterr().err
    assert len(rows(folder)) == 60
    assert batches_of(server).stats["paid"] == 60 - LIVE


def test_the_limit_of_dollars_counts_what_is_under_way(
    folder: Path, server: LlmServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert annotate(folder, server, limit_dollars=0.0005) == 1
    assert "annotation.limit_dollars = 0.0005: reached" in capsys.readouterr().err
    assert 0 < len(rows(folder)) < 60
    assert dollars_of(server) <= Decimal("0.0005")
    # Each pass may only spend what the worst case of the one before has left.
    assert batches_of(server).stats["batches"] > 1


@pytest.mark.parametrize("moment", ["planned", "sent", "noted", "collecting"])
def test_a_kill_submits_nothing_twice(folder: Path, server: LlmServer, moment: str) -> None:
    recipe = write_recipe(folder, server.url, mode="batch")
    batches_of(server).looks = 3
    killed = Path(__file__).with_name("killed_batch.py")
    command = [sys.executable, str(killed), moment, str(recipe), f"run.dir={folder / 'run'}"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == -9, ended.stderr
    assert batches_of(server).stats["batches"] == (0 if moment == "planned" else 1)
    if moment != "planned":
        live = write_recipe(folder, server.url)
        assert run("annotate", live, f"run.dir={folder / 'run'}") == 1
    assert annotate(folder, server) == 0
    assert batches_of(server).stats["batches"] == 1
    assert server.stats["calls"] <= 2 * LIVE
    assert all(row["llm_tags"] == truth(row["tokens"]) for row in rows(folder))
    assert ledger_rows(folder / "run" / "ledger.sqlite") == 60
    assert paid_dollars(folder) == pytest.approx(float(dollars_of(server)), abs=1e-9)


def test_a_live_run_does_not_pay_again_for_what_is_under_way(
    folder: Path, server: LlmServer, capsys: pytest.CaptureFixture[str]
) -> None:
    batches_of(server).cancels = True
    assert annotate(folder, server) == 1
    assert "batch batch_0 was cancelled there; what it had answered is kept" in capsys.readouterr().err
    batches_of(server).cancels = False
    assert annotate(folder, server) == 0
    assert batches_of(server).stats["paid"] == 60 - LIVE


def test_a_server_without_the_batch_api_is_told_of(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with LlmServer(batches=False) as server:
        assert annotate(folder, server) == 1
        error = capsys.readouterr().err
        assert "for a server without the Batch API set annotation.mode: live" in error
        live = write_recipe(folder, server.url)
        # What was never sent does not stand in the way.
        assert run("annotate", live, f"run.dir={folder / 'run'}") == 0


def test_a_wrong_key_is_found_before_a_day_is_lost(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_KEY", "sk-wrong")
    with LlmServer(key="sk-right") as server:
        endpoints = [{"base_url": server.url, "api_key_env": "TEST_KEY"}]
        assert annotate(folder, server, endpoints=endpoints) == 1
        error = capsys.readouterr().err
        assert "nothing is submitted" in error
        assert "the key is refused" in error
        assert "sk-wrong" not in error
        assert not batches_of(server).stats


def test_a_server_that_is_gone(folder: Path, server: LlmServer, capsys: pytest.CaptureFixture[str]) -> None:
    recipe = write_recipe(folder, "http://127.0.0.1:9/v1", mode="batch", deadline_seconds=2)
    assert run("annotate", recipe, f"run.dir={folder / 'run'}") == 1
    assert "start the server, or correct base_url" in capsys.readouterr().err
