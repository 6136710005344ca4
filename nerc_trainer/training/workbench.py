"""Puts together what every training needs: a corpus in sub-words, a tagger, and the trainer that has it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nerc_trainer.corpus.column import Column
from nerc_trainer.corpus.context import add_context
from nerc_trainer.corpus.encode import EncodedText, PieceDataset, encode_words, flatten_tags
from nerc_trainer.corpus.stored import drop_texts, store_text, stored_text, text_key
from nerc_trainer.files import write_json
from nerc_trainer.hub import Publisher
from nerc_trainer.modeling.build import build_tagger, load_tokenizer, piece_length, weights_digest
from nerc_trainer.public_names import split_name
from nerc_trainer.ranks import main_first, on_main
from nerc_trainer.training.arguments import step_size, token_budget
from nerc_trainer.training.trainer import NercTrainer
from nerc_trainer.training.training_set import TrainingSet, first_of_equals

if TYPE_CHECKING:
    import datasets
    from transformers import TrainingArguments

    from nerc_trainer.corpus.labels import LabelSet
    from nerc_trainer.corpus.load import Corpus
    from nerc_trainer.recipe.sections import Recipe


@dataclass(frozen=True)
class Workbench:
    """A recipe's corpus and trainer.

    ``text`` holds the train sentences; ``splits`` dev and, where there is one, test, with their true labels.
    """

    recipe: Recipe
    corpus: Corpus
    trainer: NercTrainer
    text: EncodedText
    splits: dict[str, PieceDataset]

    def training_set(
        self,
        llm_tags: Sequence[list[str]] | None,
        one_label_for_equals: bool = True,
        askable: np.ndarray | None = None,
    ) -> TrainingSet:
        """The train sentences, labelled so far by nobody but the LLM, whose tags are given (empty: none).

        With ``one_label_for_equals`` a label of the expert holds for all sentences with the same words. ``askable``
        bool [sentences] says which of them the expert may be asked for; None for all.
        """
        first_equal = first_of_equals(Column(self.corpus.train, "tokens")) if one_label_for_equals else None
        ids = Column(self.corpus.train, "id")
        return TrainingSet(ids, self.text, self.corpus.labels, llm_tags, first_equal, askable)

    def llm_tags(self) -> Sequence[list[str]] | None:
        """What the LLM said of each train sentence; None where the recipe has no LLM labels."""
        train = self.corpus.train
        # Not a list: those of a million sentences take a quarter of a gigabyte, and more with many entities.
        return Column(train, "llm_tags") if "llm_tags" in train.column_names else None

    def llm_asked(self) -> np.ndarray | None:
        """Which train sentences the LLM was asked about, bool [sentences], those included whose replies were rejected;
        None where it was asked about none."""
        train = self.corpus.train
        if "llm_status" not in train.column_names:
            return None
        asked = np.fromiter(map(bool, Column(train, "llm_status")), dtype=bool, count=len(train))
        return asked if asked.any() else None

    def llm_confidence(self) -> np.ndarray | None:
        """How sure the LLM was of each train sentence, float64 in [0, 1] (1 where it did not say); None without any."""
        train = self.corpus.train
        if "llm_confidence" not in train.column_names:
            return None
        said = (1.0 if value is None else value for value in Column(train, "llm_confidence"))
        return np.fromiter(said, dtype=np.float64, count=len(train))

    def start_anew(self, seed: int) -> None:
        """Give the trainer the weights that a tagger of this recipe begins with, its head drawn with ``seed``."""
        state = None
        if self.trainer.is_world_process_zero():
            tokenizer = self.trainer.processing_class
            state = build_tagger(self.recipe.model, self.corpus.labels, seed, tokenizer).state_dict()
        self.trainer.load_weights(state)


def build_workbench(recipe: Recipe, arguments: TrainingArguments, corpus: Corpus) -> Workbench:
    """Load the encoder and turn the corpus into sub-words. Call it on every rank."""
    tokenizer = main_first(lambda: load_tokenizer(recipe.model))
    model = main_first(lambda: build_tagger(recipe.model, corpus.labels, recipe.run.seed, tokenizer))
    longest = piece_length(recipe.model.max_length, tokenizer, model)
    context = recipe.model.context
    stored, used = recipe.run.dir / "encoded", set[str]()

    def encode(name: str, split: datasets.Dataset) -> EncodedText:
        def by_words() -> EncodedText:
            text = encode_words(
                Column(split, "tokens"),
                tokenizer,
                longest,
                ids=Column(split, "id"),
                long_sentences=recipe.data.long_sentences,
            )
            return add_context(text, Column(split, "document"), context, tokenizer, longest) if context else text

        key = text_key(corpus.fingerprints[name], tokenizer, longest, recipe.data.long_sentences, context)
        folder = stored / f"{name}-{key}"
        used.add(folder.name)
        on_main(lambda: store_text(folder, by_words))
        return stored_text(folder) or by_words()

    splits = {}
    for name, split in (("dev", corpus.dev), ("test", corpus.test)):
        if split is not None:
            labels = flatten_tags([corpus.labels.encode(tags) for tags in Column(split, "ner_tags")])
            splits[name] = PieceDataset(encode(name, split), np.arange(len(split)), labels)
    text = encode("train", corpus.train)
    on_main(lambda: drop_texts(stored, used))
    trainer = NercTrainer(
        model,
        arguments,
        corpus.labels,
        batch_size=step_size(arguments),
        token_budget=token_budget(recipe.active, arguments),
        optimizer_section=recipe.optimizer,
        eval_dataset=splits["dev"],
        processing_class=tokenizer,
    )
    return Workbench(recipe, corpus, trainer, text, splits)


def write_labels(folder: Path, recipe: Recipe, labels: LabelSet) -> None:
    """Write labels.json beside a model: its types and tags, and for adapters the digest of their encoder."""
    said: dict[str, Any] = {"types": list(labels.types), "tags": list(labels.tags)}
    if recipe.model.lora is not None:
        said["encoder_sha256"] = weights_digest(recipe.model)
    write_json(folder / "labels.json", said)


def make_publisher(recipe: Recipe) -> Publisher:
    """What publishes the models of a run as its `hub` section says."""
    hub = recipe.hub
    return Publisher(recipe.run.dir, hub.mode, hub.repo, hub.private, hub.deadline_seconds, hub.endpoint)


def data_facts(recipe: Recipe, corpus: Corpus) -> dict[str, dict[str, Any]]:
    """What is published about each split and the LLM's labels: name without folders, SHA-256 of the content, size."""
    splits = {"train": corpus.train, "dev": corpus.dev, "test": corpus.test}
    facts = {
        name: {
            "name": split_name(recipe.data, getattr(recipe.data, name)),
            "sha256": corpus.fingerprints[name],
            "sentences": len(split),
        }
        for name, split in splits.items()
        if split is not None
    }
    if "llm" in corpus.fingerprints:
        labelled = sum(bool(tags) for tags in Column(corpus.train, "llm_tags"))
        facts["llm"] = {"name": "labels by an LLM", "sha256": corpus.fingerprints["llm"], "sentences": labelled}
    return facts
