"""Adapters on a tagger's encoder, by peft."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nerc_trainer.errors import NercError

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from nerc_trainer.recipe.sections import LoraSection, ModelSection

ADAPTER_CONFIG = "adapter_config.json"
_ALWAYS_SAVED = ("classifier", "score")  # by peft, for taggers


def with_adapters(tagger: PreTrainedModel, lora: LoraSection, encoder: str, revision: str | None) -> PreTrainedModel:
    """The tagger with its encoder frozen and adapters in the encoder's linear layers; the head trains as it is.

    ``encoder`` and ``revision`` are what the adapters' folder will name as their base.
    """
    from peft import LoraConfig, TaskType, get_peft_model

    encoder_name = tagger.base_model_prefix
    layers = _linear_layers(tagger, encoder_name, lora.layers)
    trained = (name for name, part in tagger.named_children() if next(part.parameters(), None) is not None)
    heads = [name for name in trained if name not in (encoder_name, *_ALWAYS_SAVED)]
    config = LoraConfig(
        task_type=TaskType.TOKEN_CLS,
        r=lora.rank,
        lora_alpha=lora.alpha,  # type: ignore[arg-type]  # peft divides it, whatever number it is
        lora_dropout=lora.dropout,
        target_modules=rf"{re.escape(encoder_name)}\.(.*\.)?({'|'.join(map(re.escape, layers))})",
        modules_to_save=heads,
        revision=revision,
    )
    adapted: Any = get_peft_model(tagger, config)
    adapted.peft_config["default"].base_model_name_or_path = encoder
    return adapted


def _linear_layers(tagger: PreTrainedModel, encoder_name: str, wanted: list[str] | None) -> list[str]:
    """The last parts of the names of the encoder's linear layers, or those wanted if all of them are there."""
    from torch import nn

    encoder = getattr(tagger, encoder_name)
    found = sorted({name.rpartition(".")[2] for name, part in encoder.named_modules() if isinstance(part, nn.Linear)})
    if wanted is None:
        return found
    if missing := [name for name in wanted if name not in found]:
        raise NercError(f"model.lora.layers: no linear layer {missing[0]} in the encoder; there are {', '.join(found)}")
    return wanted


def named_base(folder: Path) -> ModelSection:
    """The encoder that a folder with adapters names, with its head; its weights are checked where a digest is known."""
    from nerc_trainer.recipe.sections import ModelSection

    said = json.loads((folder / ADAPTER_CONFIG).read_text(encoding="utf-8"))
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    is_bilstm = config["model_type"] == "bilstm_tagger"
    head = {name: config[name] for name in ("lstm_hidden_size", "head_dropout")} if is_bilstm else {}
    labels = json.loads((folder / "labels.json").read_text(encoding="utf-8"))
    return ModelSection(
        encoder=said["base_model_name_or_path"],
        revision=said["revision"],
        sha256=labels.get("encoder_sha256"),
        head="bilstm" if is_bilstm else "linear",
        context=config.get("nerc_context", 0),
        max_length=config.get("nerc_max_length"),
        **head,
    )


def load_adapters(folder: Path, tokenizer: PreTrainedTokenizerBase, base: ModelSection) -> PreTrainedModel:
    """The tagger of a folder that holds adapters and head alone, on the encoder ``base``."""
    from peft import PeftModel

    from nerc_trainer.corpus.labels import LabelSet
    from nerc_trainer.modeling.build import build_tagger

    types = json.loads((folder / "labels.json").read_text(encoding="utf-8"))["types"]
    try:
        tagger = build_tagger(base.model_copy(update={"lora": None}), LabelSet.from_types(types), 0, tokenizer)
    except NercError as error:
        raise NercError(
            f"{folder}: adapters alone, and their encoder is missing ({error}), or use --encoder"
        ) from error
    return PeftModel.from_pretrained(tagger, str(folder))
