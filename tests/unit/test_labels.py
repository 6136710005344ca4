"""Tags and spans: every scheme round-trips, messy tags read as conlleval (seqeval's default) reads them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from seqeval.metrics.sequence_labeling import get_entities

from nerc_trainer.corpus.labels import (
    LabelSet,
    Scheme,
    Span,
    describe_unknown_type,
    detect_scheme,
    parse_tag,
    spans_to_tags,
    tags_to_spans,
    to_bio,
)
from nerc_trainer.errors import NercError

TYPES = ("PER", "LOC", "creative-work")
SCHEMES: tuple[Scheme, ...] = ("bio", "iob1", "bioes")


@st.composite
def sentences(draw: st.DrawFn) -> tuple[list[Span], int]:
    """Sorted spans, often touching each other, and the length of the sentence that holds them."""
    spans, position = [], 0
    for gap, length, type_ in draw(
        st.lists(st.tuples(st.integers(0, 2), st.integers(1, 4), st.sampled_from(TYPES)), max_size=6)
    ):
        spans.append(Span(position + gap, position + gap + length, type_))
        position += gap + length
    return spans, position + draw(st.integers(0, 2))


def tag_lists(prefixes: str) -> st.SearchStrategy[list[str]]:
    tags = ["O", *(f"{prefix}-{type_}" for prefix in prefixes for type_ in TYPES)]
    return st.lists(st.sampled_from(tags), max_size=12)


@pytest.mark.parametrize("scheme", SCHEMES)
@given(sentence=sentences())
def test_spans_round_trip_in_every_scheme(scheme: Scheme, sentence: tuple[list[Span], int]) -> None:
    spans, length = sentence
    tags = spans_to_tags(spans, length, scheme)
    assert tags_to_spans(tags, scheme) == spans
    assert to_bio(tags, scheme) == (spans_to_tags(spans, length), 0)


@given(sentence=sentences())
def test_bilou_is_bioes_with_other_letters(sentence: tuple[list[Span], int]) -> None:
    spans, length = sentence
    tags = [tag.replace("E-", "L-").replace("S-", "U-") for tag in spans_to_tags(spans, length, "bioes")]
    assert tags_to_spans(tags, "bioes") == spans
    assert to_bio(tags, "bioes")[1] == 0


@given(tags=tag_lists("BIES"))
def test_malformed_tags_are_read_as_conlleval_reads_them(tags: list[str]) -> None:
    expected = [Span(start, last + 1, type_) for type_, start, last in get_entities(tags)]
    assert tags_to_spans(tags, "bioes") == expected


@given(tags=tag_lists("BI"))
def test_a_wrong_guess_of_the_scheme_changes_no_entity(tags: list[str]) -> None:
    assert tags_to_spans(tags, "bio") == tags_to_spans(tags, "iob1") == tags_to_spans(tags, "bioes")


@given(sentence=sentences())
def test_the_order_of_spans_does_not_matter(sentence: tuple[list[Span], int]) -> None:
    spans, length = sentence
    assert spans_to_tags(spans[::-1], length) == spans_to_tags(spans, length)


def test_each_scheme_is_written_as_defined() -> None:
    spans = [Span(0, 2, "PER"), Span(2, 3, "PER"), Span(3, 4, "LOC")]
    assert spans_to_tags(spans, 5) == ["B-PER", "I-PER", "B-PER", "B-LOC", "O"]
    assert spans_to_tags(spans, 5, "iob1") == ["I-PER", "I-PER", "B-PER", "I-LOC", "O"]
    assert spans_to_tags(spans, 5, "bioes") == ["B-PER", "E-PER", "S-PER", "S-LOC", "O"]


@pytest.mark.parametrize(
    ("span", "message"),
    [
        (Span(2, 2, "PER"), "empty or out of range"),
        (Span(3, 5, "PER"), "out of range in a sentence of 4 words"),
        (Span(-1, 1, "PER"), "out of range"),
        (Span(1, 3, "LOC"), "overlap words 0:2 'PER'"),
        (Span(2, 3, ""), "without a type"),
    ],
)
def test_impossible_spans_are_refused(span: Span, message: str) -> None:
    with pytest.raises(NercError, match=message):
        spans_to_tags([Span(0, 2, "PER"), span], 4)


@pytest.mark.parametrize(
    ("sequences", "scheme"),
    [
        ([["O", "O"]], "bio"),
        ([], "bio"),
        ([["B-PER", "I-PER"], ["B-PER", "B-PER"]], "bio"),
        ([["I-PER", "B-PER"], ["O", "I-LOC"]], "iob1"),
        ([["I-PER", "I-LOC"]], "iob1"),
        # One stray I- in well-formed BIO is a mistake, not another scheme.
        ([["B-PER", "I-PER"], ["B-LOC", "O"], ["O", "I-LOC"]], "bio"),
        ([["B-PER", "O"], ["I-LOC", "O"]], "bio"),
        # The first sentences do not decide: BIOES shows only where an entity ends.
        ([["O"], ["B-PER", "I-PER", "E-PER"]], "bioes"),
        ([["B-PER", "L-PER", "U-LOC"]], "bioes"),
    ],
)
def test_the_scheme_is_read_off_all_sentences(sequences: list[list[str]], scheme: Scheme) -> None:
    assert detect_scheme(sequences) == scheme


@given(corpus=st.lists(sentences(), min_size=1, max_size=4), scheme=st.sampled_from(SCHEMES))
def test_well_formed_tags_show_their_scheme(corpus: list[tuple[list[Span], int]], scheme: Scheme) -> None:
    detected = detect_scheme(spans_to_tags(spans, length, scheme) for spans, length in corpus)
    assert detected == (scheme if any(spans for spans, _ in corpus) else "bio")


@pytest.mark.parametrize(
    ("tags", "scheme", "bio", "repaired"),
    [
        (["O", "I-PER", "I-PER"], "bio", ["O", "B-PER", "I-PER"], 1),
        (["B-PER", "I-LOC"], "bio", ["B-PER", "B-LOC"], 1),
        (["B-PER", "O", "B-PER"], "iob1", ["B-PER", "O", "B-PER"], 2),
        (["E-PER", "O", "B-LOC"], "bioes", ["B-PER", "O", "B-LOC"], 2),
        (["B-LOC", "I-LOC", "O"], "bioes", ["B-LOC", "I-LOC", "O"], 1),
    ],
)
def test_repairs_are_counted(tags: list[str], scheme: Scheme, bio: list[str], repaired: int) -> None:
    assert to_bio(tags, scheme) == (bio, repaired)


@pytest.mark.parametrize("tag", ["PER", "B-", "B", "", "o", "X-PER", "b-PER", "-X-"])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_unknown_tags_are_refused(tag: str, scheme: Scheme) -> None:
    with pytest.raises(NercError, match=f"tag {tag!r} is no {scheme.upper()} tag"):
        parse_tag(tag, scheme)


def test_prefixes_belong_to_their_scheme() -> None:
    assert parse_tag("L-creative-work", "bioes") == ("E", "creative-work")
    with pytest.raises(NercError, match=r"B-TYPE, I-TYPE$"):
        parse_tag("E-PER", "bio")


def test_the_label_set_is_the_same_for_every_order_of_types() -> None:
    labels = LabelSet.from_types(["PER", "LOC", "PER"])
    assert labels == LabelSet.from_types(["LOC", "PER"])
    assert labels.tags == ("O", "B-LOC", "I-LOC", "B-PER", "I-PER")
    assert labels.tag_ids["I-PER"] == 4
    with pytest.raises(ValueError, match="sorted"):
        LabelSet(("PER", "LOC"))


@given(st.lists(st.sampled_from(LabelSet.from_types(TYPES).tags)))
def test_tags_and_ids_round_trip(tags: list[str]) -> None:
    labels = LabelSet.from_types(TYPES)
    assert labels.decode(labels.encode(tags)) == tags


def test_tags_and_ids_outside_the_set_are_refused() -> None:
    labels = LabelSet.from_types(["PER", "LOC"])
    with pytest.raises(NercError, match="tag 'B-PRE': unknown entity type 'PRE'; did you mean 'PER'"):
        labels.encode(["O", "B-PRE"])
    for index in (-100, -1, 5):
        with pytest.raises(ValueError, match=f"tag id {index} is not in 0..4"):
            labels.decode([0, index])


def test_an_unknown_type_is_told_with_the_nearest_one() -> None:
    assert describe_unknown_type("person", ["LOC", "Person"]) == "unknown entity type 'person'; did you mean 'Person'?"
    assert describe_unknown_type("XYZ", ["LOC", "PER"]) == "unknown entity type 'XYZ'; the types are LOC, PER"
