"""Puts requests to servers with an OpenAI-compatible API, each at most once for all time: the ledger is asked first.

A call is retried until its deadline, as fast as the servers allow; what came back is in the ledger before the caller
sees it. Every response with status 200 is paid and makes one row, be it of use or not.
"""

from __future__ import annotations

import asyncio
import math
import random
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from nerc_trainer.annotation.answer import Answer, Refusal
from nerc_trainer.annotation.ledger import Ledger, Reply
from nerc_trainer.annotation.limits import Lane, Pool, Unanswered
from nerc_trainer.annotation.money import OverBudget, Purse
from nerc_trainer.annotation.request import (
    MODES,
    Endpoint,
    Mode,
    Request,
    estimate_tokens,
    most_tokens,
    request_key,
    request_keys,
)
from nerc_trainer.annotation.server import Server, make_reply

__all__ = ["Client", "Endpoint", "OverBudget", "Request", "Unanswered", "request_key", "request_keys"]

# One attempt that hangs leaves time for others before the deadline.
_ATTEMPTS_BEFORE_DEADLINE = 3
# A server that is being started is waited for; one that has not answered at all after this is not there.
_SECONDS_TO_START = 20.0
_FIRST_BACKOFF = 0.5
_LONGEST_BACKOFF = 30.0
_PAUSE_WORTH_TELLING = 5.0
# What follows from the refusal lies with us, so the call keeps its slot.
_AT_ONCE = ("again", "reword")
# The server may have finished such a call, and bill it.
_PERHAPS_PAID = ("cut", "timeout")


class Client:
    """Asks `endpoints`, any of which may answer a request. An async context manager, used by one event loop.

    deadline_seconds: what a call has from its first sending on, retries included. on_event gets a line for what a user
    should see: an endpoint that is lost, a long pause, a form of answer that a server does not know.
    """

    def __init__(
        self,
        endpoints: Sequence[Endpoint],
        ledger: Ledger,
        purse: Purse,
        deadline_seconds: float,
        on_event: Callable[[str], None] | None = None,
    ) -> None:
        self._endpoints = list(endpoints)
        self._ledger = ledger
        self._purse = purse
        self._deadline = deadline_seconds
        self._tell = on_event or (lambda line: None)
        self._tokens_per_character = ledger.tokens_per_character(self._endpoints[0].model)
        # For those who ask what is being asked already; it yields why there is no reply, if there is none.
        self._in_flight: dict[bytes, asyncio.Future[Exception | None]] = {}

    async def __aenter__(self) -> Client:
        self._loop = asyncio.get_running_loop()
        self._pool = Pool(self._endpoints, patience=self._deadline)
        self._servers = {endpoint: Server(endpoint, self._ledger) for endpoint in self._endpoints}
        return self

    async def __aexit__(self, *_: object) -> None:
        self._pool.close()
        for server in self._servers.values():
            await server.close()

    async def ask(self, request: Request) -> Reply:
        """The reply to a request, from the ledger where any of the endpoints has answered it before.

        Raises Unanswered when there will be none, OverBudget when one could cost more than what is left.
        """
        keys = request_keys(self._endpoints, request)
        while True:
            for key in keys:
                if (reply := self._ledger.get(key)) is not None:
                    return reply
            if (shared := self._in_flight.get(keys[0])) is None:
                break
            await asyncio.wait([shared])
            if (failure := shared.result()) is not None:
                raise failure
        self._in_flight[keys[0]] = done = self._loop.create_future()
        failed: Exception | None = None
        try:
            return await self._answer(request, dict(zip(self._endpoints, keys, strict=True)))
        except (Unanswered, OverBudget) as error:
            failed = error
            raise
        finally:
            del self._in_flight[keys[0]]
            done.set_result(failed)

    def form(self, endpoint: Endpoint) -> tuple[Mode, str]:
        """The form of answer that a server knows, and what it calls the limit of an answer; known once it answers."""
        return self._servers[endpoint].form()

    async def _answer(self, request: Request, keys: dict[Endpoint, bytes]) -> Reply:
        """Attempts until there is a reply, a refusal for good, or the deadline is over."""
        call = _Call(request, keys, estimate_tokens(request, self._tokens_per_character) + request.max_tokens)
        while True:
            try:
                lane = await self._pool.acquire(call.tokens, call.until)
            except Unanswered as error:
                raise Unanswered(call.explain(error.reason), error.hopeless) from error
            call.until = call.until or self._loop.time() + self._deadline
            try:
                outcome = await self._attempt(call, lane, call.until)
                while isinstance(outcome, Refusal) and outcome.then in _AT_ONCE:
                    outcome = await self._attempt(call, lane, call.until)
            finally:
                self._pool.release(lane)
            if isinstance(outcome, Reply):
                return outcome
            await self._wait_to_retry(call, lane, outcome, call.until)

    async def _attempt(self, call: _Call, lane: Lane, until: float) -> Reply | Refusal:
        """One exchange with one server: its worst case set aside before, its cost written down and settled after."""
        endpoint, request, server = lane.endpoint, call.request, self._servers[lane.endpoint]
        mode = server.mode_for(request, call.refused[endpoint])
        if mode is None:
            raise Unanswered(call.last_failure, refused=True)
        key = call.keys[endpoint]
        worst_case = endpoint.price.charge(most_tokens(request), 0, request.max_tokens)
        await self._purse.reserve_when_free(worst_case)
        started, cost = self._loop.time(), 0
        try:
            if started >= until:
                raise Unanswered(call.explain("its deadline passed while others had the rest of the money set aside"))
            cost = worst_case
            result = await self._exchange(server, request, mode, until - started)
            seconds = self._loop.time() - started
            if isinstance(result, Refusal):
                cost = worst_case if result.kind in _PERHAPS_PAID else 0
                self._ledger.note_failure(key, endpoint.base_url, result.kind, result.detail, cost)
                self._count_refusal(call, lane, mode, result, started)
                return result
            reply = make_reply(
                endpoint,
                key,
                mode,
                result,
                seconds,
                prompt_characters=request.characters,
                guessed_tokens=estimate_tokens(request, self._tokens_per_character),
            )
            cost = reply.price
            self._ledger.put(reply)
        except asyncio.CancelledError:
            self._ledger.note_failure(key, endpoint.base_url, "cancelled", "the program was stopped", worst_case)
            raise
        finally:
            self._purse.settle(worst_case, cost)
        self._count_reply(call, lane, mode, reply)
        return reply

    async def _exchange(self, server: Server, request: Request, mode: Mode, seconds: float) -> Answer | Refusal:
        """An exchange that ends in time."""
        timeout = min(self._deadline / _ATTEMPTS_BEFORE_DEADLINE, seconds)
        # Not wait_for: before Python 3.12 it forgets that it was cancelled when the answer comes at the same moment.
        exchange = asyncio.ensure_future(server.exchange(request, mode))
        try:
            await asyncio.wait([exchange], timeout=timeout)
            if exchange.done():
                return exchange.result()
            return Refusal("timeout", f"no answer within {timeout:.1f} seconds", "retry")
        finally:
            if not exchange.done():
                exchange.cancel()
                await asyncio.wait([exchange])

    def _count_reply(self, call: _Call, lane: Lane, mode: Mode, reply: Reply) -> None:
        """What a reply says of its server."""
        lane.succeed(call.tokens, reply.prompt_tokens + reply.completion_tokens, self._loop.time())
        if self._tokens_per_character is None and not reply.estimated and reply.prompt_characters:
            self._tokens_per_character = reply.prompt_tokens / reply.prompt_characters
        if self._servers[lane.endpoint].accepted(call.request, mode) and mode != MODES[0]:
            self._tell(f"{lane.endpoint.base_url}: {lane.endpoint.model} is asked for {mode}, no {MODES[0]} there")

    def _count_refusal(self, call: _Call, lane: Lane, mode: Mode, refusal: Refusal, started: float) -> None:
        """What a refusal says of its server, so that nobody is sent there in vain."""
        call.last_failure = line = f"{lane.endpoint.base_url}: {refusal.detail}"
        if refusal.then not in _AT_ONCE:
            lane.give_back(call.tokens)
        if refusal.then == "reword":
            call.refused[lane.endpoint][mode] = refusal
        if refusal.then == "retry":
            lane.fail(started, self._loop.time())
        if refusal.then == "lost" and self._pool.lose(lane, refusal.detail):
            self._tell(f"{line}; it is asked no more")
        if refusal.pause and self._pool.pause(lane, refusal.pause) and refusal.pause >= _PAUSE_WORTH_TELLING:
            self._tell(f"{line}; it asks to wait for {refusal.pause:.0f} seconds")
        if refusal.kind != "connection":
            lane.unreachable_since = None  # somebody has answered, or begun to
        elif lane.unreachable_since is None:
            lane.unreachable_since = self._loop.time()
            self._tell(line)

    async def _wait_to_retry(self, call: _Call, lane: Lane, refusal: Refusal, until: float) -> None:
        """Return when the call may be tried again; raises Unanswered when it may not."""
        if refusal.then == "give_up":
            raise Unanswered(call.last_failure, refused=True)
        if refusal.then != "retry":
            return
        # Random from zero on, so that calls that failed together come back apart.
        is_absent = refusal.kind == "connection" and not lane.succeeded_at
        if is_absent and self._loop.time() > (lane.unreachable_since or math.inf) + _SECONDS_TO_START:
            self._pool.lose(lane, f"{refusal.detail} (it needs the model {lane.endpoint.model})")
            return
        delay = random.uniform(0, min(call.backoff, 1.0) if is_absent else call.backoff)
        call.backoff = min(2 * call.backoff, _LONGEST_BACKOFF)
        if self._loop.time() + delay < until:
            await asyncio.sleep(delay)
            return
        if lane.unreachable_since is not None and lane.succeeded_at < until - self._deadline:
            # Nobody is there: the next request would wait as long in vain.
            self._pool.lose(lane, refusal.detail)
        reason = f"no answer within annotation.deadline_seconds = {self._deadline:g}"
        raise Unanswered(call.explain(reason), hopeless=self._pool.is_lost)


@dataclass
class _Call:
    """A request on its way: what it has met so far. Tokens are what it may take, prompt and answer."""

    request: Request
    keys: dict[Endpoint, bytes]
    tokens: int
    until: float | None = None
    backoff: float = _FIRST_BACKOFF
    last_failure: str = ""
    refused: dict[Endpoint, dict[Mode, Refusal]] = field(default_factory=lambda: defaultdict(dict))

    def explain(self, reason: str) -> str:
        return f"{reason} ({self.last_failure})" if self.last_failure and self.last_failure not in reason else reason
