"""What the tests of the LLM client ask, and whom."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from llm_server import LlmServer

from nerc_trainer.annotation.client import Client, Endpoint, Request
from nerc_trainer.annotation.ledger import Ledger, Reply
from nerc_trainer.annotation.money import ModelPrice, Purse
from nerc_trainer.errors import NercError

__all__ = ["PRICE", "SCHEMA", "LlmServer", "ask_all", "endpoint", "question"]

PRICE = ModelPrice(Decimal("0.15"), Decimal("0.075"), Decimal("0.6"), "test")
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "entities": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"text": {"type": "string"}, "type": {"type": "string", "enum": ["PER", "LOC"]}},
                "required": ["text", "type"],
                "additionalProperties": False,
            },
        }
    },
    "required": ["entities"],
    "additionalProperties": False,
}


def question(number: int, **changes: Any) -> Request:
    """A request that no other number makes."""
    system = {"role": "system", "content": "List the entities of the sentence as JSON."}
    user = {"role": "user", "content": f"Sentence {number} is about Peter and Paris ."}
    values: dict[str, Any] = {"schema": SCHEMA, "max_tokens": 200, "temperature": 0.0, "top_p": None, "seed": None}
    return Request(messages=(system, user), **{**values, **changes})


def endpoint(server: LlmServer | str, **changes: Any) -> Endpoint:
    url = server if isinstance(server, str) else server.url
    values: dict[str, Any] = {"model": "m", "key": None, "concurrency": 8, "price": PRICE}
    return Endpoint(base_url=url, **{"requests_per_minute": None, "tokens_per_minute": None, **values, **changes})


def ask_all(
    endpoints: Sequence[Endpoint],
    requests: Sequence[Request],
    ledger: Path,
    *,
    deadline: float = 20.0,
    limit: float | None = None,
    events: list[str] | None = None,
) -> list[Reply | NercError]:
    """The replies to all requests, asked at once; what could not be had is the error that says why."""

    async def run() -> list[Reply | NercError]:
        with Ledger(ledger) as opened:
            purse = Purse(limit)
            async with Client(
                endpoints, opened, purse, deadline, (events if events is not None else []).append
            ) as client:
                outcomes = await asyncio.gather(*map(client.ask, requests), return_exceptions=True)
            assert purse.in_flight == 0
        for outcome in outcomes:
            if not isinstance(outcome, Reply | NercError):
                raise outcome
        return [outcome for outcome in outcomes if isinstance(outcome, Reply | NercError)]

    return asyncio.run(run())
