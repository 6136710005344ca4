"""Analysis of a corpus: counts checked by hand, and totals that agree for any corpus."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from nerc_trainer.corpus.analyze import (
    Columns,
    Entity,
    Frequency,
    LengthCount,
    SurfaceForm,
    analyze,
    analyze_split,
    count_tags,
    describe_lengths,
    find_entities,
    order_by_count,
)
from nerc_trainer.corpus.load import load_corpus
from nerc_trainer.recipe.sections import DataSection

TYPES = ("LOC", "ORG", "PER")


def columns(*sentences: str) -> Columns:
    """Sentences written as ``word/TAG word/TAG``."""
    pairs = [[word.rsplit("/", 1) for word in sentence.split()] for sentence in sentences]
    return {
        "tokens": [[word for word, _ in sentence] for sentence in pairs],
        "ner_tags": [[tag for _, tag in sentence] for sentence in pairs],
    }


# Tags and lengths


def test_tags_are_counted_with_their_share_of_all_tokens() -> None:
    assert count_tags([["NN", "DT", "NN"], ["."]]) == {
        ".": Frequency(1, 0.25),
        "DT": Frequency(1, 0.25),
        "NN": Frequency(2, 0.5),
    }


def test_tags_that_the_split_does_not_have_are_left_out() -> None:
    split = columns("He/O left/O")
    assert list(analyze_split(split, TYPES).tags) == ["ner_tags"]
    with_pos = analyze_split({**split, "pos_tags": [["PRP", "VBD"]]}, TYPES)
    assert list(with_pos.tags) == ["pos_tags", "ner_tags"]
    assert with_pos.tags["pos_tags"] == {"PRP": Frequency(1, 0.5), "VBD": Frequency(1, 0.5)}


def test_sentence_lengths() -> None:
    found = describe_lengths([4, 1, 3, 1])
    assert (found.mean, found.median, found.minimum, found.maximum) == (2.25, 2.0, 1, 4)
    assert found.histogram == [LengthCount(1, 2), LengthCount(3, 1), LengthCount(4, 1)]


def test_percentiles_of_lengths_one_to_one_hundred_and_one() -> None:
    found = describe_lengths(range(1, 102))
    assert found.percentiles == {"p5": 6, "p25": 26, "p75": 76, "p90": 91, "p95": 96, "p99": 100}


def test_percentiles_are_lengths_that_there_are() -> None:
    assert describe_lengths([1] * 94 + [7] * 6).percentiles["p95"] == 7
    assert describe_lengths([1] * 95 + [7] * 5).percentiles["p95"] == 1


def test_names_are_ordered_by_their_count_in_all_splits() -> None:
    train = {"A": Frequency(3, 0.3), "B": Frequency(5, 0.5), "D": Frequency(2, 0.2)}
    dev = {"A": Frequency(3, 0.6), "C": Frequency(2, 0.4)}
    assert order_by_count([train, dev]) == ["A", "B", "C", "D"]


# Entities


def test_entities_are_read_with_their_words() -> None:
    split = columns("New/B-LOC York/I-LOC and/O Ann/B-PER Bo/B-PER", "none/O")
    assert find_entities(split["tokens"], split["ner_tags"]) == [
        [Entity("New York", "LOC", 2), Entity("Ann", "PER", 1), Entity("Bo", "PER", 1)],
        [],
    ]


def test_entities_by_type() -> None:
    found = analyze_split(columns("New/B-LOC York/I-LOC Oslo/B-LOC", "Oslo/B-LOC Ann/B-PER", "no/O"), TYPES)
    assert (found.sentences, found.tokens, found.entities) == (3, 6, 4)
    assert found.sentences_without_entities == Frequency(1, 1 / 3)
    location = found.entity_types["LOC"]
    assert (location.count, location.share, location.distinct_surface_forms) == (3, 0.75, 2)
    assert location.mean_words == 4 / 3
    assert location.most_frequent == [SurfaceForm("Oslo", 2), SurfaceForm("New York", 1)]
    assert found.entity_types["PER"].most_frequent == [SurfaceForm("Ann", 1)]


def test_a_type_that_the_split_does_not_have_is_listed_with_zero() -> None:
    organization = analyze_split(columns("Oslo/B-LOC"), TYPES).entity_types["ORG"]
    assert (organization.count, organization.share, organization.mean_words) == (0, 0.0, None)
    assert organization.most_frequent == []


def test_a_split_without_entities() -> None:
    found = analyze_split(columns("no/O one/O"), TYPES, train_forms={"Oslo"})
    assert found.entities == 0
    assert found.sentences_without_entities == Frequency(1, 1.0)
    assert found.unseen_entities == Frequency(0, 0.0)
    assert found.ambiguous == Frequency(0, 0.0)


def test_a_split_that_is_labelled_in_part() -> None:
    labelled = columns("Oslo/B-LOC is/O", "no/O")
    part = {"tokens": [*labelled["tokens"], ["Oslo", "too"]], "ner_tags": [*labelled["ner_tags"], []]}
    found = analyze_split(part, TYPES)
    assert (found.sentences, found.unlabelled, found.tokens, found.entities) == (3, 1, 5, 1)
    assert found.sentences_without_entities == Frequency(1, 0.5)
    assert found.tags["ner_tags"] == {"B-LOC": Frequency(1, 1 / 3), "O": Frequency(2, 2 / 3)}
    assert found.most_ambiguous == []


def test_equally_frequent_surface_forms_stand_in_the_order_of_the_alphabet() -> None:
    found = analyze_split(columns("Rome/B-LOC", "Bonn/B-LOC", "Oslo/B-LOC"), TYPES)
    assert [form.surface_form for form in found.entity_types["LOC"].most_frequent] == ["Bonn", "Oslo", "Rome"]


def test_unseen_entities_are_those_whose_surface_form_train_never_shows() -> None:
    dev = columns("Oslo/B-ORG", "oslo/B-LOC", "New/B-LOC York/I-LOC", "New/B-LOC")
    found = analyze_split(dev, TYPES, train_forms={"Oslo", "New York"})
    # Another type does not make a form unseen; another case does, and a part of a form is another form.
    assert found.unseen_entities == Frequency(2, 0.5)
    assert found.entity_types["LOC"].unseen == Frequency(2, 2 / 3)
    assert found.entity_types["ORG"].unseen == Frequency(0, 0.0)
    assert analyze_split(dev, TYPES).unseen_entities is None


# Ambiguity


def test_a_form_of_several_types_is_ambiguous() -> None:
    found = analyze_split(columns("Jordan/B-LOC", "Jordan/B-PER", "Jordan/B-LOC", "Oslo/B-LOC"), TYPES)
    assert found.ambiguous == Frequency(1, 0.5)
    (jordan,) = found.most_ambiguous
    assert jordan.readings == {"LOC": 2, "PER": 1}
    assert (jordan.occurrences, jordan.minority) == (3, 1)


def test_a_form_that_stands_outside_of_entities_is_ambiguous() -> None:
    found = analyze_split(
        columns("May/B-PER left/O", "in/O May/O and/O May/O", "The/B-ORG May/I-ORG Group/I-ORG"), TYPES
    )
    (may,) = found.most_ambiguous
    # Inside of a longer entity it is neither an entity of its own nor outside of one.
    assert (may.surface_form, may.readings) == ("May", {"O": 2, "PER": 1})
    assert may.minority == 1


def test_forms_of_several_words_are_looked_for_outside_of_entities() -> None:
    found = analyze_split(
        columns("World/B-ORG Cup/I-ORG", "the/O World/O Cup/O", "World/O Cup/B-PER", "a/O World/O"), TYPES
    )
    # "Cup" is an entity of its own in the third sentence, where "World Cup" is then neither in nor out.
    assert {form.surface_form: form.readings for form in found.most_ambiguous} == {
        "Cup": {"O": 1, "PER": 1},
        "World Cup": {"O": 1, "ORG": 1},
    }


def test_the_largest_minority_comes_first() -> None:
    rare = ["Po/B-LOC", *["Po/B-PER"] * 9]
    even = ["Ny/B-LOC", "Ny/B-LOC", "Ny/B-PER", "Ny/B-PER"]
    found = analyze_split(columns(*rare, *even), TYPES)
    assert [(form.surface_form, form.minority) for form in found.most_ambiguous] == [("Ny", 2), ("Po", 1)]


# Any corpus

sentences = st.lists(
    st.tuples(
        st.sampled_from("abc"), st.sampled_from(["O", "O", *(f"{prefix}-{name}" for prefix in "BI" for name in TYPES)])
    ),
    min_size=1,
    max_size=8,
)
splits = st.lists(sentences, min_size=1, max_size=8)


def split_of(drawn: Sequence[Sequence[tuple[str, str]]]) -> Columns:
    return {
        "tokens": [[word for word, _ in sentence] for sentence in drawn],
        "ner_tags": [[tag for _, tag in sentence] for sentence in drawn],
    }


@given(splits, splits)
def test_totals_agree(train: list[list[tuple[str, str]]], dev: list[list[tuple[str, str]]]) -> None:
    train_columns = split_of(train)
    forms = {
        entity.surface_form
        for sentence in find_entities(train_columns["tokens"], train_columns["ner_tags"])
        for entity in sentence
    }
    found = analyze_split(split_of(dev), TYPES, forms)
    by_type = found.entity_types.values()
    assert sum(tag.count for tag in found.tags["ner_tags"].values()) == found.tokens
    assert math.isclose(sum(tag.share for tag in found.tags["ner_tags"].values()), 1)
    assert sum(bin_.sentences for bin_ in found.sentence_lengths.histogram) == found.sentences
    assert sum(bin_.words * bin_.sentences for bin_ in found.sentence_lengths.histogram) == found.tokens
    assert sum(type_.count for type_ in by_type) == found.entities
    assert sum(form.count for type_ in by_type for form in type_.most_frequent) == found.entities
    assert all(len(type_.most_frequent) == type_.distinct_surface_forms for type_ in by_type)
    words_in_entities = sum(round(type_.count * type_.mean_words) for type_ in by_type if type_.mean_words is not None)
    outside = found.tags["ner_tags"].get("O", Frequency(0, 0.0)).count
    assert words_in_entities + outside == found.tokens
    assert found.unseen_entities is not None
    assert found.unseen_entities.count == sum(type_.unseen.count for type_ in by_type if type_.unseen is not None)
    for form in found.most_ambiguous:
        assert len(form.readings) > 1
        assert sum(form.readings.values()) == form.occurrences
        assert form.minority == form.occurrences - max(form.readings.values()) >= 1


@given(splits)
def test_nothing_is_unseen_in_train_itself(train: list[list[tuple[str, str]]]) -> None:
    split = split_of(train)
    forms = {e.surface_form for sentence in find_entities(split["tokens"], split["ner_tags"]) for e in sentence}
    found = analyze_split(split, TYPES, forms)
    assert found.unseen_entities == Frequency(0, 0.0)


# A loaded corpus


def test_a_loaded_corpus(tmp_path: Path) -> None:
    (tmp_path / "train.conll").write_text("Ann NNP B-PER\nleft VBD O\n\nAnn NNP B-PER\nleft VBD O\n\nBo NNP B-PER\n")
    (tmp_path / "dev.conll").write_text("Bo NNP B-PER\n\nCy NNP B-PER\n")
    data = DataSection(
        train=str(tmp_path / "train.conll"),
        dev=str(tmp_path / "dev.conll"),
        columns=["tokens", "pos_tags", "ner_tags"],
    )
    corpus = load_corpus(data)
    found = analyze(corpus)
    assert found.version == 1
    assert list(found.splits) == ["train", "dev"]
    assert found.duplicates == corpus.duplicates == {"train": 1, "dev": 0, "train/dev": 1}
    # Bo stands in dev too, is left out of train, and so train never shows it.
    assert found.splits["train"].sentences == 2
    assert found.splits["train"].tags["pos_tags"] == {"NNP": Frequency(2, 0.5), "VBD": Frequency(2, 0.5)}
    assert found.splits["train"].unseen_entities is None
    assert found.splits["dev"].unseen_entities == Frequency(2, 1.0)
