"""Who labels the selected sentences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from nerc_trainer.active.journal import RunJournal


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
    """Answers for sentences that are given by their ids, in the order asked; None while the answers are not in.

    Behind them may stand answers for sentences that were asked for before.
    """

    def label(self, ids: Sequence[str]) -> list[ExpertLabel] | None: ...


class TruthOracle:
    """Simulation: the expert's answer is the corpus' own truth."""

    def __init__(self, ids: Sequence[str], ner_tags: Sequence[list[str]]) -> None:
        self._ids, self._ner_tags = ids, ner_tags

    def label(self, ids: Sequence[str]) -> list[ExpertLabel]:
        # Looked up when asked: the tags of a million sentences as Python lists would take a gigabyte.
        asked = set(ids)
        places = {name: place for place, name in enumerate(self._ids) if name in asked}
        return [ExpertLabel(id=name, ner_tags=self._ner_tags[places[name]], annotator="truth") for name in ids]


class FilesOracle:
    """People: their answers come in as files while the run rests; see `nerc_trainer.active.labelling`.

    A batch may be closed before all of it is answered; then the answers that there are will do. Those that come later
    stand behind the answers of the next batch, and one that its own batch asks for again is not waited for.
    """

    def __init__(self, journal: RunJournal) -> None:
        self._journal = journal

    def label(self, ids: Sequence[str]) -> list[ExpertLabel] | None:
        answers = self._journal.round(self._journal.newest_selection()).answers()
        late = {label.id: label for label in self._journal.late_to_learn()}
        known = late | answers.by_id
        found = [known[name] for name in ids if name in known]
        if not answers.closed and len(found) < len(ids):
            return None
        asked = set(ids)
        return found + [label for name, label in late.items() if name not in asked]
