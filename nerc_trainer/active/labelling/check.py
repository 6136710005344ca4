"""Hold answers against what was asked, and against the answers that are there already."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from nerc_trainer.active.labelling.batch import Question
from nerc_trainer.active.labelling.given import FaultAt, Given, with_place
from nerc_trainer.active.labelling.text import join, shown
from nerc_trainer.active.oracle import ExpertLabel
from nerc_trainer.corpus.labels import Scheme, describe_unknown_type, detect_scheme, parse_tag, spans_to_tags, to_bio
from nerc_trainer.corpus.words import align_spans
from nerc_trainer.errors import NercError

UNNAMED = "expert"  # who has labelled, where a file does not say


@dataclass(frozen=True)
class Checked:
    """The labels in a file, and a line for each answer that can't be taken.

    ``unanswered`` names the sentences without an answer; ``repaired`` counts tags that were no well-formed BIO, and
    ``several`` the sentences of which the newest answer was taken.
    """

    labels: list[ExpertLabel]
    problems: list[str]
    unanswered: list[str]
    repaired: int
    several: int


def check_answers(given: Sequence[Given], asked: Mapping[str, Question], types: Sequence[str]) -> Checked:
    """Turn the answers in a file into labels of the sentences that were asked, by their ids or else their words.

    What is wrong is named: an unknown sentence or one answered twice, a changed sentence, an unknown type, a span that
    is out of range, cuts a word or overlaps another.
    """
    by_text = {join(question.tokens)[0]: question for question in asked.values()}
    scheme = detect_scheme(_readable(given))
    labels: list[ExpertLabel] = []
    problems: list[str] = []
    unanswered: list[str] = []
    places: dict[str, str] = {}
    repaired = 0
    for one in given:
        try:
            question = _find(one, asked, by_text)
            _refuse_changed(one, question)
            if not one.is_answer:
                unanswered.append(question.id)
                continue
            if question.id in places:
                raise NercError(
                    f"sentence {question.id!r} has an answer in {places[question.id]} already; keep one of the two"
                )
            places[question.id] = one.place
            tags, mended = _tags(one, question, types, scheme)
            repaired += mended
            labels.append(ExpertLabel(question.id, tags, one.annotator or UNNAMED, one.seconds))
        except NercError as error:
            problems.append(with_place(error, one.place))
    return Checked(
        labels,
        problems,
        unanswered,
        repaired=repaired,
        several=sum(one.versions > 1 for one in given),
    )


def _readable(given: Iterable[Given]) -> list[list[str]]:
    """The tag sequences that a scheme can be read off; the others are refused one by one."""
    readable = []
    for one in given:
        try:
            for tag in one.tags or []:
                parse_tag(tag, "bioes")
        except NercError:
            continue
        readable.append(one.tags or [])
    return readable


def _find(one: Given, asked: Mapping[str, Question], by_text: Mapping[str, Question]) -> Question:
    """The sentence that an answer is for."""
    if one.id:
        if one.id not in asked:
            raise NercError(f"sentence {one.id!r} was never asked for in this run; take it out of the file")
        return asked[one.id]
    text = join(one.words)[0] if one.words is not None else one.text or ""
    if text not in by_text:
        raise NercError(
            f"no id, and no sentence that was asked for reads {text[:60]!r}; give its id, or take it out of the file"
        )
    return by_text[text]


def _refuse_changed(one: Given, question: Question) -> None:
    """The sentence has to be the one that was asked for, word by word."""
    text, words = join(question.tokens)
    way_out = "export it again and label it as it is"
    if one.words is None:
        if one.text != text:
            at = next((at for at, (a, b) in enumerate(zip(one.text or "", text, strict=False)) if a != b), None)
            at = min(len(one.text or ""), len(text)) if at is None else at
            raise NercError(
                f"sentence {question.id!r} was changed: at character {at} stands {(one.text or '')[at : at + 20]!r} "
                f"and not {text[at : at + 20]!r}; {way_out}"
            )
        return
    told = [shown(word) for word in one.words]
    if len(told) != len(words):
        raise NercError(f"sentence {question.id!r} was changed: {len(told)} words and not {len(words)}; {way_out}")
    for number, (said, word) in enumerate(zip(told, words, strict=True), start=1):
        if said != word.text:
            raise FaultAt(
                one.place_of(number - 1),
                f"sentence {question.id!r} was changed: word {number} is {said!r} and not {word.text!r}; {way_out}",
            )


def _tags(one: Given, question: Question, types: Sequence[str], scheme: Scheme) -> tuple[list[str], int]:
    """The answer as BIO tags, and how many of its tags were no well-formed BIO."""
    if one.tags is not None:
        _refuse_wrong_tags(one, question, types)
        return to_bio(one.tags, scheme)
    try:
        spans = one.spans or []
        _refuse_unknown([span.type for span in spans], types)
        if one.words is None:
            text, words = join(question.tokens)
            spans = align_spans(spans, words, text)
        return spans_to_tags(spans, len(question.tokens)), 0
    except NercError as error:
        raise NercError(f"sentence {question.id!r}: {error}") from None


def _refuse_wrong_tags(one: Given, question: Question, types: Sequence[str]) -> None:
    wrong: dict[str, int] = {}  # what is wrong, and the first word where it is
    for word, tag in enumerate(one.tags or []):
        try:
            _refuse_unknown([parse_tag(tag, "bioes")[1]], types)
        except NercError as error:
            wrong.setdefault(str(error), word)
    if wrong:
        raise FaultAt(one.place_of(min(wrong.values())), f"sentence {question.id!r}: {'; '.join(wrong)}")


def _refuse_unknown(found: Iterable[str], types: Sequence[str]) -> None:
    if unknown := sorted({type_ for type_ in found if type_} - set(types)):
        raise NercError("; ".join(describe_unknown_type(type_, types) for type_ in unknown))


@dataclass(frozen=True)
class Merged:
    """The answers that no round has learnt from, by id, after an import: those that are ``new``, and what can't be
    merged."""

    answers: dict[str, ExpertLabel]
    new: list[str]
    problems: list[str]


def merge_answers(
    labels: Iterable[ExpertLabel],
    answers: Mapping[str, ExpertLabel],
    settled: Mapping[str, ExpertLabel],
    replace: bool,
) -> Merged:
    """Add labels to the ``answers`` that no round has learnt from yet; ``settled`` holds those that one has.

    The same label again changes nothing. Another one for the same sentence is refused, or with ``replace`` takes its
    place while no round has learnt from it.
    """
    merged = dict(answers)
    new, problems = [], []
    for label in labels:
        known = settled.get(label.id) or merged.get(label.id)
        if known is not None and known.ner_tags == label.ner_tags:
            continue
        if label.id in settled:
            problems.append(
                f"sentence {label.id!r} was answered otherwise in a round that the run has gone on from; take it out "
                "of the file"
            )
        elif known is not None and not replace:
            problems.append(
                f"sentence {label.id!r} was answered otherwise before; take it out of the file, or put the new answer "
                "in its place with --replace"
            )
        else:
            merged[label.id] = label
            new.append(label.id)
    return Merged(merged, new, problems)
