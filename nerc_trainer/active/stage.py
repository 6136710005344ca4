"""Sets the stage of a run: from a recipe and its corpus to the parts that the rounds work with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nerc_trainer.active.oracle import TruthOracle
from nerc_trainer.active.rounds import Rounds
from nerc_trainer.active.sampler import EntropySamplerCallback
from nerc_trainer.corpus.encode import EncodedText, PieceDataset, encode_words, flatten_tags
from nerc_trainer.hub import Publisher
from nerc_trainer.modeling.build import build_tagger, load_tokenizer, piece_length
from nerc_trainer.public_names import split_name
from nerc_trainer.ranks import main_first
from nerc_trainer.training.arguments import step_size, token_budget
from nerc_trainer.training.trainer import NercTrainer
from nerc_trainer.training.training_set import TrainingSet, first_of_equals

if TYPE_CHECKING:
    import datasets
    from transformers import TrainingArguments

    from nerc_trainer.active.journal import RunJournal
    from nerc_trainer.corpus.load import Corpus
    from nerc_trainer.recipe.sections import Recipe


def build_rounds(recipe: Recipe, arguments: TrainingArguments, corpus: Corpus, journal: RunJournal) -> Rounds:
    """Build the parts of a run from a recipe and its corpus."""
    tokenizer = main_first(lambda: load_tokenizer(recipe.model))
    model = main_first(lambda: build_tagger(recipe.model, corpus.labels, recipe.run.seed, tokenizer))
    longest = piece_length(recipe.model, tokenizer, model)

    def encode(split: datasets.Dataset) -> EncodedText:
        return encode_words(
            split["tokens"], tokenizer, longest, ids=split["id"], long_sentences=recipe.data.long_sentences
        )

    training_set = TrainingSet(
        corpus.train["id"],
        encode(corpus.train),
        corpus.labels,
        corpus.train["llm_tags"] if "llm_tags" in corpus.train.column_names else None,
        first_of_equals(corpus.train["tokens"]),
    )
    splits = {}
    for name, split in (("dev", corpus.dev), ("test", corpus.test)):
        if split is not None:
            labels = flatten_tags([corpus.labels.encode(tags) for tags in split["ner_tags"]])
            splits[name] = PieceDataset(encode(split), np.arange(len(split)), labels)
    sampler = EntropySamplerCallback(
        recipe, training_set, TruthOracle(corpus.train["id"], corpus.train["ner_tags"]), journal
    )
    trainer = NercTrainer(
        model,
        arguments,
        corpus.labels,
        batch_size=step_size(arguments),
        token_budget=token_budget(recipe.active, arguments),
        eval_dataset=splits["dev"],
        callbacks=[sampler],
        processing_class=tokenizer,
    )
    hub = recipe.hub
    publisher = Publisher(recipe.run.dir, hub.mode, hub.repo, hub.private, hub.deadline_seconds, hub.endpoint)
    return Rounds(recipe, trainer, sampler, splits, data_facts(recipe, corpus), journal, publisher)


def data_facts(recipe: Recipe, corpus: Corpus) -> dict[str, dict[str, Any]]:
    """What is published about each split: its name without folders, the SHA-256 of its content, its size."""
    splits = {"train": corpus.train, "dev": corpus.dev, "test": corpus.test}
    return {
        name: {
            "name": split_name(recipe.data, getattr(recipe.data, name)),
            "sha256": corpus.fingerprints[name],
            "sentences": len(split),
        }
        for name, split in splits.items()
        if split is not None
    }
