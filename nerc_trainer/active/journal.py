"""What a run has done so far, on disk, so that a killed run carries on where it was.

Each round has its own folder (`RoundFolder`); here stands what is of the run as a whole. Only rank 0 opens,
reads and writes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fnmatch import fnmatch
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeVar

import yaml

from nerc_trainer.active.oracle import ExpertLabel
from nerc_trainer.active.round_folder import RoundFolder
from nerc_trainer.active.second import SecondAnswer
from nerc_trainer.active.stored import WAY_OUT, read_json, read_rows, write_rows
from nerc_trainer.errors import NercError
from nerc_trainer.files import write_json, write_text
from nerc_trainer.hub.seal import check_seal
from nerc_trainer.recipe.sections import changed_keys, dump_recipe
from nerc_trainer.run_lock import lock_run

if TYPE_CHECKING:
    from nerc_trainer.recipe.sections import Recipe


Decided = TypeVar("Decided")
# What may be said otherwise when a run carries on: it changes no figure, or the fingerprints of the corpus cover it.
_FREE_KEYS = (
    *("run.dir", "run.name", "data.train", "data.dev", "data.test", "annotation.*", "sweep.*"),
    *("train.*", "compare.*", "threshold.*", "simulate.*", "cheap_test.*"),
    *("costs.gpu_dollars_per_hour", "costs.what_if.*", "report.*"),
    *("hub.deadline_seconds", "hub.endpoint", "training.logging_*", "training.report_to", "training.disable_tqdm"),
)


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
        state = read_json(self.run_dir / "state.json")
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
        state = self._state or read_json(self.run_dir / "state.json") or {}
        return state["reason"] if state.get("status") == "finished" else None

    def finish(self, reason: str) -> None:
        """Note that the run has ended; starting it again does nothing."""
        self._state |= {"status": "finished", "reason": reason}
        write_json(self.run_dir / "state.json", self._state)

    def history(self) -> list[dict[str, Any]]:
        """The lines of the rounds that are over: saved and handed to publishing, of which the last may not be done."""
        return read_rows(self.run_dir / "history.jsonl", lambda row: row) or []

    def append(self, record: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Add a round's line to history.jsonl, in one step, and return all lines."""
        history = [*self.history(), dict(record)]
        write_rows(self.run_dir / "history.jsonl", history)
        return history

    def expert_labels(self) -> list[ExpertLabel]:
        """All labels that the expert has given in the rounds that are over, in their order."""
        return [label for row in self.history() for label in self.round(row["round"]).labels() or []]

    def second_labels(self) -> list[SecondAnswer]:
        """All that the second LLM has settled in the rounds that are over."""
        return [answer for row in self.history() for answer in self.round(row["round"]).settled()]

    def confirm(self, number: int, published: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Write into a round's line what became of its publication, in one step, and return all lines."""
        history = self.history()
        for row in history:
            if row["round"] == number:
                row |= published
        write_rows(self.run_dir / "history.jsonl", history)
        return history

    def decide(self, name: str, now: Decided) -> Decided:
        """What the run has decided under this name at its first start; that is ``now`` if it has not yet."""
        decided = self._state.setdefault("decided", {})
        if name not in decided:
            decided[name] = now
            write_json(self.run_dir / "state.json", self._state)
        return decided[name]

    # Its rounds

    def round(self, number: int) -> RoundFolder:
        """The folder of one round, of the next one too."""
        return RoundFolder(self._rounds_dir(), number)

    def newest_selection(self) -> int:
        """The round that has asked for sentences last, -1 before the first."""
        return self._newest("selection.json")

    def newest_batch(self) -> int:
        """The round that has handed out a batch last, -1 before the first; later ones may have needed none."""
        return self._newest("to_label.json")

    def _newest(self, name: str) -> int:
        found = self._rounds_dir().glob(f"round-*/{name}")
        return max((int(path.parent.name.split("-")[1].split(".")[0]) for path in found), default=-1)

    def late_answers(self) -> list[ExpertLabel]:
        """What people have answered for sentences that a round had gone on without, and a later one learns from."""
        return read_rows(self.run_dir / "late_answers.jsonl", lambda row: ExpertLabel(**row)) or []

    def late_to_learn(self) -> list[ExpertLabel]:
        """Those of the late answers that no round that is over has learnt from."""
        late = self.late_answers()
        learnt = {label.id for label in self.expert_labels()} if late else set()
        return [label for label in late if label.id not in learnt]

    def write_late_answers(self, answers: Iterable[ExpertLabel]) -> None:
        write_rows(self.run_dir / "late_answers.jsonl", (label.as_row() for label in answers))

    def model_to_go_on_from(self, number: int) -> Path | None:
        """The model that round ``number`` has trained already, else that of the round before; None for round 0.

        Raises NercError when the round before is over but its model is gone or changed.
        """
        trained = self.round(number).model
        if trained.is_dir() or number == 0:
            return trained if trained.is_dir() else None
        return self._sealed_model(number - 1)

    def _sealed_model(self, number: int) -> Path:
        folder = self.round(number).model
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
            self.round(number).drop_model()

    def signs(self, number: int) -> dict[str, Any] | None:
        """What a round's model said of the stop set, once it was asked."""
        return read_json(self._signs(number))

    def write_signs(self, number: int, signs: Mapping[str, Any]) -> None:
        write_json(self._signs(number), dict(signs))

    def _signs(self, number: int) -> Path:
        return self.run_dir / "stopping" / f"round-{number:02d}.json"

    def _rounds_dir(self) -> Path:
        return self.run_dir / "rounds"
