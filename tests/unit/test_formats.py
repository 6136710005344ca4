"""How the five formats show a sentence, and what their ideal answers look like."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from nerc_trainer.annotation.formats import FORMATS, Format, answer_schema, check_fields, show_words, write_answer
from nerc_trainer.corpus.labels import Span

WORDS = ("Müller", "of", "York", "left", "New", "York")
SPANS = (Span(4, 6, "LOC"), Span(0, 1, "PER"), Span(2, 3, "LOC"))
TYPES = ("LOC", "PER")


@pytest.mark.parametrize(
    ("format", "fields", "answer"),
    [
        (
            "tokens_tags",
            ("tokens", "ner_tags"),
            '{"tokens":["Müller","of","York","left","New","York"],'
            '"ner_tags":["B-PER","O","B-LOC","O","B-LOC","I-LOC"]}',
        ),
        ("tokens_tags", ("ner_tags",), '{"ner_tags":["B-PER","O","B-LOC","O","B-LOC","I-LOC"]}'),
        (
            "index_spans",
            (),
            '{"entities":[{"index":0,"text":"Müller","type":"PER"},{"index":2,"text":"York","type":"LOC"},'
            '{"index":4,"text":"New York","type":"LOC"}]}',
        ),
        (
            "text_spans",
            ("occurrence",),
            '{"entities":[{"text":"Müller","type":"PER","occurrence":1},{"text":"York","type":"LOC","occurrence":1},'
            '{"text":"New York","type":"LOC","occurrence":1}]}',
        ),
        ("inline", (), "<PER>Müller</PER> of <LOC>York</LOC> left <LOC>New York</LOC>"),
        ("one_type", (), "Müller of @@York## left @@New York##"),
    ],
)
def test_ideal_answers(format: Format, fields: Sequence[str], answer: str) -> None:
    assert write_answer(format, WORDS, SPANS, fields, type_="LOC") == answer


def test_occurrences_count_whole_words_only() -> None:
    words = ("Yorkshire", "York", "York")
    answer = json.loads(write_answer("text_spans", words, [Span(2, 3, "LOC")], ("occurrence",)))
    assert answer["entities"][0]["occurrence"] == 2


def test_all_four_lists_of_tags_have_a_set_order() -> None:
    fields = ("ner_tags", "chunk_tags", "pos_tags", "tokens")
    answer = write_answer("tokens_tags", ["A"], [], fields, pos_tags=["DT"], chunk_tags=["B-NP"])
    assert answer == '{"tokens":["A"],"pos_tags":["DT"],"chunk_tags":["B-NP"],"ner_tags":["O"]}'


def test_sentences_are_shown_as_each_format_needs_them() -> None:
    shown = {format: show_words(format, ["EU", "rejects"]) for format in FORMATS}
    assert shown == {
        "tokens_tags": "`EU` `rejects`",
        "index_spans": "0:EU 1:rejects",
        "text_spans": "EU rejects",
        "inline": "EU rejects",
        "one_type": "EU rejects",
    }


@pytest.mark.parametrize("format", ["inline", "one_type"])
def test_a_sentence_shows_no_marks_of_its_own(format: Format) -> None:
    words = ["<PER>", "Bob", "</PER>", "@@Bob##"]
    shown = show_words(format, words)
    assert shown == write_answer(format, words, [], ())
    for mark in {"inline": ("<", ">"), "one_type": ("@@", "##")}[format]:
        assert mark not in shown


@pytest.mark.parametrize(
    ("format", "fields"),
    [("tokens_tags", ("tokens", "ner_tags")), ("index_spans", ()), ("text_spans", ("occurrence",))],
)
def test_schemas_are_strict_and_ask_for_what_the_answer_has(format: Format, fields: Sequence[str]) -> None:
    schema = answer_schema(format, TYPES, fields)
    assert schema is not None
    answer = json.loads(write_answer(format, WORDS, SPANS, fields))
    _follow(schema, answer)
    answer["more"] = 1
    with pytest.raises(AssertionError):
        _follow(schema, answer)


def _follow(schema: dict[str, Any], value: Any) -> None:
    """Assert that a value keeps to the part of JSON Schema that answers need."""
    if schema["type"] == "object":
        assert schema["additionalProperties"] is False
        assert list(value) == schema["required"] == list(schema["properties"])
        for key, part in schema["properties"].items():
            _follow(part, value[key])
    elif schema["type"] == "array":
        for item in value:
            _follow(schema["items"], item)
    else:
        assert isinstance(value, {"string": str, "integer": int}[schema["type"]])
        assert value in schema.get("enum", [value])


@pytest.mark.parametrize("format", ["inline", "one_type"])
def test_marked_text_has_no_schema(format: Format) -> None:
    assert answer_schema(format, TYPES, ()) is None


@pytest.mark.parametrize(
    ("format", "fields", "clause"),
    [("text_spans", ["index"], "index"), ("inline", ["tokens"], "inline"), ("tokens_tags", ["tokens"], "ner_tags")],
)
def test_fields_that_a_format_has_not_are_named(format: Format, fields: Sequence[str], clause: str) -> None:
    with pytest.raises(ValueError, match=clause):
        check_fields(format, fields)
