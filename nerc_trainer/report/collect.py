"""What a run's folder holds, read once: pure data for the parts of the page. Whatever is missing is None or empty."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from nerc_trainer.account import Account, account_of
from nerc_trainer.annotation.result import label_dollars
from nerc_trainer.annotation.spending import LedgerSums, read_sums
from nerc_trainer.errors import NercError
from nerc_trainer.recipe.costs import CostsSection
from nerc_trainer.recipe.report import ReportSection
from nerc_trainer.recipe.sections import Recipe
from nerc_trainer.report.settings import read_settings
from nerc_trainer.run_recipe import RECIPE_NAME

Row = Mapping[str, Any]

STAGE_FILES = {
    "analysis": "analysis/analysis.json",
    "sweep": "sweep/leaderboard.json",
    "annotation": "annotation/annotation.json",
    "comparison": "compare/comparison.json",
    "threshold": "threshold/threshold.json",
    "simulation": "simulate/simulate.json",
    "cheap_test": "cheap-test/cheap_test.json",
}


@dataclass(frozen=True)
class RunData:
    """What one run has found so far. The attributes are the contents of its files, see STAGE_FILES.

    ``selections`` and ``answers`` are those of the rounds in ``history`` by their number. ``llm_labels`` are the LLM's
    rows by sentence, for those that the page may show, and ``models`` the round.json of single taggers by branch.
    ``cell_seconds`` says how many seconds of the whole machine each training of `train`, `compare` and `threshold`
    took, by the name of its file. ``replies_dollars`` is what the replies behind the LLM's labels cost, whoever paid
    for them, None where that is not known; ``second_under_way`` what a second LLM has cost in a round that is not over.
    """

    folder: Path
    recipe: Recipe | None = None
    costs: CostsSection = field(default_factory=CostsSection)
    report: ReportSection = field(default_factory=ReportSection)
    state: Row | None = None
    history: Sequence[Row] = ()
    selections: Mapping[int, Row] = field(default_factory=dict)
    answers: Mapping[int, Sequence[Row]] = field(default_factory=dict)
    analysis: Row | None = None
    sweep: Row | None = None
    annotation: Row | None = None
    comparison: Row | None = None
    threshold: Row | None = None
    simulation: Row | None = None
    cheap_test: Any = None
    llm_labels: Mapping[str, Row] = field(default_factory=dict)
    models: Mapping[str, Row] = field(default_factory=dict)
    cell_seconds: Mapping[str, float] = field(default_factory=dict)
    ledger: LedgerSums | None = None
    replies_dollars: float | None = None
    second_under_way: float = 0.0

    @property
    def name(self) -> str:
        """What the run is called on the page: its folder, without the folders around it."""
        return self.folder.resolve().name

    @property
    def split(self) -> str:
        """The split that rounds are shown by: test where there is one."""
        return "test" if self.history and all(row["test"] for row in self.history) else "dev"

    @property
    def strategy(self) -> str:
        """How the rounds choose sentences; the first draws them at random in every run, whatever its line says."""
        if self.recipe is not None:
            return self.recipe.active.strategy
        return str(self.history[-1]["strategy"]) if self.history else ""

    @cached_property
    def account(self) -> Account:
        return account_of(self.ledger or LedgerSums(), self.history, self.costs, self.trained)

    @property
    def trained(self) -> float:
        """Seconds of the machine in trainings that are no rounds."""
        return sum(self.cell_seconds.values())


def scores_of(row: Row, split: str) -> Row:
    """A round's figures on a split."""
    return row["test"] if split == "test" else row


def collect_run(folder: Path, overrides: Sequence[str] = ()) -> RunData:
    """Read a run's folder. ``overrides`` are `dotted.key=value` for costs and report.

    Raises NercError for a folder that is no run's, for a damaged file, and for a wrong override.
    """
    recipe, costs, report = read_settings(folder, overrides)
    stages = {name: _read_json(folder / path) for name, path in STAGE_FILES.items()}
    history = list(_read_rows(folder / "history.jsonl"))
    models = {
        path.parent.name: _read_json(path)
        for path in sorted((folder / "models").glob("*/round.json"))
        if path.parent.suffix != ".partial"
    }
    if recipe is None and not (history or models or any(stages.values())):
        raise NercError(
            f"{folder}: not a run's folder (it has no {RECIPE_NAME}, no history.jsonl and no stage's figures); "
            "give the run.dir of a run"
        )
    selections = {}
    rounds = {int(row["round"]): folder / "rounds" / f"round-{row['round']:02d}" for row in history}
    for number, path in rounds.items():
        if found := _read_json(path / "selection.json"):
            selections[number] = found
    shown = {name for found in selections.values() for name in found["ids"][: report.sentences]}
    return RunData(
        folder=folder,
        recipe=recipe,
        costs=costs,
        report=report,
        state=_read_json(folder / "state.json"),
        history=history,
        selections=selections,
        answers={number: list(_read_rows(path / "labels.jsonl")) for number, path in rounds.items()},
        llm_labels=_llm_labels(folder, recipe, shown),
        models=models,
        cell_seconds=_cell_seconds(folder),
        ledger=_ledger(folder, recipe),
        replies_dollars=label_dollars(_labels_file(folder, recipe), folder),
        second_under_way=_second_dollars(folder, len(history)),
        **stages,
    )


def _ledger(folder: Path, recipe: Recipe | None) -> LedgerSums | None:
    path = folder / "ledger.sqlite"
    if recipe is not None and recipe.annotation.ledger is not None:
        path = recipe.annotation.ledger
    return read_sums(path) if path.is_file() else None


def _labels_file(folder: Path, recipe: Recipe | None) -> Path:
    """The LLM's labels that the run learns from."""
    if recipe is not None and recipe.annotation.labels is not None:
        return recipe.annotation.labels
    return folder / "annotation" / "labels.jsonl"


def _second_dollars(folder: Path, number: int) -> float:
    """What the second LLM's replies have cost in a round that has no line in history.jsonl yet."""
    paths = (folder / "rounds").glob(f"round-{number:02d}*/second.jsonl")
    return sum((row["dollars"] for path in paths for row in _read_rows(path)), 0.0)


def _llm_labels(folder: Path, recipe: Recipe | None, wanted: Collection[str]) -> dict[str, Row]:
    """The LLM's rows of the wanted sentences by id; labels that were made elsewhere may have no ids."""
    rows = _read_rows(_labels_file(folder, recipe))
    return {row["id"]: row for row in rows if row.get("id") in wanted and "tokens" in row}


def _cell_seconds(folder: Path) -> dict[str, float]:
    found = {path.stem: _read_json(path) or {} for path in sorted((folder / "cells").glob("*.json"))}
    # Workers beside each other share the machine; it is not known when the last ones had it for themselves.
    return {name: cell["seconds"] / cell.get("workers", 1) for name, cell in found.items() if "seconds" in cell}


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except ValueError as error:
        raise NercError(f"{path}: damaged ({error}); run the stage that wrote it again, or restore it") from error


def _read_rows(path: Path) -> Iterator[Row]:
    """The rows of a JSON Lines file, one at a time: an LLM's labels may be many. No rows where there is no file."""
    if not path.is_file():
        return
    with path.open(encoding="utf-8", newline="\n") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                if line.strip():
                    yield json.loads(line)
            except ValueError as error:
                raise NercError(f"{path}, line {number}: damaged ({error}); restore it from a copy") from error
