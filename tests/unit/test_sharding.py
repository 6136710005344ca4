"""What is refused of FSDP, and whole weights that go into a model on one rank; two ranks are in tests/distributed."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
import torch
from accelerate import Accelerator, FullyShardedDataParallelPlugin

from nerc_trainer.errors import NercError
from nerc_trainer.training.sharding import check_sharding, set_weights

if TYPE_CHECKING:
    from transformers import BertForTokenClassification


@pytest.fixture
def accelerator(monkeypatch: pytest.MonkeyPatch) -> Accelerator:
    monkeypatch.setattr(os, "environ", os.environ.copy())  # the plugin writes its settings there
    monkeypatch.delenv("ACCELERATE_USE_FSDP", raising=False)
    return Accelerator(cpu=True)


def test_without_fsdp_nothing_is_refused(accelerator: Accelerator) -> None:
    check_sharding(accelerator)


def test_fsdp_that_accelerate_ignores_is_refused(accelerator: Accelerator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACCELERATE_USE_FSDP", "true")
    with pytest.raises(NercError, match=r"FSDP is asked for, but .* over 1 process\(es\) on cpu; launch two or more"):
        check_sharding(accelerator)


@pytest.mark.parametrize(
    ("plugin", "message"),
    [
        ({"fsdp_version": 1}, r"fsdp_config\.fsdp_version = 1: .* set it to 2"),
        ({"fsdp_version": 2, "activation_checkpointing": True}, r"set it to false, and training\.gradient_checkp"),
    ],
)
def test_kinds_of_fsdp_that_go_wrong_are_refused(
    accelerator: Accelerator, plugin: dict[str, int], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accelerator.state, "fsdp_plugin", FullyShardedDataParallelPlugin(**plugin), raising=False)
    with pytest.raises(NercError, match=message):
        check_sharding(accelerator)


def test_all_weights_are_set_and_none_may_be_missing(tagger: BertForTokenClassification) -> None:
    given = {name: torch.full_like(tensor, 0.5) for name, tensor in tagger.state_dict().items()}
    set_weights(tagger, given, ranks=1)
    assert all((tensor == 0.5).all() for tensor in tagger.state_dict().values())
    given.pop("classifier.bias")
    with pytest.raises(RuntimeError, match=r"classifier\.bias"):
        set_weights(tagger, given, ranks=1)
