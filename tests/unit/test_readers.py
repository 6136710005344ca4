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
