"""CoNLL files: every dialect reads the same, and every mistake of a user is told with file and line."""

from pathlib import Path

import pytest
from corpus_files import load

from nerc_trainer.corpus.load import load_corpus
from nerc_trainer.errors import NercError
from nerc_trainer.recipe.sections import DataSection


def test_four_columns_give_every_tag_column(tmp_path: Path) -> None:
    text = "-DOCSTART- -X- -X- O\n\nEU NNP B-NP B-ORG\nrejects VBZ B-VP O\n\n\nIt PRP B-NP O\n"
    corpus = load(tmp_path, text)
    assert corpus.train.column_names == ["id", "tokens", "ner_tags", "pos_tags", "chunk_tags"]
    assert corpus.train["tokens"][:] == [["EU", "rejects"], ["It"]]
    assert corpus.train["ner_tags"][:] == [["B-ORG", "O"], ["O"]]
    assert corpus.train["pos_tags"][0] == ["NNP", "VBZ"]
    assert corpus.train["chunk_tags"][0] == ["B-NP", "B-VP"]
    assert corpus.dev.column_names == ["id", "tokens", "ner_tags"]
    assert corpus.test is None
    assert corpus.labels.types == ("LOC", "ORG")


@pytest.mark.parametrize(
    "text",
    [
        "EU\tB-ORG\r\nin\tO\r\n\r\nIt\tO\r\n",
        "\ufeffEU B-ORG\nin O\n\nIt O",
        "EU   B-ORG\nin \t O\n \t\nIt O\n\n\n",
        "# id = 1 2\nEU B-ORG\n# a comment inside\nin O\n\n# another one\nIt O\n",
        "EU x B-ORG\nin y O\n-DOCSTART- x O\nIt z O\n",
    ],
    ids=["windows", "bom-no-final-newline", "ragged-white-space", "comments", "document-start"],
)
def test_every_dialect_reads_the_same(tmp_path: Path, text: str) -> None:
    corpus = load(tmp_path, text)
    assert corpus.train["tokens"][:] == [["EU", "in"], ["It"]]
    assert corpus.train["ner_tags"][:] == [["B-ORG", "O"], ["O"]]


def test_columns_in_any_order(tmp_path: Path) -> None:
    corpus = load(
        tmp_path,
        "B-ORG|1|EU|NNP\nO|2|in|IN\n",
        dev="B-ORG|1|Dev|NNP\n",
        columns=["ner_tags", "_", "tokens", "pos_tags"],
        separator="|",
    )
    assert corpus.train[0]["tokens"] == ["EU", "in"]
    assert corpus.train[0]["pos_tags"] == ["NNP", "IN"]


def test_odd_tokens_are_kept(tmp_path: Path) -> None:
    odd = ["#", "\u200b", "1\u00a0000", "\u2028", "\x85"]
    corpus = load(tmp_path, "".join(f"{token} O\n" for token in odd) + "\nEU B-ORG\n")
    assert corpus.train[0]["tokens"] == odd


@pytest.mark.parametrize("separator", ["tab", "\t"])
def test_a_tab_file_keeps_blanks_in_tokens(tmp_path: Path, separator: str) -> None:
    corpus = load(tmp_path, " \tO\nNew York\tB-LOC\n# \tO\n\t\n#\tO\n", dev="Dev\tO\n", separator=separator)
    assert corpus.train["tokens"][:] == [[" ", "New York", "# "], ["#"]]


def test_a_document_start_needs_no_right_columns(tmp_path: Path) -> None:
    corpus = load(tmp_path, "-DOCSTART- -X- O\n\na\tB-PER\n-DOCSTART-\nb\tO\n", dev="Dev\tO\n", separator="tab")
    assert corpus.train["tokens"][:] == [["a"], ["b"]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"EU B-ORG\nOsn\xff O\n", "train.conll:2: byte 0xff is not UTF-8"),
        ("EU B-ORG\nin\n", "train.conll:2: 1 columns instead of 2 (tokens ner_tags) in 'in'"),
        ("EU B-ORG\n\na b O\n", "train.conll:3: 3 columns instead of 2"),
        ("EU\nin\n", "train.conll:1: one column where"),
        ("My skin itches.\nI took two tablets of it.\n", "train.conll:2: looks like a sentence a line: 'I took two"),
        ("EU x B-ORG\nI took two tablets\n", "train.conll:2: 4 columns instead of 3"),
        ("", "train.conll: no sentence in the file"),
        ("-DOCSTART- O\n\n# only a comment\n", "train.conll: no sentence in the file"),
        ("EU B-ORG\nin O\nParis X-LOC\n", "train.conll:3: tag 'X-LOC' is no BIOES tag"),
        ("EU B-ORG\nParis PER\n", "train.conll:2: tag 'PER'"),
        ("EU O\n", "no split has an entity"),
    ],
)
def test_mistakes_are_told_with_file_and_line(tmp_path: Path, text: str | bytes, message: str) -> None:
    with pytest.raises(NercError) as error:
        load(tmp_path, text, dev="Dev O\n")
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "Hello\nI took two tablets.\n",
            "letters.txt:2: looks like a sentence a line: 'I took two tablets.'; write a word a line and a blank line "
            'between sentences, or rows of JSON Lines such as {"text": "..."}',
        ),
        (
            "We\nlove\nNew York City\n",
            "letters.txt:3: 3 columns instead of 1 (tokens) in 'New York City'; mend the row",
        ),
    ],
)
def test_text_without_labels_is_told_how_to_be_written(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "letters.txt").write_text(text)
    (tmp_path / "dev.conll").write_text("Dev B-LOC\n")
    data = DataSection(train=str(tmp_path / "letters.txt"), dev=str(tmp_path / "dev.conll"))
    with pytest.raises(NercError) as error:
        load_corpus(data, unlabelled_train=True)
    assert said in str(error.value)
    assert ("spans" in str(error.value), "tag behind" in str(error.value)) == (False, False)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(NercError, match=r"nowhere\.conll: No such file"):
        load_corpus(DataSection(train=str(tmp_path / "nowhere.conll"), dev="dev"))


def test_a_given_scheme_is_held(tmp_path: Path) -> None:
    with pytest.raises(NercError, match=r"train\.conll:2: tag 'E-PER' is no BIO tag"):
        load(tmp_path, "a B-PER\nb E-PER\n", scheme="bio")


def test_every_scheme_becomes_bio_and_is_noted(tmp_path: Path) -> None:
    corpus = load(tmp_path, "a S-PER\nb B-PER\nc E-PER\n", dev="d I-PER\ne B-PER\n", test="f B-PER\ng O\nh I-PER\n")
    assert corpus.train[0]["ner_tags"] == ["B-PER", "B-PER", "I-PER"]
    assert corpus.dev[0]["ner_tags"] == ["B-PER", "B-PER"]
    assert corpus.test is not None
    assert corpus.test[0]["ner_tags"] == ["B-PER", "O", "B-PER"]
    assert "train: BIOES tags rewritten as BIO" in corpus.notes
    assert "dev: IOB1 tags rewritten as BIO" in corpus.notes
    assert "test: 1 tags that break BIO repaired, read as conlleval reads them" in corpus.notes
