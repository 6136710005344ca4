"""train, compare, threshold, evaluate and predict through the command line, on tiny random taggers."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from labelling import run
from safetensors.torch import load_file
from transformers import AutoConfig, AutoModel, AutoTokenizer

from nerc_trainer.corpus.conll import read_conll
from nerc_trainer.modeling.bilstm import BiLSTMForTokenClassification
from nerc_trainer.prediction.tagger import load_tagger
from nerc_trainer.report.collect import collect_run

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "recipes" / "sample"
MODES = ["concat", "llm_then_expert", "weighted", "small_loss", "self_train"]


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A recipe on part of the sample corpus, every third train sentence labelled by something like an LLM."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    for split, count in (("train", 150), ("dev", 40), ("test", 40)):
        blocks = (SAMPLE / f"{split}.conll").read_text(encoding="utf-8").strip().split("\n\n")
        (tmp_path / f"{split}.conll").write_text("\n\n".join(blocks[:count]) + "\n", encoding="utf-8")
    sentences = read_conll(tmp_path / "train.conll")
    generator = np.random.default_rng(0)
    rows = []
    for index, (tokens, tags) in enumerate(zip(sentences.tokens, sentences.ner_tags, strict=True)):
        if index % 3 == 0:
            said = ["O" if generator.random() < 0.2 else tag for tag in tags]
            rows.append({"tokens": tokens, "llm_tags": said, "llm_confidence": 0.5 + index / 300})
        elif index % 30 == 1:
            rows.append({"tokens": tokens, "llm_status": "rejected: no JSON"})
    (tmp_path / "llm.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    path = tmp_path / "recipe.yaml"
    path.write_text(
        json.dumps(
            {
                "run": {"dir": str(tmp_path / "run"), "batch_size": 8},
                "data": {"train": "train.conll", "dev": "dev.conll", "test": "test.conll"},
                "model": {"encoder": str(SAMPLE / "tiny-encoder"), "random_weights": True},
                "training": {"learning_rate": 0.005},
                "train": {"epochs": 3},
                "compare": {"seeds": [1, 2]},
                "threshold": {"shares": [0.05, 0.1, 0.3], "folds": 3},
            }
        )
    )
    return path


def with_llm(recipe: Path, *words: str) -> list[str]:
    return [str(recipe), f"annotation.labels={recipe.parent / 'llm.jsonl'}", *words]


def cell(recipe: Path, name: str) -> dict[str, Any]:
    return json.loads((recipe.parent / "run" / "cells" / f"{name}.json").read_text())


@pytest.mark.parametrize("head", ["linear", "bilstm"])
def test_a_tagger_is_trained_kept_and_measured_the_same_again(
    recipe: Path, head: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("train", recipe, f"model.head={head}", "train.epochs=20") == 0
    folder = recipe.parent / "run" / "models" / "model-primary"
    figures = cell(recipe, "model-primary")
    assert figures["expert_sentences"] == 150
    assert figures["scores"]["test"]["f1"] > 0
    assert isinstance(load_tagger(str(folder)).model, BiLSTMForTokenClassification) == (head == "bilstm")
    said = capsys.readouterr().out
    assert f'pipeline("ner", "{folder}"' in said
    assert ("import nerc_trainer.modeling" in said) == (head == "bilstm")
    card = (folder / "README.md").read_text()
    assert ("import nerc_trainer.modeling" in card) == (head == "bilstm")
    assert "](f1.png)" in card
    assert (folder / "f1.png").read_bytes().startswith(b"\x89PNG")
    assert "f1.png" in (folder / "manifest.json").read_text(), "it goes to the branch"

    output = recipe.parent / "figures.json"
    assert run("evaluate", folder, recipe.parent / "test.conll", "--output", output) == 0
    again = json.loads(output.read_text())
    for name in ("f1", "precision", "recall", "accuracy", "by_type"):
        assert again[name] == figures["scores"]["test"][name]
    assert again["f1_low"] <= again["f1"] <= again["f1_high"]
    assert run("evaluate", folder, "--recipe", recipe, "--split", "dev", "--output", output) == 0
    assert json.loads(output.read_text())["f1"] == figures["scores"]["dev"]["f1"]

    capsys.readouterr()
    nothing = without_entities(recipe.parent / "test.conll")
    assert run("evaluate", folder, nothing) == 0
    said = capsys.readouterr().out
    assert f"{nothing}: not one entity is marked in it, so F1 on it says nothing" in said
    assert "F1 lies between" not in said
    assert "word accuracy" in said
    (recipe.parent / "raw.jsonl").write_text('{"tokens": ["Ilse"]}\n')
    assert run("evaluate", folder, recipe.parent / "raw.jsonl") == 1
    assert "`nerc-trainer predict` tags text without labels" in capsys.readouterr().err


@pytest.mark.parametrize("verb", ["train", "active"])
def test_a_dev_without_an_entity_is_refused(recipe: Path, verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    nothing = without_entities(recipe.parent / "dev.conll")
    assert run(verb, recipe, f"data.dev={nothing}") == 1
    assert f"error: data.dev = {nothing}: not one entity is marked in it, so no model" in capsys.readouterr().err


def without_entities(path: Path) -> Path:
    """A copy of a CoNLL file that has lost its tags."""
    lines = [f"{line.rpartition(' ')[0]} O" if line else "" for line in path.read_text(encoding="utf-8").splitlines()]
    copy = path.with_name(f"nothing-{path.name}")
    copy.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return copy


def test_a_tagger_that_is_there_is_not_trained_again_and_one_that_is_gone_is(recipe: Path) -> None:
    assert run("train", recipe) == 0
    weights = recipe.parent / "run" / "models" / "model-primary" / "model.safetensors"
    first, content = weights.stat().st_mtime_ns, weights.read_bytes()
    assert run("train", recipe) == 0
    assert weights.stat().st_mtime_ns == first
    shutil.rmtree(weights.parent)
    assert run("train", recipe) == 0
    assert weights.read_bytes() == content
    assert run("train", recipe, "train.epochs=1") == 0
    assert weights.read_bytes() != content


@pytest.mark.parametrize("head", ["linear", "bilstm"])
def test_adapters_alone_are_kept_and_loaded_on_their_encoder(
    recipe: Path, head: str, capsys: pytest.CaptureFixture[str]
) -> None:
    encoder = recipe.parent / "encoder"
    torch.manual_seed(0)
    AutoModel.from_config(AutoConfig.from_pretrained(SAMPLE / "tiny-encoder")).save_pretrained(encoder)
    AutoTokenizer.from_pretrained(SAMPLE / "tiny-encoder").save_pretrained(encoder)
    words = [f"model.encoder={encoder}", "model.random_weights=false", "model.lora.rank=8", f"model.head={head}"]
    assert run("train", recipe, *words, "train.epochs=60") == 0
    folder = recipe.parent / "run" / "models" / "model-primary"
    assert "load_model(" in capsys.readouterr().out
    assert not (folder / "model.safetensors").exists()
    kept = load_file(folder / "adapter_model.safetensors")
    assert any("lora_A" in name for name in kept)
    assert all("lora_" in name or "classifier" in name or ".lstm." in name for name in kept)
    figures = cell(recipe, "model-primary")["scores"]["test"]
    assert figures["f1"] > 0 or head == "linear"  # whose random encoder is too small to adapt
    output, source = recipe.parent / "figures.json", recipe.parent / "test.conll"
    assert run("evaluate", folder, source, "--encoder", encoder, "--output", output) == 0
    for name in ("f1", "accuracy"):
        assert json.loads(output.read_text())[name] == pytest.approx(figures[name], abs=1e-6)
    assert run("evaluate", folder, source) == 1  # the folder of this machine is not told to others
    assert "--encoder" in capsys.readouterr().err
    assert str(recipe.parent) not in (folder / "adapter_config.json").read_text()


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_mixes_llm_and_expert(recipe: Path, mode: str) -> None:
    words = with_llm(recipe, f"mixing.mode={mode}", "mixing.by_confidence=true", "train.epochs=40")
    assert run("train", *words) == 0
    figures = cell(recipe, "init-12")
    assert figures["labels"] == "mixed"
    assert figures["expert_sentences"] == round(0.12 * 55)
    assert 40 < figures["llm_sentences"] < 50  # 50 of the LLM's less those that the expert labelled
    assert figures["scores"]["test"]["f1"] > 0


def test_what_compare_publishes_is_what_it_has_measured(recipe: Path) -> None:
    """Another training in the same run may have put its tagger in the same place."""
    words = with_llm(recipe, "compare.seeds=[1]")
    folder = recipe.parent / "run" / "models" / "init-12"
    assert run("compare", *words) == 0
    compared = (folder / "model.safetensors").read_bytes()
    assert run("train", *words, "mixing.mode=concat") == 0
    assert (folder / "model.safetensors").read_bytes() != compared
    assert run("compare", *words) == 0
    assert (folder / "model.safetensors").read_bytes() == compared


def test_no_folder_of_the_machine_is_in_a_kept_model(recipe: Path) -> None:
    encoder = recipe.parent / "encoder"
    torch.manual_seed(0)
    AutoModel.from_config(AutoConfig.from_pretrained(SAMPLE / "tiny-encoder")).save_pretrained(encoder)
    AutoTokenizer.from_pretrained(SAMPLE / "tiny-encoder").save_pretrained(encoder)
    for head in ("linear", "bilstm"):
        settings = [f"model.encoder={encoder}", "model.random_weights=false", f"model.head={head}", "train.epochs=1"]
        assert run("train", recipe, *settings) == 0
        for path in (recipe.parent / "run" / "models" / "model-primary").rglob("*"):
            assert path.is_dir() or str(recipe.parent).encode() not in path.read_bytes(), path.name


def test_another_encoder_in_the_same_folder_is_trained_anew(recipe: Path) -> None:
    encoder = recipe.parent / "encoder"
    AutoTokenizer.from_pretrained(SAMPLE / "tiny-encoder").save_pretrained(encoder)
    found = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        AutoModel.from_config(AutoConfig.from_pretrained(SAMPLE / "tiny-encoder")).save_pretrained(encoder)
        assert run("train", recipe, f"model.encoder={encoder}", "model.random_weights=false", "train.epochs=1") == 0
        found.append(cell(recipe, "model-primary")["scores"]["dev"]["loss"])
    assert found[0] != found[1]


def test_llm_labels_alone_and_the_share_alone(recipe: Path) -> None:
    assert run("train", *with_llm(recipe, "train.labels=llm")) == 0
    assert run("train", *with_llm(recipe, "train.labels=expert", "train.expert_share=0.2")) == 0
    llm, expert = cell(recipe, "llm-pure"), cell(recipe, "expert-20")
    assert (llm["expert_sentences"], llm["llm_sentences"]) == (0, 50)
    assert (expert["expert_sentences"], expert["llm_sentences"]) == (11, 0)
    assert llm["steps"] == expert["steps"] == 3 * 7


def test_without_llm_labels_the_command_says_what_to_do(recipe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for verb in ("compare", "threshold"):
        assert run(verb, recipe) == 1
        assert "nerc-trainer annotate" in capsys.readouterr().err
    assert run("train", recipe, "train.labels=llm") == 1
    assert "annotation.labels" in capsys.readouterr().err


def test_truth_llm_expert_and_both_are_compared_on_the_same_sentences(
    recipe: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = with_llm(recipe, "hub.mode=offline", "hub.repo=me/compared")
    assert run("compare", *words) == 0
    comparison = json.loads((recipe.parent / "run" / "compare" / "comparison.json").read_text())
    rows = comparison["test"]["rows"]
    assert list(rows) == ["model-primary", "llm-pure", "expert-12", "init-12"]
    assert [row["expert_sentences"] + row["llm_sentences"] for row in rows.values()][:3] == [55, 50, 7]
    assert len({row["steps"] for row in rows.values()}) == 1
    for row in rows.values():
        assert row["seeds"] == [1, 2]
        assert row["f1"]["mean"] == pytest.approx(np.mean(row["f1"]["values"]))
        assert row["f1"]["spread"] == pytest.approx(np.std(row["f1"]["values"], ddof=1))
    differences = comparison["test"]["differences"]
    assert len(differences) == 6
    for one in differences:
        assert one["value"] == pytest.approx(rows[one["higher"]]["f1"]["mean"] - rows[one["lower"]]["f1"]["mean"])
        assert one["value"] >= 0
    said = capsys.readouterr().out
    for branch in rows:
        assert f"{branch} offline" in said
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    tagger = load_tagger("me/compared@init-12")
    assert tagger.types == ["LOC", "MISC", "ORG", "PER"]


def test_the_threshold_is_cross_validated_and_carried_on(recipe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = with_llm(recipe, "train.epochs=1")
    assert run("threshold", *words) == 0
    folder = recipe.parent / "run" / "threshold"
    summary = json.loads((folder / "threshold.json").read_text())
    upper, lower = summary["curves"]["with_llm"], summary["curves"]["without_llm"]
    assert [point["share"] for point in upper] == [0, 0.05, 0.1, 0.3]
    assert [point["expert_sentences"] for point in upper] == [0, 3, 6, 16]
    assert [point["expert_sentences"] for point in lower] == [3, 6, 16]
    assert all(len(point["f1"]["folds"]) == 3 for point in upper + lower)
    assert (folder / "threshold.png").stat().st_size > 1000
    assert "figures and chart are in" in capsys.readouterr().out

    kept = sorted((recipe.parent / "run" / "cells").glob("threshold-*.json"))
    assert len(kept) == 21
    stamps = [path.stat().st_mtime_ns for path in kept]
    kept[4].unlink()
    assert run("threshold", *words) == 0
    assert sum(path.stat().st_mtime_ns != stamp for path, stamp in zip(kept, stamps, strict=True)) == 1
    assert json.loads((folder / "threshold.json").read_text()) == summary
    kept[5].write_text("{")
    assert run("threshold", *words) == 1
    assert f"{kept[5]}: damaged" in capsys.readouterr().err


def test_workers_side_by_side_find_what_one_process_finds(recipe: Path) -> None:
    words = with_llm(recipe, "train.epochs=1", "threshold.shares=[0.05,0.3]", "threshold.folds=2")
    assert run("threshold", *words) == 0
    assert run("threshold", *words, "threshold.workers=2", f"run.dir={recipe.parent / 'two'}") == 0
    one, two = (json.loads((recipe.parent / at / "threshold" / "threshold.json").read_text()) for at in ("run", "two"))
    assert one == two
    for folder, workers in ((recipe.parent / "run", 1), (recipe.parent / "two", 2)):
        cells = [json.loads(path.read_text()) for path in (folder / "cells").glob("*.json")]
        assert len(cells) == 10
        # Two at a time have half of the machine each, which is what it costs.
        assert collect_run(folder).trained == pytest.approx(sum(cell["seconds"] for cell in cells) / workers)


def test_what_is_predicted_can_be_read_again(recipe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("train", recipe, "train.epochs=20") == 0
    model, source = recipe.parent / "run" / "models" / "model-primary", recipe.parent / "test.conll"
    tagged = recipe.parent / "tagged.conll"
    commented = recipe.parent / "commented.conll"
    commented.write_text("# sentence 1\n" + source.read_text().replace("\n\n", "\n\n# text = and so on\n"))
    assert run("predict", model, commented, "--to", "conll", "--output", tagged) == 0
    assert "40 sentences are in" in capsys.readouterr().out
    sentences = read_conll(tagged)
    assert sentences.tokens == read_conll(source).tokens
    assert run("evaluate", model, tagged, "--output", recipe.parent / "own.json") == 0
    assert json.loads((recipe.parent / "own.json").read_text())["f1"] == 1.0

    words = [" ".join(tokens) for tokens in sentences.tokens]
    rows = [{"id": index, "text": text, "more": [1]} for index, text in enumerate(words)]
    rows[1:1] = [{"id": "blank", "text": " "}, {"id": "empty", "tokens": []}]
    rows_file = recipe.parent / "rows.jsonl"
    rows_file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    capsys.readouterr()
    assert run("predict", model, rows_file) == 0
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [answer["id"] for answer in answers] == [row["id"] for row in rows]
    assert answers[1]["tokens"] == answers[2]["spans"] == []
    assert sum(len(answer["spans"]) for answer in answers) > 0
    for row, answer in zip(rows, answers, strict=True):
        assert answer.get("more") == row.get("more")
        assert len(answer["confidence"]) == len(answer["ner_tags"]) == len(answer["tokens"])
        for one in answer["spans"]:
            assert answer["text"][one["start"] : one["end"]] == one["text"]
            assert 0 < one["confidence"] <= 1
    assert run("predict", model, rows_file, "--to", "spans") == 0
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [one["sentence"] for one in found] == [answer["id"] for answer in answers for _ in answer["spans"]]
    assert run("predict", model, rows_file, "--to", "colour") == 0
    shown = capsys.readouterr().out
    assert all(one["text"] in shown for one in found)


def test_an_answer_comes_before_the_next_question(recipe: Path) -> None:
    assert run("train", recipe, "train.epochs=0.1") == 0
    model = recipe.parent / "run" / "models" / "model-primary"
    command = [sys.executable, "-m", "nerc_trainer", "predict", str(model), "-"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for text in ("Ilse met Harvell.", "", "They won."):
            process.stdin.write(text + "\n")
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["text"] == text
        process.stdin.close()
        assert process.wait(60) == 0


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["predict", "nowhere/at/all", "x.txt"], "no such folder"),
        (["predict", "{model}", "{folder}/missing.txt"], "missing.txt: No such file"),
        (["predict", "{folder}", "{folder}/test.conll"], "can't be loaded as a tagger"),
        (["evaluate", "{model}"], "either a FILE or --recipe"),
        (["evaluate", "{model}", "{folder}/bad.conll"], "bad.conll:2"),
        (["predict", "{model}", "{folder}/bad.jsonl"], "bad.jsonl:1"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(
    recipe: Path, words: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    model = recipe.parent / "run" / "models" / "model-primary"
    if any("{model}" in word for word in words):
        assert run("train", recipe, "train.epochs=0.1") == 0
    (recipe.parent / "bad.conll").write_text("a O\nb\n")
    (recipe.parent / "bad.jsonl").write_text('{"words": ["a"]}\n')
    target = recipe.parent / "out.jsonl"
    output = ["--output", str(target)] if words[0] == "predict" else []
    assert run(*(word.format(model=model, folder=recipe.parent) for word in words), *output) in (1, 2)
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error:")]
    assert len(errors) == 1
    assert complaint in errors[0]
    assert not target.exists()
