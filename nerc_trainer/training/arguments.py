"""From a recipe to TrainingArguments."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from nerc_trainer.errors import NercError

if TYPE_CHECKING:
    from transformers import TrainingArguments

    from nerc_trainer.recipe.active import ActiveSection
    from nerc_trainer.recipe.sections import Recipe

BATCH_SIZE = 16  # sentences per optimizer step where the recipe says nothing


def training_arguments(recipe: Recipe) -> TrainingArguments:
    """The recipe's `training` section with what the run itself decides.

    The sentences of an optimizer step are `run.batch_size`, shared over ranks and accumulation steps: two micro-batches
    on one rank give to the bit what one micro-batch on each of two ranks gives, so that is how they are shared unless
    `training.per_device_train_batch_size` says otherwise. Without `run.batch_size` the section means what it means to
    Trainer.
    """
    import torch
    from transformers import TrainingArguments

    given = dict(recipe.training)
    # Without this, ranks on a machine with no GPU never join: each runs the whole job as if it were alone.
    given.setdefault("use_cpu", not torch.accelerator.is_available())
    ranks = int(os.environ.get("WORLD_SIZE", "1"))
    left_to_us = not {"per_device_train_batch_size", "gradient_accumulation_steps"} & set(given)
    if recipe.run.batch_size is not None or left_to_us:
        given |= _share(recipe.run.batch_size or BATCH_SIZE, given.get("per_device_train_batch_size"), ranks)
    given.setdefault("logging_strategy", "no")
    given.setdefault("report_to", "none")
    given.setdefault("run_name", recipe.run.dir.name)  # else a tracker makes up a name at every start
    given.setdefault("ddp_find_unused_parameters", False)  # Trainer's own default walks the graph at every step
    return TrainingArguments(
        output_dir=str(recipe.run.dir / "trainer"),
        seed=recipe.run.seed,
        save_strategy="no",
        eval_strategy="no",
        remove_unused_columns=False,
        **given,
    )


def token_budget(active: ActiveSection, arguments: TrainingArguments) -> int:
    """Sub-words in a batch when scoring and evaluating, on the device that the run has."""
    return active.token_budget or (1_024 if arguments.device.type == "cpu" else 16_384)


def step_size(arguments: TrainingArguments) -> int:
    """Sentences per optimizer step over all ranks."""
    return arguments.per_device_train_batch_size * arguments.gradient_accumulation_steps * arguments.world_size


def steps_of(epochs: float, sentences: int, batch_size: int) -> int:
    """Optimizer steps of so many epochs over so many sentences."""
    return max(1, round(epochs * -(-sentences // batch_size)))


def _share(batch_size: int, given: int | None, ranks: int) -> dict[str, int]:
    """Sentences at a time on a rank (``given`` or half a rank's share) and the steps over which they add up."""
    two_ways = batch_size % max(ranks, 2) == 0
    micro_batch = given or (batch_size // max(ranks, 2) if two_ways else batch_size // ranks)
    if micro_batch < 1 or batch_size % (micro_batch * ranks):
        step = (given or 1) * ranks
        shares = f"{ranks} process(es)" if given is None else f"{ranks} process(es) with {given} sentences each"
        raise NercError(
            f"run.batch_size = {batch_size}: can't be shared by {shares}; make it {-(-batch_size // step) * step}"
        )
    return {
        "per_device_train_batch_size": micro_batch,
        "gradient_accumulation_steps": batch_size // (micro_batch * ranks),
    }
