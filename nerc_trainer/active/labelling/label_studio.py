"""Batches and answers as Label Studio's JSON (https://labelstud.io): tasks with predictions, tasks with annotations.

Label Studio counts the characters of a text as Python does, in code points, an emoji as one (seen with version 1.23 in
a browser; its annotations keep the covered text too, which is held against the offsets here).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

from nerc_trainer.active.labelling.batch import Question, Suggestion
from nerc_trainer.active.labelling.given import Given
from nerc_trainer.active.labelling.jsonl import read_annotator, read_seconds
from nerc_trainer.active.labelling.text import join
from nerc_trainer.corpus.jsonl import parse_json
from nerc_trainer.corpus.labels import Span
from nerc_trainer.errors import NercError

_FROM, _TO = "label", "text"  # names of the two tags in the labelling configuration
_COLOURS = ("#2f7ed8", "#d9822b", "#3fa34d", "#a854a5", "#c23030", "#147f86", "#8a6d1f", "#5c5f9e")


def labelling_config(types: Sequence[str]) -> str:
    """The labelling configuration of a project for these entity types, as XML."""
    labels = "".join(
        f"    <Label value={quoteattr(type_)} background={quoteattr(_COLOURS[index % len(_COLOURS)])}/>\n"
        for index, type_ in enumerate(types)
    )
    return (
        f'<View>\n  <Labels name="{_FROM}" toName="{_TO}">\n{labels}  </Labels>\n'
        f'  <Text name="{_TO}" value="$text" granularity="word"/>\n</View>\n'
    )


def write_label_studio(questions: Sequence[Question], types: Sequence[str]) -> str:
    """Tasks to import, in the order of the batch; what tagger and LLM see are predictions under these names."""
    tasks = [
        {
            "data": {"sentence_id": question.id, "text": join(question.tokens)[0]},
            "predictions": [
                _prediction(question, suggestion, name)
                for name, suggestion in (("tagger", question.model), ("llm", question.llm))
                if suggestion is not None
            ],
        }
        for question in questions
    ]
    return json.dumps(tasks, ensure_ascii=False, indent=1) + "\n"


def _prediction(question: Question, suggestion: Suggestion, name: str) -> dict[str, Any]:
    text, words = join(question.tokens)
    results = []
    for index, span in enumerate(suggestion.spans):
        start, end = words[span.start].start, words[span.end - 1].end
        results.append(
            {
                "id": f"{name}-{index}",
                "from_name": _FROM,
                "to_name": _TO,
                "type": "labels",
                "value": {"start": start, "end": end, "text": text[start:end], "labels": [span.type]},
                **({} if suggestion.confidence is None else {"score": suggestion.confidence[index]}),
            }
        )
    score = {} if suggestion.score is None else {"score": suggestion.score}
    return {"model_version": name, **score, "result": results}


def tasks_of_label_studio(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """The place and content of each task of an export in the format JSON."""
    try:
        tasks = parse_json(path.read_text(encoding="utf-8-sig"))
    except (NercError, ValueError, OSError) as error:
        raise NercError(f"{path}: can't be read as JSON ({error}); export the project once more") from None
    if not isinstance(tasks, list):
        raise NercError(f"{path}: a list of tasks is expected; export the project in Label Studio's format JSON")
    for number, task in enumerate(tasks, start=1):
        if not isinstance(task, dict) or not isinstance(task.get("data"), dict) or "annotations" not in task:
            raise NercError(
                f"{path}, entry {number}: no task with data and annotations; export the project in Label Studio's "
                "format JSON, not JSON-MIN or another one"
            )
        yield f"{path}, task {task.get('id', number)}", task


def read_task(place: str, task: dict[str, Any]) -> Given:
    """The answer in a task: its newest finished annotation. One that was cancelled or skipped is no answer."""
    data = task["data"]
    name, text = data.get("sentence_id"), data.get(_TO)
    if not isinstance(name, str) or not isinstance(text, str):
        raise NercError("data without sentence_id and text; import the tasks that `nerc-trainer label export` writes")
    annotations = _dictionaries(task["annotations"] or [], "annotations")
    annotations = [one for one in annotations if not one.get("was_cancelled")]
    if not annotations:
        return Given(place, name, text=text)
    newest = max(annotations, key=_age)
    author = newest.get("completed_by")
    return Given(
        place,
        name,
        text=text,
        spans=[span for result in _dictionaries(newest.get("result"), "result") for span in _spans(result, text)],
        annotator=read_annotator((author.get("email") or author.get("id")) if isinstance(author, dict) else author),
        seconds=read_seconds(newest.get("lead_time")),
        versions=len(annotations),
    )


def _dictionaries(value: Any, name: str) -> list[dict[str, Any]]:
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise NercError(f"{name} = {str(value)[:40]}: a list of objects is expected; export the project once more")
    return value


def _age(annotation: Mapping[str, Any]) -> tuple[str, int]:
    number = annotation.get("id")
    return str(annotation.get("updated_at") or annotation.get("created_at") or ""), number if type(number) is int else 0


def _spans(result: dict[str, Any], text: str) -> list[Span]:
    """The entity of one result; results of other kinds, such as relations and comments, hold none."""
    kind = str(result.get("type"))
    if kind != "labels":
        if kind.endswith("labels"):  # left out, its sentence would look as if it had no entity
            raise NercError(f"a result of type {kind}; use the labelling configuration that `label export` writes")
        return []
    value = result.get("value")
    fields = value if isinstance(value, dict) else {}
    start, end, labels = fields.get("start"), fields.get("end"), fields.get("labels")
    if type(start) is not int or type(end) is not int or not isinstance(labels, list) or len(labels) != 1:
        raise NercError(f"result {fields!r}: start, end and exactly one label are expected")
    covered = fields.get("text")
    if isinstance(covered, str) and covered != text[start:end]:
        raise NercError(
            f"span {start}:{end} {labels[0]!r} should read {covered!r} and the text there is {text[start:end]!r}; "
            "mend its offsets, which count characters (code points) from 0"
        )
    return [Span(start, end, str(labels[0]))]
