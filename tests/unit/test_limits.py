"""The pace of calls: calls at once, calls and tokens a minute, pauses, and lost endpoints."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from decimal import Decimal
from typing import Any

import pytest

from nerc_trainer.annotation.limits import Lane, Pace, Pool, Unanswered
from nerc_trainer.annotation.money import ModelPrice
from nerc_trainer.annotation.request import Endpoint

FREE = ModelPrice(Decimal(0), Decimal(0), Decimal(0), "test")


def endpoint(host: str = "a", concurrency: int = 4, requests: float | None = None) -> Endpoint:
    return Endpoint(f"http://{host}/v1", "m", None, concurrency, requests, None, FREE)


def run(scenario: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(scenario, 10))


def test_a_pace_spreads_its_units_evenly() -> None:
    pace = Pace(60)
    starts = []
    now = 100.0
    pace.ready_at = now
    for _ in range(4):
        now = max(now, pace.ready_at)
        starts.append(now)
        pace.take(1, now)
    assert starts == [100.0, 101.0, 102.0, 103.0]


def test_a_pace_catches_up_with_a_second_and_no_more() -> None:
    pace = Pace(480)
    pace.ready_at = 0.0
    taken = 0
    while pace.ready_at <= 1000.0:
        pace.take(1, 1000.0)
        taken += 1
    assert taken == 9  # eight of the second before, and one of now


def test_a_pace_counts_what_was_really_used() -> None:
    pace = Pace(6000)
    pace.take(300, 0.0)
    before = pace.ready_at
    pace.correct(100 - 300)
    assert pace.ready_at == pytest.approx(before - 2.0)


def test_no_pace_never_waits() -> None:
    pace = Pace(None)
    pace.take(10**9, 5.0)
    assert pace.ready_at <= 5.0


def test_calls_at_once_are_halved_once_a_round_trip() -> None:
    lane = Lane(endpoint(concurrency=64), now=0.0)
    lane.fail(started=1.0, now=2.0)
    lane.fail(started=1.5, now=2.1)  # left before the cut at 2.0
    assert lane.limit == 32
    lane.fail(started=2.5, now=3.0)
    assert lane.limit == 16


def test_calls_at_once_never_fall_below_one() -> None:
    lane = Lane(endpoint(concurrency=4), now=0.0)
    for second in range(1, 9):
        lane.fail(started=float(second), now=float(second))
    assert lane.limit == 1
    assert lane.room == 1


def test_calls_at_once_grow_by_one_a_window_up_to_the_limit() -> None:
    lane = Lane(endpoint(concurrency=12), now=0.0)
    lane.limit = 8.0
    for _ in range(9):
        lane.succeed(0, 0, now=1.0)
    assert 9 <= lane.limit < 9.1
    for _ in range(1000):
        lane.succeed(0, 0, now=1.0)
    assert lane.limit == 12


def test_slots_are_given_in_order_of_arrival() -> None:
    async def scenario() -> None:
        pool = Pool([endpoint(concurrency=1)], patience=60)
        order: list[int] = []

        async def call(number: int) -> None:
            lane = await pool.acquire(1, None)
            order.append(number)
            await asyncio.sleep(0)
            pool.release(lane)

        await asyncio.gather(*(call(number) for number in range(5)))
        assert order == [0, 1, 2, 3, 4]

    run(scenario())


def test_the_endpoint_with_the_most_room_is_taken() -> None:
    async def scenario() -> None:
        pool = Pool([endpoint("a", concurrency=2), endpoint("b", concurrency=5)], patience=60)
        lanes = [await pool.acquire(1, None) for _ in range(7)]
        assert [lane.endpoint.base_url for lane in lanes[:3]] == ["http://b/v1"] * 3
        assert [lane.in_flight for lane in pool.lanes] == [2, 5]

    run(scenario())


def test_a_cancelled_call_gives_its_place_back() -> None:
    async def scenario() -> None:
        pool = Pool([endpoint(concurrency=1)], patience=60)
        lane = await pool.acquire(1, None)
        waiting = [asyncio.create_task(pool.acquire(1, None)) for _ in range(3)]
        await asyncio.sleep(0)
        waiting[1].cancel()
        pool.release(lane)  # the first in line has a slot now, and is cancelled before it hears of it
        waiting[0].cancel()
        assert await waiting[2] is lane
        assert lane.in_flight == 1
        assert all(task.cancelled() for task in waiting[:2])

    run(scenario())


def test_a_pause_holds_everyone_back() -> None:
    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        pool = Pool([endpoint(concurrency=8)], patience=60)
        lane = await pool.acquire(1, None)
        until = loop.time() + 0.1
        assert pool.pause(lane, 0.1)
        assert not pool.pause(lane, 0.05)
        pool.release(lane)
        await asyncio.gather(*(pool.acquire(1, None) for _ in range(4)))
        assert loop.time() >= until

    run(scenario())


def test_a_pause_of_one_endpoint_sends_calls_to_the_other() -> None:
    async def scenario() -> None:
        pool = Pool([endpoint("a"), endpoint("b")], patience=60)
        pool.pause(pool.lanes[0], 30)
        lanes = [await pool.acquire(1, None) for _ in range(4)]
        assert {lane.endpoint.base_url for lane in lanes} == {"http://b/v1"}

    run(scenario())


def test_a_pause_longer_than_the_deadline_is_not_waited_for() -> None:
    async def scenario() -> None:
        pool = Pool([endpoint(concurrency=1)], patience=20)
        lane = await pool.acquire(1, None)
        waiting = asyncio.create_task(pool.acquire(1, None))
        await asyncio.sleep(0)
        pool.pause(lane, 30)
        for call in (waiting, pool.acquire(1, None), pool.acquire(1, asyncio.get_running_loop().time() + 5)):
            with pytest.raises(Unanswered, match="asks to wait for 30 seconds, longer than") as caught:
                await call
            assert not caught.value.hopeless

    run(scenario())


def test_a_deadline_ends_the_wait() -> None:
    async def scenario() -> None:
        pool = Pool([endpoint(concurrency=1)], patience=60)
        lane = await pool.acquire(1, None)
        with pytest.raises(Unanswered, match="its deadline passed"):
            await pool.acquire(1, asyncio.get_running_loop().time() + 0.05)
        waiting = asyncio.create_task(pool.acquire(1, None))
        await asyncio.sleep(0)
        pool.release(lane)
        assert await waiting is lane

    run(scenario())


def test_a_lost_endpoint_is_asked_no_more() -> None:
    async def scenario() -> None:
        pool = Pool([endpoint("a"), endpoint("b")], patience=60)
        assert pool.lose(pool.lanes[0], "status 401")
        assert not pool.lose(pool.lanes[0], "status 401")
        assert not pool.is_lost
        lanes = [await pool.acquire(1, None) for _ in range(4)]
        assert {lane.endpoint.base_url for lane in lanes} == {"http://b/v1"}
        waiting = asyncio.create_task(pool.acquire(1, None))
        await asyncio.sleep(0)
        pool.lose(pool.lanes[1], "status 404")
        assert pool.is_lost
        for call in (waiting, pool.acquire(1, None)):
            with pytest.raises(Unanswered, match="http://a/v1: status 401; http://b/v1: status 404") as caught:
                await call
            assert caught.value.hopeless

    run(scenario())


def test_calls_a_minute_are_kept() -> None:
    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        pool = Pool([endpoint(concurrency=8, requests=60 * 50)], patience=60)
        started = loop.time()
        for _ in range(11):
            pool.release(await pool.acquire(1, None))
        assert 0.2 <= loop.time() - started < 1.0

    run(scenario())
