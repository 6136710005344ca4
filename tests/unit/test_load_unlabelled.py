"""Train sentences that nobody has labelled: taken where no truth is needed, refused by name elsewhere."""

import json
from pathlib import Path

import pytest
from corpus_files import DEV, write, write_rows

from nerc_trainer.corpus.load import Corpus, load_corpus
from nerc_trainer.errors import NercError
from nerc_trainer.recipe.sections import DataSection

ROWS = [{"id": "a", "tokens": ["New York", "is"]}, {"id": "b", "text": "Paris, too."}]


def load(train: Path, unlabelled: bool = True, dev: Path | None = None) -> Corpus:
    dev = dev or write(train.with_name("dev.conll"), DEV)
    return load_corpus(DataSection(train=str(train), dev=str(dev)), unlabelled_train=unlabelled)


def test_rows_without_labels(tmp_path: Path) -> None:
    corpus = load(write_rows(tmp_path / "train.jsonl", [*ROWS, {"id": "c", "tokens": ["Oslo"], "tags": ["B-LOC"]}]))
    assert corpus.train["tokens"][:] == [["New York", "is"], ["Paris", ",", "too", "."], ["Oslo"]]
    assert corpus.train["ner_tags"][:] == [[], [], ["B-LOC"]]
    assert "train: 3 sentences, 7 tokens, 1 entities (LOC 1), 2 sentences without labels" in corpus.notes


def test_a_file_of_one_column(tmp_path: Path) -> None:
    corpus = load(write(tmp_path / "train.conll", "# id = 1\nEU\nin\n\n#\nIt\n"))
    assert corpus.train["tokens"][:] == [["EU", "in"], ["#", "It"]]
    assert corpus.train["ner_tags"][:] == [[], []]
    assert corpus.labels.types == ("LOC",)
    assert not any("no entity of type" in note for note in corpus.notes), "nobody has looked for one"


def test_columns_of_the_recipe_are_those_of_labelled_files(tmp_path: Path) -> None:
    train, dev = write(tmp_path / "train.conll", "EU\nin\n"), write(tmp_path / "dev.conll", "B-LOC Dev\n")
    data = DataSection(train=str(train), dev=str(dev), columns=["ner_tags", "tokens"])
    corpus = load_corpus(data, unlabelled_train=True)
    assert (corpus.train["tokens"][:], corpus.dev["tokens"][:]) == ([["EU", "in"]], [["Dev"]])


@pytest.mark.parametrize(
    ("name", "content", "place"),
    [
        ("train.jsonl", json.dumps(ROWS[0]), ":1: no ner_tags or tags"),
        ("train.conll", "EU\nin\n", ":1: one column where"),
    ],
)
def test_without_leave_labels_are_needed(tmp_path: Path, name: str, content: str, place: str) -> None:
    with pytest.raises(NercError) as failure:
        load(write(tmp_path / name, content), unlabelled=False)
    assert str(failure.value).startswith(f"{tmp_path / name}{place}")
    assert str(failure.value).endswith("in `nerc-trainer active RECIPE active.oracle=files`")


def test_dev_and_test_always_need_labels(tmp_path: Path) -> None:
    train, rows = write_rows(tmp_path / "train.jsonl", ROWS), write_rows(tmp_path / "rows.jsonl", ROWS[1:])
    with pytest.raises(NercError, match=r"rows\.jsonl:1: no spans or entities .*; dev has to be labelled$"):
        load(train, dev=rows)
    dev = write(tmp_path / "dev.conll", DEV)
    with pytest.raises(NercError, match=r"rows\.jsonl:1: no spans or entities .*; or set data\.test to null$"):
        load_corpus(DataSection(train=str(train), dev=str(dev), test=str(rows)), unlabelled_train=True)
