"""Talk to the Hub within a given time.

The Hub's client sets no timeout, so a Hub that stalls blocks it for ever, and it sleeps as long as a `Retry-After`
says. Inside `call_before`, every request has timeouts that end with the deadline, and an answer that asks to come back
later is raised as HubDelay for the caller to decide about.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from nerc_trainer.hub.failures import TRANSIENT_STATUSES, DeadlineReached, HubDelay, seconds_to_wait

if TYPE_CHECKING:
    import httpx2

Result = TypeVar("Result")

_CONNECT_SECONDS = 10.0
# A commit of many large files may take the Hub a minute.
_READ_SECONDS = 120.0
# What a request may overrun the deadline by before it is left to itself.
_GRACE_SECONDS = 0.5

# The client's factory is one for the whole process.
_factory_lock = threading.Lock()


def call_before(deadline: float, call: Callable[[], Result]) -> Result:
    """Result of `call`, or DeadlineReached soon after `deadline` (on the monotonic clock); `call`'s errors pass.

    Timeouts of sockets cannot bound name look-ups or uploads by hf_xet, so `call` runs in a thread that is left behind
    when it overruns. Such a thread fails at its next request and does not keep the process alive.
    """
    outcome: queue.SimpleQueue[tuple[Result, None] | tuple[None, BaseException]] = queue.SimpleQueue()

    def run() -> None:
        try:
            outcome.put((call(), None))
        except BaseException as error:
            outcome.put((None, error))

    with _bounded_client(deadline):
        threading.Thread(target=run, name="hub", daemon=True).start()
        try:
            result, error = outcome.get(timeout=_remaining(deadline) + _GRACE_SECONDS)
        except queue.Empty:
            raise DeadlineReached("the Hub did not answer in time") from None
    if error is not None:
        raise error
    return result  # type: ignore[return-value]


@contextmanager
def _bounded_client(deadline: float) -> Iterator[None]:
    from huggingface_hub import set_client_factory
    from huggingface_hub.utils import _http

    if not _factory_lock.acquire(timeout=_remaining(deadline)):
        raise DeadlineReached("another publication of this process took all the time")
    # There is no public way to read the factory, and one that the user set (proxy, certificates) must stay in force.
    previous = _http._GLOBAL_CLIENT_FACTORY

    def bounded_client() -> httpx2.Client:
        client = previous()
        hooks = client.event_hooks
        client.event_hooks = {
            "request": [*hooks["request"], lambda request: _limit_request(request, deadline)],
            "response": [*hooks["response"], lambda response: _check_response(response, deadline)],
        }
        return client

    set_client_factory(bounded_client)
    try:
        yield
    finally:
        set_client_factory(previous)
        _factory_lock.release()


def _limit_request(request: httpx2.Request, deadline: float) -> None:
    remaining = _remaining(deadline)
    if remaining == 0:
        raise DeadlineReached("the deadline was reached")
    request.extensions["timeout"] = {
        "connect": min(_CONNECT_SECONDS, remaining),
        "pool": min(_CONNECT_SECONDS, remaining),
        "write": min(_READ_SECONDS, remaining),
        "read": min(_READ_SECONDS, remaining),
    }


def _check_response(response: httpx2.Response, deadline: float) -> None:
    if response.status_code in TRANSIENT_STATUSES:
        request = response.request
        raise HubDelay(
            f"the Hub answered {response.status_code} to {request.method} {request.url.path}",
            seconds_to_wait(response.headers),
        )
    response.stream = _bounded_stream(response.stream, deadline)


def _bounded_stream(stream: object, deadline: float) -> httpx2.SyncByteStream:
    """The same bytes, but a body that trickles in, each byte in time, ends with the deadline as well."""
    import httpx2

    assert isinstance(stream, httpx2.SyncByteStream)
    inner: httpx2.SyncByteStream = stream

    class BoundedStream(httpx2.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            for chunk in inner:
                if _remaining(deadline) == 0:
                    raise DeadlineReached("the deadline was reached")
                yield chunk

        def close(self) -> None:
            inner.close()

    return BoundedStream()


def _remaining(deadline: float) -> float:
    return max(0.0, deadline - time.monotonic())
