"""A run's folder made by hand: every stage with small figures that are easy to follow."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from nerc_trainer.annotation.ledger import Ledger, Reply
from nerc_trainer.files import write_json, write_text
from nerc_trainer.recipe.sections import Recipe, dump_recipe

SCRIPT = "<script>alert(1)</script>"
TOKENS = {"a": [SCRIPT, "met", "Ada"], "b": ["In", "Rome", "&amp;"], "c": ["Bo", "left", "'\"><img", "src=x>"]}
EXPERT = {"a": ["O", "O", "B-PER"], "b": ["O", "B-LOC", "O"], "c": ["B-PER", "O", "O", "O"]}
LLM = {"a": ["B-PER", "O", "B-PER"], "b": ["O", "B-LOC", "O"], "c": ["O", "O", "O", "O"]}
CHARTS = '<svg xmlns="http://www.w3.org/2000/svg" width="90pt" height="60pt"/>'


def reply(number: int, model: str = "small", price: int = 10**10, batch: bool = False) -> Reply:
    """A reply of 100 + 10 tokens; ``price`` is in picodollars."""
    return Reply(
        key=number.to_bytes(32, "big"),
        base_url="http://10.1.2.3/v1",
        model=model,
        text="{}",
        finish_reason="stop",
        prompt_tokens=100,
        cached_tokens=0,
        completion_tokens=10,
        price=price,
        seconds=1.0,
        created=0.0,
        mode="text",  # type: ignore[arg-type]
        logprobs=None,
        batch=batch,
        estimated=False,
        prompt_characters=400,
    )


def scores(f1: float) -> dict[str, Any]:
    by_type = {name: {"f1": f1, "precision": f1, "recall": f1, "support": 9} for name in ("LOC", "PER")}
    return {"f1": f1, "precision": 0.5, "recall": 0.6, "accuracy": 0.9, "loss": 0.3, "by_type": by_type}


def round_row(number: int, f1: float, **changes: Any) -> dict[str, Any]:
    """A line of history.jsonl: 100 words a round."""
    return {
        "round": number,
        "branch": f"round-{number:02d}-added-{10 * number:04d}",
        "strategy": "random" if number == 0 else "entropy",
        "ids": ["a", "b"],
        **scores(f1),
        "test": scores(f1 - 0.05),
        "expert_sentences": 10 * (number + 1),
        "llm_sentences": 90 - 10 * number,
        "llm_words": 900,
        "pool_left": 80,
        "tokens": 100 * (number + 1),
        "entities": 20,
        "dollars": 1.0 * (number + 1),
        "mixing": "concat",
        "training_set": "f" * 64,
        "seconds": {"score": 1.0, "ask": 100.0, "train": 8.0, "evaluate": 1.0},
        **changes,
    }


def write_recipe(folder: Path, **sections: Any) -> None:
    said: dict[str, Any] = {
        "run": {"name": "made", "dir": "/home/alice/runs/made"},
        "data": {"train": "/home/alice/corpora/train.conll", "dev": "/home/alice/corpora/dev.conll"},
        "model": {"encoder": "/home/alice/models/encoder"},
        "annotation": {"endpoints": [{"base_url": "http://10.1.2.3/v1"}], "model": "small"},
        "costs": {"expert_wage": 36.0, "expert_seconds_per_word": 1.0},  # a cent a word
    }
    write_text(folder / "recipe.resolved.yaml", dump_recipe(Recipe.model_validate({**said, **sections})))


def write_rounds(folder: Path, rounds: int = 3, strategy: str = "entropy") -> None:
    by_round = ["random", *[strategy] * (rounds - 1)]
    rows = [round_row(number, 0.6 + 0.1 * number, strategy=name) for number, name in enumerate(by_round)]
    write_text(folder / "history.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    for number in range(rounds):
        selection = {
            "strategy": by_round[number],
            "ids": list(TOKENS),
            "priorities": [0.9 - 0.2 * number, 0.5, 0.1],
            "pool": {"sentences": 90, "mean_priority": 0.3 - 0.1 * number},
        }
        path = folder / "rounds" / f"round-{number:02d}"
        write_json(path / "selection.json", selection)
        labels = [{"id": name, "ner_tags": tags, "annotator": "truth"} for name, tags in EXPERT.items()]
        write_text(path / "labels.jsonl", "".join(json.dumps(row) + "\n" for row in labels))


def write_ledger(folder: Path) -> None:
    """300 replies that cost three dollars, one of them rejected by its reader, and a call that broke off."""
    with Ledger(folder / "ledger.sqlite") as ledger:
        for number in range(300):
            ledger.put(reply(number))
        ledger.note_failure(b"x" * 32, "http://10.1.2.3/v1", "cut", "", price=5 * 10**10)


def write_stages(folder: Path) -> None:
    """Stage 1, compare, threshold and analyze."""
    cell = {
        "prompt_name": "inline_1",
        "model": "/home/alice/models/small",
        "f1": 0.6,
        "f1_low": 0.5,
        "f1_high": 0.7,
        "coverage": 0.9,
        "rejected": 1,
        "output_tokens": 500,
        "sentences": 50,
        "dollars_per_1000": 0.2,
    }
    worse = {**cell, "prompt_name": "text_spans_1", "f1": 0.4}
    write_json(folder / "sweep" / "leaderboard.json", {"version": 1, "cells": [{**cell, "pareto": True}, worse]})
    annotation = {
        "prompt": "inline_1",
        "model": "small",
        "sentences": 90,
        "status": {"ok": 89, "rejected": 1},
        "reasons": {"not_found": 1},
        "replies": {"calls": 90, "prompt_tokens": 10**6, "completion_tokens": 10**5},
        "truth": {
            "sentences": 90,
            "f1": {"value": 0.61, "low": 0.55, "high": 0.67},
            "by_type": {"LOC": 0.7, "PER": 0.5},
        },
    }
    annotation["replies"]["dollars"] = 1.0
    write_json(folder / "annotation" / "annotation.json", annotation)
    rows = [{"id": name, "tokens": TOKENS[name], "llm_tags": tags, "llm_status": "ok"} for name, tags in LLM.items()]
    write_text(folder / "annotation" / "labels.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    split = {
        "rows": {
            "model-primary": compared(0.9, 100, 0, words=1000),
            "llm-pure": compared(0.5, 0, 100),
            "expert-12": compared(0.6, 12, 0, words=120),
            "init-12": compared(0.7, 12, 88, words=120),
        },
        "differences": [{"higher": "init-12", "lower": "llm-pure", "value": 0.2, "low": 0.1, "high": 0.3, "p": 0.01}],
    }
    write_json(folder / "compare" / "comparison.json", {"mixing": {}, "examples_pool": 40, "dev": split, "test": split})
    curves = {
        "with_llm": [point(0.0, 0, 0.5), point(0.1, 10, 0.7), point(0.2, 20, 0.75)],
        "without_llm": [point(0.1, 10, 0.4), point(0.2, 20, 0.6)],
    }
    write_json(folder / "threshold" / "threshold.json", {"curves": curves, "knee": {"position": 1, "bend": 0.3}})
    write_json(folder / "simulate" / "simulate.json", simulation())
    write_json(folder / "analysis" / "analysis.json", analysis())
    for name in ("ner_tags", "entity_types", "sentence_lengths"):
        write_text(folder / "analysis" / f"{name}.svg", CHARTS)
        (folder / "analysis" / f"{name}.png").write_bytes(b"png")
    side = {"value": 0.8, "low": 0.7, "high": 0.9}
    figures = {
        name: {"alone": side, "with_proxy": side, "weight": 0.5, "as_good_as": 31.4}
        for name in ("f1", "precision", "recall")
    }
    said = {"sentences": 200, "labelled": 20, "split": "test", "level": 0.95, "expert_dollars": 1.5}
    truth = {"f1": 0.81, "precision": 0.79, "recall": 0.83}
    write_json(
        folder / "cheap-test" / "cheap_test.json", {**said, "figures": figures, "differences": {}, "truth": truth}
    )
    write_json(
        folder / "state.json",
        {
            "status": "finished",
            "reason": "the maximum of 2 rounds is reached",
            "corpus": {"train": "ab" * 32, "dev": "cd" * 32},
            "versions": {"python": "3.11.7", "torch": "2.13.0"},
        },
    )


def compared(f1: float, expert: int, llm: int, words: int = 0) -> dict[str, Any]:
    """A row of comparison.json with two seeds."""
    figure = {"mean": f1, "spread": 0.02, "values": [f1 - 0.01, f1 + 0.01]}
    other = {"mean": 0.9, "spread": None, "values": [0.9]}
    return {
        "seeds": [1, 2],
        "expert_sentences": expert,
        "expert_words": words,
        "llm_sentences": llm,
        "llm_words": 10 * llm,
        "steps": 10,
        "steps_made": 10,
        "mode": "concat",
        "f1": figure,
        "precision": other,
        "recall": other,
        "accuracy": other,
        "loss": other,
        "f1_by_type": {"LOC": figure, "PER": figure},
    }


def point(share: float, sentences: int, f1: float) -> dict[str, Any]:
    """A point of a threshold curve: two folds, ten words a sentence."""
    figure = {"mean": f1, "spread": 0.1, "folds": [f1 - 0.1, f1 + 0.1]}
    return {
        "share": share,
        "expert_sentences": sentences,
        "expert_words": 10 * sentences,
        "f1": figure,
        "accuracy": figure,
        "loss": figure,
    }


def simulation(seeds: int = 2, strategy: str = "mnlp") -> dict[str, Any]:
    """A strategy and random, without the LLM's labels; the first has 90 % of full-data F1 after 150 words."""

    def curve(strategy: str, last: float, share: float | None, over: dict[str, float] | None) -> dict[str, Any]:
        points = [
            {"round": number, "words": 100.0 + 77 * number, "sentences": 10.0, "entities": 20.0, "dollars": 1.0}
            | {"f1": figure(f1)}
            for number, f1 in enumerate((0.5, last))
        ]
        reach = {name: {"share": share if name == "0.9" else None} for name in ("0.9", "0.95", "0.99")}
        arm = {"strategy": strategy, "with_llm": False}
        return {**arm, "points": points, "area": figure(0.6), "over_random": over, "reach": reach}

    def figure(mean: float) -> dict[str, Any]:
        return {"mean": mean, "spread": 0.01, "seeds": [mean - 0.01, mean + 0.01] if seeds == 2 else [mean]}

    over = {"value": 0.0123, "low": -0.01, "high": 0.0346}
    return {
        "split": "dev",
        "seeds": [1, 2],
        "words": 1000,
        "full": {"f1": figure(0.9), "steps": 50},
        "curves": {
            strategy: curve(strategy, 0.83, 0.15, over),
            "random": curve("random", 0.7, None, None),
        },
    }


def analysis() -> dict[str, Any]:
    split = {
        "sentences": 100,
        "tokens": 1000,
        "entities": 150,
        "unseen_entities": {"count": 9, "share": 0.06},
        "sentences_without_entities": {"count": 20, "share": 0.2},
        "sentence_lengths": {"histogram": [{"words": 2, "sentences": 40}, {"words": 10, "sentences": 60}]},
        "tags": {"ner_tags": {"O": {"count": 800, "share": 0.8}, "B-PER": {"count": 150, "share": 0.15}}},
        "entity_types": {"PER": {"count": 150, "share": 1.0}},
    }
    return {"version": 1, "fingerprints": {"train": "ab" * 32}, "splits": {"train": split, "dev": split}}


def whole_run(folder: Path) -> Path:
    """A run with all stages."""
    what_if = {
        "senior": {"expert_wage": 72.0},
        "dear LLM": {"prices": {"small": {"input": 100.0, "output": 1000.0}}},
    }
    costs = {"expert_wage": 36.0, "expert_seconds_per_word": 1.0, "gpu_dollars_per_hour": 36.0, "what_if": what_if}
    reference = {"llm-pure": {"f1": 0.47493, "accuracy": 0.85185, "loss": 0.53443}}
    write_recipe(folder, costs=costs, report={"source": "a study", "reference": reference})
    write_rounds(folder)
    write_ledger(folder)
    write_stages(folder)
    return folder
