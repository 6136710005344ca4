"""Text to tag: which rows of CoNLL columns are words, and which are comments."""

from __future__ import annotations

from pathlib import Path

import pytest

from nerc_trainer.errors import NercError
from nerc_trainer.prediction.readers import read_sentences


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\nb\n\nc\n", [["a", "b"], ["c"]]),
        ("# id = 1\na O\nb O\n", [["a", "b"]]),
        ("# O\n\nEU B-ORG\nx O\n", [["#"], ["EU", "x"]]),
        ("a O\n# O\n# text = a\n\nb O\n", [["a", "#"], ["b"]]),
        ("-DOCSTART- O\n\na O\n", [["a"]]),
        ("", []),
    ],
)
def test_rows_of_columns(text: str, expected: list[list[str]], tmp_path: Path) -> None:
    path = tmp_path / "x.conll"
    path.write_text(text, encoding="utf-8")
    assert [sentence.tokens for sentence in read_sentences(path, "auto")] == expected


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("-DOCSTART- -X- -X- O\n\nEU NNP B-NP B-ORG\nrejects VBZ B-VP O\n", ["EU", "rejects"]),
        ("-DOCSTART-\n\n# id = 1\nEU\tB-ORG\nrejects\tO\n\nA\tO\n", ["EU", "rejects"]),
        ("EU S-ORG \nrejects O \n\nA O \n", ["EU", "rejects"]),
        ("Prix NN O\n10\u00a0000 CD O\nEUR NN U-UNIT\n", ["Prix", "10\u00a0000", "EUR"]),
        ("x O\n" * 200 + "a sentence of text\n", ["x", "O"]),
        ("EU B-ORG\n" + "x O\n" * 199 + "\na row too many\n", ["EU", *["x"] * 199]),
        ("EU B-ORG\nx O\ny of O\n", ["EU", "B", "-", "ORG"]),
        ("Blood group O\nBlood group O\nBlood group O\n", ["Blood", "group", "O"]),
        ("to PLUTO\nto JUNO\nto OTTO\n", ["to", "PLUTO"]),
        ("mit der S-Bahn\nmit der U-Bahn\nohne die S-Bahn\n", ["mit", "der", "S", "-", "Bahn"]),
        ("a\nb\n\nc\n", ["a"]),
    ],
)
def test_a_name_that_says_nothing_is_read_as_its_lines_look(text: str, first: list[str], tmp_path: Path) -> None:
    path = tmp_path / "valid.txt"
    path.write_text(text, encoding="utf-8")
    assert next(read_sentences(path, "auto")).tokens == first


def test_a_sentence_in_the_place_of_a_file_is_no_file() -> None:
    with pytest.raises(NercError, match="check the path"):
        next(read_sentences(Path("Ilse Marrow scored twice. " * 20), "auto"))
