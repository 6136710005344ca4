"""Tokenizers, a tagger and recipes that are made in memory: no test needs a download."""

from __future__ import annotations

import copy
import signal
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings

from nerc_trainer.corpus.labels import LabelSet
from nerc_trainer.recipe.sections import Recipe

if TYPE_CHECKING:
    from transformers import BertForTokenClassification, PreTrainedTokenizerFast

# A shell that starts the tests in the background has them ignore Ctrl-C, and what they start would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

# A busy machine is no fault of what is tested.
settings.register_profile("whenever", deadline=None)
settings.load_profile("whenever")

LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789.,-"
SYLLABLES = ("ar", "be", "ing", "on", "the", "un", "tree", "house")


@pytest.fixture(scope="session")
def labels() -> LabelSet:
    return LabelSet.from_types(["PER", "LOC"])


@pytest.fixture(scope="session")
def wordpiece() -> PreTrainedTokenizerFast:
    """A tokenizer like BERT's: [CLS] and [SEP] around the text, ## before a sub-word that goes on with a word."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    units = [*LETTERS, *SYLLABLES]
    vocabulary = {unit: index for index, unit in enumerate([*special, *units, *(f"##{unit}" for unit in units)])}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
    )


@pytest.fixture(scope="session")
def byte_level() -> PreTrainedTokenizerFast:
    """A tokenizer like RoBERTa's: bytes as characters, a space before every word, <s> and </s> around the text."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    special = ["<s>", "<pad>", "</s>", "<unk>"]
    units = [*special, *sorted(pre_tokenizers.ByteLevel.alphabet()), "Ġt", "Ġth", "Ġthe", "on"]
    tokenizer = Tokenizer(
        models.BPE(
            {unit: index for index, unit in enumerate(units)}, [("Ġ", "t"), ("Ġt", "h"), ("Ġth", "e"), ("o", "n")]
        )
    )
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", unk_token="<unk>", pad_token="<pad>"
    )


@pytest.fixture(scope="session")
def unigram() -> PreTrainedTokenizerFast:
    """A tokenizer like DeBERTa's: ▁ before every word, and the likeliest units."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    units = [("[PAD]", 0.0), ("[CLS]", 0.0), ("[SEP]", 0.0), ("[UNK]", 0.0), ("▁", -2.0)]
    units += [(letter, -6.0) for letter in LETTERS] + [(f"▁{syllable}", -4.0) for syllable in SYLLABLES]
    tokenizer = Tokenizer(models.Unigram(units, unk_id=3))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Nmt(), normalizers.NFKC()])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 1), ("[SEP]", 2)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]"
    )


@pytest.fixture(scope="session")
def _drawn_tagger(wordpiece: PreTrainedTokenizerFast, labels: LabelSet) -> BertForTokenClassification:
    import torch
    from transformers import BertConfig, BertForTokenClassification

    # One thread adds sums up in one order, so that equal work gives equal bits.
    torch.set_num_threads(1)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(wordpiece),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=64,
        num_labels=len(labels.tags),
        initializer_range=0.5,
    )
    return BertForTokenClassification(config)


@pytest.fixture
def tagger(_drawn_tagger: BertForTokenClassification) -> BertForTokenClassification:
    """A tiny BERT tagger with random weights, wide enough apart that its answers differ; each test gets its own."""
    return copy.deepcopy(_drawn_tagger)


@pytest.fixture
def make_recipe(tmp_path: Path) -> Callable[..., Recipe]:
    """``make_recipe(active={...}, ...)``: a recipe whose run stands in the test's own folder."""

    def make(**sections: dict[str, Any]) -> Recipe:
        required: dict[str, dict[str, Any]] = {
            "run": {"dir": tmp_path / "run"},
            "data": {"train": "train.conll", "dev": "dev.conll"},
            "model": {"encoder": "owner/encoder"},
        }
        names = dict.fromkeys([*required, *sections])
        return Recipe.model_validate({name: required.get(name, {}) | sections.get(name, {}) for name in names})

    return make
