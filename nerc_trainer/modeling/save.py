"""Write a tagger's weights to a folder, as safetensors."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import TYPE_CHECKING

from safetensors import SafetensorError

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel


def write_weights(model: PreTrainedModel, folder: Path, state: dict[str, torch.Tensor]) -> None:
    """Write ``state`` as the weights of ``model`` with its configuration; of adapters, these alone.

    A full disk raises OSError (ENOSPC), as it does where no safetensors are written.
    """
    try:
        if hasattr(model, "get_base_model"):  # adapters of peft; which head they are for stands in the configuration
            # Left to itself, peft asks the Hub whether the vocabulary has grown.
            model.save_pretrained(folder, state_dict=state, save_embedding_layers=False)
            model.get_base_model().config.save_pretrained(folder)
        else:
            model.save_pretrained(folder, state_dict=state)
    except SafetensorError as error:
        if f"os error {errno.ENOSPC}" not in str(error):
            raise
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder)) from error
