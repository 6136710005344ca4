"""What a run's own ledger has cost, summed by model: read without a lock, so also while calls are made."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from nerc_trainer.annotation.ledger import open_read_only
from nerc_trainer.annotation.money import PriceSection, dollars, find_price
from nerc_trainer.errors import NercError


@dataclass(frozen=True)
class Spending:
    """All replies of one model, in batches or not: rejected ones and those to retries among them.

    ``price`` is in picodollars, the exact sum over the ledger's rows.
    """

    model: str
    batch: bool
    calls: int
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    price: int

    def at(self, prices: Mapping[str, PriceSection]) -> int:
        """Picodollars for the same tokens where ``prices`` names the model, else what they have cost."""
        if self.model not in prices:
            return self.price
        price = find_price(self.model, prices)
        return price.charge(self.prompt_tokens, self.cached_tokens, self.completion_tokens, batch=self.batch)


@dataclass(frozen=True)
class LedgerSums:
    """The replies of a ledger by model, and the worst case of calls that broke off after they were sent."""

    spending: Sequence[Spending] = ()
    perhaps: Decimal = Decimal(0)


def read_sums(path: Path) -> LedgerSums:
    """Sums over a ledger; NercError where the file is damaged, missing or something else."""
    with closing(open_read_only(path, "annotation.ledger")) as database:
        try:
            rows = database.execute(
                "SELECT model, batch, count(*), sum(prompt_tokens), sum(cached_tokens), sum(completion_tokens), "
                "sum(price) FROM reply GROUP BY model, batch ORDER BY model, batch"
            ).fetchall()
            ((perhaps,),) = database.execute("SELECT coalesce(sum(price), 0) FROM failure").fetchall()
        except sqlite3.Error as error:
            raise NercError(f"{path}: {error}; restore the file from a copy") from error
    return LedgerSums([Spending(model, bool(batch), *sums) for model, batch, *sums in rows], dollars(perhaps))
