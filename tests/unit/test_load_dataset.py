"""Data sets of the datasets library: saved folders, folders of files, the Hub."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from datasets import ClassLabel, Dataset, DatasetDict, Features, List, Value, config

from nerc_trainer.corpus.load import Corpus, load_corpus
from nerc_trainer.errors import NercError
from nerc_trainer.recipe.sections import DataSection

NAMES = ("O", "B-PER", "I-PER")


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "HF_DATASETS_CACHE", tmp_path / "cache")


def people(tag_column: str = "ner_tags") -> DatasetDict:
    features = Features(
        {
            "id": Value("string"),
            "tokens": List(Value("string")),
            "pos_tags": List(ClassLabel(names=["NN", "VB"])),
            tag_column: List(ClassLabel(names=list(NAMES))),
        }
    )
    train = {"id": ["0", "1", "2"], "tokens": [["Ann", "Lee"], [], ["ran"]], "pos_tags": [[0, 0], [], [1]]}
    dev = {"id": ["0"], "tokens": [["Bo"]], "pos_tags": [[0]], tag_column: [[1]]}
    return DatasetDict(
        train=Dataset.from_dict(train | {tag_column: [[1, 2], [], [0]]}, features=features),
        dev=Dataset.from_dict(dev, features=features),
    )


def check(corpus: Corpus) -> None:
    assert corpus.train.column_names == ["id", "tokens", "ner_tags", "pos_tags"]
    assert corpus.train["id"][:] == ["0", "2"]
    assert corpus.train["ner_tags"][:] == [["B-PER", "I-PER"], ["O"]]
    assert corpus.train["pos_tags"][:] == [["NN", "NN"], ["VB"]]
    assert corpus.dev["ner_tags"][:] == [["B-PER"]]
    assert "train: 1 rows without words left out" in corpus.notes


@pytest.mark.parametrize("tag_column", ["ner_tags", "tags", "labels"])
def test_a_saved_folder(tmp_path: Path, tag_column: str) -> None:
    people(tag_column).save_to_disk(tmp_path / "saved")
    check(load_corpus(DataSection(dataset=str(tmp_path / "saved"), train="train", dev="dev")))


def test_a_folder_of_parquet_files(tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    splits = people()
    splits["train"].to_parquet(tmp_path / "files" / "train.parquet")
    splits["dev"].to_parquet(tmp_path / "files" / "validation.parquet")
    check(load_corpus(DataSection(dataset=str(tmp_path / "files"), train="train", dev="validation")))
    sliced = load_corpus(DataSection(dataset=str(tmp_path / "files"), train="train[2:]", dev="train[:1]"))
    assert sliced.train["tokens"][:] == [["ran"]]


def test_an_unknown_split_lists_those_there_are(tmp_path: Path) -> None:
    people().save_to_disk(tmp_path / "saved")
    with pytest.raises(NercError, match="no split 'test'; those there are: train, dev"):
        load_corpus(DataSection(dataset=str(tmp_path / "saved"), train="train", dev="test"))
    (tmp_path / "files").mkdir()
    people()["train"].to_parquet(tmp_path / "files" / "train.parquet")
    with pytest.raises(NercError, match=r"split 'dev': .*\['train'\]"):
        load_corpus(DataSection(dataset=str(tmp_path / "files"), train="train", dev="dev"))


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"words": [["a"]], "ner_tags": [["O"]]}, "columns words, ner_tags; the columns tokens and"),
        ({"tokens": [["a"]], "ner_tags": [[1]]}, "column ner_tags is List"),
        ({"tokens": ["a"], "ner_tags": [["O"]]}, "column tokens is Value"),
        ({"tokens": [["a", "b"]], "ner_tags": [["O"]]}, "row 0: 1 ner_tags for 2 tokens"),
        ({"tokens": [["a"], [None]], "ner_tags": [["O"], ["O"]]}, "row 1: tokens is null or holds a null"),
        ({"tokens": [["a"], ["b"]], "ner_tags": [["O"], ["PER"]]}, "row 1: tag 'PER' is no"),
    ],
)
def test_unfit_columns_are_told(tmp_path: Path, columns: dict[str, Any], message: str) -> None:
    DatasetDict(train=Dataset.from_dict(columns), dev=people()["dev"]).save_to_disk(tmp_path / "saved")
    with pytest.raises(NercError) as error:
        load_corpus(DataSection(dataset=str(tmp_path / "saved"), train="train", dev="dev"))
    assert message in str(error.value)


def test_a_label_without_a_name_is_told(tmp_path: Path) -> None:
    splits = people()
    unlabelled = Dataset.from_dict({"tokens": [["a"]], "ner_tags": [[-1]]})
    features = Features({name: splits["dev"].features[name] for name in ("tokens", "ner_tags")})
    DatasetDict(train=unlabelled.cast(features), dev=splits["dev"]).save_to_disk(tmp_path / "saved")
    with pytest.raises(NercError, match=r"row 0: ner_tags \[-1\] are not all in 0..2"):
        load_corpus(DataSection(dataset=str(tmp_path / "saved"), train="train", dev="dev"))


def test_a_configuration_of_a_saved_folder_is_refused(tmp_path: Path) -> None:
    people().save_to_disk(tmp_path / "saved")
    with pytest.raises(NercError, match=r"data\.config = en: .*saved is a saved DatasetDict, which has none"):
        load_corpus(DataSection(dataset=str(tmp_path / "saved"), config="en", train="train", dev="dev"))


def test_without_a_network_the_way_out_is_told(tmp_path: Path) -> None:
    # A process of its own, as the library reads the variable once, when it is imported.
    program = (
        "from nerc_trainer.corpus.load import load_corpus\nfrom nerc_trainer.recipe.sections import DataSection\n"
        "load_corpus(DataSection(dataset='owner/corpus', train='train', dev='dev'))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=False,
        env={"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path), "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert "NercError: data.dataset = owner/corpus: the Hub cannot be reached" in done.stderr
