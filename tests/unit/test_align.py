"""Entities of a repeated sentence, and of quoted names, carried over to the sentence."""

from __future__ import annotations

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from nerc_trainer.annotation.align import Alignment, Echo, Mention, align_echo
from nerc_trainer.annotation.mentions import place_mentions
from nerc_trainer.corpus.labels import Span, spans_to_tags, tags_to_spans

TRUSTED = {"exact", "case"}
quick = settings(deadline=None, derandomize=True, max_examples=400)

# Few words of few letters: the more a sentence repeats itself, the more places there are to be wrong about.
few_words = st.sampled_from(["a", "b", "ab", "ba", "aab", "New", "York", "new", "the", ",", "Straße", "Σας"])
any_words = st.text(min_size=1, max_size=6).map(lambda text: "".join(text.split())).filter(bool)
foreign_words = st.sampled_from(["9", "77", "9-7"])  # share no character with the few


@st.composite
def labelled(draw: st.DrawFn, words: st.SearchStrategy[str] = few_words) -> tuple[list[str], list[str]]:
    """The words of a sentence and their well-formed tags."""
    sentence = draw(st.lists(words, min_size=1, max_size=9))
    tags = draw(st.lists(st.sampled_from(["O", "B-A", "I-A", "B-B"]), min_size=len(sentence), max_size=len(sentence)))
    return sentence, spans_to_tags(tags_to_spans(tags), len(sentence))


def said(words: list[str], tags: list[str]) -> Echo:
    return Echo(tuple(words), tuple(tags_to_spans(tags)))


def trusted_spans(alignment: Alignment) -> set[Span]:
    return {placed.span for placed in alignment.placed if placed.span is not None and placed.status in TRUSTED}


@given(labelled(any_words))
@quick
def test_a_true_echo_gives_the_spans_back(sentence: tuple[list[str], list[str]]) -> None:
    words, tags = sentence
    alignment = align_echo(words, said(words, tags))
    assert [placed.span for placed in alignment.placed] == tags_to_spans(tags)
    assert {placed.status for placed in alignment.placed} <= {"exact"}
    assert alignment.uncovered == alignment.difference == 0


@given(labelled(), st.lists(st.sampled_from(["case", "split"]), min_size=1, max_size=6), st.data())
@quick
def test_case_and_splits_shift_nothing(
    sentence: tuple[list[str], list[str]], changes: list[str], data: st.DataObject
) -> None:
    words, tags = sentence
    echo_words, echo_tags = list(words), list(tags)
    for change in changes:
        at = data.draw(st.integers(0, len(echo_words) - 1))
        if change == "case":
            echo_words[at] = echo_words[at].swapcase()
        else:
            _split(echo_words, echo_tags, at, data.draw(st.integers(1, 3)))
    alignment = align_echo(words, said(echo_words, echo_tags))
    assert [placed.span for placed in alignment.placed] == tags_to_spans(tags)
    assert {placed.status for placed in alignment.placed} <= TRUSTED


@given(labelled(), st.lists(st.integers(0, 8), min_size=1, max_size=4))
@quick
def test_joined_words_shift_nothing_without_saying_so(sentence: tuple[list[str], list[str]], places: list[int]) -> None:
    words, tags = sentence
    echo_words, echo_tags = list(words), list(tags)
    for at in places:
        if at + 1 < len(echo_words):
            echo_words[at : at + 2] = [echo_words[at] + echo_words[at + 1]]
            del echo_tags[at + 1]
    assert trusted_spans(align_echo(words, said(echo_words, echo_tags))) <= set(tags_to_spans(tags))


def _split(words: list[str], tags: list[str], at: int, cut: int) -> None:
    word, tag = words[at], tags[at]
    if 0 < cut < len(word):
        words[at : at + 1] = [word[:cut], word[cut:]]
        tags[at : at + 1] = [tag, tag.replace("B-", "I-")]


@given(
    labelled(),
    st.lists(st.sampled_from(["delete", "case", "split"]), min_size=1, max_size=4),
    st.data(),
)
@example((["x", "A", "A", "A", "y"], ["B-A", "I-A", "I-A", "O", "O"]), ["delete"], None)
@quick
def test_words_left_out_shift_nothing_without_saying_so(
    sentence: tuple[list[str], list[str]], changes: list[str], data: st.DataObject | None
) -> None:
    _check_changed_echo(sentence, changes, few_words, data)


@given(
    labelled(),
    st.lists(st.sampled_from(["insert", "continue", "case", "split"]), min_size=1, max_size=4),
    st.data(),
)
@quick
def test_words_put_in_shift_nothing_without_saying_so(
    sentence: tuple[list[str], list[str]], changes: list[str], data: st.DataObject
) -> None:
    """Words of the sentence itself are put in, too."""
    _check_changed_echo(sentence, changes, few_words, data)


@given(
    labelled(),
    st.lists(st.sampled_from(["insert", "continue", "delete", "case", "split"]), min_size=2, max_size=6),
    st.data(),
)
@quick
def test_all_changes_together_shift_nothing_without_saying_so(
    sentence: tuple[list[str], list[str]], changes: list[str], data: st.DataObject
) -> None:
    """What is put in differs from what is left out, or the echo could be the sentence itself with other labels."""
    _check_changed_echo(sentence, changes, foreign_words, data)


def _check_changed_echo(
    sentence: tuple[list[str], list[str]],
    changes: list[str],
    put_in: st.SearchStrategy[str],
    data: st.DataObject | None,
) -> None:
    words, tags = sentence
    echo_words, echo_tags = list(words), list(tags)
    for change in changes:
        assume(echo_words)
        # The example has no data: it changes the second word.
        at = data.draw(st.integers(0, len(echo_words) - 1)) if data else 1
        if change == "delete":
            del echo_words[at], echo_tags[at]
        elif change == "case":
            echo_words[at] = echo_words[at].swapcase()
        elif change == "split" and data:
            _split(echo_words, echo_tags, at, data.draw(st.integers(1, 3)))
        elif data:
            echo_words.insert(at, data.draw(put_in))
            echo_tags.insert(at, "O" if change == "insert" else echo_tags[at])
    assert trusted_spans(align_echo(words, said(echo_words, echo_tags))) <= set(tags_to_spans(tags))


def place(words: str, echo: str, start: int, end: int) -> tuple[tuple[int, int] | None, str]:
    """Where one entity, words ``start`` to ``end`` of an echo, is placed."""
    (placed,) = align_echo(words.split(), Echo(tuple(echo.split()), (Span(start, end, "A"),))).placed
    return placed.span and placed.span[:2], placed.status


@pytest.mark.parametrize(
    ("words", "echo", "span", "placed"),
    [
        ("Bob left New York .", "Bob left New York .", (2, 4), ((2, 4), "exact")),
        ("Bob left New York .", "Bob left NewYork .", (2, 3), ((2, 4), "fuzzy")),
        ("Bob left New York .", "bob left new york.", (2, 4), ((2, 5), "fuzzy")),
        ("Bob left New York .", "bob left new york .", (2, 4), ((2, 4), "case")),
        ("Bob left New-York .", "Bob left New - York .", (2, 5), ((2, 3), "exact")),
        # Part of a word stands for the word.
        ("the EU-backed plan", "the EU -backed plan", (1, 2), ((1, 2), "fuzzy")),
        # A word that was left out far away leaves the place certain, one beside the entity does not.
        ("so Bob left New York today , he said", "so Bob left New York today , said", (3, 5), ((3, 5), "exact")),
        ("so Bob left New York today , he said", "so Bob left New York , he said", (3, 5), ((3, 5), "moved")),
        # Nothing tells which "and" was left out, so York may be either.
        ("York and York and York", "York and York", (0, 1), ((0, 1), "moved")),
        ("He met Jon Smith there", "He met John Smith there", (2, 4), ((2, 4), "fuzzy")),
        ("He met Jon Smith there", "He met Jon Smith there in Paris", (6, 7), (None, "not_found")),
    ],
)
def test_statuses(words: str, echo: str, span: tuple[int, int], placed: tuple[tuple[int, int] | None, str]) -> None:
    assert place(words, echo, *span) == placed


def test_words_left_out_are_counted() -> None:
    alignment = align_echo(["one", "two", "three", "four"], Echo(("one", "Two", "four"), ()))
    assert alignment.uncovered == 1
    assert alignment.difference == pytest.approx(5 / 15)


def test_an_echo_of_another_length_costs_nothing() -> None:
    alignment = align_echo(["word"] * 50, Echo(tuple(["word"] * 200_000), (Span(0, 1, "A"),)))
    assert alignment == Alignment((), 50, 1.0)


def mention(text: str, *mentions: Mention) -> list[tuple[tuple[int, int] | None, str]]:
    alignment = place_mentions(text.split(), mentions)
    return [(placed.span and placed.span[:2], placed.status) for placed in alignment.placed]


SENTENCE = "In New York , York said EU-backed Germans left the York of Müller"


@pytest.mark.parametrize(
    ("said", "placed"),
    [
        (Mention("Müller", "A"), [((12, 13), "exact")]),
        (Mention("NewYork", "A"), [((1, 3), "exact")]),
        (Mention("new york", "A"), [((1, 3), "case")]),
        (Mention("EU", "A"), [((6, 7), "fuzzy")]),
        (Mention("German", "A"), [((7, 8), "fuzzy")]),
        (Mention("Muller", "A"), [((12, 13), "fuzzy")]),
        (Mention("art", "A"), [(None, "not_found")]),
        (Mention("", "A"), [(None, "not_found")]),
        (Mention("York", "A", index=4), [((4, 5), "exact")]),
        (Mention("york", "A", index=10), [((10, 11), "case")]),
        (Mention("York", "A", index=9), [((10, 11), "moved")]),
        (Mention("1:New 2:York", "A", index=1), [((1, 3), "fuzzy")]),
        (Mention("Paris", "A", index=4), [(None, "not_found")]),
        (Mention("York", "A", occurrence=1), [((2, 3), "exact")]),
        (Mention("York", "A", occurrence=3), [((10, 11), "exact")]),
        (Mention("York", "A", occurrence=4), [((10, 11), "moved")]),
        (Mention("York", "A", occurrence=0), [((2, 3), "moved")]),
    ],
)
def test_one_mention(said: Mention, placed: list[tuple[tuple[int, int] | None, str]]) -> None:
    assert mention(SENTENCE, said) == placed


def test_mentions_take_their_occurrences_in_turn() -> None:
    york = Mention("York", "A")
    assert mention("York beat York", york, york) == [((0, 1), "exact"), ((2, 3), "exact")]
    # The one mention means both, and nobody said so.
    assert mention("York beat York", york) == [((0, 1), "moved"), ((2, 3), "moved")]
    assert mention("York won", york, york) == [((0, 1), "exact"), (None, "not_found")]


def test_a_name_is_not_looked_for_in_a_longer_one() -> None:
    both = Mention("York", "A"), Mention("New York", "A")
    assert mention("New York beat York", *both) == [((3, 4), "exact"), ((0, 2), "exact")]


@given(st.lists(few_words, min_size=1, max_size=12), st.data())
@quick
def test_a_numbered_mention_is_trusted_only_where_its_text_stands(words: list[str], data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(words) - 1))
    end = data.draw(st.integers(start + 1, len(words)))
    index = data.draw(st.integers(-2, len(words) + 1))
    (placed,) = place_mentions(words, [Mention(" ".join(words[start:end]), "A", index=index)]).placed
    assert placed.span is not None
    assert "".join(words[placed.span.start : placed.span.end]).casefold() == "".join(words[start:end]).casefold()
    assert (placed.status in TRUSTED) == (placed.span.start == index)
    if index == start:
        assert placed.span == Span(start, end, "A")
