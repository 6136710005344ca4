"""A batch that waits for people: its sentences as they were selected, and what tagger and LLM see in each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nerc_trainer.corpus.labels import Span


@dataclass(frozen=True)
class Suggestion:
    """The entities that the tagger or the LLM sees in a sentence, in words.

    ``confidence`` says how sure each of them is and ``score`` how sure the whole is, in [0, 1]; None where unknown.
    """

    spans: list[Span]
    confidence: list[float] | None = None
    score: float | None = None


@dataclass(frozen=True)
class Question:
    """A sentence that people are asked to label; a suggestion is None where nobody has made one."""

    id: str
    tokens: list[str]
    model: Suggestion | None = None
    llm: Suggestion | None = None

    def as_row(self) -> dict[str, Any]:
        """The sentence as a line of JSON Lines; spans in words, ``end`` exclusive."""
        row: dict[str, Any] = {"id": self.id, "tokens": self.tokens}
        for source, suggestion in (("model", self.model), ("llm", self.llm)):
            if suggestion is not None:
                row[f"{source}_spans"] = [
                    {
                        "start": span.start,
                        "end": span.end,
                        "type": span.type,
                        "text": " ".join(self.tokens[span.start : span.end]),
                        **({} if suggestion.confidence is None else {"confidence": suggestion.confidence[index]}),
                    }
                    for index, span in enumerate(suggestion.spans)
                ]
                if suggestion.score is not None:
                    row[f"{source}_score"] = suggestion.score
        return row

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Question:
        """The sentence that `as_row` has written."""
        return cls(row["id"], row["tokens"], _suggestion(row, "model"), _suggestion(row, "llm"))


@dataclass(frozen=True)
class Batch:
    """The sentences that a round asks for, the most wanted first, and the entity types that there are."""

    types: tuple[str, ...]
    questions: list[Question]

    def as_json(self) -> dict[str, Any]:
        """What is kept in the round's folder."""
        return {"types": list(self.types), "sentences": [question.as_row() for question in self.questions]}

    @classmethod
    def from_json(cls, said: Mapping[str, Any]) -> Batch:
        """The batch that `as_json` has written."""
        return cls(tuple(said["types"]), [Question.from_row(row) for row in said["sentences"]])


def _suggestion(row: Mapping[str, Any], source: str) -> Suggestion | None:
    said = row.get(f"{source}_spans")
    if said is None:
        return None
    confidence = [span["confidence"] for span in said] if said and "confidence" in said[0] else None
    spans = [Span(span["start"], span["end"], span["type"]) for span in said]
    return Suggestion(spans, confidence, row.get(f"{source}_score"))
