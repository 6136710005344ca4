"""The sample corpus: the committed files are what the generator makes, well formed, and hard enough to learn from."""

from __future__ import annotations

import importlib.util
import itertools
import subprocess
import sys
from collections import Counter, defaultdict
from pathlib import Path
from types import ModuleType

import pytest

SAMPLE = Path(__file__).parents[2] / "recipes" / "sample"
SIZES = {"train": 1500, "dev": 400, "test": 400}
HELD_OUT = ("dev", "test")
TYPES = {"PER", "ORG", "LOC", "MISC"}
CHUNKS = {"NP", "VP", "PP", "ADJP", "ADVP", "SBAR", "PRT"}
PENN_TAGS = """
CC CD DT EX FW IN JJ JJR JJS LS MD NN NNS NNP NNPS PDT POS PRP PRP$ RB RBR RBS RP SYM TO UH VB VBD VBG VBN VBP VBZ WDT
WP WP$ WRB # $ '' `` ( ) , . :
"""

Row = tuple[str, ...]
Mention = tuple[str, str]


@pytest.fixture(scope="module")
def corpus() -> dict[str, list[list[Row]]]:
    return {split: read(SAMPLE / f"{split}.conll") for split in SIZES}


@pytest.fixture(scope="module")
def make_corpus() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_corpus", SAMPLE / "make_corpus.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def read(path: Path) -> list[list[Row]]:
    blocks = path.read_text(encoding="utf-8").split("\n\n")
    assert blocks.pop() == ""
    return [[tuple(line.split(" ")) for line in block.split("\n")] for block in blocks]


def tokens(sentence: list[Row]) -> tuple[str, ...]:
    return tuple(row[0] for row in sentence)


def mentions(sentence: list[Row]) -> list[Mention]:
    """Return (type, lower-cased surface form) of every mention."""
    found: list[tuple[str, list[str]]] = []
    for token, _, _, tag in sentence:
        if tag.startswith("B-"):
            found.append((tag[2:], [token.lower()]))
        elif tag.startswith("I-"):
            found[-1][1].append(token.lower())
    return [(kind, " ".join(words)) for kind, words in found]


def mentions_of(sentences: list[list[Row]]) -> list[Mention]:
    return [mention for sentence in sentences for mention in mentions(sentence)]


def test_generating_again_gives_the_committed_files(tmp_path: Path) -> None:
    # A new process with another hash seed: an order taken from a set would show.
    subprocess.run(
        [sys.executable, str(SAMPLE / "make_corpus.py"), "--out", str(tmp_path)],
        check=True,
        env={"PYTHONHASHSEED": "7"},
    )
    for split in SIZES:
        assert (tmp_path / f"{split}.conll").read_bytes() == (SAMPLE / f"{split}.conll").read_bytes(), split


@pytest.mark.parametrize("split", SIZES)
def test_columns_and_tags_are_well_formed(corpus: dict[str, list[list[Row]]], split: str) -> None:
    penn_tags = set(PENN_TAGS.split())
    assert len(corpus[split]) == SIZES[split]
    for sentence in corpus[split]:
        assert 3 <= len(sentence) <= 45
        for row in sentence:
            assert len(row) == 4, row
            assert all(row), row
            assert row[1] in penn_tags, row
        for column, kinds in ((2, CHUNKS), (3, TYPES)):
            tags = ["O", *(row[column] for row in sentence)]
            for before, tag in itertools.pairwise(tags):
                prefix, _, kind = tag.partition("-")
                assert tag == "O" or (prefix in "BI" and kind in kinds), sentence
                assert prefix != "I" or before[2:] == kind, sentence


def test_no_sentence_stands_in_two_splits_or_twice_in_one(corpus: dict[str, list[list[Row]]]) -> None:
    counts = Counter(tokens(sentence) for sentences in corpus.values() for sentence in sentences)
    assert [sentence for sentence, count in counts.items() if count > 1] == []


def test_splits_stay_apart_under_other_seeds(make_corpus: ModuleType, corpus: dict[str, list[list[Row]]]) -> None:
    other_train = {sentence.tokens for sentence in make_corpus.generate("train", 4000, seed=99)}
    assert len(other_train) == 4000
    for split in HELD_OUT:
        assert other_train.isdisjoint(tokens(sentence) for sentence in corpus[split])


@pytest.mark.parametrize("split", HELD_OUT)
def test_most_mentions_of_dev_and_test_are_unseen_in_train(corpus: dict[str, list[list[Row]]], split: str) -> None:
    seen = {form for _, form in mentions_of(corpus["train"])}
    forms = [form for _, form in mentions_of(corpus[split])]
    assert 0.55 <= sum(form not in seen for form in forms) / len(forms) <= 0.80


@pytest.mark.parametrize("split", SIZES)
def test_every_type_and_sentences_without_names_have_their_share(
    corpus: dict[str, list[list[Row]]], split: str
) -> None:
    counts = Counter(kind for kind, _ in mentions_of(corpus[split]))
    assert set(counts) == TYPES
    assert min(counts.values()) >= 0.10 * counts.total()
    without = sum(not mentions(sentence) for sentence in corpus[split])
    assert 0.15 <= without / SIZES[split] <= 0.27


@pytest.mark.parametrize(("split", "at_least"), [("train", 100), ("dev", 20), ("test", 20)])
def test_surface_forms_are_ambiguous(corpus: dict[str, list[list[Row]]], split: str, at_least: int) -> None:
    types_of: dict[str, set[str]] = defaultdict(set)
    for kind, form in mentions_of(corpus[split]):
        types_of[form].add(kind)
    assert sum(len(kinds) > 1 for kinds in types_of.values()) >= at_least


def test_train_is_heavier_with_results_than_dev(corpus: dict[str, list[list[Row]]]) -> None:
    def share_of_verbless(split: str) -> float:
        verbless = [all(not row[1].startswith("VB") for row in sentence) for sentence in corpus[split]]
        return sum(verbless) / len(verbless)

    assert share_of_verbless("train") > 1.3 * share_of_verbless("dev")


def test_every_template_can_be_expanded(make_corpus: ModuleType) -> None:
    """A mistyped symbol or an echo of nothing would raise on the first expansion of its template."""
    for split in SIZES:
        grammar = make_corpus.Grammar(split)
        slots = [
            slot
            for rule in (*grammar.rules.values(), *grammar.templates.values())
            for items in rule.alternatives
            for slot in items
            if isinstance(slot, make_corpus.Slot)
        ]
        known = grammar.rules.keys() | grammar.names.keys() | {"clause", "initials"}
        assert {slot.symbol for slot in slots} <= known
    assert sum(1 for _ in make_corpus.generate("train", 5000, seed=1)) == 5000


def test_unknown_split_is_named(make_corpus: ModuleType) -> None:
    with pytest.raises(ValueError, match=r"'valid'.*train, dev, test"):
        next(make_corpus.generate("valid", 1, seed=1))
