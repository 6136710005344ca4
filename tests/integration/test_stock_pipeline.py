"""What the stock pipeline finds in raw text is what `evaluate` measures, to a point of F1."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from transformers import pipeline

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from labelling import ROOT, run

import nerc_trainer.modeling  # noqa: F401 (registers the bilstm head with the Auto classes)
from nerc_trainer.card import AGGREGATION
from nerc_trainer.corpus.conll import read_conll
from nerc_trainer.corpus.labels import tags_to_spans

SAMPLE = ROOT / "recipes" / "sample"


@pytest.mark.slow
@pytest.mark.parametrize("head", ["linear", "bilstm"])
@pytest.mark.parametrize("restore_case", [False, True])
def test_the_stock_pipeline_on_raw_text_is_as_good_as_evaluate_says(
    head: str, restore_case: bool, tmp_path: Path
) -> None:
    settings = [f"model.head={head}", f"model.restore_case={restore_case}", "annotation.endpoints=[]", "hub.mode=off"]
    settings += ["train.labels=truth", "train.epochs=2", f"run.dir={tmp_path / 'run'}", "data.test=null"]
    assert run("train", "quickstart", *settings) == 0
    told = json.loads((tmp_path / "run" / "cells" / "model-primary.json").read_text())["scores"]["dev"]["f1"]
    assert told > 0.6

    tagger = pipeline(
        "token-classification",
        model=str(tmp_path / "run" / "models" / "model-primary"),
        aggregation_strategy=AGGREGATION,
    )
    sentences = read_conll(SAMPLE / "dev.conll")
    found = right = true = 0
    texts = [" ".join(words) for words in sentences.tokens]
    for words, tags, entities in zip(sentences.tokens, sentences.ner_tags, tagger(texts), strict=True):
        starts, at = [], 0
        for word in words:
            starts.append(at)
            at += len(word) + 1
        expected = {
            (starts[span.start], starts[span.end - 1] + len(words[span.end - 1]), span.type)
            for span in tags_to_spans(tags, "bio")
        }
        said = {(entity["start"], entity["end"], entity["entity_group"]) for entity in entities}
        found, true, right = found + len(said), true + len(expected), right + len(said & expected)
    assert 2 * right / (found + true) == pytest.approx(told, abs=0.01)
