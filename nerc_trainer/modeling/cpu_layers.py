"""Layers that torch computes slowly on a CPU, computed faster; their weights and what they mean stay what they are.

Linear layers in float32: torch gives their products to MKL, which uses AVX-512 on Intel's processors alone. On others
that have it, oneDNN, which comes with torch and multiplies its bfloat16, needs less than half of the time for the
matrices of a BERT (measured on an EPYC, forward and backward).

Dropout: torch draws a number of its own for each value, which is a seventh of the time of training a small encoder.
Sixteen bits are enough for one.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.autograd.function import once_differentiable

_CHANCES = 1 << 16  # that sixteen bits tell apart


def quicken_layers(model: nn.Module) -> None:
    """Turn the dropouts of ``model`` to random bits and, where it is faster, its linear layers to oneDNN, in place.

    Nothing is done on a machine with a GPU.
    """
    if torch.accelerator.is_available():
        return
    kinds: dict[type, type] = {nn.Dropout: BitsDropout} | ({nn.Linear: OneDnnLinear} if onednn_is_faster() else {})
    for module in model.modules():
        if kind := kinds.get(type(module)):
            module.__class__ = kind


def onednn_is_faster() -> bool:
    """Whether oneDNN can be called, on a processor whose AVX-512 MKL leaves unused; False where torch cannot tell."""
    processor: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    unused = bool(processor.get("avx512_f")) and "Intel" not in processor.get("cpu_name", "Intel")
    return unused and hasattr(torch.ops.mkldnn, "_linear_pointwise")


class BitsDropout(nn.Dropout):
    """Dropout by sixteen random bits a value, so that ``p`` is rounded to a 65,536th."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """``input`` with some values set to zero and the others scaled up, in training; as it is otherwise."""
        dropped = round(self.p * _CHANCES)
        if not self.training or input.device.type != "cpu" or self.inplace or not 0 < dropped < _CHANCES:
            return super().forward(input)
        bits = torch.empty(-(-input.numel() // 4), dtype=torch.int64)
        bits.random_(torch.iinfo(torch.int64).min, None)
        drawn = bits.view(torch.int16)[: input.numel()].view(input.shape)
        kept = (drawn >= dropped - _CHANCES // 2).to(input.dtype)
        return input * kept.mul_(_CHANCES / (_CHANCES - dropped))


class OneDnnLinear(nn.Linear):
    """A linear layer whose float32 products on the CPU are oneDNN's."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """``input`` [..., in] times the weights: [..., out]."""
        in_float32 = input.dtype == self.weight.dtype == torch.float32 and not torch.is_autocast_enabled("cpu")
        if input.device.type != "cpu" or not in_float32 or not input.numel():
            return super().forward(input)
        return _Linear.apply(input, self.weight, self.bias)


class _Linear(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, input: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
        ctx.save_for_backward(input if ctx.needs_input_grad[1] else None, weight)
        return _product(input, weight, bias)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        input, weight = ctx.saved_tensors
        rows = gradient.reshape(-1, len(weight))
        of_input, of_weight, of_bias = ctx.needs_input_grad
        return (
            _product(gradient, weight.t()) if of_input else None,
            _product(rows.t(), input.reshape(-1, weight.shape[1]).t()) if of_weight else None,
            rows.sum(0) if of_bias else None,
        )


def _product(input: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None = None) -> torch.Tensor:
    bias = None if bias is None else bias.contiguous()  # which oneDNN takes for granted
    return torch.ops.mkldnn._linear_pointwise(input, weight, bias, "none", [], "")
