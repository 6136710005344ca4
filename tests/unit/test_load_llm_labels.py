"""The LLM's labels find their sentences, and every mistake is told with file and line."""

import json
from pathlib import Path
from typing import Any

import pytest
from corpus_files import load, write

from nerc_trainer.errors import NercError

TRAIN = "Ann B-PER\nran O\n\nit O\n\nit O\n\nDev O\n\nParis B-LOC\n"


def ids_of(folder: Path) -> list[str]:
    ids: list[str] = load(folder, TRAIN, dev="z O\n").train["id"][:]
    return ids


def test_rows_find_their_sentence_by_id_or_by_tokens(tmp_path: Path) -> None:
    ids = ids_of(tmp_path)
    rows: list[dict[str, Any]] = [
        {"tokens": ["it"], "llm_tags": ["B-PER"], "llm_status": "repaired"},
        {"id": ids[0], "llm_spans": [{"start": 0, "end": 2, "type": "PER"}]},
        {"id": ids[4], "tokens": ["Paris"], "llm_status": "rejected: no JSON"},
        {"id": ids[3], "llm_tags": ["O"]},
    ]
    corpus = load(tmp_path, TRAIN, llm=rows)
    assert corpus.train["tokens"][:] == [["Ann", "ran"], ["it"], ["it"], ["Paris"]]
    assert corpus.train["llm_tags"][:] == [["B-PER", "I-PER"], ["B-PER"], ["B-PER"], []]
    assert corpus.train["llm_status"][:] == ["ok", "repaired", "repaired", "rejected: no JSON"]
    assert "train: 3 of 4 sentences have LLM labels" in corpus.notes
    assert corpus.train["ner_tags"][0] == ["B-PER", "O"]
    assert "llm_tags" not in corpus.dev.column_names


def test_rows_for_the_same_words_go_to_the_sentences_in_turn(tmp_path: Path) -> None:
    rows = [{"tokens": ["it"], "llm_tags": [tag]} for tag in ("B-PER", "O")]
    corpus = load(tmp_path, TRAIN, llm=rows)
    assert corpus.train["llm_tags"][:] == [[], ["B-PER"], ["O"], []]
    assert corpus.train["llm_status"][:] == ["", "ok", "ok", ""]


def test_stray_tags_are_repaired_and_counted(tmp_path: Path) -> None:
    rows = [{"tokens": ["Ann", "ran"], "llm_tags": ["B-PER", "I-LOC"]}]
    corpus = load(tmp_path, TRAIN, llm=rows)
    assert corpus.train["llm_tags"][0] == ["B-PER", "B-LOC"]
    assert "train: 1 of 4 sentences have LLM labels, 1 tags repaired" in corpus.notes


def test_the_fingerprint_tells_other_labels(tmp_path: Path) -> None:
    prints = [load(tmp_path, TRAIN, llm=[{"tokens": ["it"], "llm_tags": [tag]}]).fingerprints for tag in ("O", "B-PER")]
    assert prints[0]["llm"] != prints[1]["llm"]
    assert prints[0]["train"] == prints[1]["train"]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"id": "nobody", "llm_tags": ["O"]}, "no train sentence has the id 'nobody'"),
        ({"tokens": ["unknown"], "llm_tags": ["O"]}, "train has 0 sentences with the tokens 'unknown'"),
        ({"tokens": ["Ann", "ran"], "llm_tags": ["O"]}, "1 llm_tags for 2 tokens"),
        ({"tokens": ["it"], "llm_tags": ["B-PRE"]}, "tag 'B-PRE': unknown entity type 'PRE'; did you mean 'PER'?"),
        ({"tokens": ["it"], "llm_tags": ["PER"]}, "tag 'PER' is no"),
        ({"tokens": ["it"], "llm_spans": [{"start": 0, "end": 2, "type": "PER"}]}, "out of range"),
        ({"tokens": ["it"], "llm_status": "ok"}, "give either llm_tags or llm_spans"),
        (
            {"tokens": ["it"], "ner_tags": ["O"]},
            'a row is such as {"tokens": ["In", "Oslo"], "llm_tags": ["O", "B-LOC"]}',
        ),
        ({"tokens": ["it"], "llm_tags": ["O"], "llm_status": None}, "llm_status = None"),
        ({"llm_tags": ["O"]}, "neither id nor tokens"),
        ({"tokens": ["Paris"], "llm_tags": ["O"]}, "train has 1 sentences with the tokens 'Paris'"),
    ],
)
def test_mistakes_are_told_with_file_and_line(tmp_path: Path, row: dict[str, Any], message: str) -> None:
    with pytest.raises(NercError) as error:
        load(tmp_path, TRAIN, llm=[{"tokens": ["Paris"], "llm_tags": ["B-LOC"]}, row])
    assert str(error.value).startswith(f"{tmp_path / 'llm.jsonl'}:2: ")
    assert message in str(error.value)


def test_the_row_in_the_readme_is_read(tmp_path: Path) -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    (line,) = [line for line in readme.splitlines() if line.startswith("| `annotation.labels` |")]
    row = json.loads(line.partition("rows such as `")[2].partition("`")[0])
    corpus = load(tmp_path, "In O\nOslo B-LOC\n", llm=[row])
    assert corpus.train["llm_tags"][:] == corpus.train["ner_tags"][:]


def test_another_format_is_told_what_a_row_looks_like(tmp_path: Path) -> None:
    with pytest.raises(NercError, match=r'llm.jsonl:1: no JSON: .* a row is such as \{"tokens"'):
        load(tmp_path, TRAIN, llm=write(tmp_path / "llm.jsonl", "it B-PER\n"))


def test_an_id_with_other_tokens_or_twice_is_refused(tmp_path: Path) -> None:
    first = ids_of(tmp_path)[0]
    with pytest.raises(NercError, match=r"llm.jsonl:1: the tokens 'x y' are not those of sentence .* 'Ann ran'"):
        load(tmp_path, TRAIN, llm=[{"id": first, "tokens": ["x", "y"], "llm_tags": ["O", "O"]}])
    with pytest.raises(NercError, match=r"llm.jsonl:2: id .* stands in .*llm.jsonl:1 already"):
        load(tmp_path, TRAIN, llm=[{"id": first, "llm_tags": ["O", "O"]}] * 2)
