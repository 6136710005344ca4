"""What was published is what `from_pretrained` loads, from the Hub and from the local cache, branch by branch."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from hub_rounds import REPO, HubServer, online
from huggingface_hub import constants
from transformers import BertConfig, BertForTokenClassification

from nerc_trainer.hub import Publisher, seal

BRANCHES = ("round-01-added-0050", "study/round-02")
LOAD = """
import json, sys
from transformers import AutoConfig, AutoModelForTokenClassification
sums = {}
for branch in sys.argv[1:]:
    config = AutoConfig.from_pretrained("me/tagger", revision=branch)
    model = AutoModelForTokenClassification.from_pretrained("me/tagger", revision=branch)
    sums[branch] = [config.id2label[0], sum(float(value.double().sum()) for value in model.state_dict().values())]
print(json.dumps(sums))
"""


@pytest.fixture(scope="module")
def rounds(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, list[object]]]:
    """A run with two tiny models of random weights, and the first label and sum of all weights of each."""
    run_dir = tmp_path_factory.mktemp("run")
    sums: dict[str, list[object]] = {}
    for seed, branch in enumerate(BRANCHES):
        torch.manual_seed(seed)
        shape = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8}
        model = BertForTokenClassification(BertConfig(vocab_size=20, id2label={0: f"O{seed}", 1: "B-PER"}, **shape))
        model.save_pretrained(run_dir / branch)
        seal(run_dir / branch)
        sums[branch] = [f"O{seed}", sum(float(value.double().sum()) for value in model.state_dict().values())]
    return run_dir, sums


def load(home: Path, **environment: str) -> dict[str, list[object]]:
    """What a fresh process loads that has only the given Hugging Face home."""
    home.mkdir(parents=True, exist_ok=True)
    variables = {"HF_HOME": str(home), "HF_HUB_DISABLE_XET": "1", "HOME": str(home), **environment}
    command = [sys.executable, "-c", LOAD, *BRANCHES]
    loaded = subprocess.run(command, env=variables, cwd=home, capture_output=True, text=True)
    assert loaded.returncode == 0, loaded.stderr
    return json.loads(loaded.stdout)


def test_each_branch_loads_from_the_hub(
    rounds: tuple[Path, dict[str, list[object]]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    run_dir, sums = rounds
    with HubServer() as server:
        states = [online(run_dir, server).publish(run_dir / branch, branch).state for branch in BRANCHES]
        assert states == ["pushed", "pushed"]
        assert load(tmp_path, HF_ENDPOINT=server.url) == sums


def test_each_branch_loads_from_the_cache_without_a_network(
    rounds: tuple[Path, dict[str, list[object]]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    run_dir, sums = rounds
    for branch in BRANCHES:
        assert Publisher(run_dir, "offline", REPO).publish(run_dir / branch, branch).state == "offline"
    assert load(tmp_path, HF_HUB_OFFLINE="1") == sums
