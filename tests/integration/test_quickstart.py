"""Stage 1 of the quickstart: the replies that come with the program label its corpus, with no server."""

from __future__ import annotations

import json
import socket
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from labelling import rows, run

from nerc_trainer.annotation import client


def test_prompts_are_compared_and_the_corpus_is_labelled_with_no_server(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["quickstart", f"run.dir={tmp_path / 'run'}"]
    assert run("sweep", *words) == 0
    board = json.loads((tmp_path / "run" / "sweep" / "leaderboard.json").read_text())["cells"]
    assert [cell["prompt_name"] for cell in board] == ["text_spans_1", "inline_1", "index_spans_1"]
    assert all(cell["sentences"] == 40 and cell["dollars"] == 0 for cell in board)

    assert run("annotate", *words) == 0
    printed = capsys.readouterr().out
    assert "1,500 calls, 1,500 known" in printed
    assert "entity F1 against the truth" in printed
    labelled = rows(tmp_path)
    assert len(labelled) == 1500
    figures = json.loads((tmp_path / "run" / "annotation" / "annotation.json").read_text())
    assert figures["ledger"]["calls"] == 0  # nothing was paid
    assert 0.5 < figures["truth"]["f1"]["value"] < 0.9


def test_another_prompt_says_which_server_it_needs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "_SECONDS_TO_START", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
    words = ["quickstart", f"run.dir={tmp_path / 'run'}", "annotation.prompt=inline_rules_1", "annotation.sentences=20"]
    assert run("annotate", *words, f"annotation.endpoints=[{{base_url: '{url}'}}]") == 1
    error = capsys.readouterr().err
    assert f"20 sentences are not labelled: {url}: no connection; start the server" in error
    assert "it needs the model qwen2.5-coder:1.5b" in error
    assert run("active", *words, f"annotation.endpoints=[{{base_url: '{url}'}}]") == 1
    assert "label the corpus first with `nerc-trainer annotate`" in capsys.readouterr().err
