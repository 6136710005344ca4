"""Hand a round's batch out to people, with what the tagger and the LLM see in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from nerc_trainer.active.journal import RunJournal
from nerc_trainer.active.labelling.batch import Batch, Question, Suggestion
from nerc_trainer.corpus.column import Column
from nerc_trainer.corpus.encode import PieceDataset
from nerc_trainer.corpus.labels import tags_to_spans, to_bio
from nerc_trainer.ranks import on_main

if TYPE_CHECKING:
    from nerc_trainer.training.workbench import Workbench


def hand_out(bench: Workbench, journal: RunJournal, number: int, ids: Sequence[str]) -> None:
    """Write the batch of a round that asks for these sentences, unless it is there already. Call it on every rank.

    Round 0 has no trained tagger, so only the LLM's labels stand in it, where there are any.
    """
    if on_main(lambda: journal.round(number).batch() is not None):
        return
    train, asked = bench.corpus.train, set(ids)
    position = {name: index for index, name in enumerate(Column(train, "id")) if name in asked}
    places = np.array([position[name] for name in ids])
    seen = _seen_by_tagger(bench, places) if number > 0 else [None] * len(ids)
    told = _told_by_llm(bench, places)
    questions = [
        Question(name, list(words), model, llm)
        for name, words, model, llm in zip(ids, train.select(places)["tokens"], seen, told, strict=True)
    ]
    on_main(lambda: journal.round(number).write_batch(Batch(bench.corpus.labels.types, questions)))


def _seen_by_tagger(bench: Workbench, places: np.ndarray) -> list[Suggestion | None]:
    """What the tagger sees in each sentence: an entity is as sure as its least sure word, a sentence as their mean."""
    dataset = PieceDataset(bench.text, np.sort(places))
    predicted = bench.trainer.predict_words(dataset)
    ends = np.cumsum(dataset.words())[:-1]
    suggestions: list[Suggestion] = []
    for tags, sure in zip(np.split(predicted.tags, ends), np.split(predicted.probability, ends), strict=True):
        spans = tags_to_spans(to_bio(bench.corpus.labels.decode(tags.tolist()), "bio")[0])
        confidence = [round(float(sure[span.start : span.end].min()), 4) for span in spans]
        suggestions.append(Suggestion(spans, confidence, round(float(sure.mean()), 4)))
    rank = np.argsort(np.argsort(places))
    return [suggestions[index] for index in rank]


def _told_by_llm(bench: Workbench, places: np.ndarray) -> list[Suggestion | None]:
    """What the LLM has said of each sentence, None where it has no labels for it."""
    train = bench.corpus.train
    if "llm_tags" not in train.column_names:
        return [None] * len(places)
    tags = Column(train, "llm_tags")
    sure = Column(train, "llm_confidence") if "llm_confidence" in train.column_names else None
    return [
        Suggestion(tags_to_spans(tags[index], "bio"), score=sure[index] if sure else None) if tags[index] else None
        for index in places.tolist()
    ]
