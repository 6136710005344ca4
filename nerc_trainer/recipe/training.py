"""The training section: names and types checked against transformers.TrainingArguments, whose arguments it holds."""

import dataclasses
import enum
import inspect
import typing
from collections.abc import Mapping
from typing import Any

from pydantic import ConfigDict, TypeAdapter, ValidationError

from nerc_trainer.recipe.errors import plain_message, suggestion
from nerc_trainer.recipe.yaml_text import guess_types

_SAID_BY_RUN_DIR = "run.dir says where everything goes"
_SAID_BY_RUN_SEED = "set run.seed"
_SAID_BY_HUB = "the hub section says what is published"
_SAID_BY_EPOCHS = "set active.initial_epochs and active.fine_tune_epochs"
_EVALUATED_ONCE = "every round is evaluated once, at its end"
_SAVED_ONCE = "a round is saved once, whole, at its end"
_SAID_BY_VERB = "the command says what is done"
_SAID_BY_LAUNCHER = "accelerate launch and its configuration file say how processes share the work"
_BATCHES_BY_LENGTH = "batches hold sentences of like length"
_SAID_BY_TOKEN_BUDGET = "set active.token_budget"
_KEPT_BY_CORPUS = "the program feeds the model itself and knows its columns"

_HUB_PREFIX = "hub_"
_RESERVED = {
    "output_dir": _SAID_BY_RUN_DIR,
    "seed": _SAID_BY_RUN_SEED,
    "data_seed": _SAID_BY_RUN_SEED,
    "num_train_epochs": _SAID_BY_EPOCHS,
    "max_steps": _SAID_BY_EPOCHS,
    "push_to_hub": _SAID_BY_HUB,
    "remove_unused_columns": _KEPT_BY_CORPUS,
    "label_names": _KEPT_BY_CORPUS,
    "eval_strategy": _EVALUATED_ONCE,
    "eval_steps": _EVALUATED_ONCE,
    "eval_delay": _EVALUATED_ONCE,
    "eval_on_start": _EVALUATED_ONCE,
    "load_best_model_at_end": _EVALUATED_ONCE,
    "metric_for_best_model": _EVALUATED_ONCE,
    "greater_is_better": _EVALUATED_ONCE,
    "save_strategy": _SAVED_ONCE,
    "save_steps": _SAVED_ONCE,
    "save_total_limit": _SAVED_ONCE,
    "save_only_model": _SAVED_ONCE,
    "do_train": _SAID_BY_VERB,
    "do_eval": _SAID_BY_VERB,
    "do_predict": _SAID_BY_VERB,
    "resume_from_checkpoint": "a run that was cut off carries on by itself when the same command runs again",
    "parallelism_config": _SAID_BY_LAUNCHER,
    "local_rank": _SAID_BY_LAUNCHER,
    "average_tokens_across_devices": "the loss is always a mean over the words of all processes",
    "train_sampling_strategy": _BATCHES_BY_LENGTH,
    "length_column_name": _BATCHES_BY_LENGTH,
    "dataloader_drop_last": "no sentence is left out",
    "dataloader_persistent_workers": _BATCHES_BY_LENGTH,
    "dataloader_prefetch_factor": _BATCHES_BY_LENGTH,
    "per_device_eval_batch_size": _SAID_BY_TOKEN_BUDGET,
    "auto_find_batch_size": _SAID_BY_TOKEN_BUDGET,
    "eval_accumulation_steps": _EVALUATED_ONCE,
    "bf16_full_eval": "scoring and evaluation use the precision of training",
    "fp16_full_eval": "scoring and evaluation use the precision of training",
}

_GONE = {
    "warmup_ratio": "transformers 5 has no such argument; use warmup_steps, which below 1.0 is a share of all steps",
    "overwrite_output_dir": f"transformers 5 has no such argument; {_SAID_BY_RUN_DIR}",
    "logging_dir": "transformers 5 has no such argument; set TENSORBOARD_LOGGING_DIR in the environment",
    "group_by_length": "leave it out: batches always hold sentences of like length",
    "save_safetensors": "transformers 5 has no such argument; weights are always saved as safetensors",
    "include_inputs_for_metrics": "transformers 5 has no such argument; use include_for_metrics",
    "evaluation_strategy": f"transformers 5 has no such argument; {_EVALUATED_ONCE}",
    "no_cuda": "transformers 5 has no such argument; use use_cpu",
}


def check_training(section: Mapping[str, Any], batch_size_given: bool) -> tuple[dict[str, Any], dict[str, str]]:
    """Give the values of the training section the types that TrainingArguments declares.

    Args:
        section: names to values; text that spells a number or a boolean is taken as one where the type asks for it.
        batch_size_given: whether run.batch_size is given.

    Returns:
        The typed arguments in alphabetical order, and for each wrong name what is wrong with it.
    """
    if not section:
        return {}, {}
    hints = argument_types()
    arguments: dict[str, Any] = {}
    problems: dict[str, str] = {}
    for name in sorted(section):
        if reason := _reason_to_refuse(name, hints, batch_size_given):
            problems[name] = reason
            continue
        try:
            arguments[name] = _typed(section[name], hints[name])
        except ValueError as error:
            problems[name] = str(error)
    return arguments, problems


def argument_types() -> dict[str, Any]:
    """Names and type hints of the arguments that the training section may hold."""
    # Importing transformers takes seconds, which commands that only list recipes must not pay.
    from transformers import TrainingArguments

    hints = typing.get_type_hints(TrainingArguments)
    names = (argument.name for argument in dataclasses.fields(TrainingArguments) if argument.init)
    return {name: hints[name] for name in names if name not in _RESERVED and not name.startswith(_HUB_PREFIX)}


def _reason_to_refuse(name: str, hints: Mapping[str, Any], batch_size_given: bool) -> str | None:
    if name in _RESERVED:
        return f"the program sets this itself: {_RESERVED[name]}"
    if name.startswith(_HUB_PREFIX):
        return f"the program sets this itself: {_SAID_BY_HUB}"
    if name in _GONE:
        return _GONE[name]
    if name == "gradient_accumulation_steps" and batch_size_given:
        return "run.batch_size already says how many sentences make a step; remove one of the two"
    if name not in hints:
        return "unknown key" + suggestion(name, hints, prefix="training.")
    return None


def _typed(value: Any, hint: Any) -> Any:
    """`value` as the type `hint`; a ValueError says what it should be."""
    options = typing.get_args(hint) or (hint,)
    choices = next((option for option in options if inspect.isclass(option) and issubclass(option, enum.Enum)), None)
    if choices is not None and isinstance(value, str):
        names = [str(choice.value) for choice in choices]
        if value not in names:
            raise ValueError("no such choice" + (suggestion(value, names) or f"; there are {', '.join(names)}"))
        return value
    # Text stands for itself only where text is all that the argument can be; elsewhere `8` and `true` mean themselves.
    if not set(options) <= {int, float, bool, type(None)} and not set(options) <= {str, type(None)}:
        value = guess_types(value)
    adapter = TypeAdapter(hint, config=ConfigDict(allow_inf_nan=False))
    try:
        return adapter.dump_python(adapter.validate_python(value), mode="json")
    except ValidationError as error:
        raise ValueError(plain_message(error.errors()[0])) from error
