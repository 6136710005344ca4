"""The exchange of one request with one server, and what is learnt of the server by it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from nerc_trainer.annotation.answer import (
    LONGEST_DETAIL,
    Answer,
    Body,
    Refusal,
    read_answer,
    read_refusal,
    speaks_of_form,
)
from nerc_trainer.annotation.ledger import Ledger, Reply
from nerc_trainer.annotation.request import (
    MAX_COMPLETION_TOKENS,
    MAX_TOKENS,
    MODES,
    Endpoint,
    Mode,
    Request,
    chat_body,
    guess_tokens,
)

if TYPE_CHECKING:
    from openai import AsyncOpenAI

START_IT = "no connection; start the server, or correct base_url"
_CONNECT_SECONDS = 10.0


def connect(endpoint: Endpoint, silence_seconds: float | None = None) -> AsyncOpenAI:
    """An API client that retries nothing by itself and goes nowhere but to the endpoint. To be closed.

    silence_seconds: how long the server may send and take nothing; None for any time.
    """
    from httpx2 import Timeout
    from openai import AsyncOpenAI, DefaultAioHttpClient

    return AsyncOpenAI(
        base_url=endpoint.base_url,
        api_key=endpoint.key or "none",
        max_retries=0,
        timeout=Timeout(silence_seconds, connect=_CONNECT_SECONDS),
        # aiohttp takes half the processor time of httpx. A proxy that the environment names is of no use on loopback,
        # and a redirect would take the key to another host.
        http_client=DefaultAioHttpClient(trust_env=not endpoint.is_local, follow_redirects=False),
    )


def make_reply(
    endpoint: Endpoint,
    key: bytes,
    mode: Mode,
    answer: Answer,
    seconds: float,
    *,
    prompt_characters: int,
    guessed_tokens: int,
    batch: bool = False,
) -> Reply:
    """The ledger's row for an answer; of what the server has not counted, the prompt takes `guessed_tokens`."""
    prompt, completion = answer.prompt_tokens, answer.completion_tokens
    estimated = prompt is None or completion is None
    prompt = guessed_tokens if prompt is None else prompt
    completion = guess_tokens(answer.text) if completion is None else completion
    return Reply(
        key=key,
        base_url=endpoint.base_url,
        model=endpoint.model,
        text=answer.text,
        finish_reason=answer.finish_reason,
        prompt_tokens=prompt,
        cached_tokens=answer.cached_tokens,
        completion_tokens=completion,
        price=endpoint.price.charge(prompt, answer.cached_tokens, completion, batch=batch),
        seconds=seconds,
        created=time.time(),
        mode=mode,
        logprobs=answer.logprobs,
        batch=batch,
        estimated=estimated,
        prompt_characters=prompt_characters,
    )


class Server:
    """An endpoint, the connections to it, and which form of answer it knows."""

    def __init__(self, endpoint: Endpoint, ledger: Ledger) -> None:
        self.endpoint = endpoint
        self._ledger = ledger
        self._api = connect(endpoint)
        known = ledger.capability(endpoint.base_url, endpoint.model)
        self._mode: Mode = known or MODES[0]
        self._mode_is_known = known is not None
        self._limit_name = MAX_TOKENS

    async def close(self) -> None:
        await self._api.close()

    def mode_for(self, request: Request, refused: Mapping[Mode, Refusal]) -> Mode | None:
        """The strictest form of answer that is left to try for a request; None where there is none.

        Once a form is known to work, a refusal that says nothing of the form is about the request itself.
        """
        if request.schema is None:
            return None if refused else "text"
        if self._mode_is_known and not all(speaks_of_form(refusal) for refusal in refused.values()):
            return None
        modes = MODES[MODES.index(self._mode) :]
        return next((mode for mode in modes if mode not in refused), None)

    def accepted(self, request: Request, mode: Mode) -> bool:
        """Note that the server has answered; whether that has decided which form it knows."""
        if request.schema is None or self._mode_is_known:
            return False
        self._mode, self._mode_is_known = mode, True
        self._ledger.remember_capability(self.endpoint.base_url, self.endpoint.model, mode)
        return True

    async def exchange(self, request: Request, mode: Mode) -> Answer | Refusal:
        """Send a request and read what comes back, for as long as that takes."""
        limit_name = self._limit_name
        content = chat_body(self.endpoint.model, request, mode, limit_name)
        body = Body()
        try:
            # What stands in extra_body is sent as it is; checking the arguments takes longer than all the rest.
            async with self._api.chat.completions.with_streaming_response.create(
                model=self.endpoint.model, messages=[], extra_body=content
            ) as response:
                async for chunk in response.iter_bytes():
                    body.add(chunk)
            result = read_answer(body)
            return hide_key(result, self.endpoint) if isinstance(result, Refusal) else result
        except api_errors() as error:
            return hide_key(self._learn(refusal_of(error, body), limit_name), self.endpoint)

    def form(self) -> tuple[Mode, str]:
        """The form of answer that the server knows, and what it calls the limit of an answer; known once it answers."""
        return self._mode, self._limit_name

    def _learn(self, refusal: Refusal, limit_name: str) -> Refusal:
        """What a refusal says of the server; ``limit_name`` is what the request called the limit of an answer.

        Others may have learnt the right name while the request was on its way.
        """
        if refusal.then == "reword" and limit_name == MAX_TOKENS and MAX_COMPLETION_TOKENS in refusal.detail:
            self._limit_name = MAX_COMPLETION_TOKENS
            return replace(refusal, then="again")
        return refusal


def api_errors() -> tuple[type[Exception], ...]:
    """What the API client raises where a request fails."""
    import aiohttp
    import httpx2
    import openai

    return (openai.APIStatusError, openai.APIConnectionError, httpx2.RequestError, aiohttp.ClientError)


def refusal_of(error: Exception, body: Body | None = None) -> Refusal:
    """What follows from one of `api_errors`; `body` takes up what came with it."""
    import aiohttp
    import openai

    if isinstance(error, openai.APIStatusError):
        body = body or Body()
        body.add(error.response.content)
        return read_refusal(error.status_code, error.response.headers, body)
    causes = list(_causes(error))
    if any(isinstance(cause, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError) for cause in causes):
        return Refusal("connection", START_IT, "retry")
    return Refusal("cut", f"the connection broke off ({type(causes[-1]).__name__})", "retry")


def hide_key(refusal: Refusal, endpoint: Endpoint) -> Refusal:
    """The refusal without the endpoint's key, which some servers quote in their messages, and of a length to show."""
    return replace(refusal, detail=without_key(refusal.detail, endpoint))


def without_key(text: str, endpoint: Endpoint) -> str:
    """What a server says, without the endpoint's key, cut to a length to show."""
    # Cut last: of a key that is cut, a part would stay.
    return (text.replace(endpoint.key, "***") if endpoint.key else text)[:LONGEST_DETAIL]


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__
