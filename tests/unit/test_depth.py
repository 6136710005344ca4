"""Learning rates by depth: every weight in one group, lower ones slower, the head as it is told."""

from __future__ import annotations

import pytest
import torch
from test_bilstm import CONFIGS, tagger
from transformers import AutoModelForTokenClassification, PretrainedConfig

from nerc_trainer.modeling.depth import learning_rate_factors
from nerc_trainer.training.trainer import split_by_rate


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.model_type)
@pytest.mark.parametrize("head", ["linear", "bilstm"])
def test_rates_fall_from_layer_to_layer(config: PretrainedConfig, head: str) -> None:
    model = tagger(config) if head == "bilstm" else AutoModelForTokenClassification.from_config(config)
    factors = learning_rate_factors(model, 0.5)
    names = {name for name, _ in model.named_parameters()}
    heads = names - set(factors)
    assert heads
    assert not any("embedding" in name or ".layer" in name for name in heads)
    assert {factor for name, factor in factors.items() if "embedding" in name} == {0.25}
    for number, expected in ((0, 0.5), (1, 1.0)):
        layer = {factor for name, factor in factors.items() if f"layer.{number}." in name or f"s.{number}." in name}
        assert layer == {expected}


def test_groups_are_cut_by_rate_and_lose_no_weight() -> None:
    weights = [torch.nn.Parameter(torch.zeros(1)) for _ in range(5)]
    groups = [
        {"params": weights[:3], "lr": 0.1, "weight_decay": 0.01},
        {"params": weights[3:], "lr": 0.1, "weight_decay": 0.0},
    ]
    factors = dict(zip(weights, [1.0, 0.5, 1.0, 0.5, 3.0], strict=True))
    cut = split_by_rate(groups, factors)
    place = {id(weight): index for index, weight in enumerate(weights)}
    found = [(place[id(weight)], group["lr"], group["weight_decay"]) for group in cut for weight in group["params"]]
    assert sorted(found) == [
        *[(0, 0.1, 0.01), (1, 0.05, 0.01), (2, 0.1, 0.01)],
        *[(3, 0.05, 0.0), (4, pytest.approx(0.3), 0.0)],
    ]
