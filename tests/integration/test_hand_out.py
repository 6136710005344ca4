"""The batch that people get: sentences as selected, each with what the tagger and the LLM see in that very sentence."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nerc_trainer.active.journal import RunJournal
from nerc_trainer.active.labelling.hand_out import hand_out
from nerc_trainer.active.stage import build_rounds
from nerc_trainer.corpus.labels import tags_to_spans
from nerc_trainer.corpus.load import load_corpus
from nerc_trainer.prediction.tagger import Tagger
from nerc_trainer.recipe.load import load_recipe
from nerc_trainer.recipe.shipped import recipes_folder
from nerc_trainer.training.arguments import training_arguments

SENTENCES = 30


def test_suggestions_stand_beside_their_sentences(tmp_path: Path) -> None:
    sample = (recipes_folder() / "sample" / "train.conll").read_text(encoding="utf-8").split("\n\n")[:SENTENCES]
    words = [[line.split(" ")[0] for line in block.split("\n")] for block in sample]
    (tmp_path / "train.jsonl").write_text("".join(json.dumps({"tokens": tokens}) + "\n" for tokens in words))
    said = [{"tokens": tokens, "llm_spans": [{"start": 0, "end": 1, "type": "LOC"}]} for tokens in words[::2]]
    (tmp_path / "llm.jsonl").write_text("".join(json.dumps({**row, "llm_confidence": 0.5}) + "\n" for row in said))
    recipe = load_recipe(
        "tiny",
        [
            *(f"run.dir={tmp_path / 'run'}", f"data.train={tmp_path / 'train.jsonl'}", "training.use_cpu=true"),
            *(f"annotation.labels={tmp_path / 'llm.jsonl'}", "active.oracle=files"),
        ],
    )
    corpus = load_corpus(recipe.data, recipe.annotation.labels, unlabelled_train=True)
    journal = RunJournal(tmp_path / "run")
    journal.open(recipe, corpus.fingerprints, {})
    rounds = build_rounds(recipe, training_arguments(recipe), corpus, journal)
    ids = [corpus.train["id"][index] for index in (17, 2, 29, 8, 5)]
    hand_out(rounds.bench, journal, 0, ids)
    hand_out(rounds.bench, journal, 1, ids)

    first, later = journal.round(0).batch(), journal.round(1).batch()
    assert first is not None
    assert later is not None
    assert first.types == later.types == corpus.labels.types
    tagger = Tagger(rounds.trainer.model, rounds.trainer.processing_class)
    for batch in (first, later):
        assert [question.id for question in batch.questions] == ids
        assert [question.tokens for question in batch.questions] == [words[index] for index in (17, 2, 29, 8, 5)]
        for question, has_llm in zip(batch.questions, (False, True, False, True, False), strict=True):
            assert (question.llm is not None) == has_llm
            assert question.llm is None or (question.llm.spans, question.llm.score) == ([(0, 1, "LOC")], 0.5)
    assert all(question.model is None for question in first.questions), "nobody has trained the tagger yet"
    for question in later.questions:
        (alone,) = tagger.tag([question.tokens])
        assert question.model is not None
        assert question.model.spans == tags_to_spans(alone.tags)
        assert question.model.confidence == pytest.approx([sure for _, sure in alone.spans()], abs=1e-3)
        assert question.model.score == pytest.approx(float(alone.confidence.mean()), abs=1e-3)

    hand_out(rounds.bench, journal, 1, ids[:2])
    assert journal.round(1).batch() == later, "a batch that is out stays as it is"
