"""Corpora for the tests of loading, written from what a test says they hold."""

import json
from pathlib import Path
from typing import Any

from nerc_trainer.corpus.load import Corpus, load_corpus
from nerc_trainer.recipe.sections import DataSection

DEV = "Dev B-LOC\n"


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def write_rows(path: Path, rows: list[dict[str, Any]]) -> Path:
    return write(path, "".join(json.dumps(row) + "\n" for row in rows))


def load(
    folder: Path,
    train: str | bytes | list[dict[str, Any]],
    dev: str = DEV,
    test: str | None = None,
    llm: list[dict[str, Any]] | Path | None = None,
    **settings: Any,
) -> Corpus:
    """Load a corpus whose files are written from these contents: text as CoNLL, rows as JSONL, or a file."""
    train_file = write_rows(folder / "train.jsonl", train) if isinstance(train, list) else folder / "train.conll"
    if not isinstance(train, list):
        write(train_file, train)
    settings |= {"train": str(train_file), "dev": str(write(folder / "dev.conll", dev))}
    if test is not None:
        settings["test"] = str(write(folder / "test.conll", test))
    labels = write_rows(folder / "llm.jsonl", llm) if isinstance(llm, list) else llm
    return load_corpus(DataSection(**settings), labels)


def tagged(*sentences: str) -> list[dict[str, Any]]:
    """Rows of sentences written as "word/TAG word/TAG"."""
    rows = []
    for sentence in sentences:
        pairs = [word.rsplit("/", 1) for word in sentence.split()]
        rows.append({"tokens": [word for word, _ in pairs], "ner_tags": [tag for _, tag in pairs]})
    return rows
