"""From the encoder's sub-words back to words."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def word_logits(model: torch.nn.Module, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
    """Logits at the first sub-word of each word: [B, W, L]. Rows without a word repeat the first sub-word's."""
    logits = model(input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"]).logits
    positions = inputs["word_positions"][..., None].expand(-1, -1, logits.shape[-1])
    return logits.gather(1, positions)
