"""One reading of a corpus for all ranks: the same corpus, mapped from files that have no name any more."""

from __future__ import annotations

import os
import shutil
from functools import partial
from pathlib import Path

import pytest

from nerc_trainer.corpus.load import Corpus, load_corpus
from nerc_trainer.errors import NercError
from nerc_trainer.recipe.sections import DataSection
from nerc_trainer.training.shared_corpus import LARGE, is_large, share_corpus

SAMPLE = Path(__file__).parents[2] / "recipes" / "sample"


def die() -> Corpus:
    os._exit(9)


def load() -> Corpus:
    return load_corpus(DataSection(train=str(SAMPLE / "dev.conll"), dev=str(SAMPLE / "test.conll")))


@pytest.mark.parametrize("large", [False, True])
def test_what_is_shared_is_what_was_loaded(large: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    loaded, shared = load(), share_corpus(load, large)
    for name in ("train", "dev"):
        assert getattr(shared, name)[:] == getattr(loaded, name)[:]
        assert getattr(shared, name).features == getattr(loaded, name).features
    assert shared.test is None
    assert (shared.labels, shared.fingerprints, shared.duplicates) == (
        loaded.labels,
        loaded.fingerprints,
        loaded.duplicates,
    )
    assert not list(tmp_path.iterdir())


def test_an_error_of_a_large_corpus_is_the_users(tmp_path: Path) -> None:
    (tmp_path / "bad.conll").write_text("one column only\ntwo\n", encoding="utf-8")
    data = DataSection(train=str(tmp_path / "bad.conll"), dev=str(SAMPLE / "dev.conll"))
    with pytest.raises(NercError, match=r"bad\.conll:2: 1 columns instead of 3"):
        share_corpus(partial(load_corpus, data), large=True)


def test_a_process_that_is_killed_while_it_reads_is_told() -> None:
    with pytest.raises(NercError, match="was killed"):
        share_corpus(die, large=True)


def test_large_is_a_matter_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(b"x" * (LARGE + 1))
    assert is_large([str(tmp_path / "large")])
    assert not is_large([str(SAMPLE / "train.conll"), "train"])


def test_a_disk_that_takes_no_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("tempfile.mkdtemp", lambda prefix: str(tmp_path / "gone" / prefix))
    with pytest.raises(NercError, match="set TMPDIR to another folder"):
        share_corpus(load)
    shutil.rmtree(tmp_path)
