"""Text to tag: which rows of CoNLL columns are words, and which are comments."""

from __future__ import annotations

from pathlib import Path

import pytest

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
        ("-DOCSTART- -X- -X- O\n\nEU NNP B-NP B-ORG\nrejects VBZ B-VP O\n\nA DT B-NP O\n", ["EU", "rejects"]),
        ("-DOCSTART-\n\nEU\tB-ORG\nrejects\tO\n\nA\tO\n", ["EU", "rejects"]),
        ("EU S-ORG \nrejects O \n\nA O \n", ["EU", "rejects"]),
        ("Blood group O\nis not group AB .\nBlood group O\n", ["Blood", "group", "O"]),
        ("to PLUTO\nto JUNO\nto OTTO\n", ["to", "PLUTO"]),
        ("Blood group O\nBlood group O\n", ["Blood", "group", "O"]),
        ("a\nb\n\nc\n", ["a"]),
    ],
)
def test_a_name_that_says_nothing_is_read_as_its_lines_look(text: str, first: list[str], tmp_path: Path) -> None:
    path = tmp_path / "valid.txt"
    path.write_text(text, encoding="utf-8")
    assert next(iter(read_sentences(path, "auto"))).tokens == first
