"""Columns of a data set as sequences, one stretch of Python objects at a time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from datasets import Dataset

from nerc_trainer.corpus.column import STRETCH, Column, Picked

COUNT = STRETCH + 10


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return Dataset.from_dict(
        {"id": [f"s{index}" for index in range(COUNT)], "tokens": [["é", str(index)] for index in range(COUNT)]}
    )


def test_a_column_is_the_rows_of_the_data_set(dataset: Dataset) -> None:
    tokens = Column(dataset, "tokens")
    assert len(tokens) == COUNT
    assert list(tokens) == dataset["tokens"][:]
    assert tokens[np.int64(STRETCH)] == ["é", str(STRETCH)]
    assert tokens[-1] == ["é", str(COUNT - 1)]
    assert tokens[STRETCH - 1 : STRETCH + 1] == [["é", str(STRETCH - 1)], ["é", str(STRETCH)]]
    assert tokens[COUNT - 1 : COUNT + 5] == [["é", str(COUNT - 1)]]
    assert tokens[5:2] == []


def test_a_column_of_a_file_is_the_same(dataset: Dataset, tmp_path: Path) -> None:
    dataset.save_to_disk(str(tmp_path / "kept"))
    assert list(Column(Dataset.load_from_disk(str(tmp_path / "kept")), "id")) == dataset["id"][:]


def test_picked_items(dataset: Dataset) -> None:
    picked = Picked(Column(dataset, "id"), np.array([7, 3, 7]))
    assert list(picked) == ["s7", "s3", "s7"]
    assert picked[1:] == ["s3", "s7"]
    assert len(picked) == 3
