"""The files and batches of a server with the Batch API of OpenAI."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from nerc_trainer.annotation.answer import Refusal
from nerc_trainer.annotation.batch_book import Submission
from nerc_trainer.annotation.batch_line import CHAT_COMPLETIONS
from nerc_trainer.annotation.request import Endpoint
from nerc_trainer.annotation.server import api_errors, connect, hide_key, refusal_of
from nerc_trainer.errors import NercError

if TYPE_CHECKING:
    from openai.types import Batch

_Result = TypeVar("_Result")

_NAME = "nerc_trainer"  # what the name of a submission is called in the metadata of its batch
_TRIES_BEFORE_DEADLINE = 3
_FIRST_BACKOFF = 0.5
_LONGEST_BACKOFF = 30.0
_CLOCKS_DIFFER = 86_400.0  # seconds at most
_BATCHES_A_PAGE = 100
_ABSENT = ("404", "405", "501", "strange")  # refusals of a server that has no Batch API, or not this batch
_NOT_THERE = (
    "; for a server without the Batch API set annotation.mode: live; where a batch is gone for good, name a new "
    "annotation.ledger, and this one in annotation.known_replies"
)


class Refused(NercError):
    """The server has said no, for good."""


class BatchServer:
    """Batches of one endpoint; an async context manager.

    An operation that fails, or in which nothing moves for a third of ``deadline_seconds``, is tried again until these
    are over; then it raises NercError. ``tell`` gets a line when that begins.
    """

    def __init__(self, endpoint: Endpoint, deadline_seconds: float, tell: Callable[[str], None]) -> None:
        self._endpoint = endpoint
        self._deadline = deadline_seconds
        self._tell = tell

    async def __aenter__(self) -> BatchServer:
        self._api = connect(self._endpoint, silence_seconds=self._deadline / _TRIES_BEFORE_DEADLINE)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._api.close()

    async def upload(self, name: str, lines: Sequence[bytes]) -> str:
        """Send the requests of a batch, and return the server's id of the file."""
        content = (f"{name}.jsonl", b"".join(lines))

        async def upload() -> str:
            return (await self._api.files.create(file=content, purpose="batch")).id

        return await self._persist("sending a batch", upload)

    async def create(self, submission: Submission, file_id: str) -> str:
        """Make a batch of a file, once even where the answer to that is lost, and return the server's id of it.

        Refused where there is no such batch now.
        """
        is_first = True

        async def create() -> str:
            nonlocal is_first
            if not is_first and (known := await self._look_for(submission)) is not None:
                return known
            is_first = False
            batch = await self._api.batches.create(
                input_file_id=file_id,
                endpoint=CHAT_COMPLETIONS,
                completion_window="24h",
                metadata={_NAME: submission.name},
            )
            return batch.id

        return await self._persist("sending a batch", create)

    async def find(self, submission: Submission) -> str | None:
        """The server's id of a batch of which we don't know whether it was sent; None if it was not."""
        return await self._persist("looking for a batch", lambda: self._look_for(submission))

    async def look(self, batch_id: str) -> Batch:
        """What has become of a batch."""

        async def retrieve() -> Batch:
            batch = await self._api.batches.retrieve(batch_id)
            if not isinstance(batch.status, str):
                raise TypeError("no status")
            return batch

        return await self._persist(f"looking at batch {batch_id}", retrieve)

    async def read_lines(self, file_id: str, on_line: Callable[[str], None]) -> None:
        """Let `on_line` see each line of a file, some of them again where the connection breaks off."""

        async def read() -> None:
            async with self._api.files.with_streaming_response.content(file_id) as response:
                async for line in response.iter_lines():
                    if line.strip():
                        on_line(line)

        await self._persist(f"reading the answers in file {file_id}", read)

    async def _look_for(self, submission: Submission) -> str | None:
        # The newest come first.
        async for batch in self._api.batches.list(limit=_BATCHES_A_PAGE):
            metadata: Any = batch.metadata
            if isinstance(metadata, dict) and metadata.get(_NAME) == submission.name:
                return batch.id
            if batch.created_at < submission.created - _CLOCKS_DIFFER:
                break
        return None

    async def _persist(self, what: str, operation: Callable[[], Awaitable[_Result]]) -> _Result:
        """The result of an operation, which is tried again while that may help and there is time."""
        loop = asyncio.get_running_loop()
        until, backoff, has_told = loop.time() + self._deadline, _FIRST_BACKOFF, False
        while True:
            outcome = await self._try(operation)
            if not isinstance(outcome, Refusal):
                return outcome
            delay = max(outcome.pause or 0.0, random.uniform(0, backoff))
            backoff = min(2 * backoff, _LONGEST_BACKOFF)
            if outcome.then != "retry" or loop.time() + delay >= until:
                kind = NercError if outcome.then == "retry" else Refused
                raise kind(
                    f"{self._endpoint.base_url}: {what}: {outcome.detail}; what is in a batch is answered all the "
                    "same, and the same command collects it" + (_NOT_THERE * (outcome.kind in _ABSENT))
                )
            if not has_told:
                self._tell(f"{self._endpoint.base_url}: {what}: {outcome.detail}; trying again")
                has_told = True
            await asyncio.sleep(delay)

    async def _try(self, operation: Callable[[], Awaitable[_Result]]) -> _Result | Refusal:
        try:
            return await operation()
        except api_errors() as error:
            return hide_key(refusal_of(error), self._endpoint)
        except (AttributeError, TypeError, ValueError) as error:
            return hide_key(
                Refusal("strange", f"the answer is none of the Batch API ({error})", "give_up"), self._endpoint
            )
