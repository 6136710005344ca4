"""One reading of a corpus for all ranks: the same corpus, mapped from files that have no name any more."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from nerc_trainer.corpus.load import Corpus, load_corpus
from nerc_trainer.errors import NercError
from nerc_trainer.recipe.sections import DataSection
from nerc_trainer.training.shared_corpus import share_corpus

SAMPLE = Path(__file__).parents[2] / "recipes" / "sample"


def load() -> Corpus:
    return load_corpus(DataSection(train=str(SAMPLE / "dev.conll"), dev=str(SAMPLE / "test.conll")))


def test_what_is_shared_is_what_was_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    loaded, shared = load(), share_corpus(load)
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


def test_a_disk_that_takes_no_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("tempfile.mkdtemp", lambda prefix: str(tmp_path / "gone" / prefix))
    with pytest.raises(NercError, match="set TMPDIR to another folder"):
        share_corpus(load)
    shutil.rmtree(tmp_path)
