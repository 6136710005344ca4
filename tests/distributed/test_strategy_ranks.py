"""One rank and two ask for the same sentences, whatever the strategy."""

from __future__ import annotations

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from launcher import run, small_recipe

SCRIPT = str(Path(__file__).with_name("strategies_run.py"))
SETTINGS = {
    "active.max_iterations": 1,
    "active.min_iterations": 1,
    "active.stop.kappa": 0.99,
    "active.pool_fraction": 0.3,
    "active.fine_tune_epochs": 4,
    "training.learning_rate": 0.01,  # so that the models of a committee differ
}


def test_two_ranks_ask_for_what_one_asks_for(tmp_path: Path) -> None:
    said = []
    for ranks in (1, 2):
        words = small_recipe(tmp_path / f"run-{ranks}", with_llm=True, **SETTINGS)
        done = run(ranks, [SCRIPT, *words], home=tmp_path / "home")
        assert done.returncode == 0, done.stderr
        figures = json.loads(done.stdout.strip().splitlines()[-1])
        assert figures["ranks"] == ranks
        said.append(figures["asked"])
    assert said[0] == said[1]
    assert len({tuple(ids) for ids in said[0].values()}) == len(said[0]), "they differ, so that a mix-up would show"
    for name in ("stopping/round-00.json", "scores/round-01.npy", "scores/round-02.npy"):
        kept = [(tmp_path / f"run-{ranks}" / name).read_bytes() for ranks in (1, 2)]
        assert kept[0] == kept[1]
