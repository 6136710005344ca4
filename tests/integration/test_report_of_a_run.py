"""The report of a real run, tiny as it is: rounds without an LLM, whose sentences are looked up in the corpus."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import yaml
from labelling import run

from nerc_trainer.hub.seal import check_seal
from nerc_trainer.report.collect import collect_run


def test_a_run_and_its_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_dir = tmp_path / "tiny"
    assert run("active", "tiny", f"run.dir={run_dir}", "costs.gpu_dollars_per_hour=3600") == 0
    model = run_dir / "rounds" / "round-02" / "model"
    assert (model / "f1.png").read_bytes().startswith(b"\x89PNG")
    assert check_seal(model) == []
    assert "](f1.png)" in (model / "README.md").read_text()

    said = capsys.readouterr().out
    assert "branch" not in said, "nothing is published"
    assert f"the tagger of its last round is in {model}" in " ".join(said.split())
    assert f'pipeline("ner", "{model}", ' in said
    assert run("report", run_dir, "report.sentences=2") == 0
    page = run_dir / "report" / "index.html"
    assert f"the report is {page}" in capsys.readouterr().out
    text = page.read_text(encoding="utf-8")
    assert "model of round 1" in text  # what it said before the expert was asked
    assert text.count('class="sentence"') == 4
    assert str(tmp_path) not in text

    found = collect_run(run_dir)
    rows = [json.loads(line) for line in (run_dir / "history.jsonl").read_text().splitlines()]
    assert float(found.account.expert) == rows[-1]["dollars"]
    seconds = sum(value for row in rows for phase, value in row["seconds"].items() if phase != "ask")
    assert float(found.account.machine or 0) == pytest.approx(seconds)

    # Other prices and another page do not keep a run from being taken up again.
    overrides = ["costs.what_if.cheap.expert_wage=1", "report.sentences=9"]
    assert run("active", "tiny", f"run.dir={run_dir}", "costs.gpu_dollars_per_hour=1", *overrides) == 0
    assert yaml.safe_load((run_dir / "recipe.resolved.yaml").read_text())["report"]["sentences"] == 9

    shutil.rmtree(run_dir / "rounds" / "round-00" / "model")
    assert run("report", run_dir) == 0
    assert "that of round 0 is gone" in page.read_text(encoding="utf-8")
