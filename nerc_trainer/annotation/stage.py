"""Sets the stage for annotate and sweep: from a recipe and its corpus to prompts with examples, servers and prices."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nerc_trainer.annotation.examples import ExamplePool, embed
from nerc_trainer.annotation.labeller import Labeller, Sentence
from nerc_trainer.annotation.ledger import Ledger
from nerc_trainer.annotation.money import ModelPrice, find_price
from nerc_trainer.annotation.prompts import EntityType, Example, Renderer, load_prompt
from nerc_trainer.annotation.request import Endpoint
from nerc_trainer.annotation.sample import stratified_sample
from nerc_trainer.corpus.labels import describe_unknown_type, tags_to_spans
from nerc_trainer.errors import NercError
from nerc_trainer.modeling.build import quiet_transformers

if TYPE_CHECKING:
    from datasets import Dataset

    from nerc_trainer.corpus.load import Corpus
    from nerc_trainer.recipe.sections import Recipe

_NO_PRICE = ModelPrice(Decimal(0), Decimal(0), Decimal(0), "nothing is asked")
_EMBEDDING_TOKENS = 2_048  # sub-words of a batch


@dataclass(frozen=True)
class Truth:
    """The sentences with true labels that stage 1 may look at: those that examples come from, and those that measure.

    Indices into the split ``annotation.truth``. The two share no sentence.
    """

    split: Dataset
    pool: list[int]
    sample: list[int]


def choose_truth(recipe: Recipe, corpus: Corpus, measured: int) -> Truth:
    """Draw ``measured`` sentences for a sweep and then the pool of examples, each mix of entity types in its share."""
    section = recipe.annotation
    split = corpus.train if section.truth == "train" else corpus.dev
    if (section.examples.count or measured) and not all(split["ner_tags"]):
        raise NercError(
            f"annotation.truth = {section.truth}: some of its sentences have no labels, and would be shown as examples "
            "without entities; set it to dev, or annotation.examples.count to 0"
        )
    generator = np.random.default_rng(recipe.run.seed)
    strata = [frozenset(span.type for span in tags_to_spans(tags, "bio")) for tags in split["ner_tags"]]
    sample = stratified_sample(strata, measured, generator) if measured else []
    rest = sorted(set(range(len(split))) - set(sample))
    pool = [rest[at] for at in stratified_sample([strata[index] for index in rest], section.examples.pool, generator)]
    if section.examples.count and not pool:
        raise NercError(
            f"sweep.sentences = {measured}: leaves no sentence of annotation.truth ({len(split)} sentences) for "
            "examples; lower it, or set annotation.examples.count to 0"
        )
    return Truth(split, pool, sample)


class Stage:
    """What all prompts and models of a recipe share: the types, the examples and the encoder's view of sentences."""

    def __init__(self, recipe: Recipe, corpus: Corpus, measured: int = 0) -> None:
        self.recipe = recipe
        self.section = recipe.annotation
        self.truth = choose_truth(recipe, corpus, measured)
        explained = self.section.types
        if unknown := sorted(explained.keys() - set(corpus.labels.types)):
            raise NercError(
                f"annotation.types.{unknown[0]}: the corpus has no such type; it has {', '.join(corpus.labels.types)}"
            )
        for alias, meant in self.section.aliases.items():
            if meant is not None and meant not in corpus.labels.types:
                raise NercError(
                    f"annotation.aliases.{alias} = {meant}: {describe_unknown_type(meant, corpus.labels.types)}"
                )
        self.types = tuple(
            EntityType(
                name,
                (explained[name].title if name in explained else None) or name,
                (explained[name].description if name in explained else None) or "",
            )
            for name in corpus.labels.types
        )
        self._pool_vectors: np.ndarray | None = None

    def sentences(self, split: Dataset, indices: Sequence[int]) -> list[Sentence]:
        """The sentences of a split, with their vectors where examples are chosen by nearness."""
        ids, tokens = split["id"], split["tokens"]
        words = [tokens[index] for index in indices]
        vectors: Sequence[np.ndarray | None] = [None] * len(words)
        if self._by_nearness:
            pool = [self.truth.split["tokens"][index] for index in self.truth.pool]
            # Together: the last bits of a vector hang on its batch, and they may decide between two examples.
            quiet_transformers()
            both = embed([*pool, *words], self.recipe.model, _EMBEDDING_TOKENS)
            self._pool_vectors, vectors = both[: len(pool)], list(both[len(pool) :])
        return [Sentence(ids[index], said, vector) for index, said, vector in zip(indices, words, vectors, strict=True)]

    def labeller(self, prompt: str, model: str) -> Labeller:
        """A prompt, put to a model. Call `sentences` first: it embeds the examples as well."""
        renderer = Renderer(load_prompt(prompt, None), self.types, self.section.language, self.section.genre)
        return Labeller(model, renderer, self._examples(), self.section, self.recipe.run.seed)

    @property
    def _by_nearness(self) -> bool:
        return self.section.examples.count > 0 and self.section.examples.choose == "nearest"

    def _examples(self) -> ExamplePool | None:
        asked = self.section.examples
        if not asked.count:
            return None
        split = self.truth.split
        columns = {name: split[name] if name in split.column_names else None for name in ("pos_tags", "chunk_tags")}
        examples = [
            Example(
                tuple(split["tokens"][index]),
                tuple(tags_to_spans(split["ner_tags"][index], "bio")),
                *(tuple(column[index]) if column is not None else None for column in columns.values()),
            )
            for index in self.truth.pool
        ]
        return ExamplePool(
            examples, choose=asked.choose, count=asked.count, seed=self.recipe.run.seed, vectors=self._pool_vectors
        )


def endpoints_for(recipe: Recipe, model: str, asking: bool = True) -> list[Endpoint]:
    """The servers that have a model, with key and price; NercError where there is none or one of them is not known.

    Where nothing is to be asked, key and price stay open.
    """
    sections = recipe.annotation.endpoints_of(model)
    if not sections:
        raise NercError(
            f"annotation.endpoints: no server for the model {model}; give one, such as "
            "[{base_url: 'http://127.0.0.1:8077/v1'}]"
        )
    return [
        Endpoint(
            base_url=section.base_url,
            model=model,
            key=_read_key(section.api_key_env) if asking else None,
            concurrency=section.concurrency,
            requests_per_minute=section.requests_per_minute,
            tokens_per_minute=section.tokens_per_minute,
            price=find_price(model, recipe.annotation.prices, section.base_url) if asking else _NO_PRICE,
        )
        for section in sections
    ]


def _read_key(name: str | None) -> str | None:
    """The key in the environment, or in a .env file of the current folder, which is never written anywhere else."""
    if name is None:
        return None
    from dotenv import dotenv_values

    key = os.environ.get(name) or dotenv_values(".env").get(name)
    if not key:
        raise NercError(
            f"annotation.endpoints: api_key_env names {name}, which is not set; export {name}=... or put the line "
            f"{name}=... into .env"
        )
    return key


def ledger_file(recipe: Recipe) -> Path:
    """Where the replies are kept that a recipe pays for."""
    return recipe.annotation.ledger or recipe.run.dir / "ledger.sqlite"


def open_ledger(recipe: Recipe, patience: float = 0.0) -> Ledger:
    """The ledger of a recipe, with the replies that it knows from elsewhere; see `Ledger` for ``patience``."""
    section = recipe.annotation
    known = (section.known_replies,) if section.known_replies is not None else ()
    return Ledger(ledger_file(recipe), known, patience)
