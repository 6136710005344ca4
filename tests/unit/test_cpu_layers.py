"""Layers that are quicker on a CPU are what they were: same outputs, gradients and weights, the same chances."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from nerc_trainer.modeling.cpu_layers import BitsDropout, OneDnnLinear, quicken_layers


@pytest.fixture(autouse=True)
def slow_mkl(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without GPU whose processor MKL is slow on."""
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: False)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"cpu_name": "AMD EPYC", "avx512_f": True})


@pytest.fixture
def swapped() -> tuple[nn.Module, nn.Module]:
    """A model as torch computes it, and its copy with oneDNN."""
    torch.manual_seed(0)
    plain = nn.Sequential(nn.Linear(24, 40), nn.GELU(), nn.LayerNorm(40), nn.Linear(40, 5, bias=False))
    other = copy.deepcopy(plain)
    quicken_layers(other)
    assert [type(part) for part in other] == [OneDnnLinear, nn.GELU, nn.LayerNorm, OneDnnLinear]
    return plain, other


@pytest.mark.parametrize("shape", [(24,), (1, 24), (7, 24), (3, 5, 24), (2, 0, 24), (2, 3, 5, 24)])
def test_outputs_and_gradients_are_the_same(swapped: tuple[nn.Module, nn.Module], shape: tuple[int, ...]) -> None:
    inputs = [torch.randn(shape, generator=torch.Generator().manual_seed(1)).requires_grad_() for _ in swapped]
    outputs = [model(given) for model, given in zip(swapped, inputs, strict=True)]
    torch.testing.assert_close(outputs[1], outputs[0])
    factors = torch.randn(outputs[0].shape)
    for output in outputs:
        (output * factors).sum().backward()
    torch.testing.assert_close(inputs[1].grad, inputs[0].grad)
    for (name, weight), (_, other) in zip(*(model.named_parameters() for model in swapped), strict=True):
        torch.testing.assert_close(other.grad, weight.grad, msg=name)


def test_gradients_of_turned_and_frozen_weights(swapped: tuple[nn.Module, nn.Module]) -> None:
    gradients = []
    for model in swapped:
        model[0].weight.requires_grad_(False)
        given = torch.randn(24, 6, generator=torch.Generator().manual_seed(1)).requires_grad_()
        model(given.t()).square().sum().backward()
        assert model[0].weight.grad is None
        gradients.append((given.grad, model[0].bias.grad, model[3].weight.grad))
    torch.testing.assert_close(gradients[1], gradients[0])


def test_bfloat16_is_left_to_torch(swapped: tuple[nn.Module, nn.Module]) -> None:
    given = torch.randn(7, 24)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        outputs = [model(given) for model in swapped]
    assert outputs[1].dtype == torch.bfloat16
    assert torch.equal(outputs[0], outputs[1])


def test_weights_are_saved_and_loaded_as_before(swapped: tuple[nn.Module, nn.Module]) -> None:
    plain, other = swapped
    assert plain.state_dict().keys() == other.state_dict().keys()
    nn.init.ones_(other[0].weight)
    plain.load_state_dict(other.state_dict())
    given = torch.randn(7, 24)
    torch.testing.assert_close(other(given), plain(given))


def test_subclasses_of_linear_layers_are_left_alone() -> None:
    attention = nn.MultiheadAttention(8, 2)
    kind = type(attention.out_proj)
    assert kind is not nn.Linear
    quicken_layers(attention)
    assert type(attention.out_proj) is kind


@pytest.mark.parametrize(
    ("processor", "slow"),
    [
        ({"cpu_name": "AMD EPYC", "avx512_f": True}, True),
        ({"cpu_name": "Intel Xeon", "avx512_f": True}, False),
        ({"cpu_name": "AMD EPYC", "avx512_f": False}, False),
        ({}, False),
    ],
)
def test_onednn_is_for_processors_that_mkl_is_slow_on(
    processor: dict[str, object], slow: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: processor)
    layer = nn.Sequential(nn.Linear(2, 2))
    quicken_layers(layer)
    assert isinstance(layer[0], OneDnnLinear) == slow


def test_a_torch_that_cannot_tell_its_processor_keeps_its_products(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(torch.cpu, "get_capabilities")
    layer = nn.Sequential(nn.Linear(2, 2))
    quicken_layers(layer)
    assert type(layer[0]) is nn.Linear


def test_a_frozen_layer_keeps_no_input(swapped: tuple[nn.Module, nn.Module]) -> None:
    layer = swapped[1][0]
    layer.weight.requires_grad_(False)
    kept: list[torch.Size] = []
    with torch.autograd.graph.saved_tensors_hooks(lambda tensor: kept.append(tensor.shape) or tensor, lambda it: it):
        layer(torch.randn(7, 24, requires_grad=True))
    assert kept == [layer.weight.shape]


def test_a_bias_that_is_one_number(swapped: tuple[nn.Module, nn.Module]) -> None:
    given = torch.randn(7, 24)
    for model in swapped:
        model[0].bias = nn.Parameter(torch.ones(1).expand(40))
    torch.testing.assert_close(swapped[1](given), swapped[0](given))


def test_a_machine_with_a_gpu_keeps_its_layers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: True)
    layers = nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.1))
    quicken_layers(layers)
    assert [type(layer) for layer in layers] == [nn.Linear, nn.Dropout]


@pytest.mark.parametrize("shape", [(1000, 1001), (3, 7, 50_001)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("chance", [0.1, 0.5, 0.9])
def test_dropout_drops_as_often_as_it_is_told(shape: tuple[int, ...], dtype: torch.dtype, chance: float) -> None:
    torch.manual_seed(3)
    given = torch.ones(shape, dtype=dtype, requires_grad=True)
    output = BitsDropout(chance)(given)
    assert output.dtype == dtype
    dropped = (output == 0).float()
    assert dropped.mean().item() == pytest.approx(chance, abs=0.002)
    assert output.float().mean().item() == pytest.approx(1, abs=0.02)
    # None of four neighbours, which one number is drawn for, is dropped more often than others, nor after another.
    fours = dropped.flatten()[: dropped.numel() // 4 * 4].view(-1, 4)
    assert fours.mean(0).sub(chance).abs().max() < 0.003
    both = (dropped.flatten()[1:] * dropped.flatten()[:-1]).mean().item()
    assert both == pytest.approx(chance**2, abs=0.002)
    output.sum().backward()
    assert torch.equal(given.grad, output.detach()), "what was dropped gets no gradient, the rest a scaled one"


def test_dropout_hangs_on_the_seed_alone_and_is_off_when_nothing_is_trained() -> None:
    layer, given = BitsDropout(0.3), torch.ones(5, 7)
    outputs = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        outputs.append(layer(given))
    assert torch.equal(outputs[0], outputs[1])
    assert not torch.equal(outputs[0], outputs[2])
    assert layer.eval()(given) is given


@pytest.mark.parametrize("chance", [0.0, 1.0])
def test_dropout_of_none_and_of_all_is_left_to_torch(chance: float) -> None:
    assert torch.equal(BitsDropout(chance)(torch.ones(9)), torch.full((9,), 1 - chance))
