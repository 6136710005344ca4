"""What calls cost, in whole picodollars (1e-12 dollars), and a purse that is never overdrawn.

Prices are dollars for a million tokens, so a token costs a whole number of picodollars even where a price has six
decimals: sums are exact.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from typing import Protocol

from nerc_trainer.errors import NercError

PICODOLLARS = 10**12
# A tier for long prompts starts far above this, and prices come out exact.
_SAMPLE_TOKENS = 1000


class OverBudget(NercError):
    """The next call could cost more than what is left of the limit."""


class PriceSection(Protocol):
    """A price as a recipe gives it, in dollars for a million tokens."""

    @property
    def input(self) -> float: ...
    @property
    def cached_input(self) -> float | None: ...
    @property
    def output(self) -> float: ...


@dataclass(frozen=True)
class ModelPrice:
    """Dollars for a million tokens, and where that is known from."""

    input: Decimal
    cached_input: Decimal
    output: Decimal
    source: str

    def charge(self, prompt: int, cached: int, completion: int, *, batch: bool = False) -> int:
        """Picodollars for a call; `cached` tokens are among those of the `prompt`. Batches cost half."""
        cached = min(cached, prompt)
        millionths = (prompt - cached) * self.input + cached * self.cached_input + completion * self.output
        picodollars = millionths * 10**6 / (2 if batch else 1)
        return int(picodollars.to_integral_value(ROUND_CEILING))


def dollars(picodollars: int) -> Decimal:
    """Exact dollars of picodollars."""
    return Decimal(picodollars).scaleb(-12)


def find_price(model: str, prices: Mapping[str, PriceSection], base_url: str | None = None) -> ModelPrice:
    """The price of a model: the recipe's, else the public one of the provider at `base_url`, else that of its name.

    Raises NercError where none is known: a price is never taken for zero.
    """
    if (given := prices.get(model)) is not None:
        plain = Decimal(str(given.input))
        cached = plain if given.cached_input is None else Decimal(str(given.cached_input))
        return ModelPrice(plain, cached, Decimal(str(given.output)), f"annotation.prices.{model}")
    public = (base_url and _public_price(model, base_url)) or _public_price(model, None)
    if not public:
        raise NercError(
            f"model {model}: no price is known; set annotation.prices.{model} in dollars for a million tokens, "
            "such as {input: 0.15, output: 0.60}, or {input: 0, output: 0} for a server of your own"
        )
    return public


def _public_price(model: str, base_url: str | None) -> ModelPrice | None:
    """The price in the table that genai-prices ships; nothing is downloaded."""
    from genai_prices import Usage
    from genai_prices.data_snapshot import get_snapshot

    tables = get_snapshot()
    try:
        provider, found = tables.find_provider_model(model, None, None, base_url)
    except LookupError:
        return None

    def dollars_for(**tokens: int) -> Decimal:
        usage = Usage(**tokens)
        price = tables.calc(usage, model, None, base_url, None).total_price
        return price * 10**6 / _SAMPLE_TOKENS

    plain = dollars_for(input_tokens=_SAMPLE_TOKENS)
    cached = dollars_for(input_tokens=_SAMPLE_TOKENS, cache_read_tokens=_SAMPLE_TOKENS)
    output = dollars_for(input_tokens=0, output_tokens=_SAMPLE_TOKENS)
    if not plain or not output:  # a gap in the table, or an offer that ends some day
        return None
    return ModelPrice(plain, cached, output, f"genai-prices {provider.id}/{found.id}")


class Purse:
    """Keeps calls, those in flight at their worst case, under a limit. All amounts are picodollars."""

    def __init__(self, limit_dollars: float | Decimal | None, spent: int = 0) -> None:
        self.limit = None if limit_dollars is None else int(Decimal(str(limit_dollars)).scaleb(12))
        self.spent = spent
        self.in_flight = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    def reserve(self, worst_case: int) -> bool:
        """Set the worst case of a call aside; False, and nothing set aside, where the limit could be passed."""
        if self.limit is not None and self.spent + self.in_flight + worst_case > self.limit:
            return False
        self.in_flight += worst_case
        return True

    async def reserve_when_free(self, worst_case: int) -> None:
        """`reserve`, after calls in flight have turned out cheaper than feared if need be.

        Raises OverBudget when not even that leaves room.
        """
        while not self.reserve(worst_case):
            if self.limit is not None and self.spent + worst_case > self.limit:
                raise OverBudget(
                    f"annotation.limit_dollars = {dollars(self.limit).normalize():f}: "
                    f"{dollars(self.spent):.6f} are spent and the next call may cost {dollars(worst_case):.6f}; "
                    "raise the limit to go on"
                )
            freed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(freed)
            await freed

    def settle(self, reserved: int, actual: int) -> None:
        """Replace what `reserve` set aside by what the call has cost."""
        self.in_flight -= reserved
        self.spent += actual
        while self._waiting:
            freed = self._waiting.popleft()
            if not freed.done():
                freed.set_result(None)
