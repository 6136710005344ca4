"""The precision that a tagger computes in when it scores, apart from the one that it is trained in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import torch

Precision = Literal["float32", "bfloat16"]


@contextmanager
def computed_in(precision: Precision, model: torch.nn.Module, device: str) -> Iterator[None]:
    """Inside the block ``model`` computes in this precision, whatever it is trained in; its weights stay as they are.

    ``device`` is the type of its device, such as "cpu" or "cuda".
    """
    # A model that Trainer has prepared carries the autocast of training in a forward of its own.
    prepared = vars(model).pop("forward", None)
    try:
        with torch.autocast(device, torch.bfloat16, enabled=precision == "bfloat16"):
            yield
    finally:
        if prepared is not None:
            model.forward = prepared


def faster_precision(device: torch.device) -> Precision:
    """bfloat16 where the hardware multiplies matrices of it, else float32.

    What the hardware says of itself, not a timed probe: a probe beside another job may say otherwise at the next start,
    or on another rank, and other scores select other sentences.
    """
    if device.type == "cuda":
        fast = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        fast = device.type == "cpu" and (torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
    return "bfloat16" if fast else "float32"
