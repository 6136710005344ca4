"""Talk to the Hub within a given time.

The Hub's client sets no timeout, so a Hub that stalls blocks it for ever, and it sleeps as long as a `Retry-After`
says. Under `call_before`, every request has timeouts that end with the deadline, and an answer that asks to come back
later is raised as HubDelay for the caller to decide about. Requests of other threads are left as they are.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from functools import partial
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

# Of the running thread, on the monotonic clock; the threads that this one starts do not inherit it.
_deadline: ContextVar[float] = ContextVar("_deadline")


def call_before(deadline: float, call: Callable[[], Result]) -> Result:
    """Result of `call`, or DeadlineReached soon after `deadline` (on the monotonic clock); `call`'s errors pass.

    Timeouts of sockets cannot bound name look-ups or uploads by hf_xet, so `call` runs in a thread that is left behind
    when it overruns. Such a thread fails at its next request and does not keep the process alive. `call` must not send
    requests from threads of its own.
    """
    install_hooks()
    outcome: queue.SimpleQueue[tuple[Result, None] | tuple[None, BaseException]] = queue.SimpleQueue()

    def run() -> None:
        _deadline.set(deadline)
        try:
            outcome.put((call(), None))
        except BaseException as error:
            outcome.put((None, error))

    threading.Thread(target=run, name="hub", daemon=True).start()
    try:
        result, error = outcome.get(timeout=_remaining(deadline) + _GRACE_SECONDS)
    except queue.Empty:
        raise DeadlineReached("the Hub did not answer in time") from None
    if error is not None:
        raise error
    return result  # type: ignore[return-value]


def install_hooks() -> None:
    """Let the Hub's client heed the deadlines of `call_before`; the first call closes its connections."""
    from huggingface_hub import set_client_factory
    from huggingface_hub.utils import _http, disable_progress_bars

    disable_progress_bars()  # a round is said in one line when it is there
    # There is no public way to read the factory, and one that the user set (proxy, certificates) must stay in force.
    current = _http._GLOBAL_CLIENT_FACTORY
    if not (isinstance(current, partial) and current.func is _with_hooks):
        set_client_factory(partial(_with_hooks, current))


def _with_hooks(factory: Callable[[], httpx2.Client]) -> httpx2.Client:
    client = factory()
    hooks = client.event_hooks
    client.event_hooks = {
        "request": [*hooks["request"], _limit_request],
        "response": [*hooks["response"], _check_response],
    }
    return client


def _limit_request(request: httpx2.Request) -> None:
    deadline = _deadline.get(None)
    if deadline is None:
        return
    remaining = _remaining(deadline)
    if remaining == 0:
        raise DeadlineReached("the deadline was reached")
    request.extensions["timeout"] = {
        "connect": min(_CONNECT_SECONDS, remaining),
        "pool": min(_CONNECT_SECONDS, remaining),
        "write": min(_READ_SECONDS, remaining),
        "read": min(_READ_SECONDS, remaining),
    }


def _check_response(response: httpx2.Response) -> None:
    deadline = _deadline.get(None)
    if deadline is None:
        return
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
