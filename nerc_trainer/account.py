"""The account of a run: what its labels and its machine have cost, to the cent, and at other prices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from nerc_trainer.annotation.money import dollars
from nerc_trainer.costs import ExpertWork, expert_dollars

if TYPE_CHECKING:
    from nerc_trainer.annotation.spending import LedgerSums
    from nerc_trainer.recipe.costs import CostsSection, WhatIfSection

# The machine does not work while it waits for a person, and a round is published beside the work of the next one;
# what that holds up is publish_wait.
_NOT_MACHINE = {"ask", "publish"}
NOTHING = Decimal(0)


@dataclass(frozen=True)
class Account:
    """Dollars of a run: ``llm`` for every reply in its ledger, also where other runs share that; ``expert`` for the
    labels of its rounds; ``machine`` for the hours of its rounds and of the trainings beside them (None where the
    recipe gives them no price). A simulation is in none of it: neither labels nor models of the run come from there.
    What broken calls may have cost on top, ``perhaps``, is not in the total.
    """

    llm: Decimal
    perhaps: Decimal
    expert: Decimal
    machine: Decimal | None

    @property
    def total(self) -> Decimal:
        return self.llm + self.expert + (self.machine or NOTHING)


def machine_seconds(seconds: Mapping[str, float]) -> float:
    """Seconds of a machine's work in a round's account of its phases."""
    return sum(value for phase, value in seconds.items() if phase not in _NOT_MACHINE)


def machine_dollars(seconds: float, costs: CostsSection) -> Decimal | None:
    """What so much of the machine costs; None where it is not counted."""
    if costs.gpu_dollars_per_hour is None:
        return None
    return Decimal(str(seconds)) / 3600 * Decimal(str(costs.gpu_dollars_per_hour))


def work_of(row: Mapping[str, Any]) -> ExpertWork:
    """What the expert has labelled by the end of a round, from its line in history.jsonl."""
    return ExpertWork.of({**row, "expert_words": row["tokens"]})


def account_of(
    ledger: LedgerSums, history: Sequence[Mapping[str, Any]], costs: CostsSection, trained: float = 0.0
) -> Account:
    """The account of a run, from its ledger and its history: their own figures, summed exactly. ``trained`` is how many
    seconds of the machine went into trainings that are no rounds."""
    seconds = trained + sum(machine_seconds(row["seconds"]) for row in history)
    return Account(
        llm=dollars(sum(row.price for row in ledger.spending)),
        perhaps=ledger.perhaps,
        expert=Decimal(str(history[-1]["dollars"])) if history else NOTHING,
        machine=machine_dollars(seconds, costs),
    )


def account_at(
    ledger: LedgerSums,
    history: Sequence[Mapping[str, Any]],
    costs: CostsSection,
    other: WhatIfSection,
    trained: float = 0.0,
) -> Account:
    """The account of the same run at other prices: the same tokens, labels and hours."""
    costs = costs.at(other)
    plain = account_of(ledger, history, costs, trained)
    expert = expert_dollars(work_of(history[-1]), costs) if history else 0.0
    return Account(
        llm=dollars(sum(row.at(other.prices) for row in ledger.spending)),
        perhaps=plain.perhaps,
        expert=Decimal(str(round(expert, 6))),
        machine=plain.machine,
    )
