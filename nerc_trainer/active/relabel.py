"""Asks the second LLM of `active.llm_relabel` about sentences, and keeps what it has said of them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from nerc_trainer.active.journal import RunJournal
from nerc_trainer.active.second import SecondAnswer
from nerc_trainer.annotation.choice import choose, labels_digest
from nerc_trainer.annotation.inquiry import Inquiry, Told
from nerc_trainer.annotation.money import dollars
from nerc_trainer.corpus.encode import PieceDataset
from nerc_trainer.corpus.labels import Span, spans_to_tags, tags_to_spans
from nerc_trainer.errors import NercError
from nerc_trainer.ranks import on_main

if TYPE_CHECKING:
    from nerc_trainer.annotation.labeller import Sentence
    from nerc_trainer.corpus.load import Corpus
    from nerc_trainer.recipe.sections import Recipe
    from nerc_trainer.training.trainer import NercTrainer
    from nerc_trainer.training.training_set import TrainingSet

_TRIED = 3  # sentences that the model is asked about before anything is trained


class SecondLlm:
    """The second LLM of a run. Every method is called on every rank; rank 0 asks.

    ``seconds`` is the time that the asking of this start has taken.
    """

    def __init__(self, recipe: Recipe, corpus: Corpus, training_set: TrainingSet, journal: RunJournal) -> None:
        """Raises NercError where the model can't be asked as the run has begun to: it tries with the first sentences of
        the pool, so that a wrong name or key shows before anything is trained."""
        self.seconds = 0.0
        self._training_set, self._journal = training_set, journal
        # Of rank 0 alone.
        self._inquiries: list[Inquiry] = []
        self._before: dict[str, SecondAnswer] = {}
        self._prepared: dict[int, Sentence] = {}
        second = second_recipe(recipe)
        endpoints = second.annotation.endpoints_of(str(second.annotation.model))
        # Asked at once: the ranks wait for one another in between, and a wait that takes too long ends a job.
        self._at_a_time = sum(endpoint.concurrency for endpoint in endpoints)
        on_main(lambda: self._begin(recipe, second, corpus))

    def _begin(self, recipe: Recipe, second: Recipe, corpus: Corpus) -> None:
        choice = choose(second)
        if recipe.annotation.labels is None and labels_digest(second) == labels_digest(recipe):
            raise NercError(
                f"active.llm_relabel: {choice.model} with {choice.prompt} has labelled the corpus already, and would "
                "say the same again; name another model, or another prompt in active.llm_relabel.prompt"
            )
        digest = labels_digest(second)
        if self._journal.decide("llm_relabel", digest) != digest:
            raise NercError(
                f"run.dir = {self._journal.run_dir}: its rounds have asked {choice.model} with other settings of "
                "annotation; undo the change, or give this one its own run.dir"
            )
        inquiry = Inquiry(second, corpus)
        self._inquiries.append(inquiry)
        told = inquiry.ask(inquiry.prepare(self._training_set.pool()[:_TRIED].tolist()))
        if told and all(one.labelled is None for one in told):
            raise NercError(
                f"active.llm_relabel.model = {choice.model}: its server refuses the first sentences of the pool; see "
                "annotation.endpoints, and the failures in the ledger"
            )

    def agree(self, trainer: NercTrainer, number: int, sentences: np.ndarray) -> list[bool]:
        """Whether the second LLM sees in each of the sentences, int64 [n], what the tagger of the round before sees:
        the same entities, none left out. A reply that could not be used agrees with nothing.

        What it has said is in the journal of round ``number`` and not asked again.
        """
        started = time.perf_counter()
        known: dict[str, SecondAnswer] = on_main(lambda: {row.id: row for row in self._journal.round(number).second()})
        names = {int(sentence): self._training_set.ids[sentence] for sentence in sentences}
        missing = [sentence for sentence, name in names.items() if name not in known]
        if missing:
            seen = self._seen_by_tagger(trainer, np.sort(missing))
            on_main(partial(self._prepare, number, list(names)))
            for begin in range(0, len(missing), self._at_a_time):
                asked = missing[begin : begin + self._at_a_time]
                progress = f" ({begin:,} of {len(missing):,} done)" if begin else ""
                rows: list[SecondAnswer] = on_main(partial(self._ask, number, asked, seen, progress))
                known |= {row.id: row for row in rows}
        self.seconds += time.perf_counter() - started
        return [known[name].agrees for name in names.values()]

    def _seen_by_tagger(self, trainer: NercTrainer, sentences: np.ndarray) -> dict[int, list[Span]]:
        tags, _ = trainer.predict_tags(PieceDataset(self._training_set.text, sentences))
        return {int(sentence): tags_to_spans(one, "bio") for sentence, one in zip(sentences, tags, strict=True)}

    def _prepare(self, number: int, sentences: Sequence[int]) -> None:
        """Get ready what no earlier round has asked about; after a restart too all of a call, in the same batches."""
        self._before = {row.id: row for earlier in range(number) for row in self._journal.round(earlier).second()}
        new = [sentence for sentence in sentences if self._training_set.ids[sentence] not in self._before]
        self._prepared = dict(zip(new, self._inquiries[0].prepare(new), strict=True)) if new else {}

    def _ask(
        self, number: int, sentences: Sequence[int], seen: dict[int, list[Span]], progress: str
    ) -> list[SecondAnswer]:
        """Ask about those that are prepared, and write all down before anyone learns of it."""
        names = {sentence: self._training_set.ids[sentence] for sentence in sentences}
        before = self._before
        new = [sentence for sentence, name in names.items() if name not in before]
        asked = [self._prepared[sentence] for sentence in new]
        told = dict(zip(new, self._inquiries[0].ask(asked, progress), strict=True)) if new else {}
        rows = []
        for sentence, name in names.items():
            words = int(self._training_set.words[sentence])
            row = _answer(name, told[sentence], words) if sentence in told else replace(before[name], dollars=0.0)
            has_answer = bool(row.ner_tags)
            rows.append(replace(row, agrees=has_answer and tags_to_spans(row.ner_tags, "bio") == seen[sentence]))
        folder = self._journal.round(number)
        folder.write_second([*folder.second(), *rows])
        return rows

    def summary(self, number: int, settled: Sequence[str], asked: int) -> dict[str, Any]:
        """What the selection of a round says of the second LLM."""
        spent = on_main(lambda: sum(row.dollars for row in self._journal.round(number).second()))
        return {"asked": asked, "settled": list(settled), "dollars": round(spent, 9)}


def second_recipe(recipe: Recipe) -> Recipe:
    """The recipe with the second LLM and its prompt in the place of the first."""
    asked = recipe.active.llm_relabel
    assert asked is not None
    changes = {"model": asked.model} | ({} if asked.prompt is None else {"prompt": asked.prompt})
    return recipe.model_copy(update={"annotation": recipe.annotation.model_copy(update=changes)})


def _answer(name: str, told: Told, words: int) -> SecondAnswer:
    labelled = told.labelled
    status, tags = "refused", list[str]()
    if labelled is not None:
        status = f"{labelled.status}: {labelled.reason}" if labelled.reason else labelled.status
        tags = [] if labelled.is_rejected else spans_to_tags(labelled.spans, words)
    return SecondAnswer(name, tags, status, agrees=False, dollars=float(dollars(told.price)))
