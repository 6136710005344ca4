"""One prompt put to one model: what is asked about a sentence, and what the answers make of it."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nerc_trainer.annotation.reading import Reading, merge_readings, read_reply
from nerc_trainer.annotation.request import Request
from nerc_trainer.annotation.votes import put_to_vote
from nerc_trainer.corpus.labels import Span, spans_to_tags

if TYPE_CHECKING:
    import numpy as np

    from nerc_trainer.annotation.examples import ExamplePool
    from nerc_trainer.annotation.ledger import Reply
    from nerc_trainer.annotation.prompts import Renderer
    from nerc_trainer.recipe.annotation import AnnotationSection


@dataclass(frozen=True)
class Sentence:
    """A sentence to label; ``vector`` [H] is its encoder mean where examples are chosen by nearness."""

    id: str
    words: Sequence[str]
    vector: np.ndarray | None = None


@dataclass(frozen=True)
class Labelled:
    """What the LLM's answers say of a sentence.

    ``status`` is ok, repaired or rejected; a rejected sentence has no spans, which is not the same as having no entity.
    ``confidence`` (0 to 1) is the agreement of several answers, or the mean probability of an answer's tokens; None
    where there is neither. ``shares`` are the votes for each word's tag.
    """

    sentence: Sentence
    status: str
    reason: str
    spans: tuple[Span, ...]
    model: str
    prompt: str
    confidence: float | None = None
    shares: tuple[float, ...] | None = None

    @property
    def is_rejected(self) -> bool:
        return self.status == "rejected"

    def as_row(self) -> dict[str, Any]:
        """The row that `nerc_trainer.corpus.llm_labels` reads."""
        words = list(self.sentence.words)
        row: dict[str, Any] = {
            "id": self.sentence.id,
            "tokens": words,
            "llm_tags": [] if self.is_rejected else spans_to_tags(self.spans, len(words)),
            "llm_status": f"{self.status}: {self.reason}" if self.reason else self.status,
            "llm_model": self.model,
            "llm_prompt": self.prompt,
        }
        if self.confidence is not None:
            row["llm_confidence"] = round(self.confidence, 4)
        if self.shares is not None:
            row["llm_votes"] = [round(share, 4) for share in self.shares]
        return row


class Labeller:
    """Asks a model by a prompt for the entities of sentences, and reads its answers."""

    def __init__(
        self,
        model: str,
        renderer: Renderer,
        examples: ExamplePool | None,
        section: AnnotationSection,
        seed: int,
    ) -> None:
        self.model = model
        self.renderer = renderer
        self.prompt = renderer.prompt
        self.examples = examples
        self._section = section
        self._seed = seed
        self._types = [type_.name for type_ in renderer.types]
        self._schema = renderer.schema()
        # A prompt of the format one_type asks about one type at a time, the others about all of them at once.
        self._asked_types: list[str | None] = [*self._types] if self.prompt.format == "one_type" else [None]

    def requests(self, sentence: Sentence) -> Iterator[Request]:
        """The calls for a sentence: each sample, and in it each type where the prompt asks for one at a time."""
        shown = self.examples.choose(sentence.id, sentence.words, sentence.vector) if self.examples else ()
        limit = self._section.max_tokens or longest_answer(self.prompt.format, self.prompt.fields, sentence.words)
        for sample in range(self._section.samples):
            for type_ in self._asked_types:
                yield Request(
                    messages=self.renderer.messages(sentence.words, shown, type_),
                    schema=self._schema,
                    max_tokens=limit,
                    temperature=self._section.temperature,
                    top_p=self._section.top_p,
                    seed=self._seed + sample if self._section.temperature > 0 else None,
                    sample=sample,
                    logprobs=self._section.log_probabilities,
                )

    def read(self, sentence: Sentence, replies: Sequence[Reply]) -> Labelled:
        """What the replies to `requests`, in their order, say of the sentence."""
        calls = len(self._asked_types)
        readings = [self._read_one(sentence, replies[start : start + calls]) for start in range(0, len(replies), calls)]
        usable = [reading for reading in readings if reading.status != "rejected"]
        if not usable:
            return self._labelled(sentence, "rejected", readings[0].reason, ())
        if len(readings) == 1:
            confidence = _mean_probability(replies)
            return self._labelled(sentence, usable[0].status, usable[0].reason, usable[0].spans, confidence)
        vote = put_to_vote([reading.spans for reading in usable], len(sentence.words))
        lost = len(readings) - len(usable)
        repaired = sum(reading.status == "repaired" for reading in usable)
        reasons = [f"{lost} of {len(readings)} answers could not be used"] if lost else []
        reasons += [f"{repaired} of {len(readings)} were repaired"] if repaired else []
        # An answer that could not be used agrees with nothing.
        shares = tuple(share * len(usable) / len(readings) for share in vote.shares)
        agreement = vote.agreement * len(usable) / len(readings)
        return self._labelled(
            sentence, "repaired" if reasons else "ok", "; ".join(reasons), vote.spans, agreement, shares
        )

    def _read_one(self, sentence: Sentence, replies: Sequence[Reply]) -> Reading:
        readings = {
            type_: read_reply(
                self.prompt.format,
                sentence.words,
                self._types,
                reply.text,
                reply.finish_reason,
                self.prompt.fields,
                type_=type_,
                aliases=self._section.aliases,
            )
            for type_, reply in zip(self._asked_types, replies, strict=True)
        }
        if None in readings:
            return readings[None]
        return merge_readings({str(type_): reading for type_, reading in readings.items()})

    def _labelled(
        self,
        sentence: Sentence,
        status: str,
        reason: str,
        spans: tuple[Span, ...],
        confidence: float | None = None,
        shares: tuple[float, ...] | None = None,
    ) -> Labelled:
        return Labelled(sentence, status, reason, spans, self.model, self.prompt.name, confidence, shares)


def longest_answer(format: str, fields: Sequence[str], words: Sequence[str]) -> int:
    """Tokens that an answer may take: more than 95 % of right answers need, so that what is cut has run away.

    A word is taken for one token for each three bytes. Measured on CoNLL-2003, right answers need on average 4.7 tokens
    a word for tokens and tags, 2 for marked text and 1.5 to 2.3 for spans, and at the 95th percentile 2.5 times that.
    """
    if "".join(words).isascii():  # a character is a byte: a sentence of a large corpus takes a third of the time
        text = sum([(len(word) + 2) // 3 for word in words])
    else:
        text = sum([(len(word.encode()) + 2) // 3 for word in words])
    if format == "tokens_tags":
        return 64 + 2 * text + 8 * len(words) * max(1, len(fields))
    return 96 + 3 * text + 6 * len(words)


def _mean_probability(replies: Sequence[Reply]) -> float | None:
    """Geometric mean of the probabilities of all tokens of the replies; None where the server gave none."""
    logs: list[float] = []
    for reply in replies:
        if reply.logprobs is None:
            return None
        logs += [log for _, log in json.loads(reply.logprobs)]
    return math.exp(sum(logs) / len(logs)) if logs else None
