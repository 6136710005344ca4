"""What a run has done so far, on disk, so that a killed run carries on where it was.

A round grows in `rounds/round-NN.partial/`: first what a second LLM has said, where one is asked, and what was selected
(and, where people label, their batch and the answers that have come so far), then the expert's labels, then the
trained model, then its figures. Each appears whole or not at all. The folder becomes `rounds/round-NN/` when all of it
is there.
Only rank 0 holds a journal.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeVar

import yaml

from nerc_trainer.active.labelling.batch import Batch
from nerc_trainer.active.oracle import ExpertLabel
from nerc_trainer.active.second import SecondAnswer
from nerc_trainer.errors import NercError
from nerc_trainer.files import sync_folder, write_json, write_text
from nerc_trainer.hub.seal import check_seal
from nerc_trainer.recipe.sections import changed_keys, dump_recipe
from nerc_trainer.run_lock import lock_run

if TYPE_CHECKING:
    from nerc_trainer.recipe.sections import Recipe


Row = TypeVar("Row")
_NO_ROWS = "\n"
WAY_OUT = "restore it from a copy, or begin again with another run.dir"
# What may be said otherwise when a run carries on: it changes no figure, or the fingerprints of the corpus cover it.
_FREE_KEYS = (
    *("run.dir", "run.name", "data.train", "data.dev", "data.test", "annotation.*", "sweep.*"),
    *("train.*", "compare.*", "threshold.*", "simulate.*", "cheap_test.*"),
    *("costs.gpu_dollars_per_hour", "costs.what_if.*", "report.*"),
    *("hub.deadline_seconds", "hub.endpoint", "training.logging_*", "training.report_to", "training.disable_tqdm"),
)


@dataclass(frozen=True)
class Answers:
    """What people have answered of a batch so far, and whether no more is waited for."""

    by_id: dict[str, ExpertLabel] = field(default_factory=dict)
    closed: bool = False


class RunJournal:
    """The folder of one run, held by one process at a time."""

    def __init__(self, run_dir: Path) -> None:
        self.run_dir = run_dir
        self._lock: IO[str] | None = None
        self._state: dict[str, Any] = {}

    def open(self, recipe: Recipe, fingerprints: Mapping[str, str], versions: Mapping[str, str]) -> list[str]:
        """Take the run's lock, and begin the run or make sure that it is the same one as before.

        Until a first selection is made, nothing is lost by another recipe, which then takes the place of the old one.
        Returns what the user should know. Raises NercError when another process works on the run, or when recipe or
        corpus are not those it began with.
        """
        self._lock = lock_run(self.run_dir)
        state = self._read("state.json")
        begun = any(self._rounds_dir().glob("round-*/selection.json"))
        if state is None and begun:
            raise NercError(f"{self.run_dir / 'state.json'}: missing beside rounds; restore it or use another run.dir")
        notes = []
        if state is None or not begun:
            self._state = {
                "status": "running",
                "reason": None,
                "corpus": dict(fingerprints),
                "versions": dict(versions),
            }
            write_json(self.run_dir / "state.json", self._state)
        else:
            self._check_same(recipe, fingerprints, state)
            self._state = state
            notes = [
                f"{name} was {before} when the run began and is {versions.get(name, 'missing')} now"
                for name, before in state["versions"].items()
                if versions.get(name) != before
            ]
        write_text(self.run_dir / "recipe.resolved.yaml", dump_recipe(recipe))
        self._rounds_dir().mkdir(exist_ok=True)
        return notes

    def close(self) -> None:
        """Let go of the run."""
        if self._lock is not None:
            self._lock.close()

    def _check_same(self, recipe: Recipe, fingerprints: Mapping[str, str], state: Mapping[str, Any]) -> None:
        path = self.run_dir / "recipe.resolved.yaml"
        try:
            before = yaml.safe_load(path.read_text(encoding="utf-8"))
        except (OSError, yaml.YAMLError) as error:
            raise NercError(f"{path}: missing or damaged; {WAY_OUT}") from error
        changes = [
            change
            for change in changed_keys(before, recipe.model_dump(mode="json"))
            if not any(fnmatch(change.partition(":")[0], key) for key in _FREE_KEYS)
        ]
        changes += [
            f"corpus {split}: {state['corpus'].get(split, 'none')[:12]} -> {fingerprints.get(split, 'none')[:12]}"
            for split in sorted({*state["corpus"], *fingerprints})
            if state["corpus"].get(split) != fingerprints.get(split)
        ]
        if changes:
            raise NercError(
                f"run.dir = {self.run_dir}: holds a run of another recipe or corpus ({'; '.join(changes)}); "
                "undo the change, or give this one its own run.dir"
            )

    # The run as a whole

    @property
    def finished(self) -> str | None:
        """Why the run ended, or None while it goes on; also of a run that is not open."""
        state = self._state or self._read("state.json") or {}
        return state["reason"] if state.get("status") == "finished" else None

    def finish(self, reason: str) -> None:
        """Note that the run has ended; starting it again does nothing."""
        self._state |= {"status": "finished", "reason": reason}
        write_json(self.run_dir / "state.json", self._state)

    def history(self) -> list[dict[str, Any]]:
        """The lines of the rounds that are over: saved and handed to publishing, of which the last may not be done."""
        return _read_rows(self.run_dir / "history.jsonl", lambda row: row) or []

    def append(self, record: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Add a round's line to history.jsonl, in one step, and return all lines."""
        history = [*self.history(), dict(record)]
        self._write_history(history)
        return history

    def _write_history(self, history: Sequence[Mapping[str, Any]]) -> None:
        lines = [json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n" for row in history]
        write_text(self.run_dir / "history.jsonl", "".join(lines))

    def expert_labels(self) -> list[ExpertLabel]:
        """All labels that the expert has given in the rounds that are over, in their order."""
        return [label for row in self.history() for label in self.labels(row["round"]) or []]

    def second_labels(self) -> list[SecondAnswer]:
        """All that the second LLM has settled in the rounds that are over."""
        return [answer for row in self.history() for answer in self.settled(row["round"])]

    def confirm(self, number: int, published: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Write into a round's line what became of its publication, in one step, and return all lines."""
        history = self.history()
        for row in history:
            if row["round"] == number:
                row |= published
        self._write_history(history)
        return history

    def decide(self, name: str, now: Row) -> Row:
        """What the run has decided under this name at its first start; that is ``now`` if it has not yet."""
        decided = self._state.setdefault("decided", {})
        if name not in decided:
            decided[name] = now
            write_json(self.run_dir / "state.json", self._state)
        return decided[name]

    # One round

    def note_seconds(self, number: int, phase: str, seconds: float) -> None:
        """Keep how long a phase of a round took, whose result is about to be written; the last try is what counts."""
        write_json(self._round(number) / "seconds.json", self.seconds(number) | {phase: seconds})

    def seconds(self, number: int) -> dict[str, float]:
        """What `note_seconds` was told of a round."""
        return self._read(self._round(number) / "seconds.json") or {}

    def selection(self, number: int) -> dict[str, Any] | None:
        """What a round has asked for, once that is decided."""
        return self._read(self._round(number) / "selection.json")

    def write_selection(self, number: int, selection: Mapping[str, Any]) -> None:
        write_json(self._round(number) / "selection.json", dict(selection))

    def agreement(self, number: int) -> dict[str, Any] | None:
        """How a round's scores agree with those in float32, once that is known."""
        return self._read(self._round(number) / "agreement.json")

    def write_agreement(self, number: int, agreement: Mapping[str, Any]) -> None:
        write_json(self._round(number) / "agreement.json", dict(agreement))

    def newest_selection(self) -> int:
        """The round that has asked for sentences last, -1 before the first."""
        return self._newest("selection.json")

    def newest_batch(self) -> int:
        """The round that has handed out a batch last, -1 before the first; later ones may have needed none."""
        return self._newest("to_label.json")

    def _newest(self, name: str) -> int:
        found = self._rounds_dir().glob(f"round-*/{name}")
        return max((int(path.parent.name.split("-")[1].split(".")[0]) for path in found), default=-1)

    def batch(self, number: int) -> Batch | None:
        """The batch that a round has handed out to people; None where it has not."""
        said = self._read(self._round(number) / "to_label.json")
        return None if said is None else Batch.from_json(said)

    def write_batch(self, number: int, batch: Batch) -> None:
        write_json(self._round(number) / "to_label.json", batch.as_json())

    def answers(self, number: int) -> Answers:
        """What people have answered in a round so far."""
        said = self._read(self._round(number) / "answers.json") or {"closed": False, "answers": []}
        return Answers({row["id"]: ExpertLabel(**row) for row in said["answers"]}, said["closed"])

    def write_answers(self, number: int, answers: Answers) -> None:
        rows = [label.as_row() for label in answers.by_id.values()]
        write_json(self._round(number) / "answers.json", {"closed": answers.closed, "answers": rows})

    def late_answers(self) -> list[ExpertLabel]:
        """What people have answered for sentences that a round had gone on without, and a later one learns from."""
        return _read_rows(self.run_dir / "late_answers.jsonl", lambda row: ExpertLabel(**row)) or []

    def late_to_learn(self) -> list[ExpertLabel]:
        """Those of the late answers that no round that is over has learnt from."""
        late = self.late_answers()
        learnt = {label.id for label in self.expert_labels()} if late else set()
        return [label for label in late if label.id not in learnt]

    def write_late_answers(self, answers: Iterable[ExpertLabel]) -> None:
        self._write_labels(self.run_dir / "late_answers.jsonl", answers)

    def labels(self, number: int) -> list[ExpertLabel] | None:
        """What the expert has answered in a round; None before the answers are in."""
        return _read_rows(self._round(number) / "labels.jsonl", lambda row: ExpertLabel(**row))

    def write_labels(self, number: int, labels: Iterable[ExpertLabel]) -> None:
        self._write_labels(self._round(number) / "labels.jsonl", labels)

    def _write_labels(self, path: Path, labels: Iterable[ExpertLabel]) -> None:
        text = "".join(json.dumps(label.as_row(), ensure_ascii=False) + "\n" for label in labels)
        # An expert who was asked for nothing has answered; a file of no bytes is a damaged one.
        write_text(path, text or _NO_ROWS)

    def second(self, number: int) -> list[SecondAnswer]:
        """What the second LLM has said in a round so far."""
        return _read_rows(self._round(number) / "second.jsonl", lambda row: SecondAnswer(**row)) or []

    def settled(self, number: int) -> list[SecondAnswer]:
        """What the second LLM has said in a round and the tagger before it: labels that stand."""
        return [answer for answer in self.second(number) if answer.agrees]

    def write_second(self, number: int, answers: Sequence[SecondAnswer]) -> None:
        text = "".join(json.dumps(answer.as_row(), ensure_ascii=False) + "\n" for answer in answers)
        write_text(self._round(number) / "second.jsonl", text)

    def model_folder(self, number: int) -> Path:
        """Where the model of a round is, once it is trained."""
        return self._round(number) / "model"

    def model_to_go_on_from(self, number: int) -> Path | None:
        """The model that round ``number`` has trained already, else that of the round before; None for round 0.

        Raises NercError when the round before is over but its model is gone or changed.
        """
        trained = self.model_folder(number)
        if trained.is_dir() or number == 0:
            return trained if trained.is_dir() else None
        return self._sealed_model(number - 1)

    def _sealed_model(self, number: int) -> Path:
        folder = self.model_folder(number)
        if problems := check_seal(folder):
            raise NercError(f"{folder}: not the model of round {number} any more ({problems[0]}); {WAY_OUT}")
        return folder

    def earlier_models(self, before: int, count: int) -> list[Path]:
        """The models of the last ``count`` rounds before round ``before``, the newest first; fewer where it has fewer.

        Raises NercError when one of them is gone or changed.
        """
        return [self._sealed_model(number) for number in range(before - 1, max(before - 1 - count, -1), -1)]

    def drop_models(self, before: int) -> None:
        """Delete the models of the sealed rounds before round ``before``; their figures stay.

        A run that is to go on needs the model of its last round, and with `active.strategy` committee earlier ones.
        """
        for number in range(before):
            folder = self._rounds_dir() / f"round-{number:02d}" / "model"
            shutil.rmtree(folder, ignore_errors=True)

    def trained(self, number: int) -> dict[str, Any] | None:
        """What `complete_model` was told, once the round's model is there."""
        return self._read(self._round(number) / "training.json") if self.model_folder(number).is_dir() else None

    def begin_model(self, number: int) -> Path:
        """An empty folder to write a trained model to, which `complete_model` turns into the round's."""
        partial = self._round(number) / "model.partial"
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        return partial

    def sync_model(self, number: int) -> None:
        """Bring the folder that `begin_model` gave to the disk; seconds for a large model."""
        for path in (self._round(number) / "model.partial").rglob("*"):
            with path.open("rb") as file:
                os.fsync(file.fileno())

    def complete_model(self, number: int, training: Mapping[str, Any]) -> None:
        """The folder is written and synced: keep it as the round's model, with what is known of its ``training``."""
        partial = self._round(number) / "model.partial"
        write_json(self._round(number) / "training.json", dict(training))
        partial.rename(partial.with_name("model"))
        sync_folder(partial.parent)

    def signs(self, number: int) -> dict[str, Any] | None:
        """What a round's model said of the stop set, once it was asked."""
        return self._read(f"stopping/round-{number:02d}.json")

    def write_signs(self, number: int, signs: Mapping[str, Any]) -> None:
        write_json(self.run_dir / "stopping" / f"round-{number:02d}.json", dict(signs))

    def record(self, number: int) -> dict[str, Any] | None:
        """A round's figures, once it is evaluated and sealed."""
        path = self._rounds_dir() / f"round-{number:02d}" / "record.json"
        return self._read(path)

    def seal(self, number: int, record: Mapping[str, Any]) -> None:
        """Close a round: its folder loses the word partial, and nothing in it changes any more."""
        partial = self._partial(number)
        write_json(partial / "record.json", dict(record))
        partial.rename(self._rounds_dir() / f"round-{number:02d}")
        sync_folder(self._rounds_dir())

    def _rounds_dir(self) -> Path:
        return self.run_dir / "rounds"

    def _partial(self, number: int) -> Path:
        return self._rounds_dir() / f"round-{number:02d}.partial"

    def _round(self, number: int) -> Path:
        sealed = self._rounds_dir() / f"round-{number:02d}"
        return sealed if sealed.is_dir() else self._partial(number)

    def _read(self, name: str | Path) -> dict[str, Any] | None:
        path = self.run_dir / name if isinstance(name, str) else name
        if not path.exists():
            return None
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise NercError(f"{path}: damaged ({error}); {WAY_OUT}") from error


def _read_rows(path: Path, convert: Callable[[dict[str, Any]], Row]) -> list[Row] | None:
    """The rows of a JSON Lines file, None if there is no such file."""
    if not path.exists():
        return None
    rows: list[Row] = []
    text = path.read_text(encoding="utf-8")
    if text == _NO_ROWS:
        return rows
    # Not splitlines: JSON leaves line separators of Unicode unescaped inside strings.
    for number, line in enumerate(text.rstrip("\n").split("\n"), start=1):
        try:
            rows.append(convert(json.loads(line)))
        except (ValueError, TypeError) as error:
            raise NercError(f"{path}, line {number}: damaged ({error}); {WAY_OUT}") from error
    return rows
