"""Who answers for a sentence: the second LLM, where it sees what the tagger sees, else the expert."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class SecondAnswer:
    """What the second LLM has said of a sentence.

    ``ner_tags`` are BIO tags, none where its reply could not be used, as ``status`` says (ok, repaired, rejected or
    refused, and why). ``agrees`` says whether the tagger saw the same entities. ``dollars`` is what the replies cost
    the run, counted in the round that asked first.
    """

    id: str
    ner_tags: list[str]
    status: str
    agrees: bool
    dollars: float

    def as_row(self) -> dict[str, Any]:
        """The line that is kept in the round's second.jsonl."""
        return asdict(self)


@dataclass(frozen=True)
class Drawn:
    """Places of sentences, the most wanted first: those for the ``expert``, those that the second LLM has ``settled``,
    and how many it was ``asked`` about."""

    expert: list[int]
    settled: list[int]
    asked: int


def draw(
    fill: Callable[[Sequence[int]], Sequence[int]], agree: Callable[[list[int]], Sequence[bool]], reach: int
) -> Drawn:
    """Draw sentences in the order in which they are wanted until the expert's part of the round is full.

    ``fill`` gives the places that the round would ask the expert for if those that it is told were not there: so the
    budgets of a round are the expert's alone. ``agree`` asks the second LLM about places and says where it sees what
    the tagger sees. It is asked about ``reach`` times as many as ``fill`` gives at first and no more; where these do
    not fill the expert's part, it stays smaller. The expert is asked for nothing that the second LLM was not.
    """
    agrees: dict[int, bool] = {}
    settled: list[int] = []
    batch = list(fill(()))
    most = reach * len(batch)
    while new := [place for place in batch if place not in agrees][: most - len(agrees)]:
        agrees |= dict(zip(new, agree(new), strict=True))
        settled += [place for place in new if agrees[place]]
        batch = list(fill(settled))
    return Drawn([place for place in batch if place in agrees], settled, len(agrees))
