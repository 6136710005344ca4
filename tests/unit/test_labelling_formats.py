"""A batch that goes out in any format and comes back labelled says exactly what people said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nerc_trainer.active.labelling.batch import Batch, Question, Suggestion
from nerc_trainer.active.labelling.check import check_answers
from nerc_trainer.active.labelling.desk import WRITERS
from nerc_trainer.active.labelling.label_studio import labelling_config
from nerc_trainer.active.labelling.reading import read_answers
from nerc_trainer.active.labelling.text import join, shown
from nerc_trainer.corpus.labels import Span, spans_to_tags, tags_to_spans, to_bio
from nerc_trainer.corpus.words import align_spans
from nerc_trainer.errors import NercError

TYPES = ("LOC", "PER", "creative-work", 'odd "<&> type')
# Letters of several widths, emojis of several code points, marks, and what breaks lines and columns.
ODD = [
    "a",
    "É",
    "東",
    "ท",
    "\u0301",
    "😀",
    "👩‍👩‍👧",
    "👍🏽",
    " ",
    "\u00a0",
    "\t",
    "\n",
    "\r",
    "\u2028",
    "\x85",
    "\ufeff",
    "#",
    "[",
    '"',
]
WORDS = st.one_of(
    st.lists(st.sampled_from(ODD), max_size=5).map("".join),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=4),
    st.sampled_from(["New York", "# id = x", "-DOCSTART-", "O", "␣", "東京都", ""]),
)


@st.composite
def questions(draw: st.DrawFn) -> list[tuple[Question, list[str]]]:
    """Sentences with a suggestion of the tagger, and the BIO tags that it stands for."""
    sentences = draw(st.lists(st.lists(WORDS, min_size=1, max_size=7), min_size=1, max_size=3, unique_by=tuple))
    told = []
    for index, tokens in enumerate(sentences):
        tag = st.sampled_from(["O", *(f"{prefix}-{type_}" for prefix in "BI" for type_ in TYPES)])
        tags, _ = to_bio(draw(st.lists(tag, min_size=len(tokens), max_size=len(tokens))), "bio")
        told.append((Question(f"s{index}", tokens, Suggestion(tags_to_spans(tags))), tags))
    return told


def as_labelled(format: str, text: str) -> str:
    """The file as it comes back from people who agree with the tagger."""
    if format == "conll":
        return text
    if format == "jsonl":
        rows = map(json.loads, text.rstrip("\n").split("\n"))
        return "".join(json.dumps({**row, "spans": row["model_spans"]}) + "\n" for row in rows)
    tasks = json.loads(text)
    return json.dumps([{**task, "annotations": [{"id": 1, **task["predictions"][0]}]} for task in tasks])


@pytest.mark.parametrize("format", WRITERS)
@settings(max_examples=60, deadline=None, derandomize=True)
@given(told=questions())
def test_what_goes_out_comes_back(
    format: str, told: list[tuple[Question, list[str]]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    asked = {question.id: question for question, _ in told}
    path = tmp_path_factory.getbasetemp() / f"labelled.{format}"
    path.write_bytes(as_labelled(format, WRITERS[format](list(asked.values()), TYPES)).encode())
    answers, problems = read_answers(path)
    checked = check_answers(answers, asked, TYPES)
    assert problems == checked.problems == []
    assert {label.id: label.ner_tags for label in checked.labels} == {question.id: tags for question, tags in told}


@settings(max_examples=30, deadline=None, derandomize=True)
@given(told=questions())
def test_a_batch_is_kept_as_it_is(told: list[tuple[Question, list[str]]]) -> None:
    batch = Batch(TYPES, [question for question, _ in told])
    assert Batch.from_json(json.loads(json.dumps(batch.as_json()))) == batch


@settings(max_examples=30, deadline=None, derandomize=True)
@given(tokens=st.lists(WORDS, min_size=1, max_size=8))
def test_every_word_can_be_pointed_at(tokens: list[str]) -> None:
    text, words = join(tokens)
    assert [text[word.start : word.end] for word in words] == [shown(token) for token in tokens]
    assert len(text.splitlines()) == 1
    for index, word in enumerate(words):
        assert align_spans([Span(word.start, word.end, "PER")], words, text) == [Span(index, index + 1, "PER")]


def test_plain_words_are_shown_as_they_are() -> None:
    tokens = ["New York", "👩‍👩‍👧", "東京", "d\u2019Or", "x\u00a0y"]
    assert join(tokens)[0] == " ".join(tokens)


def test_label_studio_counts_code_points() -> None:
    """These offsets were seen in a browser for this text: a span made by hand, and a prediction shown in its place."""
    text = "😀 Ilse 👩‍👩‍👧 Marrow 東京 👍🏽 scored in Norland ."
    spans = [Span(3, 4, "PER"), Span(4, 5, "LOC")]
    question = Question("x", text.split(), Suggestion(spans))
    (task,) = json.loads(WRITERS["label-studio"]([question], TYPES))
    assert task["data"] == {"sentence_id": "x", "text": text}
    results = [result["value"] for result in task["predictions"][0]["result"]]
    assert results == [
        {"start": 13, "end": 19, "text": "Marrow", "labels": ["PER"]},
        {"start": 20, "end": 22, "text": "東京", "labels": ["LOC"]},
    ]


def test_predictions_of_tagger_and_llm_stand_side_by_side() -> None:
    question = Question(
        "x",
        ["Ilse", "Marrow"],
        Suggestion([Span(0, 2, "PER")], [0.75], 0.8),
        Suggestion([Span(1, 2, "LOC")], score=0.5),
    )
    tagger, llm = json.loads(WRITERS["label-studio"]([question], TYPES))[0]["predictions"]
    assert (tagger["model_version"], tagger["score"], tagger["result"][0]["score"]) == ("tagger", 0.8, 0.75)
    assert (llm["model_version"], llm["score"], "score" in llm["result"][0]) == ("llm", 0.5, False)
    assert [result["value"]["start"] for result in (*tagger["result"], *llm["result"])] == [0, 5]
    row = json.loads(WRITERS["jsonl"]([question], TYPES))
    assert row == {
        "id": "x",
        "tokens": ["Ilse", "Marrow"],
        "model_spans": [{"start": 0, "end": 2, "type": "PER", "text": "Ilse Marrow", "confidence": 0.75}],
        "model_score": 0.8,
        "llm_spans": [{"start": 1, "end": 2, "type": "LOC", "text": "Marrow"}],
        "llm_score": 0.5,
    }
    assert WRITERS["conll"]([question], TYPES) == "# id = x\nIlse\tB-PER\nMarrow\tI-PER\n"
    without_tagger = Question("x", ["Ilse", "Marrow"], llm=question.llm)
    assert WRITERS["conll"]([without_tagger], TYPES) == "# id = x\nIlse\tO\nMarrow\tB-LOC\n"


def test_the_labelling_configuration_names_every_type() -> None:
    root = ElementTree.fromstring(labelling_config(TYPES))
    assert tuple(label.get("value") for label in root.iter("Label")) == TYPES
    assert [text.get("value") for text in root.iter("Text")] == ["$text"]


def task(*annotations: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"id": 7, "data": {"sentence_id": "x", "text": "Ilse Marrow"}, "annotations": list(annotations)}]


def annotation(start: int, end: int, **fields: Any) -> dict[str, Any]:
    value = {"start": start, "end": end, "text": "Ilse Marrow"[start:end], "labels": ["PER"]}
    return {"result": [{"type": "labels", "value": value}, {"type": "choices", "value": {}}], **fields}


def read_tasks(path: Path, tasks: Any) -> Any:
    path.write_text(json.dumps(tasks))
    (answer,), problems = read_answers(path)
    assert problems == []
    return answer


def test_the_newest_finished_annotation_is_taken(tmp_path: Path) -> None:
    answer = read_tasks(
        tmp_path / "export.json",
        task(
            annotation(0, 4, id=1, updated_at="2026-01-02T09:00:00Z", completed_by={"id": 3, "email": "a@b"}),
            annotation(0, 11, id=2, updated_at="2026-01-03T09:00:00Z", completed_by=5, lead_time=3.25),
            annotation(5, 11, id=3, updated_at="2026-01-04T09:00:00Z", was_cancelled=True),
        ),
    )
    assert (answer.spans, answer.annotator, answer.seconds, answer.versions) == ([Span(0, 11, "PER")], "5", 3.25, 2)


@pytest.mark.parametrize("annotations", [[], [annotation(0, 4, was_cancelled=True)]], ids=["none", "skipped"])
def test_a_task_without_a_finished_annotation_is_no_answer(tmp_path: Path, annotations: list[dict[str, Any]]) -> None:
    assert not read_tasks(tmp_path / "export.json", task(*annotations)).is_answer


def test_an_annotation_without_entities_is_an_answer(tmp_path: Path) -> None:
    answer = read_tasks(tmp_path / "export.json", task({"id": 1, "result": [], "was_cancelled": False}))
    assert answer.is_answer
    assert answer.spans == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[{", "can't be read as JSON"),
        ('[\n{"id": 1, "text": "a", "label": []}]', "entry 1: no task with data and annotations; .* not JSON-MIN"),
        ("[1]", "entry 1: no task"),
    ],
)
def test_other_exports_are_refused(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "export.json"
    path.write_text(content)
    with pytest.raises(NercError, match=message):
        read_answers(path)


@pytest.mark.parametrize(
    ("annotations", "message"),
    [
        ([3], "annotations = "),
        ([{"id": 1, "result": {"type": "labels"}}], "result = "),
        ([{"id": 1}], "result = None"),
        ([{"id": 1, "result": [{"type": "hypertextlabels", "value": {}}]}], "a result of type hypertextlabels"),
    ],
    ids=["ids alone", "no list", "no result", "other labels"],
)
def test_what_cannot_be_read_is_never_no_entity(tmp_path: Path, annotations: list[Any], message: str) -> None:
    (tmp_path / "export.json").write_text(json.dumps(task(*annotations)))
    given, (problem,) = read_answers(tmp_path / "export.json")
    assert not given
    assert message in problem


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.conll").write_text("\n")
    with pytest.raises(NercError, match="no sentence in the file"):
        read_answers(tmp_path / "empty.conll")


def test_conll_comments_tell_who_and_how_long(tmp_path: Path) -> None:
    path = tmp_path / "labelled.txt"
    path.write_text("# id = x\n# annotator = Ada\n# seconds = 4.5\n# seen\tO\nNew York\tx\tB-LOC\n\n#  B-PER\n")
    (first, second), problems = read_answers(path)
    assert problems == []
    assert (first.id, first.annotator, first.seconds) == ("x", "Ada", 4.5)
    assert (first.words, first.tags) == (["# seen", "New York"], ["O", "B-LOC"])
    assert (second.id, second.words, second.tags) == ("", ["#"], ["B-PER"])


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("Ada", "'Ada' has no tag behind the word"),
        ("Ada\tB-PRE", "sentence 'x': unknown entity type 'PRE'; did you mean 'PER'?"),
        ("Ada\tPER", "sentence 'x': tag 'PER' is no"),
        ("Adah\tB-PER", "sentence 'x' was changed: word 2 is 'Adah' and not 'Ada'"),
    ],
)
def test_in_conll_the_faulty_line_is_named(tmp_path: Path, line: str, message: str) -> None:
    path = tmp_path / "bad.conll"
    path.write_text(f"\n# id = x\n# annotator = Ada\nIlse\tB-PER\n{line}\n.\tO\n")
    given, problems = read_answers(path)
    problems += check_answers(given, {"x": Question("x", ["Ilse", "Ada", "."])}, TYPES).problems
    (problem,) = problems
    assert problem.startswith(f"{path}:5: {message}")


def test_all_wrong_tags_of_a_sentence_are_named(tmp_path: Path) -> None:
    path = tmp_path / "bad.conll"
    path.write_text("Ilse\tB-PRE\nMarrow\tI-PRE\n.\tX\n")
    checked = check_answers(read_answers(path)[0], {"x": Question("x", ["Ilse", "Marrow", "."])}, TYPES)
    (problem,) = checked.problems
    assert problem.startswith(f"{path}:1: ")
    assert problem.count("PRE") == 1
    assert "tag 'X' is no" in problem


def test_tags_of_any_scheme_are_read(tmp_path: Path) -> None:
    tokens = ["Ilse", "Marrow", "Ada"]
    asked = {"x": Question("x", tokens)}
    for tags in (["B-PER", "E-PER", "S-PER"], ["I-PER", "I-PER", "B-PER"], ["B-PER", "L-PER", "U-PER"]):
        path = tmp_path / "labelled.jsonl"
        path.write_text(json.dumps({"id": "x", "tokens": tokens, "ner_tags": tags}))
        checked = check_answers(read_answers(path)[0], asked, TYPES)
        assert checked.labels[0].ner_tags == spans_to_tags([Span(0, 2, "PER"), Span(2, 3, "PER")], 3)
        assert checked.repaired == 0
