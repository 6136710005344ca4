"""model.context from a recipe to a tagger that knows of it: trained, kept, and measured the same again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from labelling import run
from transformers import AutoConfig, AutoModel, AutoTokenizer

from nerc_trainer.corpus.conll import read_conll
from nerc_trainer.prediction.tagger import load_tagger

SAMPLE = Path(__file__).parents[2] / "recipes" / "sample"


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    """A recipe on part of the sample corpus, a document every seven sentences."""
    for split, count in (("train", 60), ("dev", 30), ("test", 30)):
        blocks = (SAMPLE / f"{split}.conll").read_text(encoding="utf-8").strip().split("\n\n")[:count]
        begins = ["-DOCSTART- -X- -X- O\n\n" if index % 7 == 0 else "" for index in range(count)]
        text = "".join(f"{begin}{block}\n\n" for begin, block in zip(begins, blocks, strict=True))
        (tmp_path / f"{split}.conll").write_text(text, encoding="utf-8")
    path = tmp_path / "recipe.yaml"
    settings: dict[str, Any] = {
        "run": {"dir": str(tmp_path / "run"), "batch_size": 8},
        "data": {"train": "train.conll", "dev": "dev.conll", "test": "test.conll"},
        "model": {"encoder": str(SAMPLE / "tiny-encoder"), "random_weights": True, "context": 12, "max_length": 48},
        "training": {"learning_rate": 0.005},
        "train": {"epochs": 8},
    }
    path.write_text(json.dumps(settings))
    return path


def evaluated(folder: Path, file: Path) -> dict[str, Any]:
    output = file.parent / "figures.json"
    assert run("evaluate", folder, file, "--output", output) == 0
    return json.loads(output.read_text())


@pytest.mark.parametrize("head", ["linear", "bilstm"])
def test_a_tagger_remembers_its_context(recipe: Path, head: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("train", recipe, f"model.head={head}") == 0
    folder, test = recipe.parent / "run" / "models" / "model-primary", recipe.parent / "test.conll"
    figures = json.loads((recipe.parent / "run" / "cells" / "model-primary.json").read_text())["scores"]["test"]
    again = evaluated(folder, test)
    for name in ("f1", "precision", "recall", "accuracy", "by_type"):
        assert again[name] == figures[name]
    assert "each sentence alone" not in capsys.readouterr().out

    tagged = recipe.parent / "tagged.conll"
    assert run("predict", folder, test, "--to", "conll", "--output", tagged) == 0
    tagger, sentences = load_tagger(str(folder)), read_conll(test)
    in_context = tagger.tag(sentences.tokens, documents=sentences.documents)
    assert read_conll(tagged).ner_tags == [one.tags for one in in_context]

    alone = recipe.parent / "alone.conll"
    alone.write_text(test.read_text().replace("-DOCSTART- -X- -X- O\n\n", ""))
    capsys.readouterr()
    assert evaluated(folder, alone)["accuracy"] != again["accuracy"], "it reads no context"
    assert "reads each sentence alone" in capsys.readouterr().out


def test_adapters_remember_it_too(recipe: Path) -> None:
    encoder = recipe.parent / "encoder"
    torch.manual_seed(0)
    AutoModel.from_config(AutoConfig.from_pretrained(SAMPLE / "tiny-encoder")).save_pretrained(encoder)
    AutoTokenizer.from_pretrained(SAMPLE / "tiny-encoder").save_pretrained(encoder)
    adapters = [f"model.encoder={encoder}", "model.random_weights=false", "model.lora.rank=4"]
    assert run("train", recipe, *adapters, "train.epochs=1") == 0
    tagger = load_tagger(str(recipe.parent / "run" / "models" / "model-primary"), str(encoder))
    assert tagger.context == 12
    assert tagger.model.config.nerc_max_length == 48


def test_without_context_the_model_says_nothing_of_it(recipe: Path) -> None:
    assert run("train", recipe, "model.context=0", "train.epochs=1") == 0
    folder = recipe.parent / "run" / "models" / "model-primary"
    assert "nerc_" not in (folder / "config.json").read_text()


def test_a_tagger_that_had_context_may_be_trained_on_without(recipe: Path) -> None:
    assert run("train", recipe, "train.epochs=1") == 0
    folder = recipe.parent / "run" / "models" / "model-primary"
    own = [f"model.encoder={folder}", "model.random_weights=false", "model.context=0", f"run.dir={recipe.parent / 'b'}"]
    assert run("train", recipe, "train.epochs=1", *own) == 0
    assert "nerc_" not in (recipe.parent / "b" / "models" / "model-primary" / "config.json").read_text()


def test_rounds_read_it_too(recipe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    active = ["active.query_size=8", "active.max_iterations=2", "active.min_iterations=2", "active.initial_epochs=1"]
    assert run("active", recipe, *active, "active.fine_tune_epochs=1") == 0
    rounds = [json.loads(line) for line in (recipe.parent / "run" / "history.jsonl").read_text().splitlines()]
    folder = recipe.parent / "run" / "rounds" / f"round-{rounds[-1]['round']:02d}" / "model"
    assert evaluated(folder, recipe.parent / "test.conll")["accuracy"] == pytest.approx(rounds[-1]["test"]["accuracy"])
    assert run("active", recipe, *active, "active.fine_tune_epochs=1", "model.context=0") != 0
    assert "model.context: 12 -> 0" in capsys.readouterr().err


def test_a_corpus_without_documents_is_refused_in_one_line(recipe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (recipe.parent / "train.conll").write_text((SAMPLE / "train.conll").read_text())
    assert run("train", recipe) != 0
    said = capsys.readouterr().err
    assert "error: model.context = 12: data.train = " in said
    assert "tells of no documents" in said
