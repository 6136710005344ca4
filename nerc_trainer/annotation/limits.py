"""How fast a server may be asked: calls at once, calls and tokens a minute, and pauses that it asks for.

An endpoint has a `Lane`; the `Pool` gives each call the lane with the most room. Calls at once follow the rule of TCP:
half as many when the server complains, one more after as many successes as there are calls at once.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Sequence

from nerc_trainer.annotation.request import Endpoint
from nerc_trainer.errors import NercError

# A pace that was not used up may be caught up with for this long; more would be a burst.
_CATCH_UP_SECONDS = 1.0


class Unanswered(NercError):
    """A request has no reply and will get none now.

    `hopeless`: nor will any other request to these endpoints. `refused`: a server has read it and said no.
    """

    def __init__(self, reason: str, hopeless: bool = False, refused: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.hopeless = hopeless
        self.refused = refused


class Pace:
    """So many units a minute, evenly; None for any number."""

    def __init__(self, per_minute: float | None) -> None:
        self._seconds_each = 60 / per_minute if per_minute else 0.0
        self.ready_at = 0.0

    def take(self, units: float, now: float) -> None:
        """Count units that are used from now on; the next may start when these have had their time."""
        self.ready_at = max(self.ready_at, now - _CATCH_UP_SECONDS) + units * self._seconds_each

    def correct(self, units: float) -> None:
        """Count units more, or fewer, than were taken before."""
        self.ready_at += units * self._seconds_each


class Lane:
    """The state of one endpoint. Times are those of the event loop, in seconds."""

    def __init__(self, endpoint: Endpoint, now: float) -> None:
        self.endpoint = endpoint
        self.in_flight = 0
        self.limit = float(endpoint.concurrency)
        self.paused_until = 0.0
        self.lost: str | None = None
        self.unreachable_since: float | None = None
        self.succeeded_at = 0.0
        self._cut_at = 0.0
        self._requests = Pace(endpoint.requests_per_minute)
        self._tokens = Pace(endpoint.tokens_per_minute)
        # Nothing was left unused before the start.
        self._requests.ready_at = self._tokens.ready_at = now

    @property
    def ready_at(self) -> float:
        """When the next call may start, slots aside."""
        return max(self.paused_until, self._requests.ready_at, self._tokens.ready_at)

    @property
    def room(self) -> float:
        """Calls that may be added to those in flight."""
        return int(self.limit) - self.in_flight

    def start(self, tokens: int, now: float) -> None:
        """A call that may take `tokens` begins."""
        self.in_flight += 1
        self._requests.take(1, now)
        self._tokens.take(tokens, now)

    def succeed(self, expected_tokens: int, tokens: int, now: float) -> None:
        """A call was answered and took `tokens`."""
        self.succeeded_at = now
        self.unreachable_since = None
        self._tokens.correct(tokens - expected_tokens)
        self.limit = min(float(self.endpoint.concurrency), self.limit + 1 / self.limit)

    def give_back(self, expected_tokens: int) -> None:
        """A call was refused, so it took no tokens."""
        self._tokens.correct(-expected_tokens)

    def fail(self, started: float, now: float) -> None:
        """The server was too busy for a call that left at `started`, or broke it off."""
        if started >= self._cut_at:  # else the call left before the last cut could show
            self.limit = max(1.0, self.limit / 2)
            self._cut_at = now


class Pool:
    """The lanes of all endpoints, and who waits for one, in order of arrival.

    `patience` is how long, in seconds, a call that was never sent waits through a pause that a server asks for.
    """

    def __init__(self, endpoints: Sequence[Endpoint], patience: float) -> None:
        self._loop = asyncio.get_running_loop()
        self.lanes = [Lane(endpoint, self._loop.time()) for endpoint in endpoints]
        self._patience = patience
        self._waiting: deque[tuple[asyncio.Future[Lane], int, float | None]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    async def acquire(self, tokens: int, until: float | None) -> Lane:
        """A lane with a free slot, which the caller gives back with `release`; `tokens` is what the call may take.

        A call that was sent before has an end, `until` (a time of the loop), and goes to the head of the line. The
        others wait as long as it takes: a long line is no fault. Raises Unanswered when `until` is over, when all
        endpoints are lost, or when all ask to wait for too long.
        """
        place: asyncio.Future[Lane] = self._loop.create_future()
        if until is None:
            self._waiting.append((place, tokens, until))
        else:
            self._waiting.appendleft((place, tokens, until))
        if any(lane.lost is not None or lane.paused_until > self._loop.time() for lane in self.lanes):
            self._turn_away()
        self._hand_out()
        try:
            if not place.done():
                await asyncio.wait([place], timeout=None if until is None else max(0.0, until - self._loop.time()))
        except asyncio.CancelledError:
            if place.done() and place.exception() is None:
                self.release(place.result())
            place.cancel()
            raise
        if place.done():
            return place.result()
        place.cancel()
        raise Unanswered("its deadline passed while it waited for its turn")

    def release(self, lane: Lane) -> None:
        """Give a slot back."""
        lane.in_flight -= 1
        self._hand_out()

    def pause(self, lane: Lane, seconds: float) -> bool:
        """Ask an endpoint nothing for so long; False where it was paused already."""
        now = self._loop.time()
        is_new = lane.paused_until <= now
        lane.paused_until = max(lane.paused_until, now + seconds)
        self._turn_away()
        return is_new

    def lose(self, lane: Lane, reason: str) -> bool:
        """Ask an endpoint nothing more; False where it was lost already."""
        is_new = lane.lost is None
        lane.lost = lane.lost or reason
        self._turn_away()
        return is_new

    @property
    def is_lost(self) -> bool:
        """Whether no endpoint is left."""
        return all(lane.lost is not None for lane in self.lanes)

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _turn_away(self) -> None:
        """Tell those in line who can't wait as long as the shortest pause, or wait in vain."""
        now = self._loop.time()
        if alive := [lane for lane in self.lanes if lane.lost is None]:
            open_at = min(lane.paused_until for lane in alive)
            reason = f"the server asks to wait for {open_at - now:.0f} seconds, longer than annotation.deadline_seconds"
        else:
            open_at = math.inf
            reason = "; ".join(f"{lane.endpoint.base_url}: {lane.lost}" for lane in self.lanes)
        if open_at <= now:
            return
        for place, _, until in self._waiting:
            if not place.done() and open_at > (now + self._patience if until is None else until):
                place.set_exception(Unanswered(reason, hopeless=not alive))

    def _hand_out(self) -> None:
        """Give free slots to those in line, and come back when the next pause is over."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        now = self._loop.time()
        alive = [lane for lane in self.lanes if lane.lost is None]
        while self._waiting:
            if self._waiting[0][0].done():  # cancelled, or turned away
                self._waiting.popleft()
                continue
            ready = [lane for lane in alive if lane.room >= 1 and lane.ready_at <= now]
            if not ready:
                break
            place, tokens, _ = self._waiting.popleft()
            lane = max(ready, key=lambda lane: lane.room)
            lane.start(tokens, now)
            place.set_result(lane)
        soon = [lane.ready_at for lane in alive if lane.room >= 1 and lane.ready_at > now]
        if self._waiting and soon:
            self._timer = self._loop.call_at(min(soon), self._hand_out)
