"""What replies say: the leniency that costs nothing, and everything that has to be refused by name."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nerc_trainer.annotation.align import Echo, Mention
from nerc_trainer.annotation.formats import FORMATS, Format
from nerc_trainer.annotation.parse import parse_reply
from nerc_trainer.annotation.rejection import Rejection
from nerc_trainer.corpus.labels import Span

WORDS = ("Bob", "left", "New", "York")
TYPES = ("LOC", "PER")
ECHO = Echo(WORDS, (Span(0, 1, "PER"), Span(2, 4, "LOC")))
MARKED = Echo(WORDS, ECHO.spans, by_word=False)
MENTIONS = [Mention("Bob", "PER"), Mention("New York", "LOC")]

TAGS = '{"tokens": ["Bob", "left", "New", "York"], "ner_tags": ["B-PER", "O", "B-LOC", "I-LOC"]}'
ENTITIES = '{"entities": [{"text": "Bob", "type": "PER"}, {"text": "New York", "type": "LOC"}]}'
INLINE = "<PER>Bob</PER> left <LOC>New York</LOC>"


def parse(
    format: Format,
    text: str,
    fields: Sequence[str] = (),
    *,
    words: Sequence[str] = WORDS,
    finish_reason: str | None = "stop",
    types: Sequence[str] = TYPES,
    aliases: Mapping[str, str | None] | None = None,
) -> Echo | list[Mention]:
    fields = fields or (("tokens", "ner_tags") if format == "tokens_tags" else ())
    return parse_reply(format, words, text, finish_reason, types, fields, type_="LOC", aliases=aliases or {})


def reason(format: Format, text: str, fields: Sequence[str] = (), **details: str | Sequence[str] | None) -> str:
    """Why a reply is refused."""
    with pytest.raises(Rejection) as caught:
        parse(format, text, fields, **details)  # type: ignore[arg-type]
    assert str(caught.value) == f"{caught.value.reason}: {caught.value.detail}"
    assert len(str(caught.value)) < 200
    return caught.value.reason


@pytest.mark.parametrize(
    "text",
    [
        ENTITIES,
        f"\n\n{ENTITIES}   \n",
        f"```json\n{ENTITIES}\n```",
        f"Sure! Here is the JSON that you asked for:\n{ENTITIES}\nI hope {{this}} helps.",
        f'The "first and only answer is: {ENTITIES}',
        f"<think>Is Bob a {{person}}? Yes: {{}}</think>{ENTITIES}",
        ENTITIES.replace("]}", ",],}"),
        ENTITIES.replace('"', "'"),
        json.dumps(json.loads(ENTITIES), indent=2),
        json.dumps(json.loads(ENTITIES)["entities"]),
        f"[{ENTITIES}]",
        f"{ENTITIES} {ENTITIES}",
    ],
    ids=[
        "plain",
        "space",
        "fence",
        "prose",
        "quote in prose",
        "thoughts",
        "trailing commas",
        "single quotes",
        "indented",
        "list",
        "object in list",
        "said twice",
    ],
)
def test_slips_of_json_are_forgiven(text: str) -> None:
    assert parse("text_spans", text) == MENTIONS


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        (TAGS, ()),
        (TAGS.replace('"ner_tags"', '"pos_tags": ["NNP"], "chunk_tags": null, "ner_tags"'), ()),
        (TAGS.replace('["Bob", "left", "New", "York"]', '["`Bob`", "`left`", "`New`", "`York`"]'), ()),
        (TAGS.replace("B-PER", "b-per").replace("I-LOC", "I_Loc"), ()),
        ('{"ner_tags": ["B-PER", "O", "B-LOC", "I-LOC"]}', ("ner_tags",)),
        ('["B-PER", "O", "B-LOC", "I-LOC"]', ("ner_tags",)),
        (TAGS, ("ner_tags",)),
    ],
)
def test_tags(text: str, fields: Sequence[str]) -> None:
    assert parse("tokens_tags", text, fields) == ECHO


@pytest.mark.parametrize(
    ("tags", "mended"),
    [
        (["PER", "O", "LOC", "LOC"], 2),
        (["I-PER", "O", "I-LOC", "I-LOC"], 2),
        (["S-PER", "O", "B-LOC", "E-LOC"], 2),
        (["U-PER", "O", "B-LOC", "L-LOC"], 2),
        (["B-PER", "O", "B-LOC", "I-LOC"], 0),
    ],
)
def test_tags_that_are_no_bio_are_counted(tags: list[str], mended: int) -> None:
    reply = json.dumps({"tokens": WORDS, "ner_tags": tags})
    assert parse("tokens_tags", reply) == Echo(WORDS, ECHO.spans, mended=mended)


def test_numbers_stand_for_the_words_that_they_were_read_from() -> None:
    echo = parse("tokens_tags", '{"tokens": [1996, 1.50, 1e3], "ner_tags": ["O", "O", "O"]}')
    assert isinstance(echo, Echo)
    assert echo.words == ("1996", "1.50", "1e3")


def test_index_and_occurrence() -> None:
    (mention,) = parse("index_spans", '{"entities": [{"index": "2", "text": "New York", "type": "LOC"}]}')
    assert mention == Mention("New York", "LOC", index=2)
    (mention,) = parse("text_spans", '{"entities": [{"text": 7, "type": "LOC", "occurrence": 2.0}]}', ["occurrence"])
    assert mention == Mention("7", "LOC", occurrence=2)


@pytest.mark.parametrize(
    "text",
    [
        INLINE,
        f'"{INLINE}"',
        f"```\n{INLINE}\n```",
        f"```{INLINE}```",
        f"Output: {INLINE}",
        f"Here is the marked sentence:\n\n{INLINE}\n\nI marked one <PER>person</PER>.",
        f"Sentence: Bob left New York\nOutput: {INLINE}",
        "<per>Bob</per> left\n<LOC>New York</LOC>",
        f"{INLINE}</s>",
    ],
    ids=["plain", "quotes", "fence", "ticks", "title", "prose", "question", "two lines", "end of text"],
)
def test_the_sentence_is_found_in_what_is_round_it(text: str) -> None:
    echo = parse("inline", text)
    assert isinstance(echo, Echo)
    assert echo.spans == MARKED.spans
    assert echo.words[:4] == WORDS


def test_one_type() -> None:
    assert parse("one_type", "Bob left @@New York##") == Echo(WORDS, (Span(2, 4, "LOC"),), by_word=False)
    # The signs that are not needed for the marks belong to the words.
    words = ("@Bob", "likes", "C#")
    echo = parse("one_type", "@@@Bob## likes @@C###", words=words)
    assert echo == Echo(words, (Span(0, 1, "LOC"), Span(2, 3, "LOC")), by_word=False)


def test_marks_inside_of_words_cut_them() -> None:
    echo = parse("inline", "<PER>Bob</PER>'s <LOC></LOC>", words=("Bob's",))
    assert echo == Echo(("Bob", "'s"), (Span(0, 1, "PER"),), by_word=False)


@pytest.mark.parametrize("format", FORMATS)
def test_replies_that_were_not_finished(format: Format) -> None:
    ideal = {"tokens_tags": TAGS, "inline": INLINE, "one_type": "Bob left @@New York##"}.get(format, ENTITIES)
    assert parse(format, ideal)
    assert parse(format, ideal, finish_reason=None)
    assert reason(format, ideal, finish_reason="length") == "cut"
    assert reason(format, ideal, finish_reason="too_large") == "cut"
    assert reason(format, ideal, finish_reason="content_filter") == "refused"
    assert reason(format, "", finish_reason="malformed") == "empty"
    assert reason(format, " \n\t ") == "empty"
    assert reason(format, "<think>Bob is a person") == "empty"


@pytest.mark.parametrize(
    ("format", "text", "expected"),
    [
        ("text_spans", "I can't help with that.", "not_json"),
        ("text_spans", ENTITIES[:-2], "not_json"),
        ("text_spans", "{entities: none}", "not_json"),
        ("text_spans", "{}", "wrong_shape"),
        ("text_spans", "null", "wrong_shape"),
        ("text_spans", '"none"', "wrong_shape"),
        ("text_spans", '{"entities": null}', "wrong_shape"),
        ("text_spans", '{"entities": {}}', "wrong_shape"),
        ("text_spans", '{"entities": ["Bob"]}', "wrong_shape"),
        ("text_spans", '{"entities": [{"text": "Bob"}]}', "wrong_shape"),
        ("text_spans", '{"entities": [{"type": "PER"}]}', "wrong_shape"),
        ("text_spans", '{"entities": [{"text": "Bob", "type": null}]}', "wrong_shape"),
        ("text_spans", '{"entities": [{"text": "Bob", "type": "PER"}], "entities": []}', "wrong_shape"),
        ("text_spans", '{"entities": [{"text": "Bob", "type": "PER", "score": NaN}]}', "wrong_shape"),
        ("text_spans", '{"entities": [], "score": -Infinity,}', "wrong_shape"),
        ("text_spans", f'No answer is {{"entities": []}}; the answer is {ENTITIES}', "wrong_shape"),
        ("text_spans", json.dumps({"entities": [{"text": "Bob", "type": "PER"}] * 17}), "wrong_shape"),
        ("text_spans", '{"entities": [{"text": "Monday", "type": "DATE"}]}', "unknown_type"),
        ("text_spans", '{"entities": [{"text": "Bob", "type": ""}]}', "unknown_type"),
        ("index_spans", '{"entities": [{"index": 1e999, "text": "Bob", "type": "PER"}]}', "wrong_shape"),
        ("index_spans", '{"entities": [{"index": 1.5, "text": "Bob", "type": "PER"}]}', "wrong_shape"),
        ("index_spans", '{"entities": [{"index": true, "text": "Bob", "type": "PER"}]}', "wrong_shape"),
        ("tokens_tags", '{"tokens": ["Bob"]}', "wrong_shape"),
        ("tokens_tags", '{"ner_tags": ["O", "O", "O", "O"]}', "wrong_shape"),
        ("tokens_tags", '{"tokens": "Bob left", "ner_tags": ["O", "O"]}', "wrong_shape"),
        ("tokens_tags", '{"tokens": ["Bob", null], "ner_tags": ["O", "O"]}', "wrong_shape"),
        ("tokens_tags", '{"tokens": ["Bob", "left"], "ner_tags": ["O", NaN]}', "wrong_shape"),
        ("tokens_tags", '{"tokens": ["Bob", "left"], "ner_tags": ["O"]}', "length_mismatch"),
        ("tokens_tags", TAGS.replace("B-PER", "B-DATE"), "unknown_type"),
        ("tokens_tags", TAGS.replace("B-PER", ""), "unknown_type"),
        ("inline", "<PER>Bob left New York", "wrong_shape"),
        ("inline", "Bob</PER> left New York", "wrong_shape"),
        ("inline", "<PER>Bob</LOC> left New York", "wrong_shape"),
        ("inline", "<DATE>Bob</DATE> left New York", "unknown_type"),
        ("one_type", "@@Bob left New York", "wrong_shape"),
        ("one_type", "Bob## left New York", "wrong_shape"),
    ],
)
def test_refusals(format: Format, text: str, expected: str) -> None:
    assert reason(format, text) == expected


@pytest.mark.parametrize("tags", [["O", "O", "O"], ["O"] * 5, []])
def test_tags_alone_have_to_be_as_many_as_the_words(tags: list[str]) -> None:
    assert reason("tokens_tags", json.dumps({"ner_tags": tags}), ["ner_tags"]) == "length_mismatch"


def test_the_unknown_type_is_named() -> None:
    with pytest.raises(Rejection, match="unknown_type: DATE"):
        parse("tokens_tags", TAGS.replace("B-PER", "B-DATE"))


@pytest.mark.parametrize("format", ["tokens_tags", "text_spans", "inline"])
def test_aliases(format: Format) -> None:
    texts = {"tokens_tags": TAGS, "text_spans": ENTITIES, "inline": INLINE}
    text = texts[format].replace("PER", "Person").replace("LOC", "date")
    said = parse(format, text, aliases={"PERSON": "PER", "DATE": None})
    left = said.spans if isinstance(said, Echo) else said
    assert len(left) == 1
    assert left[0].type == "PER"


def test_a_type_may_look_like_a_tag_or_differ_from_another_in_case_alone() -> None:
    words = ("a", "b", "c")
    reply = json.dumps({"ner_tags": ["B-B-side", "B-side", "b-PER"]})
    echo = parse("tokens_tags", reply, ["ner_tags"], words=words, types=("B-side", "PER", "per"))
    assert isinstance(echo, Echo)
    assert echo.spans == (Span(0, 2, "B-side"), Span(2, 3, "PER"))


class TestInjection:
    """What stands in the sentence itself is never taken for an answer."""

    def test_json_in_prose(self) -> None:
        words = ("Answer", "{", '"', "entities", '"', ":", "[", "]", "}", "to", "Bob")
        prose = 'The sentence says {"entities": []}, but I see:'
        assert parse("text_spans", f"{prose} {ENTITIES}", words=words) == MENTIONS
        assert reason("text_spans", prose, words=words) == "not_json"

    def test_an_answer_that_happens_to_stand_in_the_sentence(self) -> None:
        assert parse("text_spans", '{"entities": []}', words=('{"entities":[]}',)) == []

    @pytest.mark.parametrize(
        ("format", "words"),
        [
            ("inline", ("<LOC>", "Bob", "</LOC>", "left")),
            ("inline", ("<LOC>Bob</LOC>", "left")),
            ("one_type", ("@@Bob##", "left")),
        ],
    )
    def test_marks(self, format: Format, words: tuple[str, ...]) -> None:
        """A model that writes the sentence's signs as they are, not as they were shown, may mean either."""
        assert reason(format, " ".join(words), words=words) == "misaligned"

    def test_signs_that_can_be_no_marks(self) -> None:
        words = ("<b>", "Bob", "</b>", "<3", "you", ">")
        echo = parse("inline", "<b> <PER>Bob</PER> </b> <3 you >", words=words)
        assert isinstance(echo, Echo)
        assert echo.words == ("‹b›", "Bob", "‹/b›", "‹3", "you", "›")
        assert echo.spans == (Span(1, 2, "PER"),)


signs = st.sampled_from(
    [
        '{"entities":[',
        '{"tokens":[',
        '"ner_tags":',
        '"text"',
        '"PER"',
        "<PER>",
        "</PER>",
        "@@",
        "##",
        *"{}[],:'\"\\\n",
        "Bob",
    ]
)


@pytest.mark.parametrize("format", FORMATS)
@given(text=st.lists(signs | st.text(max_size=3), max_size=25).map("".join))
@settings(deadline=None, derandomize=True, max_examples=300)
def test_any_text_is_read_or_refused(format: Format, text: str) -> None:
    try:
        said = parse(format, text)
    except Rejection:
        return
    assert isinstance(said, list if format in ("text_spans", "index_spans") else Echo)
    # Nothing is said only where the reply says so: by an empty list, or by the sentence.
    if said == []:
        assert "[" in text
        assert "]" in text


@given(
    st.lists(st.builds(Mention, st.text(max_size=8), st.sampled_from(TYPES)), max_size=6),
    st.text(alphabet="abc .,:!'\n", max_size=20),
    st.text(alphabet="abc .,:!'\n", max_size=20),
)
@settings(deadline=None, derandomize=True)
def test_prose_round_the_answer_changes_nothing(mentions: list[Mention], before: str, behind: str) -> None:
    entities = {"entities": [{"text": mention.text, "type": mention.type} for mention in mentions]}
    for answer in (json.dumps(entities), json.dumps(entities, ensure_ascii=False, indent=1)):
        assert parse("text_spans", before + answer + behind) == mentions


@pytest.mark.parametrize("format", FORMATS)
def test_ten_megabytes_are_refused_before_any_work(format: Format) -> None:
    text = "{" * 10_000_000
    assert reason(format, text) == "wrong_shape"


@pytest.mark.parametrize(
    "unit", ['"', '\\"', "[", "{}", '{"a":', "<", "<PER>", "<think>", "@@x##", "a:", "a\n", "-", "1+"]
)
@pytest.mark.parametrize("format", ["tokens_tags", "text_spans", "inline", "one_type"])
def test_no_text_takes_long(format: Format, unit: str) -> None:
    """A text that made the work grow with the square of its length would take hours."""
    text = "{[" + unit * (900_000 // len(unit)) + "]"
    assert reason(format, text) in ("not_json", "wrong_shape", "misaligned")
