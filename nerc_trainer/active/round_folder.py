"""What one round has done so far, on disk: its folder grows as `rounds/round-NN.partial` and becomes `round-NN`.

First comes what a second LLM has said, where one is asked, and what was selected (and, where people label, their batch
and the answers that have come so far), then the expert's labels, then the trained model, then its figures. Each appears
whole or not at all.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nerc_trainer.active.labelling.batch import Batch
from nerc_trainer.active.oracle import ExpertLabel
from nerc_trainer.active.second import SecondAnswer
from nerc_trainer.active.stored import read_json, read_rows, write_rows
from nerc_trainer.files import sync_folder, write_json


@dataclass(frozen=True)
class Answers:
    """What people have answered of a batch so far, and whether no more is waited for."""

    by_id: dict[str, ExpertLabel] = field(default_factory=dict)
    closed: bool = False


class RoundFolder:
    """The folder of one round of a run."""

    def __init__(self, rounds: Path, number: int) -> None:
        """``rounds`` is the folder of all rounds of the run."""
        self._sealed = rounds / f"round-{number:02d}"
        self._partial = rounds / f"round-{number:02d}.partial"

    @property
    def _path(self) -> Path:
        return self._sealed if self._sealed.is_dir() else self._partial

    # Select and ask

    def note_seconds(self, phase: str, seconds: float) -> None:
        """Keep how long a phase took, whose result is about to be written; the last try is what counts."""
        write_json(self._path / "seconds.json", self.seconds() | {phase: seconds})

    def seconds(self) -> dict[str, float]:
        """What `note_seconds` was told."""
        return read_json(self._path / "seconds.json") or {}

    def selection(self) -> dict[str, Any] | None:
        """What the round has asked for, once that is decided."""
        return read_json(self._path / "selection.json")

    def write_selection(self, selection: Mapping[str, Any]) -> None:
        write_json(self._path / "selection.json", dict(selection))

    def agreement(self) -> dict[str, Any] | None:
        """How the round's scores agree with those in float32, once that is known."""
        return read_json(self._path / "agreement.json")

    def write_agreement(self, agreement: Mapping[str, Any]) -> None:
        write_json(self._path / "agreement.json", dict(agreement))

    def second(self) -> list[SecondAnswer]:
        """What the second LLM has said so far."""
        return read_rows(self._path / "second.jsonl", lambda row: SecondAnswer(**row)) or []

    def settled(self) -> list[SecondAnswer]:
        """What the second LLM has said and the tagger before it: labels that stand."""
        return [answer for answer in self.second() if answer.agrees]

    def write_second(self, answers: Sequence[SecondAnswer]) -> None:
        write_rows(self._path / "second.jsonl", (answer.as_row() for answer in answers))

    def batch(self) -> Batch | None:
        """The batch that the round has handed out to people; None where it has not."""
        said = read_json(self._path / "to_label.json")
        return None if said is None else Batch.from_json(said)

    def write_batch(self, batch: Batch) -> None:
        write_json(self._path / "to_label.json", batch.as_json())

    def answers(self) -> Answers:
        """What people have answered so far."""
        said = read_json(self._path / "answers.json") or {"closed": False, "answers": []}
        return Answers({row["id"]: ExpertLabel(**row) for row in said["answers"]}, said["closed"])

    def write_answers(self, answers: Answers) -> None:
        rows = [label.as_row() for label in answers.by_id.values()]
        write_json(self._path / "answers.json", {"closed": answers.closed, "answers": rows})

    def labels(self) -> list[ExpertLabel] | None:
        """What the expert has answered; None before the answers are in."""
        return read_rows(self._path / "labels.jsonl", lambda row: ExpertLabel(**row))

    def write_labels(self, labels: Iterable[ExpertLabel]) -> None:
        write_rows(self._path / "labels.jsonl", (label.as_row() for label in labels))

    # Train

    @property
    def model(self) -> Path:
        """Where the round's model is, once it is trained."""
        return self._path / "model"

    def trained(self) -> dict[str, Any] | None:
        """What `complete_model` was told, once the round's model is there."""
        return read_json(self._path / "training.json") if self.model.is_dir() else None

    def begin_model(self) -> Path:
        """An empty folder to write a trained model to, which `complete_model` turns into the round's."""
        partial = self._path / "model.partial"
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        return partial

    def sync_model(self) -> None:
        """Bring the folder that `begin_model` gave to the disk; seconds for a large model."""
        for path in (self._path / "model.partial").rglob("*"):
            with path.open("rb") as file:
                os.fsync(file.fileno())

    def complete_model(self, training: Mapping[str, Any]) -> None:
        """The folder is written and synced: keep it as the round's model, with what is known of its ``training``."""
        partial = self._path / "model.partial"
        write_json(self._path / "training.json", dict(training))
        partial.rename(partial.with_name("model"))
        sync_folder(partial.parent)

    def drop_model(self) -> None:
        """Delete the model of a sealed round; its figures stay."""
        shutil.rmtree(self._sealed / "model", ignore_errors=True)

    # Evaluate

    def record(self) -> dict[str, Any] | None:
        """The round's figures, once it is evaluated and sealed."""
        return read_json(self._sealed / "record.json")

    def seal(self, record: Mapping[str, Any]) -> None:
        """Close the round: its folder loses the word partial, and nothing in it changes any more."""
        write_json(self._partial / "record.json", dict(record))
        self._partial.rename(self._sealed)
        sync_folder(self._sealed.parent)
