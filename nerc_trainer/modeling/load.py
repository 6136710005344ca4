"""A trained tagger from a folder or from a revision on the Hub, whole or as adapters."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from nerc_trainer.errors import NercError
from nerc_trainer.modeling.build import cache_alone, word_tokenizer
from nerc_trainer.modeling.lora import ADAPTER_CONFIG, load_adapters, named_base
from nerc_trainer.recipe.section import is_hub_id

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from nerc_trainer.recipe.sections import ModelSection


def load_model(
    where: str, encoder: str | None = None, trust_remote_code: bool = False
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Model and tokenizer of a folder, of ``owner/name`` or of ``owner/name@revision`` on the Hub.

    Any token-classification model will do. Where only adapters are there, they are put on the encoder that they name,
    at the revision that they name, or on ``encoder`` (a folder, ``owner/name`` or ``owner/name@revision``), and merged
    into it. NercError says what is wrong.
    """
    from transformers import AutoModelForTokenClassification

    source, revision = split_revision(where)
    options = {"revision": revision, **cache_alone(source)}
    try:
        tokenizer = word_tokenizer(source, where, trust_remote_code=trust_remote_code, **options)
        folder = _adapter_folder(source, options)
        if folder is not None:
            base = base_of_adapters(folder, encoder, trust_remote_code)
            return load_adapters(folder, tokenizer, base).merge_and_unload(), tokenizer
        model = AutoModelForTokenClassification.from_pretrained(
            source, use_safetensors=True, dtype="float32", trust_remote_code=trust_remote_code, **options
        )
        return model, tokenizer
    except (OSError, ValueError, KeyError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise NercError(
            f"{where}: can't be loaded as a tagger ({reason}); give the folder of a model, such as "
            "runs/NAME/models/BRANCH or runs/NAME/rounds/round-NN/model, or owner/name@branch on the Hub"
        ) from error


def base_of_adapters(folder: Path, encoder: str | None, trust_remote_code: bool) -> ModelSection:
    """The encoder that adapters stand on: the one that they name, or ``encoder`` as the user names it."""
    named = named_base(folder).model_copy(update={"trust_remote_code": trust_remote_code})
    if encoder is None:
        return named
    if encoder.startswith("package:") or Path(encoder).is_dir():
        return named.model_copy(update={"encoder": encoder, "revision": None})
    source, revision = split_revision(encoder)
    revision = revision or (named.revision if source == named.encoder else None)
    return named.model_copy(update={"encoder": source, "revision": revision, "sha256": None})


def read_weights(folder: Path, model: ModelSection) -> dict[str, torch.Tensor]:
    """The weights of a tagger that a run has saved, under the names that the model in memory has for them.

    Where the run has saved adapters alone, they stand on the encoder that ``model`` names.
    """
    from transformers import AutoModelForTokenClassification

    if (folder / ADAPTER_CONFIG).exists():
        tokenizer = word_tokenizer(str(folder), str(folder))
        return load_adapters(folder, tokenizer, model).state_dict()
    return AutoModelForTokenClassification.from_pretrained(folder, use_safetensors=True, dtype="float32").state_dict()


def split_revision(where: str) -> tuple[str, str | None]:
    """Folder or repository, and the revision behind an "@"; a folder that exists has none.

    >>> split_revision("me/tagger@init-12")
    ('me/tagger', 'init-12')
    """
    if Path(where).is_dir():
        return where, None
    source, at, revision = where.partition("@")
    if not is_hub_id(source, owner_needed=False) or (at and not revision):
        raise NercError(f"{where}: no such folder, and no owner/name@revision either; check the spelling")
    return source, revision or None


def _adapter_folder(source: str, options: dict[str, str | bool | None]) -> Path | None:
    """The folder of adapters, fetched from the Hub if need be; None where there are none."""
    from transformers.utils import cached_file

    if cached_file(source, ADAPTER_CONFIG, _raise_exceptions_for_missing_entries=False, **options) is None:
        return None
    for name in ("adapter_model.safetensors", "labels.json"):
        cached_file(source, name, **options)
    return Path(cached_file(source, "config.json", **options)).parent
