"""Who labels the selected sentences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol


@dataclass(frozen=True)
class ExpertLabel:
    """The expert's BIO tags for one sentence of the pool, and the seconds that they took where that is known."""

    id: str
    ner_tags: list[str]
    annotator: str
    seconds: float | None = None

    def as_row(self) -> dict[str, Any]:
        """The line that is kept in the round's labels.jsonl."""
        return {key: value for key, value in asdict(self).items() if value is not None}


class Oracle(Protocol):
    """Answers for sentences that are given by their ids; every id is answered, in the order asked."""

    def label(self, ids: Sequence[str]) -> list[ExpertLabel]: ...


class TruthOracle:
    """Simulation: the expert's answer is the corpus' own truth."""

    def __init__(self, ids: Sequence[str], ner_tags: Sequence[list[str]]) -> None:
        self._ids, self._ner_tags = ids, ner_tags

    def label(self, ids: Sequence[str]) -> list[ExpertLabel]:
        # Looked up when asked: the tags of a million sentences as Python lists would take a gigabyte.
        asked = set(ids)
        places = {name: place for place, name in enumerate(self._ids) if name in asked}
        return [ExpertLabel(id=name, ner_tags=self._ner_tags[places[name]], annotator="truth") for name in ids]
