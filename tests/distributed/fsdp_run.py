"""The command line with FSDP on CPU ranks: ``fsdp_run.py POINT ARGUMENTS...``; POINT as in killed_run.py, or none.

accelerate turns FSDP on only where ranks have GPUs. The one thing replaced here is the kind of ranks it sees when it
decides; sharding, collectives and state dicts are those of torch, over gloo.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from accelerate import Accelerator
from accelerate.state import AcceleratorState, PartialState
from accelerate.utils import DistributedType
from transformers import PreTrainedModel

sys.path.insert(0, str(Path(__file__).parent))
from killed_run import arm


def shard_on_cpu_too() -> None:
    """Let accelerate take gloo ranks for GPU ranks while it decides whether to shard."""
    decide = AcceleratorState.__init__

    def decide_as_on_gpus(self: AcceleratorState, *args: Any, **kwargs: Any) -> None:
        if not AcceleratorState._shared_state:
            PartialState._shared_state["distributed_type"] = DistributedType.MULTI_GPU
        decide(self, *args, **kwargs)

    AcceleratorState.__init__ = decide_as_on_gpus


def report_shards() -> None:
    """Print how many of the weights each rank holds, once they are sharded."""
    from nerc_trainer.training import trainer

    shard = trainer.shard

    def shard_and_report(model: PreTrainedModel, accelerator: Accelerator) -> PreTrainedModel:
        model = shard(model, accelerator)
        held = sum(weights.to_local().numel() for weights in model.parameters())
        whole = sum(weights.numel() for weights in model.parameters())
        print(f"a rank holds {held / whole:.0%} of the weights", flush=True)
        return model

    trainer.shard = shard_and_report


if __name__ == "__main__":
    shard_on_cpu_too()
    report_shards()
    if sys.argv[1] != "none":
        arm(sys.argv[1])
    from nerc_trainer.cli import main

    main(sys.argv[2:])
