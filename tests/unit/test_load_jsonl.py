"""JSONL files: tokens with tags, or text with character spans, and every mistake told with file and line."""

import json
from pathlib import Path
from typing import Any

import pytest
from corpus_files import DEV, load, tagged, write, write_rows

from nerc_trainer.corpus.load import load_corpus
from nerc_trainer.corpus.words import split_words
from nerc_trainer.errors import NercError
from nerc_trainer.recipe.sections import DataSection


def test_tokens_and_tags(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"id": 7, "tokens": ["EU", " ", ""], "ner_tags": ["B-ORG", "O", "O"], "pos_tags": ["NNP", "_SP", "X"]},
        {"id": "x", "tokens": ["It"], "tags": ["O"], "pos_tags": ["PRP"]},
    ]
    corpus = load(tmp_path, rows)
    assert corpus.train["id"][:] == ["7", "x"]
    assert corpus.train["tokens"][0] == ["EU", " ", ""]
    assert corpus.train["pos_tags"][1] == ["PRP"]


@pytest.mark.parametrize("ids", [["1", "1"], ["1", None]])
def test_ids_that_name_no_single_sentence_are_replaced(tmp_path: Path, ids: list[str | None]) -> None:
    rows = [{**row, "id": row_id} for row, row_id in zip(tagged("a/B-PER", "b/O"), ids, strict=True)]
    corpus = load(tmp_path, rows)
    assert corpus.train["id"][:] == load(tmp_path, tagged("a/B-PER", "b/O")).train["id"][:]
    assert "train: the ids of the source are missing or repeated in places; made new ones" in corpus.notes


def test_text_and_spans(tmp_path: Path) -> None:
    text = "Zoë paid $1,234.50 to Saint-Malo's Oy-3."
    rows: list[dict[str, Any]] = [
        {
            "text": text,
            "spans": [
                {"start": text.index("Saint"), "end": text.index("'s"), "type": "LOC"},
                {"start": 0, "end": 4, "label": "PER"},
            ],
        },
        {"text": "", "entities": []},
    ]
    corpus = load(tmp_path, rows)
    assert corpus.train["tokens"][:] == [
        ["Zoë", "paid", "$", "1,234.50", "to", "Saint", "-", "Malo", "'", "s", "Oy", "-", "3", "."]
    ]
    assert corpus.train[0]["ner_tags"] == ["B-PER", *["O"] * 4, "B-LOC", "I-LOC", "I-LOC", *["O"] * 6]
    assert "train: 1 rows without words left out" in corpus.notes


def test_marks_stay_with_their_letters() -> None:
    assert [word.text for word in split_words("हिन्दी में, cafe\u0301 ❤\ufe0f!")] == [
        "हिन्दी",
        "में",
        ",",
        "cafe\u0301",
        "❤\ufe0f",
        "!",
    ]
    assert split_words("a  b")[1] == ("b", 3, 4)


def test_the_first_line_tells_jsonl_without_a_suffix(tmp_path: Path) -> None:
    train = write_rows(tmp_path / "train.txt", tagged("a/B-PER"))
    dev = write(tmp_path / "dev.txt", "{ O\n")
    corpus = load_corpus(DataSection(train=str(train), dev=str(dev)))
    assert corpus.train["tokens"][:] == [["a"]]
    assert corpus.dev["tokens"][:] == [["{"]]


@pytest.mark.parametrize(("key", "value"), [("columns", ["tokens", "ner_tags"]), ("separator", "tab")])
def test_what_is_said_of_columns_is_refused_where_no_file_has_any(tmp_path: Path, key: str, value: Any) -> None:
    rows = write_rows(tmp_path / "rows.txt", tagged("a/B-PER"))
    with pytest.raises(NercError, match=rf"^data\.{key}: .* all files are JSONL; remove this key$"):
        load_corpus(DataSection(train=str(rows), dev=str(rows), **{key: value}))


def test_columns_may_be_said_for_conll_beside_jsonl(tmp_path: Path) -> None:
    corpus = load(tmp_path, tagged("a/B-PER"), dev="B-LOC Dev\n", columns=["ner_tags", "tokens"])
    assert corpus.dev["tokens"][:] == [["Dev"]]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ('{"tokens": ["a"],', "no JSON: "),
        ("[1]", "a JSON object a line is expected"),
        ('{"ner_tags": ["O"]}', "neither tokens nor text in a row with ner_tags"),
        ('{"tokens": ["a"]}', "no ner_tags or tags in the row"),
        ('{"tokens": ["a"], "tags": ["O"], "ner_tags": ["O"]}', "ner_tags and tags in the row"),
        ('{"tokens": ["a", "b"], "ner_tags": ["O"]}', "1 ner_tags for 2 tokens"),
        ('{"tokens": ["a"], "ner_tags": [3]}', "ner_tags holds numbers"),
        ('{"tokens": ["a", 1], "ner_tags": ["O", "O"]}', "tokens has to be a list of strings"),
        ('{"tokens": "a", "ner_tags": ["O"]}', "tokens has to be a list of strings"),
        ('{"tokens": ["a"], "ner_tags": ["O"], "id": [1]}', "id = [1]"),
        ('{"tokens": ["a"], "ner_tags": ["O"], "pos_tags": ["X"]}', "in every row or in none"),
        ('{"tokens": ["\\ud800"], "ner_tags": ["O"]}', "without its other half"),
        ('{"tokens": ["a"], "ner_tags": ["Q-PER"]}', "tag 'Q-PER' is no BIOES tag"),
        ('{"text": "Paris", "spans": [{"start": 0, "end": 3, "type": "LOC"}]}', "('Par') cuts the word 'Paris'"),
        ('{"text": "Paris", "spans": [{"start": 0, "end": 6, "type": "LOC"}]}', "out of range in a text of 5"),
        ('{"text": "a Paris", "spans": [{"start": 1, "end": 2, "type": "LOC"}]}', "is empty"),
        ('{"text": "Paris", "spans": [{"start": 0, "end": 5}]}', "is no span"),
        ('{"text": "Paris", "spans": [{"start": 0, "end": 5.0, "type": "LOC"}]}', "is no span"),
        ('{"text": "Paris", "spans": {}}', "a list of spans is expected"),
        ('{"text": "Paris"}', "no spans or entities in the row"),
        (
            '{"text": "a b", "spans": [{"start": 0, "end": 3, "type": "X"}, {"start": 2, "end": 3, "type": "Y"}]}',
            "words 1:2 'Y' overlap words 0:2 'X'",
        ),
    ],
)
def test_mistakes_are_told_with_file_and_line(tmp_path: Path, row: str, message: str) -> None:
    train = write(tmp_path / "train.jsonl", json.dumps(tagged("a/B-PER")[0]) + "\n\n" + row + "\n")
    dev = write(tmp_path / "dev.conll", DEV)
    with pytest.raises(NercError) as error:
        load_corpus(DataSection(train=str(train), dev=str(dev)))
    assert str(error.value).startswith(f"{train}:3: ")
    assert message in str(error.value)
