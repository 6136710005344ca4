"""Every model of a run with its money and its F1, and which of them are worth it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from nerc_trainer.account import NOTHING, machine_dollars, machine_seconds
from nerc_trainer.annotation.pareto import pareto_front
from nerc_trainer.costs import ExpertWork, expert_dollars
from nerc_trainer.report.collect import Row, RunData, scores_of


@dataclass(frozen=True)
class Model:
    """A model, what its labels and its training have cost (dollars), and its F1 on ``split``.

    ``llm`` is the money for all replies in the ledger, those of the sweep too, where the LLM's labels took part; what a
    second LLM has said counts from the round on that asked it, and for models of no round never.
    ``replies`` is the money for the replies behind its labels alone, whoever paid for them, a second LLM's among them;
    None where that is not known.
    ``machine`` is None where it has no price or was not recorded. ``expert_only`` models owe the LLM nothing. ``seeds``
    are the F1 of each seed where there were several trainings, of which ``f1`` is the mean.
    """

    name: str
    f1: float
    split: str
    llm: Decimal
    replies: Decimal | None
    expert: Decimal
    machine: Decimal | None
    expert_sentences: int
    expert_only: bool
    seeds: Sequence[float] = ()

    @property
    def dollars(self) -> Decimal:
        return self.llm + self.expert + (self.machine or NOTHING)

    @property
    def label_dollars(self) -> Decimal | None:
        """What its labels cost, and nothing else: what may stand beside the price of an expert's labels."""
        return None if self.replies is None else self.replies + self.expert


def models_of(run: RunData) -> list[Model]:
    """The rows of `compare`, taggers that `train` made, and the rounds: each once, on one split."""
    split = split_of(run)
    compared = list(_compared(run, split))
    names = {model.name for model in compared}
    trained = [model for model in _trained(run, split) if model.name not in names]
    return [*compared, *trained, *_rounds(run, split)]


def split_of(run: RunData) -> str:
    """The split that every model of the run was measured on: test, or else dev."""
    return "test" if all("test" in found for found in _splits(run)) else "dev"


def _splits(run: RunData) -> Iterator[set[str]]:
    """The splits that each source of models was measured on."""
    if run.comparison is not None:
        yield {split for split in ("dev", "test") if split in run.comparison}
    for record in [*run.models.values(), *run.history[-1:]]:
        yield {"dev"} | ({"test"} if record.get("test") else set())


def llm_dollars(run: RunData, rounds: int = 0) -> Decimal:
    """Money for the LLM's labels after so many ``rounds``: all replies in the ledger but those that a second LLM gave
    later, also in a round that is not over."""
    later = _second(run.history[rounds:]) + Decimal(str(run.second_under_way))
    return max(run.account.llm - later, NOTHING)


def replies_dollars(run: RunData, rounds: int = 0) -> Decimal | None:
    """Money for the replies that the LLM's labels come from after so many ``rounds``, whoever paid for them; None where
    it is not known."""
    if run.replies_dollars is None:
        return None
    return Decimal(str(run.replies_dollars)) + _second(run.history[:rounds])


def _second(rows: Sequence[Row]) -> Decimal:
    return sum((Decimal(str(row.get("llm_dollars", 0))) for row in rows), NOTHING)


def _compared(run: RunData, split: str) -> Iterator[Model]:
    if run.comparison is None:
        return
    for name, row in run.comparison[split]["rows"].items():
        seconds = [value for cell, value in run.cell_seconds.items() if cell.startswith(f"compare-{name}-seed-")]
        yield Model(
            name,
            f1=row["f1"]["mean"],
            split=split,
            llm=llm_dollars(run) if row["llm_sentences"] else NOTHING,
            replies=replies_dollars(run) if row["llm_sentences"] else NOTHING,
            expert=_expert(run, row),
            machine=machine_dollars(sum(seconds) / len(seconds), run.costs) if seconds else None,
            expert_sentences=row["expert_sentences"],
            expert_only=not row["llm_sentences"],
            seeds=row["f1"]["values"],
        )


def _trained(run: RunData, split: str) -> Iterator[Model]:
    for name, record in run.models.items():
        uses_llm = record["labels"] in ("llm", "mixed")
        seconds = run.cell_seconds.get(name)
        yield Model(
            name,
            f1=record[split]["f1"],
            split=split,
            llm=llm_dollars(run) if uses_llm else NOTHING,
            replies=replies_dollars(run) if uses_llm else NOTHING,
            expert=_expert(run, record),
            machine=machine_dollars(seconds, run.costs) if seconds is not None else None,
            expert_sentences=record["expert_sentences"],
            expert_only=not uses_llm,
        )


def _rounds(run: RunData, split: str) -> Iterator[Model]:
    with_llm = any(row["llm_sentences"] for row in run.history)
    seconds = 0.0
    for made, row in enumerate(run.history, start=1):
        seconds += machine_seconds(row["seconds"])
        yield Model(
            f"round {row['round']}",
            f1=scores_of(row, split)["f1"],
            split=split,
            llm=llm_dollars(run, made) if with_llm else NOTHING,
            replies=replies_dollars(run, made) if with_llm else NOTHING,
            expert=Decimal(str(row["dollars"])),
            machine=machine_dollars(seconds, run.costs),
            expert_sentences=row["expert_sentences"],
            expert_only=not with_llm,
        )


def _expert(run: RunData, row: Row) -> Decimal:
    return Decimal(str(round(expert_dollars(ExpertWork.of(row), run.costs), 6)))


def gains(models: Sequence[Model]) -> list[float | None]:
    """Points of F1 (hundredths) that a dollar more than the cheapest model's brings; None for that one and for free."""
    if not models:
        return []
    cheapest = min(models, key=lambda model: (model.dollars, -model.f1))
    return [
        float(100 * (model.f1 - cheapest.f1)) / float(model.dollars - cheapest.dollars)
        if model.dollars > cheapest.dollars
        else None
        for model in models
    ]


def front(models: Sequence[Model]) -> set[int]:
    """Positions of the models that no other beats in money and F1."""
    return set(pareto_front([float(model.dollars) for model in models], [model.f1 for model in models]))
