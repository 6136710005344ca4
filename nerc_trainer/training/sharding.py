"""Models whose weights are sharded over the ranks (FSDP2), and whole weights that go into any model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from accelerate.utils import parse_flag_from_env
from torch.distributed.checkpoint.state_dict import StateDictOptions, set_model_state_dict
from torch.distributed.fsdp import FSDPModule

from nerc_trainer.errors import NercError

if TYPE_CHECKING:
    from accelerate import Accelerator
    from transformers import PreTrainedModel


def check_sharding(accelerator: Accelerator) -> None:
    """Raise NercError where FSDP is asked for and accelerate would do something else, or do it wrong."""
    plugin = getattr(accelerator.state, "fsdp_plugin", None)
    if plugin is None:
        if parse_flag_from_env("ACCELERATE_USE_FSDP"):
            raise NercError(
                f"distributed_type: FSDP is asked for, but accelerate does not shard over {accelerator.num_processes} "
                f"process(es) on {accelerator.device.type}; launch two or more on GPUs, or without FSDP"
            )
        return
    if plugin.fsdp_version != 2:
        raise NercError(f"fsdp_config.fsdp_version = {plugin.fsdp_version}: only version 2 is supported; set it to 2")
    if plugin.activation_checkpointing:
        raise NercError(
            "fsdp_config.fsdp_activation_checkpointing = true: computes again with other dropout masks, so gradients "
            "are wrong; set it to false, and training.gradient_checkpointing to true in the recipe"
        )


def shard(model: PreTrainedModel, accelerator: Accelerator) -> PreTrainedModel:
    """The model with its weights spread over the ranks; call it once.

    Trainer does so when training begins, but a run that goes on scores and evaluates before it trains.
    """
    plugin = accelerator.state.fsdp_plugin
    if plugin.transformer_cls_names_to_wrap is None:
        plugin.transformer_cls_names_to_wrap = _layers(model)
    # accelerate takes no model without an optimizer; each training makes its own.
    sharded, _ = accelerator.prepare(model, torch.optim.SGD(model.parameters()))
    return sharded


def _layers(model: PreTrainedModel) -> list[str]:
    """Classes of the modules that are sharded one by one, among those that the model says may not be cut.

    Left out is the one around the word embeddings (BertEmbeddings): accelerate shards these too, and then fails.
    """
    embeddings = model.get_input_embeddings()
    modules = list(model.modules())
    around = {type(module).__name__ for module in modules if any(part is embeddings for part in module.modules())}
    present = {type(module).__name__ for module in modules}
    return sorted((present & set(model._no_split_modules or ())) - around)


def free_whole_weights(model: torch.nn.Module) -> None:
    """Go back to shards after a forward pass without a backward one, which leaves the outermost weights whole.

    An optimizer made of whole weights would train copies that nobody reads.
    """
    for module in model.modules():
        if isinstance(module, FSDPModule):
            module.reshard()


def set_weights(model: torch.nn.Module, state: dict[str, torch.Tensor] | None, ranks: int) -> None:
    """Set all weights, sharded or not, to those that rank 0 gives; the other ranks pass None and receive them."""
    options = StateDictOptions(full_state_dict=ranks > 1, broadcast_from_rank0=ranks > 1)
    set_model_state_dict(model, dict(state or {}), options=options)
