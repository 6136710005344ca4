"""What the tests of annotate and sweep share: a corpus, prompts, a recipe, and what a run leaves behind."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from nerc_trainer.cli import main

ROOT = Path(__file__).parents[2]
# The server marks every word with a capital as the first type, which is the only one here; so does the truth.
CAPITALS = ["Harvell", "Norland", "Ilse", "Marrow", "Zürich", "O'Dea", "Ünal"]
SMALL = ["won", "in", "the", ",", "1996-08-22", "(", '"', "back`tick", "<b>", "{}", "@@", "#"]
PRICE = {"input": 0.15, "cached_input": 0.075, "output": 0.6}
PROMPT = """
name: {name}
version: 1
description: For tests.
format: {format}
fields: [{fields}]
system: "Mark {{{{ types | join(', ') }}}} in {{{{ genre }}}}."
user: "{{{{ sentence }}}}"
"""


def sentence(number: int) -> list[str]:
    """A sentence unlike all others, with names and signs that formats use for themselves."""
    words = [CAPITALS[number % 7], SMALL[number % 12], CAPITALS[number // 7 % 7], SMALL[number // 12 % 12]]
    return [*words[: 2 + number % 3], f"no{number}"]


def write_corpus(folder: Path, sentences: int) -> None:
    def block(number: int) -> str:
        return "".join(f"{word} {'B-NAME' if word[:1].isupper() else 'O'}\n" for word in sentence(number))

    (folder / "train.conll").write_text("\n".join(map(block, range(sentences))), encoding="utf-8")
    (folder / "dev.conll").write_text("\n".join(map(block, range(10**6, 10**6 + 40))), encoding="utf-8")


def write_corpus_and_prompts(folder: Path, sentences: int) -> None:
    write_corpus(folder, sentences)
    for name, format, fields in (
        ("tags", "tokens_tags", "tokens, ner_tags"),
        ("spans", "text_spans", ""),
        ("numbered", "index_spans", ""),
    ):
        (folder / f"{name}.yaml").write_text(PROMPT.format(name=name, format=format, fields=fields))


def recipe_text(url: str, **annotation: Any) -> str:
    section = {
        "model": "m",
        "prompt": "tags.yaml",
        "fallback_prompt": "none",
        "examples": {"count": 2, "pool": 8},
        "endpoints": [{"base_url": url, "concurrency": 8}],
        "prices": {"m": PRICE, "n": PRICE},
        **annotation,
    }
    return json.dumps(
        {
            "data": {"train": "train.conll", "dev": "dev.conll"},
            "model": {"encoder": str(ROOT / "recipes" / "sample" / "tiny-encoder"), "random_weights": True},
            "annotation": section,
        }
    )


def write_recipe(folder: Path, url: str, **annotation: Any) -> Path:
    path = folder / "recipe.yaml"
    path.write_text(recipe_text(url, **annotation))
    return path


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    assert isinstance(ended.value.code, int)
    return ended.value.code


def rows(folder: Path) -> list[dict[str, Any]]:
    lines = (folder / "run" / "annotation" / "labels.jsonl").read_text(encoding="utf-8").rstrip("\n").split("\n")
    return [json.loads(line) for line in lines]


def truth(words: Sequence[str]) -> list[str]:
    return ["B-NAME" if word[:1].isupper() else "O" for word in words]


def ledger_rows(path: Path) -> int:
    with sqlite3.connect(path) as database:
        return int(database.execute("SELECT count(*) FROM reply").fetchone()[0])
