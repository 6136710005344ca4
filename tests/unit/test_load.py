"""Loading: every format into one schema, and every mistake of a user told with file and line."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from datasets import ClassLabel, Dataset, DatasetDict, Features, List, Value, config

from nerc_trainer.corpus.load import Corpus, load_corpus
from nerc_trainer.corpus.words import split_words
from nerc_trainer.errors import NercError
from nerc_trainer.recipe.sections import DataSection

DEV = "Dev B-LOC\n"


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "HF_DATASETS_CACHE", tmp_path / "cache")


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def write_rows(path: Path, rows: list[dict[str, Any]]) -> Path:
    return write(path, "".join(json.dumps(row) + "\n" for row in rows))


def load(
    folder: Path,
    train: str | bytes | list[dict[str, Any]],
    dev: str = DEV,
    test: str | None = None,
    llm: list[dict[str, Any]] | None = None,
    **settings: Any,
) -> Corpus:
    """Load a corpus whose files are written from these contents: text as CoNLL, rows as JSONL."""
    train_file = write_rows(folder / "train.jsonl", train) if isinstance(train, list) else folder / "train.conll"
    if not isinstance(train, list):
        write(train_file, train)
    settings |= {"train": str(train_file), "dev": str(write(folder / "dev.conll", dev))}
    if test is not None:
        settings["test"] = str(write(folder / "test.conll", test))
    labels = None if llm is None else write_rows(folder / "llm.jsonl", llm)
    return load_corpus(DataSection(**settings), labels)


def tagged(*sentences: str) -> list[dict[str, Any]]:
    """Rows of sentences written as "word/TAG word/TAG"."""
    rows = []
    for sentence in sentences:
        pairs = [word.rsplit("/", 1) for word in sentence.split()]
        rows.append({"tokens": [word for word, _ in pairs], "ner_tags": [tag for _, tag in pairs]})
    return rows


class TestConll:
    def test_four_columns_give_every_tag_column(self, tmp_path: Path) -> None:
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
    def test_every_dialect_reads_the_same(self, tmp_path: Path, text: str) -> None:
        corpus = load(tmp_path, text)
        assert corpus.train["tokens"][:] == [["EU", "in"], ["It"]]
        assert corpus.train["ner_tags"][:] == [["B-ORG", "O"], ["O"]]

    def test_columns_in_any_order(self, tmp_path: Path) -> None:
        corpus = load(
            tmp_path,
            "B-ORG|1|EU|NNP\nO|2|in|IN\n",
            dev="B-ORG|1|Dev|NNP\n",
            columns=["ner_tags", "_", "tokens", "pos_tags"],
            separator="|",
        )
        assert corpus.train[0]["tokens"] == ["EU", "in"]
        assert corpus.train[0]["pos_tags"] == ["NNP", "IN"]

    def test_odd_tokens_are_kept(self, tmp_path: Path) -> None:
        odd = ["#", "\u200b", "1\u00a0000", "\u2028", "\x85"]
        corpus = load(tmp_path, "".join(f"{token} O\n" for token in odd) + "\nEU B-ORG\n")
        assert corpus.train[0]["tokens"] == odd

    @pytest.mark.parametrize("separator", ["tab", "\t"])
    def test_a_tab_file_keeps_blanks_in_tokens(self, tmp_path: Path, separator: str) -> None:
        corpus = load(tmp_path, " \tO\nNew York\tB-LOC\n# \tO\n\t\n#\tO\n", dev="Dev\tO\n", separator=separator)
        assert corpus.train["tokens"][:] == [[" ", "New York", "# "], ["#"]]

    def test_a_document_start_needs_no_right_columns(self, tmp_path: Path) -> None:
        corpus = load(tmp_path, "-DOCSTART- -X- O\n\na\tB-PER\n-DOCSTART-\nb\tO\n", dev="Dev\tO\n", separator="tab")
        assert corpus.train["tokens"][:] == [["a"], ["b"]]

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            (b"EU B-ORG\nOsn\xff O\n", "train.conll:2: byte 0xff is not UTF-8"),
            ("EU B-ORG\nin\n", "train.conll:2: 1 columns instead of 2 (tokens ner_tags) in 'in'"),
            ("EU B-ORG\n\na b O\n", "train.conll:3: 3 columns instead of 2"),
            ("EU\nin\n", "train.conll:1: one column where"),
            ("", "train.conll: no sentence in the file"),
            ("-DOCSTART- O\n\n# only a comment\n", "train.conll: no sentence in the file"),
            ("EU B-ORG\nin O\nParis X-LOC\n", "train.conll:3: tag 'X-LOC' is no BIOES tag"),
            ("EU B-ORG\nParis PER\n", "train.conll:2: tag 'PER'"),
            ("EU O\n", "no split has an entity"),
        ],
    )
    def test_mistakes_are_told_with_file_and_line(self, tmp_path: Path, text: str | bytes, message: str) -> None:
        with pytest.raises(NercError) as error:
            load(tmp_path, text, dev="Dev O\n")
        assert message in str(error.value)
        assert "\n" not in str(error.value)

    def test_a_missing_file_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(NercError, match=r"nowhere\.conll: No such file"):
            load_corpus(DataSection(train=str(tmp_path / "nowhere.conll"), dev="dev"))

    def test_a_given_scheme_is_held(self, tmp_path: Path) -> None:
        with pytest.raises(NercError, match=r"train\.conll:2: tag 'E-PER' is no BIO tag"):
            load(tmp_path, "a B-PER\nb E-PER\n", scheme="bio")

    def test_every_scheme_becomes_bio_and_is_noted(self, tmp_path: Path) -> None:
        corpus = load(tmp_path, "a S-PER\nb B-PER\nc E-PER\n", dev="d I-PER\ne B-PER\n", test="f B-PER\ng O\nh I-PER\n")
        assert corpus.train[0]["ner_tags"] == ["B-PER", "B-PER", "I-PER"]
        assert corpus.dev[0]["ner_tags"] == ["B-PER", "B-PER"]
        assert corpus.test is not None
        assert corpus.test[0]["ner_tags"] == ["B-PER", "O", "B-PER"]
        assert "train: BIOES tags rewritten as BIO" in corpus.notes
        assert "dev: IOB1 tags rewritten as BIO" in corpus.notes
        assert "test: 1 tags that break BIO repaired, read as conlleval reads them" in corpus.notes


class TestTypes:
    def test_a_type_outside_the_recipe_is_told_with_the_nearest(self, tmp_path: Path) -> None:
        with pytest.raises(NercError, match=r"dev.conll:2: tag 'B-PRE': unknown .*; did you mean 'PER'\?"):
            load(tmp_path, "a B-PER\n", dev="b O\nc B-PRE\n", types=["PER", "LOC"])

    def test_a_type_that_only_dev_has_joins_with_a_note(self, tmp_path: Path) -> None:
        corpus = load(tmp_path, "a B-PER\n")
        assert corpus.labels.types == ("LOC", "PER")
        assert "train: no entity of type LOC, which dev has" in corpus.notes

    def test_given_types_fix_the_label_set(self, tmp_path: Path) -> None:
        corpus = load(tmp_path, "a B-PER\n", types=["PER", "LOC", "ORG"])
        assert corpus.labels.types == ("LOC", "ORG", "PER")
        assert "train: no entity of type ORG in any split" in corpus.notes


class TestIdsAndDuplicates:
    def test_ids_stay_when_sentences_move(self, tmp_path: Path) -> None:
        first, second = "a B-PER\n\n", "b O\n\n"
        one = load(tmp_path, first + second).train
        other = load(tmp_path, second + first + "c O\n").train
        assert [one["id"][0], one["id"][1]] == [other["id"][1], other["id"][0]]
        assert len(one["id"][0]) == 16

    def test_repeats_in_train_stay_and_get_suffixes(self, tmp_path: Path) -> None:
        corpus = load(tmp_path, "a B-PER\n\nb O\n\na O\n\na B-PER\n")
        name = corpus.train["id"][0]
        assert corpus.train["id"][2:] == [f"{name}-2", f"{name}-3"]
        assert corpus.duplicates == {"train": 2, "dev": 0, "train/dev": 0}

    def test_train_sentences_of_dev_and_test_are_left_out(self, tmp_path: Path) -> None:
        corpus = load(
            tmp_path,
            "a B-PER\n\nb O\n\nb O\n\nc O\n\nd O\n",
            dev="b B-PER\n\ne O\n",
            test="c O\n\ne O\n\ne O\n",
        )
        assert corpus.train["tokens"][:] == [["a"], ["d"]]
        assert corpus.duplicates == {"train": 1, "dev": 0, "test": 1, "train/dev": 2, "train/test": 1, "dev/test": 1}
        assert "train: 3 of 5 sentences left out: they stand in dev or test" in corpus.notes
        assert "dev: 1 sentences stand in test too" in corpus.notes
        assert "train: 2 sentences, 2 tokens, 1 entities (PER 1)" in corpus.notes

    def test_nothing_left_in_train_is_an_error(self, tmp_path: Path) -> None:
        with pytest.raises(NercError, match="every sentence of it stands in dev or test"):
            load(tmp_path, "a B-PER\n", dev="a B-PER\n")

    def test_words_are_compared_with_their_borders(self, tmp_path: Path) -> None:
        assert load(tmp_path, "a O\nb B-PER\n", dev="ab O\n").duplicates["train/dev"] == 0

    def test_fingerprints_tell_any_change(self, tmp_path: Path) -> None:
        base = load(tmp_path, "a B-PER\n\nb O\n").fingerprints
        assert load(tmp_path, "a B-PER\n\nb O\n").fingerprints == base
        for other in ("a B-PER\n\nc O\n", "a B-LOC\n\nb O\n", "b O\n\na B-PER\n", "a B-PER\nb O\n"):
            changed = load(tmp_path, other).fingerprints
            assert changed["train"] != base["train"]
            assert changed["dev"] == base["dev"]

    def test_the_same_content_in_another_format_is_the_same(self, tmp_path: Path) -> None:
        assert (
            load(tmp_path, "a B-PER\nb I-PER\n").fingerprints
            == load(tmp_path, tagged("a/B-PER b/I-PER")).fingerprints
            == load(tmp_path, "a I-PER\nb I-PER\n").fingerprints
        )


class TestJsonl:
    def test_tokens_and_tags(self, tmp_path: Path) -> None:
        rows: list[dict[str, Any]] = [
            {"id": 7, "tokens": ["EU", " ", ""], "ner_tags": ["B-ORG", "O", "O"], "pos_tags": ["NNP", "_SP", "X"]},
            {"id": "x", "tokens": ["It"], "tags": ["O"], "pos_tags": ["PRP"]},
        ]
        corpus = load(tmp_path, rows)
        assert corpus.train["id"][:] == ["7", "x"]
        assert corpus.train["tokens"][0] == ["EU", " ", ""]
        assert corpus.train["pos_tags"][1] == ["PRP"]

    @pytest.mark.parametrize("ids", [["1", "1"], ["1", None]])
    def test_ids_that_name_no_single_sentence_are_replaced(self, tmp_path: Path, ids: list[str | None]) -> None:
        rows = [{**row, "id": row_id} for row, row_id in zip(tagged("a/B-PER", "b/O"), ids, strict=True)]
        corpus = load(tmp_path, rows)
        assert corpus.train["id"][:] == load(tmp_path, tagged("a/B-PER", "b/O")).train["id"][:]
        assert "train: the ids of the source are missing or repeated in places; made new ones" in corpus.notes

    def test_text_and_spans(self, tmp_path: Path) -> None:
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

    def test_marks_stay_with_their_letters(self) -> None:
        assert [word.text for word in split_words("हिन्दी में, cafe\u0301 ❤\ufe0f!")] == [
            "हिन्दी",
            "में",
            ",",
            "cafe\u0301",
            "❤\ufe0f",
            "!",
        ]
        assert split_words("a  b")[1] == ("b", 3, 4)

    def test_the_first_line_tells_jsonl_without_a_suffix(self, tmp_path: Path) -> None:
        train = write_rows(tmp_path / "train.txt", tagged("a/B-PER"))
        dev = write(tmp_path / "dev.txt", "{ O\n")
        corpus = load_corpus(DataSection(train=str(train), dev=str(dev)))
        assert corpus.train["tokens"][:] == [["a"]]
        assert corpus.dev["tokens"][:] == [["{"]]

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
            ('{"text": "Paris", "spans": [{"start": 0, "end": 3, "type": "LOC"}]}', "('Par') cuts a word"),
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
    def test_mistakes_are_told_with_file_and_line(self, tmp_path: Path, row: str, message: str) -> None:
        train = write(tmp_path / "train.jsonl", json.dumps(tagged("a/B-PER")[0]) + "\n\n" + row + "\n")
        dev = write(tmp_path / "dev.conll", DEV)
        with pytest.raises(NercError) as error:
            load_corpus(DataSection(train=str(train), dev=str(dev)))
        assert str(error.value).startswith(f"{train}:3: ")
        assert message in str(error.value)


class TestDatasets:
    NAMES = ("O", "B-PER", "I-PER")

    def splits(self, tag_column: str = "ner_tags") -> DatasetDict:
        features = Features(
            {
                "id": Value("string"),
                "tokens": List(Value("string")),
                "pos_tags": List(ClassLabel(names=["NN", "VB"])),
                tag_column: List(ClassLabel(names=list(self.NAMES))),
            }
        )
        train = {"id": ["0", "1", "2"], "tokens": [["Ann", "Lee"], [], ["ran"]], "pos_tags": [[0, 0], [], [1]]}
        dev = {"id": ["0"], "tokens": [["Bo"]], "pos_tags": [[0]], tag_column: [[1]]}
        return DatasetDict(
            train=Dataset.from_dict(train | {tag_column: [[1, 2], [], [0]]}, features=features),
            dev=Dataset.from_dict(dev, features=features),
        )

    def check(self, corpus: Corpus) -> None:
        assert corpus.train.column_names == ["id", "tokens", "ner_tags", "pos_tags"]
        assert corpus.train["id"][:] == ["0", "2"]
        assert corpus.train["ner_tags"][:] == [["B-PER", "I-PER"], ["O"]]
        assert corpus.train["pos_tags"][:] == [["NN", "NN"], ["VB"]]
        assert corpus.dev["ner_tags"][:] == [["B-PER"]]
        assert "train: 1 rows without words left out" in corpus.notes

    @pytest.mark.parametrize("tag_column", ["ner_tags", "tags", "labels"])
    def test_a_saved_folder(self, tmp_path: Path, tag_column: str) -> None:
        self.splits(tag_column).save_to_disk(tmp_path / "saved")
        self.check(load_corpus(DataSection(dataset=str(tmp_path / "saved"), train="train", dev="dev")))

    def test_a_folder_of_parquet_files(self, tmp_path: Path) -> None:
        (tmp_path / "files").mkdir()
        splits = self.splits()
        splits["train"].to_parquet(tmp_path / "files" / "train.parquet")
        splits["dev"].to_parquet(tmp_path / "files" / "validation.parquet")
        self.check(load_corpus(DataSection(dataset=str(tmp_path / "files"), train="train", dev="validation")))
        sliced = load_corpus(DataSection(dataset=str(tmp_path / "files"), train="train[2:]", dev="train[:1]"))
        assert sliced.train["tokens"][:] == [["ran"]]

    def test_an_unknown_split_lists_those_there_are(self, tmp_path: Path) -> None:
        self.splits().save_to_disk(tmp_path / "saved")
        with pytest.raises(NercError, match="no split 'test'; those there are: train, dev"):
            load_corpus(DataSection(dataset=str(tmp_path / "saved"), train="train", dev="test"))
        (tmp_path / "files").mkdir()
        self.splits()["train"].to_parquet(tmp_path / "files" / "train.parquet")
        with pytest.raises(NercError, match=r"split 'dev': .*\['train'\]"):
            load_corpus(DataSection(dataset=str(tmp_path / "files"), train="train", dev="dev"))

    @pytest.mark.parametrize(
        ("columns", "message"),
        [
            ({"words": [["a"]], "ner_tags": [["O"]]}, "columns words, ner_tags; the columns tokens and"),
            ({"tokens": [["a"]], "ner_tags": [[1]]}, "column ner_tags is List"),
            ({"tokens": ["a"], "ner_tags": [["O"]]}, "column tokens is Value"),
            ({"tokens": [["a", "b"]], "ner_tags": [["O"]]}, "row 0: 1 ner_tags for 2 tokens"),
            ({"tokens": [["a"], [None]], "ner_tags": [["O"], ["O"]]}, "row 1: tokens is null or holds a null"),
            ({"tokens": [["a"], ["b"]], "ner_tags": [["O"], ["PER"]]}, "row 1: tag 'PER' is no"),
        ],
    )
    def test_unfit_columns_are_told(self, tmp_path: Path, columns: dict[str, Any], message: str) -> None:
        DatasetDict(train=Dataset.from_dict(columns), dev=self.splits()["dev"]).save_to_disk(tmp_path / "saved")
        with pytest.raises(NercError) as error:
            load_corpus(DataSection(dataset=str(tmp_path / "saved"), train="train", dev="dev"))
        assert message in str(error.value)

    def test_a_label_without_a_name_is_told(self, tmp_path: Path) -> None:
        splits = self.splits()
        unlabelled = Dataset.from_dict({"tokens": [["a"]], "ner_tags": [[-1]]})
        features = Features({name: splits["dev"].features[name] for name in ("tokens", "ner_tags")})
        DatasetDict(train=unlabelled.cast(features), dev=splits["dev"]).save_to_disk(tmp_path / "saved")
        with pytest.raises(NercError, match=r"row 0: ner_tags \[-1\] are not all in 0..2"):
            load_corpus(DataSection(dataset=str(tmp_path / "saved"), train="train", dev="dev"))

    def test_without_a_network_the_way_out_is_told(self, tmp_path: Path) -> None:
        # A process of its own, as the library reads the variable once, when it is imported.
        program = (
            "from nerc_trainer.corpus.load import load_corpus\nfrom nerc_trainer.recipe.sections import DataSection\n"
            "load_corpus(DataSection(dataset='owner/corpus', train='train', dev='dev'))"
        )
        done = subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True,
            text=True,
            check=False,
            env={"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path), "PYTHONPATH": str(Path(__file__).parents[2])},
        )
        assert "NercError: data.dataset = owner/corpus: the Hub cannot be reached" in done.stderr


class TestLlmLabels:
    TRAIN = "Ann B-PER\nran O\n\nit O\n\nit O\n\nDev O\n\nParis B-LOC\n"

    def ids(self, folder: Path) -> list[str]:
        ids: list[str] = load(folder, self.TRAIN, dev="z O\n").train["id"][:]
        return ids

    def test_rows_find_their_sentence_by_id_or_by_tokens(self, tmp_path: Path) -> None:
        ids = self.ids(tmp_path)
        rows: list[dict[str, Any]] = [
            {"tokens": ["it"], "llm_tags": ["B-PER"], "llm_status": "repaired"},
            {"id": ids[0], "llm_spans": [{"start": 0, "end": 2, "type": "PER"}]},
            {"id": ids[4], "tokens": ["Paris"], "llm_status": "rejected: no JSON"},
            {"id": ids[3], "llm_tags": ["O"]},
        ]
        corpus = load(tmp_path, self.TRAIN, llm=rows)
        assert corpus.train["tokens"][:] == [["Ann", "ran"], ["it"], ["it"], ["Paris"]]
        assert corpus.train["llm_tags"][:] == [["B-PER", "I-PER"], ["B-PER"], ["B-PER"], []]
        assert corpus.train["llm_status"][:] == ["ok", "repaired", "repaired", "rejected: no JSON"]
        assert "train: 3 of 4 sentences have LLM labels" in corpus.notes
        assert corpus.train["ner_tags"][0] == ["B-PER", "O"]
        assert "llm_tags" not in corpus.dev.column_names

    def test_rows_for_the_same_words_go_to_the_sentences_in_turn(self, tmp_path: Path) -> None:
        rows = [{"tokens": ["it"], "llm_tags": [tag]} for tag in ("B-PER", "O")]
        corpus = load(tmp_path, self.TRAIN, llm=rows)
        assert corpus.train["llm_tags"][:] == [[], ["B-PER"], ["O"], []]
        assert corpus.train["llm_status"][:] == ["", "ok", "ok", ""]

    def test_stray_tags_are_repaired_and_counted(self, tmp_path: Path) -> None:
        rows = [{"tokens": ["Ann", "ran"], "llm_tags": ["B-PER", "I-LOC"]}]
        corpus = load(tmp_path, self.TRAIN, llm=rows)
        assert corpus.train["llm_tags"][0] == ["B-PER", "B-LOC"]
        assert "train: 1 of 4 sentences have LLM labels, 1 tags repaired" in corpus.notes

    def test_the_fingerprint_tells_other_labels(self, tmp_path: Path) -> None:
        prints = [
            load(tmp_path, self.TRAIN, llm=[{"tokens": ["it"], "llm_tags": [tag]}]).fingerprints
            for tag in ("O", "B-PER")
        ]
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
            ({"tokens": ["it"], "llm_tags": ["O"], "llm_status": None}, "llm_status = None"),
            ({"llm_tags": ["O"]}, "neither id nor tokens"),
            ({"tokens": ["Paris"], "llm_tags": ["O"]}, "train has 1 sentences with the tokens 'Paris'"),
        ],
    )
    def test_mistakes_are_told_with_file_and_line(self, tmp_path: Path, row: dict[str, Any], message: str) -> None:
        with pytest.raises(NercError) as error:
            load(tmp_path, self.TRAIN, llm=[{"tokens": ["Paris"], "llm_tags": ["B-LOC"]}, row])
        assert str(error.value).startswith(f"{tmp_path / 'llm.jsonl'}:2: ")
        assert message in str(error.value)

    def test_an_id_with_other_tokens_or_twice_is_refused(self, tmp_path: Path) -> None:
        first = self.ids(tmp_path)[0]
        with pytest.raises(NercError, match=r"llm.jsonl:1: the tokens 'x y' are not those of sentence .* 'Ann ran'"):
            load(tmp_path, self.TRAIN, llm=[{"id": first, "tokens": ["x", "y"], "llm_tags": ["O", "O"]}])
        with pytest.raises(NercError, match=r"llm.jsonl:2: id .* stands in .*llm.jsonl:1 already"):
            load(tmp_path, self.TRAIN, llm=[{"id": first, "llm_tags": ["O", "O"]}] * 2)


def test_the_loader_imports_no_heavy_library() -> None:
    program = (
        "import sys, nerc_trainer.corpus.load\nprint(sorted({'torch', 'transformers', 'datasets'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
