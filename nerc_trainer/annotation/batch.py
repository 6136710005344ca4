"""Answers by the Batch API: half the price, within a day, and collected by the same command however often it ends."""

from __future__ import annotations

import asyncio
import math
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from nerc_trainer.annotation.answer import Refusal
from nerc_trainer.annotation.answering import Answers, read_all
from nerc_trainer.annotation.batch_book import Asked, BatchBook, Submission
from nerc_trainer.annotation.batch_line import read_line, request_line
from nerc_trainer.annotation.batch_server import BatchServer, Refused
from nerc_trainer.annotation.client import Client, OverBudget, Unanswered
from nerc_trainer.annotation.money import Purse
from nerc_trainer.annotation.plan import find_missing
from nerc_trainer.annotation.request import Endpoint, Mode, Request, chat_body, estimate_tokens, most_tokens
from nerc_trainer.annotation.server import hide_key, make_reply, without_key
from nerc_trainer.errors import NercError

if TYPE_CHECKING:
    from openai.types import Batch

    from nerc_trainer.annotation.labeller import Labeller, Sentence
    from nerc_trainer.annotation.ledger import Ledger
    from nerc_trainer.recipe.annotation import AnnotationSection

# The limits of OpenAI are 50,000 requests and 200 MB; other servers allow 100.
_MOST_REQUESTS = 50_000
_MOST_BYTES = 100 * 10**6
_MOST_TRIES = 3
_ENDED = ("completed", "failed", "expired", "cancelled")
_TOO_MANY_TOKENS = "token_limit_exceeded"  # of an account, over all its batches that are under way
_FIRST_WAIT = 1.0
_LONGEST_WAIT = 60.0
_SECONDS_BETWEEN_LINES = 30.0


class BatchRun:
    """Puts requests to the first of ``endpoints`` in batches; replies of the others that are known are used too.

    ``tell`` gets a line for what a user should see.
    """

    def __init__(
        self,
        endpoints: Sequence[Endpoint],
        ledger: Ledger,
        section: AnnotationSection,
        tell: Callable[[str], None],
    ) -> None:
        self._endpoints = list(endpoints)
        self._endpoint = endpoints[0]
        self._ledger = ledger
        self._section = section
        self._tell = tell
        self._book = BatchBook(ledger, self._endpoint)
        self._form: tuple[Mode, str] | None = None
        self._why: dict[bytes, str] = {}
        self._given_up: set[bytes] = set()
        self._tries: Counter[bytes] = Counter()
        self._most_requests = _MOST_REQUESTS
        self._one_at_a_time = False

    async def answer(self, labeller: Labeller, sentences: Sequence[Sentence]) -> Answers:
        """Collect what is under way, submit what is missing, and wait until there is an answer to all of it.

        What gets no answer is asked again, three times in all. Once the limit of dollars is reached nothing new is
        submitted. NercError where the server refuses a batch, or can't be reached for too long.
        """
        async with BatchServer(self._endpoint, self._section.deadline_seconds, self._tell) as server:
            await self._collect_all(server)
            while True:
                out_of_money = await self._submit_missing(server, labeller, sentences)
                if not self._book.open_submissions():
                    break
                await self._collect_all(server)
        answers = read_all(labeller, sentences, self._endpoints, self._ledger, self._why_not)
        answers.out_of_money = out_of_money
        return answers

    def _missing(self, labeller: Labeller, sentences: Sequence[Sentence]) -> Iterator[tuple[bytes, Request]]:
        """Requests that have no answer yet and may get one, each once."""
        seen: set[bytes] = set()
        for _, missing in find_missing(labeller, sentences, self._endpoints, self._ledger):
            for one in missing:
                key = one.keys[0]
                if key not in seen and key not in self._given_up and self._tries[key] < _MOST_TRIES:
                    seen.add(key)
                    yield key, one.request

    def _why_not(self, key: bytes) -> str:
        return self._why.get(key, "not asked")

    # Submit

    async def _submit_missing(self, server: BatchServer, labeller: Labeller, sentences: Sequence[Sentence]) -> bool:
        """Submit what is missing, as much of it as may be under way; whether the limit of dollars has ended it."""
        ratio = self._ledger.tokens_per_character(labeller.model)
        purse = self._purse()
        asked: list[Asked] = []
        lines: list[bytes] = []
        size = 0
        for key, request in self._missing(labeller, sentences):
            if self._form is None:
                try:
                    await self._ask_live(key, request)
                except OverBudget:
                    return True
                purse = self._purse()
                continue
            mode, limit_name = self._form
            worst_case = self._endpoint.price.charge(most_tokens(request), 0, request.max_tokens, batch=True)
            if not purse.reserve(worst_case):
                await self._submit(server, asked, lines)
                return True
            line = request_line(key, chat_body(self._endpoint.model, request, mode, limit_name))
            if len(asked) >= self._most_requests or size + len(line) > _MOST_BYTES:
                await self._submit(server, asked, lines)
                asked, lines, size = [], [], 0
                if self._one_at_a_time:
                    return False
            asked.append(Asked(key, request.characters, estimate_tokens(request, ratio), worst_case))
            lines.append(line)
            size += len(line)
        await self._submit(server, asked, lines)
        return False

    async def _ask_live(self, key: bytes, request: Request) -> None:
        """Ask one request the other way, so that a wrong key or model shows now and not after a day.

        It also tells which form of answer the server knows.
        """
        endpoint, deadline = self._endpoint, self._section.deadline_seconds
        async with Client([endpoint], self._ledger, self._purse(), deadline, self._tell) as client:
            try:
                await client.ask(request)
            except Unanswered as failure:
                self._given_up.add(key)
                self._why[key] = str(failure)
                if failure.hopeless or len(self._why) >= _MOST_TRIES:
                    raise NercError(f"nothing is submitted: {failure}") from failure
                return
            self._form = client.form(endpoint)

    async def _submit(self, server: BatchServer, asked: Sequence[Asked], lines: Sequence[bytes]) -> None:
        if not asked or self._form is None:
            return
        name = uuid.uuid4().hex
        file_id = await server.upload(name, lines)
        submission = self._book.plan(name, self._form[0], asked)
        try:
            batch_id = await server.create(submission, file_id)
        except Refused:
            self._book.forget(name)
            raise
        self._book.note_id(submission.name, batch_id)
        self._tell(
            f"batch {batch_id}: {len(asked):,} requests submitted; it may take a day, and the same command collects it "
            "if this one ends"
        )

    def _purse(self) -> Purse:
        return Purse(self._section.limit_dollars, spent_or_reserved(self._ledger, self._endpoint))

    # Collect

    async def _collect_all(self, server: BatchServer) -> None:
        """Wait for every batch that is under way, and put what it has answered into the ledger."""
        wait, said, said_at = _FIRST_WAIT, "", -math.inf
        while open_submissions := self._book.open_submissions():
            done = total = 0
            has_collected = False
            for submission in open_submissions:
                batch_id = submission.batch_id or await server.find(submission)
                if batch_id is None:  # the program was ended before it was sent
                    self._book.forget(submission.name)
                    has_collected = True
                    continue
                if submission.batch_id is None:
                    self._book.note_id(submission.name, batch_id)
                batch = await server.look(batch_id)
                if batch.status in _ENDED:
                    await self._collect(server, submission, batch)
                    has_collected = True
                elif batch.request_counts is not None:
                    done += batch.request_counts.completed + batch.request_counts.failed
                    total += batch.request_counts.total
            if has_collected:
                continue
            line = f"batches under way: {len(open_submissions)}, {done:,} of {total:,} requests done"
            if line != said and time.monotonic() - said_at > _SECONDS_BETWEEN_LINES:
                self._tell(line)
                said, said_at = line, time.monotonic()
            await asyncio.sleep(wait)
            wait = min(2 * wait, _LONGEST_WAIT)

    async def _collect(self, server: BatchServer, submission: Submission, batch: Batch) -> None:
        """Put what a batch has answered into the ledger; what it has not is missing again."""
        asked = self._book.asked(submission.name)
        refusals: dict[bytes, Refusal] = {}
        seconds = max(0.0, float((batch.completed_at or batch.created_at) - batch.created_at))

        def take(line: str) -> None:
            key, result = read_line(line) or (b"", None)
            if key not in asked or result is None:
                return
            if isinstance(result, Refusal):
                refusals[key] = hide_key(result, self._endpoint)
            elif not self._ledger.holds(key):
                self._ledger.put(
                    make_reply(
                        self._endpoint,
                        key,
                        submission.mode,
                        result,
                        seconds,
                        prompt_characters=asked[key].characters,
                        guessed_tokens=asked[key].guessed_tokens,
                        batch=True,
                    )
                )

        for file_id in (batch.output_file_id, batch.error_file_id):
            if file_id:
                await server.read_lines(file_id, take)
        unanswered = asked.keys() - self._ledger.known(list(asked))
        self._book.forget(submission.name)
        if batch.status == "failed":
            self._failed(batch, len(asked))
            return
        for key in unanswered:
            refusal = refusals.get(key) or Refusal("missing", f"batch {batch.id} says nothing of it", "retry")
            self._ledger.note_failure(key, self._endpoint.base_url, refusal.kind, refusal.detail)
            self._why[key] = refusal.detail
            self._tries[key] += 1
            if refusal.then != "retry":
                self._given_up.add(key)
        if batch.status == "cancelled":
            raise NercError(
                f"{self._endpoint.base_url}: batch {batch.id} was cancelled there; what it had answered is kept, and "
                "the same command asks for the rest"
            )

    def _failed(self, batch: Batch, requests: int) -> None:
        """Go on with smaller batches where that may help; NercError where not."""
        errors = (batch.errors.data if batch.errors is not None else None) or []
        if requests > 1 and any(error.code == _TOO_MANY_TOKENS for error in errors):
            if self._one_at_a_time:  # else it was perhaps not its size, but what others had under way
                self._most_requests = min(self._most_requests, -(-requests // 2))
            self._one_at_a_time = True
            said = without_key(str(errors[0].message), self._endpoint)
            self._tell(
                f"{self._endpoint.base_url}: {said}; going on with batches of {self._most_requests:,}, "
                "one after the other"
            )
            return
        why = "; ".join(f"{error.code}: {error.message}" for error in errors[:3]) or "no reason given"
        raise NercError(f"{self._endpoint.base_url}: batch {batch.id} failed: {without_key(why, self._endpoint)}")


def spent_or_reserved(ledger: Ledger, endpoint: Endpoint) -> int:
    """Picodollars that a ledger's replies have cost, and that its broken calls and open batches may cost at worst."""
    totals = ledger.totals()
    return int((totals.dollars + totals.perhaps_dollars).scaleb(12)) + BatchBook(ledger, endpoint).reserved()


def refuse_open_batches(endpoints: Sequence[Endpoint], ledger: Ledger) -> None:
    """NercError where answers are on their way already: they would be paid twice."""
    for endpoint in endpoints:
        if count := len(BatchBook(ledger, endpoint).open_submissions()):
            raise NercError(
                f"annotation.mode = live: {count} batches for {endpoint.model} are under way at {endpoint.base_url}; "
                "collect them with annotation.mode: batch first, or name another annotation.ledger"
            )
