"""What was selected: sentences as the LLM and the model of the round before saw them, and as the expert did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nerc_trainer.corpus.labels import tags_to_spans
from nerc_trainer.report.collect import RunData
from nerc_trainer.report.parts import Part, Reading, Sentence, Word
from nerc_trainer.report.uncertainty import measure_of

Tags = Sequence[str]


def shown_ids(run: RunData) -> dict[int, list[str]]:
    """The sentences that are shown of each round, as it chose them; round 0 was drawn and is left out."""
    count = run.report.sentences
    return {
        number: list(found["ids"])[:count]
        for number, found in sorted(run.selections.items())
        if number > 0 and count and run.answers.get(number)
    }


def selected_part(
    run: RunData, tokens: Mapping[str, Sequence[str]], before: Mapping[int, Mapping[str, Tags]], notes: Sequence[str]
) -> Part | None:
    """Selected sentences of each round. ``tokens`` holds their words, ``before`` by round what the model of the round
    before said of them; what is missing there is not shown, and ``notes`` say why."""
    groups: dict[str, list[Sentence]] = {}
    for number, ids in shown_ids(run).items():
        answers = {row["id"]: row["ner_tags"] for row in run.answers[number]}
        wanted = _wanted(run, number)
        sentences = [
            _sentence(run, name, tokens[name], answers[name], before.get(number, {}).get(name), number, wanted[name])
            for name in ids
            if name in answers and len(tokens.get(name, ())) == len(answers[name])
        ]
        if sentences:
            groups[f"Round {number}"] = sentences
    if not groups:
        return Part("selected", "What was selected", notes) if notes else None
    text = [
        "The first sentences that each round chose as they were labelled before, and by the expert. A reading that "
        "the expert did not share is marked with ≠.",
        *notes,
    ]
    return Part("selected", "What was selected", text, sentences=groups)


def _wanted(run: RunData, number: int) -> dict[str, str]:
    """How much a round wanted each of its sentences, in words; "" where it asked no tagger."""
    found = run.selections[number]
    measure = measure_of(run, found["strategy"])
    return {
        name: f"{measure} {value:.3f}" if measure else ""
        for name, value in zip(found["ids"], found["priorities"], strict=True)
    }


def _sentence(
    run: RunData, name: str, tokens: Sequence[str], expert: Tags, model: Tags | None, number: int, why: str
) -> Sentence:
    readings = []
    llm = run.llm_labels.get(name)
    if llm is not None and llm.get("llm_tags"):
        readings.append(_reading("LLM", tokens, llm["llm_tags"], expert))
    if model is not None:
        readings.append(_reading(f"model of round {number - 1}", tokens, model, expert))
    readings.append(_reading("expert", tokens, expert, expert))
    return Sentence(name, why, readings)


def _reading(reader: str, tokens: Sequence[str], tags: Tags, expert: Tags) -> Reading:
    differs = tags_to_spans(tags, "bio") != tags_to_spans(expert, "bio")
    return Reading(reader, words_of(tokens, tags), differs)


def words_of(tokens: Sequence[str], tags: Tags) -> list[Word]:
    """The sentence cut into its entities and what lies between them."""
    words, end = [], 0
    for span in tags_to_spans(tags, "bio"):
        if span.start > end:
            words.append(Word(" ".join(tokens[end : span.start]), None))
        words.append(Word(" ".join(tokens[span.start : span.end]), span.type))
        end = span.end
    if end < len(tokens):
        words.append(Word(" ".join(tokens[end:]), None))
    return words
