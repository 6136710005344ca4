"""Which sentences are one document: what each source tells of it, and a corpus whose documents are asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from corpus_files import load, tagged, write
from datasets import Dataset, DatasetDict, Features, List, Value

from nerc_trainer.corpus.conll import read_conll
from nerc_trainer.corpus.dataset import read_dataset
from nerc_trainer.corpus.jsonl import read_jsonl
from nerc_trainer.corpus.load import Corpus, load_corpus
from nerc_trainer.errors import NercError
from nerc_trainer.prediction.predict import _with_neighbours
from nerc_trainer.prediction.readers import Sentence, read_sentences
from nerc_trainer.recipe.sections import DataSection

DOCUMENTS = "-DOCSTART- O\n\na B-PER\n\nb O\n-DOCSTART- O\n\nc O\n"


def load_with(folder: Path, train: str, dev: str = "-DOCSTART- O\n\nDev B-LOC\n", context: int = 40) -> Corpus:
    files = {"train": write(folder / "t.conll", train), "dev": write(folder / "d.conll", dev)}
    return load_corpus(DataSection(**{name: str(path) for name, path in files.items()}), context=context)


@pytest.mark.parametrize(
    ("text", "documents"),
    [
        (DOCUMENTS, ["1", "1", "2"]),
        ("a B-PER\n\n-DOCSTART- O\nb O\n\nc O", ["", "1", "1"]),
        ("a B-PER\n\nb O\n\n\nc O", []),
    ],
    ids=["documents", "a-beginning-without", "none"],
)
def test_rows_of_columns(tmp_path: Path, text: str, documents: list[str]) -> None:
    path = write(tmp_path / "x.conll", text)
    assert read_conll(path).documents == documents
    said = [sentence.document for sentence in read_sentences(path, "auto")]
    assert said == (documents or ["", "", ""])


def test_rows_of_json(tmp_path: Path) -> None:
    values: list[Any] = ["news", "news", 7, None, {"source": "x"}, True]
    rows = [
        {**row, "document": value} for row, value in zip(tagged(*[f"w{n}/O" for n in range(6)]), values, strict=True)
    ]
    corpus = load(tmp_path, [*rows, *tagged("a/B-PER")])
    assert "document" not in corpus.train.column_names
    path = tmp_path / "train.jsonl"
    expected = ["news", "news", "7", "", "", "", ""]
    assert read_jsonl(path).documents == expected
    assert [sentence.document for sentence in read_sentences(path, "auto")] == expected


@pytest.mark.parametrize("column", ["document", "document_id", "doc_id"])
def test_a_column_of_a_data_set(tmp_path: Path, column: str) -> None:
    text = Value("string")
    features = Features({"tokens": List(text), "ner_tags": List(text), column: Value("int64")})
    rows = {"tokens": [["a"], [], ["b"]], "ner_tags": [["O"], [], ["O"]], column: [3, 3, None]}
    DatasetDict(train=Dataset.from_dict(rows, features=features)).save_to_disk(tmp_path / "saved")
    assert read_dataset(str(tmp_path / "saved"), None, None, "train").documents == ["3", ""]


def test_lines_of_text_are_a_document_between_blank_ones(tmp_path: Path) -> None:
    path = write(tmp_path / "x.txt", "One.\nTwo.\n\nThree.\n")
    assert [one.document for one in read_sentences(path, "auto") if one.tokens] == ["1", "1", "2"]


def test_they_are_a_column_and_part_of_the_fingerprint_where_they_are_asked_for(tmp_path: Path) -> None:
    corpus = load_with(tmp_path, DOCUMENTS)
    assert corpus.train["document"][:] == ["1", "1", "2"]
    moved = load_with(tmp_path, "-DOCSTART- O\n\na B-PER\n-DOCSTART- O\n\nb O\n\nc O\n")
    assert moved.fingerprints["train"] != corpus.fingerprints["train"]
    plain = load_with(tmp_path, DOCUMENTS, context=0)
    without_any = load_with(tmp_path, "a B-PER\n\nb O\n\nc O\n", context=0)
    assert plain.fingerprints["train"] == without_any.fingerprints["train"] != corpus.fingerprints["train"]
    assert plain.train.column_names == without_any.train.column_names == ["id", "tokens", "ner_tags"]


def test_a_sentence_of_dev_is_not_context_in_train(tmp_path: Path) -> None:
    corpus = load_with(tmp_path, DOCUMENTS, dev="-DOCSTART- O\n\nb O\n")
    assert corpus.train["tokens"][:] == [["a"], ["c"]]
    assert corpus.train["document"][:] == ["1", "2"]


def test_a_split_without_documents_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NercError, match=r"model\.context = 40: data\.train = .*t\.conll tells of no documents"):
        load_with(tmp_path, "a B-PER\n")
    with pytest.raises(NercError, match=r"data\.dev = .*d\.conll tells of no documents .* set model\.context to 0"):
        load_with(tmp_path, DOCUMENTS, dev="Dev B-LOC\n")


def test_parts_of_a_file_come_with_what_is_beside_them() -> None:
    one, two, three, four, five = (Sentence([name]) for name in "abcde")
    blank = Sentence([])
    chunks = [[one, two], [blank, three], [four, five]]
    assert list(_with_neighbours(iter(chunks), 1)) == [
        ([], chunks[0], [three]),
        ([two], chunks[1], [four]),
        ([three], chunks[2], []),
    ]


def test_without_context_no_part_waits_for_the_next() -> None:
    def come() -> Any:
        yield [Sentence(["a"])]
        raise AssertionError("the next was read first")

    assert next(_with_neighbours(come(), 0)) == ([], [Sentence(["a"])], [])
