"""What loading does to any corpus: types, ids, duplicates, fingerprints."""

import subprocess
import sys
from pathlib import Path

import pytest
from corpus_files import load, tagged

from nerc_trainer.errors import NercError


def test_a_type_outside_the_recipe_is_told_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(NercError, match=r"dev.conll:2: tag 'B-PRE': unknown .*; did you mean 'PER'\?"):
        load(tmp_path, "a B-PER\n", dev="b O\nc B-PRE\n", types=["PER", "LOC"])


def test_a_type_that_only_dev_has_joins_with_a_note(tmp_path: Path) -> None:
    corpus = load(tmp_path, "a B-PER\n")
    assert corpus.labels.types == ("LOC", "PER")
    assert "train: no entity of type LOC, which dev has" in corpus.notes


def test_given_types_fix_the_label_set(tmp_path: Path) -> None:
    corpus = load(tmp_path, "a B-PER\n", types=["PER", "LOC", "ORG"])
    assert corpus.labels.types == ("LOC", "ORG", "PER")
    assert "train: no entity of type ORG in any split" in corpus.notes
    assert not any("not one entity" in note for note in corpus.notes)


def test_a_split_that_has_lost_its_entities_is_noted(tmp_path: Path) -> None:
    corpus = load(tmp_path, "EU B-ORG\n", test="Oslo O\n")
    assert "test: not one entity is marked in it, so F1 on it says nothing (are its tags lost?)" in corpus.notes
    assert not any(note.startswith("dev: not one entity") for note in corpus.notes)


def test_ids_stay_when_sentences_move(tmp_path: Path) -> None:
    first, second = "a B-PER\n\n", "b O\n\n"
    one = load(tmp_path, first + second).train
    other = load(tmp_path, second + first + "c O\n").train
    assert [one["id"][0], one["id"][1]] == [other["id"][1], other["id"][0]]
    assert len(one["id"][0]) == 16


def test_repeats_in_train_stay_and_get_suffixes(tmp_path: Path) -> None:
    corpus = load(tmp_path, "a B-PER\n\nb O\n\na O\n\na B-PER\n")
    name = corpus.train["id"][0]
    assert corpus.train["id"][2:] == [f"{name}-2", f"{name}-3"]
    assert corpus.duplicates == {"train": 2, "dev": 0, "train/dev": 0}
    note = "train: 2 sentences repeat others; the expert is asked once for all with the same words"
    assert note in corpus.notes


def test_train_sentences_of_dev_and_test_are_left_out(tmp_path: Path) -> None:
    corpus = load(
        tmp_path,
        "a B-PER\n\nb O\n\nb O\n\nc O\n\nd O\n",
        dev="b B-PER\n\ne O\n",
        test="c O\n\ne O\n\ne O\n",
    )
    assert corpus.train["tokens"][:] == [["a"], ["d"]]
    assert corpus.duplicates == {"train": 1, "dev": 0, "test": 1, "train/dev": 2, "train/test": 1, "dev/test": 1}
    assert "train: 3 of 5 sentences left out: they stand in dev or test" in corpus.notes
    assert not any("repeat others" in note for note in corpus.notes), "the expert is never asked for those left out"
    assert "dev: 1 sentences stand in test too" in corpus.notes
    assert "train: 2 sentences, 2 tokens, 1 entities (PER 1)" in corpus.notes


def test_nothing_left_in_train_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(NercError, match="every sentence of it stands in dev or test"):
        load(tmp_path, "a B-PER\n", dev="a B-PER\n")


def test_words_are_compared_with_their_borders(tmp_path: Path) -> None:
    assert load(tmp_path, "a O\nb B-PER\n", dev="ab O\n").duplicates["train/dev"] == 0


def test_fingerprints_tell_any_change(tmp_path: Path) -> None:
    base = load(tmp_path, "a B-PER\n\nb O\n").fingerprints
    assert load(tmp_path, "a B-PER\n\nb O\n").fingerprints == base
    for other in ("a B-PER\n\nc O\n", "a B-LOC\n\nb O\n", "b O\n\na B-PER\n", "a B-PER\nb O\n"):
        changed = load(tmp_path, other).fingerprints
        assert changed["train"] != base["train"]
        assert changed["dev"] == base["dev"]


def test_the_same_content_in_another_format_is_the_same(tmp_path: Path) -> None:
    assert (
        load(tmp_path, "a B-PER\nb I-PER\n").fingerprints
        == load(tmp_path, tagged("a/B-PER b/I-PER")).fingerprints
        == load(tmp_path, "a I-PER\nb I-PER\n").fingerprints
    )


def test_the_loader_imports_no_heavy_library() -> None:
    program = (
        "import sys, nerc_trainer.corpus.load\nprint(sorted({'torch', 'transformers', 'datasets'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
