"""How deep in a tagger each weight lies, for learning rates that fall from the head to the embeddings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from torch import nn

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def learning_rate_factors(tagger: PreTrainedModel, layer_decay: float) -> dict[str, float]:
    """For each weight of the encoder, by name: what its learning rate is multiplied with; weights of the head are left
    out.

    The last of N layers has 1, each layer below it ``layer_decay`` times that of the one above, and the embeddings
    ``layer_decay`` to the power of N (discriminative fine-tuning, Howard and Ruder 2018).
    """
    whole = tagger.get_base_model() if hasattr(tagger, "get_base_model") else tagger  # without the adapters of peft
    encoder = whole.base_model
    layers = _layers(encoder)
    depth_of = {id(weight): depth for depth, layer in enumerate(layers, start=1) for weight in layer.parameters()}
    # What comes behind the layers (a last norm) learns like the last one.
    behind = {id(weight) for weight in _behind(encoder)}
    inside = {id(weight) for weight in encoder.parameters()}
    return {
        name: layer_decay ** (len(layers) - (len(layers) if id(weight) in behind else depth_of.get(id(weight), 0)))
        for name, weight in tagger.named_parameters()
        if id(weight) in inside
    }


def _layers(encoder: PreTrainedModel) -> list[nn.Module]:
    """The stack of the encoder's layers: the first list of modules that is as long as its configuration says."""
    count = encoder.config.num_hidden_layers
    for part in encoder.modules():
        if isinstance(part, nn.ModuleList) and len(part) == count:
            return list(part)
    return []


def _behind(encoder: PreTrainedModel) -> list[nn.Parameter]:
    """Weights of the encoder that stand behind its layers."""
    names = ("final_norm", "LayerNorm", "ln_f", "norm")
    own = [part for name, part in encoder.named_children() if name in names]
    return [weight for part in own for weight in part.parameters()]


def split_by_rate(groups: Sequence[Mapping[str, Any]], factors: Mapping[nn.Parameter, float]) -> list[dict[str, Any]]:
    """An optimizer's groups cut so that all weights of a group have one factor, with the learning rate times that."""
    cut = []
    for group in groups:
        by_factor: dict[float, list[nn.Parameter]] = {}
        for weight in group["params"]:
            by_factor.setdefault(factors[weight], []).append(weight)
        cut += [
            {**group, "params": weights, "lr": group["lr"] * factor} for factor, weights in sorted(by_factor.items())
        ]
    return cut
