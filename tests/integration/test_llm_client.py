"""The client against a server on loopback: nothing is lost, nothing is paid twice, and every failure has its name."""

from __future__ import annotations

import asyncio
import email.utils
import json
import logging
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from llm_calls import PRICE, LlmServer, ask_all, endpoint, question
from llm_server import HUGE, LASTING, PASSING

from nerc_trainer.annotation import client
from nerc_trainer.annotation.client import Client, Endpoint, OverBudget, Unanswered, request_key
from nerc_trainer.annotation.ledger import Ledger, Reply, Totals
from nerc_trainer.annotation.money import Purse
from nerc_trainer.errors import NercError

KEY = "sk-very-secret-0123456789"


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    return tmp_path / "ledger.sqlite"


def totals(ledger: Path) -> Totals:
    with Ledger(ledger) as opened:
        return opened.totals()


def check_books(ledger: Path, server: LlmServer) -> Totals:
    """Every paid call is a row, and no row is unpaid; tokens and money are those of the server."""
    booked = totals(ledger)
    paid = server.stats
    assert booked.calls == paid["paid"]
    assert (booked.prompt_tokens, booked.cached_tokens) == (paid["prompt_tokens"], paid["cached_tokens"])
    assert booked.completion_tokens == paid["completion_tokens"]
    plain = paid["prompt_tokens"] - paid["cached_tokens"]
    million = (
        plain * PRICE.input + paid["cached_tokens"] * PRICE.cached_input + paid["completion_tokens"] * PRICE.output
    )
    assert booked.dollars == million / 10**6
    return booked


# Answers and the ledger


def test_an_answer_is_in_the_ledger_and_is_never_asked_for_again(ledger: Path) -> None:
    with LlmServer() as server:
        first = ask_all([endpoint(server)], [question(1), question(2)], ledger)
        again = ask_all([endpoint(server)], [question(1), question(2)], ledger)
        check_books(ledger, server)
        assert server.stats["paid"] == 2
    assert first == again
    reply = first[0]
    assert isinstance(reply, Reply)
    entities = [{"text": word, "type": "PER"} for word in ("Sentence", "Peter", "Paris")]
    assert json.loads(reply.text) == {"entities": entities}
    assert (reply.finish_reason, reply.mode, reply.batch, reply.estimated) == ("stop", "json_schema", False, False)
    assert reply.key == request_key(endpoint(server), question(1))
    assert server.requests[0]["response_format"]["json_schema"]["schema"]["required"] == ["entities"]


def test_equal_requests_in_flight_are_one_call(ledger: Path) -> None:
    with LlmServer(latency=0.05) as server:
        replies = ask_all([endpoint(server)], [question(1)] * 20, ledger)
        assert server.stats["calls"] == 1
    assert len({reply.key for reply in replies if isinstance(reply, Reply)}) == 1


def test_equal_requests_in_flight_fail_together(ledger: Path) -> None:
    with LlmServer(latency=0.05) as server:
        server.script.append("context")
        outcomes = ask_all([endpoint(server)], [question(1, schema=None)] * 5, ledger)
        assert server.stats["calls"] == 1
    assert all(isinstance(outcome, Unanswered) for outcome in outcomes)


@pytest.mark.parametrize(
    "change",
    [
        {"schema": None},
        {"max_tokens": 201},
        {"temperature": 0.5},
        {"top_p": 0.9},
        {"seed": 7},
        {"sample": 1},
        {"logprobs": True},
    ],
)
def test_whatever_changes_the_question_makes_a_new_call(ledger: Path, change: dict[str, Any]) -> None:
    with LlmServer() as server:
        ask_all([endpoint(server)], [question(1), question(1, **change)], ledger)
        assert server.stats["paid"] == 2
        check_books(ledger, server)


def test_the_address_is_spelled_in_many_ways() -> None:
    key = request_key(endpoint("http://127.0.0.1:80/v1"), question(1))
    assert key == request_key(endpoint("HTTP://127.0.0.1/v1/"), question(1))
    assert key != request_key(endpoint("http://127.0.0.1:81/v1"), question(1))


def test_log_probabilities_are_kept(ledger: Path) -> None:
    with LlmServer() as server:
        (reply,) = ask_all([endpoint(server)], [question(1, logprobs=True)], ledger)
    assert isinstance(reply, Reply)
    assert reply.logprobs is not None
    pairs = json.loads(reply.logprobs)
    assert " ".join(token for token, _ in pairs) == reply.text
    assert {value for _, value in pairs} == {-0.25}


# Faults


@pytest.mark.parametrize("fault", PASSING)
def test_a_passing_fault_is_retried(ledger: Path, fault: str) -> None:
    with LlmServer() as server:
        server.script.append(fault)
        (reply,) = ask_all([endpoint(server)], [question(1)], ledger, deadline=3)
        booked = check_books(ledger, server)
    assert isinstance(reply, Reply)
    assert server.stats["calls"] == 2
    kind = {"stall": "timeout", "drop": "cut", "429_retry_after": "429"}.get(fault, fault)
    assert booked.failures == {kind: 1}
    assert (booked.perhaps_dollars > 0) == (fault in ("stall", "cut", "drop"))


@pytest.mark.parametrize("fault", LASTING)
def test_every_answer_that_was_paid_is_kept(ledger: Path, fault: str) -> None:
    with LlmServer() as server:
        server.script.append(fault)
        (reply,) = ask_all([endpoint(server)], [question(1)], ledger)
        assert ask_all([endpoint(server)], [question(1)], ledger) == [reply]
        assert server.stats["calls"] == 1
        if fault != "no_usage":
            check_books(ledger, server)
    assert isinstance(reply, Reply)
    reasons = {"huge": "too_large", "malformed": "malformed", "no_choices": "malformed"}
    reasons |= {"length": "length", "content_filter": "content_filter"}
    assert reply.finish_reason == reasons.get(fault, "stop")
    if fault in ("empty", "null", "malformed", "no_choices", "content_filter"):
        assert reply.text == ""
    if fault == "huge":
        assert reply.text.startswith('{"entities":[{"text":"Sentence"')
        assert len(reply.text) < HUGE / 1000
    assert reply.estimated == (fault == "no_usage")
    assert reply.price > 0


def test_an_error_under_status_200_is_no_answer(ledger: Path) -> None:
    with LlmServer() as server:
        server.script.append("error_in_200")
        (reply,) = ask_all([endpoint(server)], [question(1)], ledger)
        assert check_books(ledger, server).failures == {"502": 1}
    assert isinstance(reply, Reply)


def test_a_request_that_is_too_long_fails_alone(ledger: Path) -> None:
    with LlmServer() as server:
        ask_all([endpoint(server)], [question(0)], ledger)  # the form of answer is known from here on
        server.script.append("context")
        outcomes = ask_all([endpoint(server, concurrency=1)], [question(number) for number in range(1, 4)], ledger)
        assert server.stats["calls"] == 4
        check_books(ledger, server)
    assert isinstance(outcomes[0], Unanswered)
    assert "maximum context length" in outcomes[0].reason
    assert not outcomes[0].hopeless
    assert all(isinstance(outcome, Reply) for outcome in outcomes[1:])


@pytest.mark.parametrize(
    ("fault", "says"),
    [("401", "set the variable that api_key_env names"), ("404", "check base_url and model"), ("quota", "no money")],
)
def test_a_refusal_for_good_ends_everything_at_once(ledger: Path, fault: str, says: str) -> None:
    events: list[str] = []
    with LlmServer(faults={fault: 1.0}) as server:
        started = time.monotonic()
        outcomes = ask_all([endpoint(server)], [question(n) for n in range(50)], ledger, deadline=60, events=events)
        assert time.monotonic() - started < 5
        assert server.stats["calls"] <= 8
    for outcome in outcomes:
        assert isinstance(outcome, Unanswered)
        assert outcome.hopeless
        assert server.url in outcome.reason
        assert says in outcome.reason
    assert len(events) == 1


def test_a_server_that_is_not_there_is_named(ledger: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
    events: list[str] = []
    started = time.monotonic()
    outcomes = ask_all([endpoint(url)], [question(number) for number in range(100)], ledger, deadline=1, events=events)
    assert time.monotonic() - started < 5
    for outcome in outcomes:
        assert isinstance(outcome, Unanswered)
        assert url in outcome.reason
        assert "start the server" in outcome.reason
    assert events == [f"{url}: no connection; start the server, or correct base_url"]
    assert totals(ledger).perhaps_dollars == 0


def test_a_server_that_never_answers_is_given_up_long_before_the_deadline(
    ledger: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "_SECONDS_TO_START", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
    started = time.monotonic()
    outcomes = ask_all([endpoint(url)], [question(number) for number in range(100)], ledger, deadline=600)
    assert time.monotonic() - started < 60
    for outcome in outcomes:
        assert isinstance(outcome, Unanswered)
        assert outcome.hopeless
        assert f"{url}: no connection; start the server, or correct base_url" in outcome.reason
        assert "it needs the model m" in outcome.reason


def test_a_server_that_loads_its_model_is_not_taken_for_absent(ledger: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "_SECONDS_TO_START", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    server = LlmServer(port)
    server.script.extend(["503"] * 4)
    starter = threading.Timer(0.1, server.__enter__)
    starter.start()
    (reply,) = ask_all([endpoint(f"http://127.0.0.1:{port}/v1")], [question(1)], ledger, deadline=30)
    starter.join()
    server.__exit__()
    assert isinstance(reply, Reply)


def test_a_server_that_starts_late_is_waited_for(ledger: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    server = LlmServer(port)
    starter = threading.Timer(0.5, server.__enter__)
    starter.start()
    (reply,) = ask_all([endpoint(f"http://127.0.0.1:{port}/v1")], [question(1)], ledger, deadline=15)
    starter.join()
    server.__exit__()
    assert isinstance(reply, Reply)


def test_connections_that_the_server_closes_cost_no_answer(ledger: Path) -> None:
    with LlmServer(latency=0.01) as server:
        stop = threading.Event()

        def disturb() -> None:
            while not stop.wait(0.1):
                server.hang_up()

        disturber = threading.Thread(target=disturb)
        disturber.start()
        outcomes = ask_all([endpoint(server)], [question(number) for number in range(300)], ledger)
        stop.set()
        disturber.join()
    assert all(isinstance(outcome, Reply) for outcome in outcomes)
    assert totals(ledger).calls == 300


# The pace


def test_retry_after_holds_all_calls_of_the_endpoint_back(ledger: Path) -> None:
    with LlmServer(retry_after="0.6") as server:
        ask_all([endpoint(server)], [question(0)], ledger)
        server.arrivals.clear()
        server.script.append("429_retry_after")
        ask_all([endpoint(server, concurrency=2)], [question(number) for number in range(1, 20)], ledger)
        gaps = [after - before for before, after in zip(server.arrivals, server.arrivals[1:], strict=False)]
        check_books(ledger, server)
    # The two that were in flight came at once; then all waited.
    assert 0.55 < max(gaps) < 1.5
    assert gaps.index(max(gaps)) <= 2


def test_retry_after_may_be_a_date(ledger: Path) -> None:
    with LlmServer(retry_after=email.utils.formatdate(time.time() + 2, usegmt=True)) as server:
        server.script.append("429_retry_after")
        ask_all([endpoint(server)], [question(0)], ledger)
        assert 0.5 < server.arrivals[1] - server.arrivals[0] < 3


def test_a_pause_longer_than_the_deadline_is_not_waited_for(ledger: Path) -> None:
    events: list[str] = []
    with LlmServer(retry_after="3600") as server:
        server.script.append("429_retry_after")
        started = time.monotonic()
        endpoints = [endpoint(server, concurrency=1)]
        outcomes = ask_all(endpoints, [question(number) for number in range(30)], ledger, deadline=20, events=events)
        assert time.monotonic() - started < 5
    for outcome in outcomes:
        assert isinstance(outcome, Unanswered)
        assert "asks to wait for 3600 seconds" in outcome.reason
    assert len(events) == 1


def test_calls_at_once_adapt_to_a_server_that_refuses_more(ledger: Path) -> None:
    with LlmServer(latency=0.01, slots=4, refuses_overload=True) as server:
        outcomes = ask_all([endpoint(server, concurrency=32)], [question(n) for n in range(200)], ledger, deadline=60)
        check_books(ledger, server)
        assert server.stats["most_busy"] == 4
        assert server.stats["overload"] < 150
    assert all(isinstance(outcome, Reply) for outcome in outcomes)


def test_calls_a_minute_are_kept(ledger: Path) -> None:
    with LlmServer() as server:
        ask_all([endpoint(server, requests_per_minute=60 * 20)], [question(number) for number in range(16)], ledger)
        assert server.arrivals[-1] - server.arrivals[0] > 0.6  # 15 gaps of 0.05, less the time to connect


def test_tokens_a_minute_are_kept_as_they_turn_out(ledger: Path) -> None:
    with LlmServer() as server:
        (reply,) = ask_all([endpoint(server)], [question(0)], ledger)
        assert isinstance(reply, Reply)
        each = reply.prompt_tokens + reply.completion_tokens
        # Ten calls a second by what they take; by what they might take (200 tokens of answer) there were far fewer.
        paced = endpoint(server, tokens_per_minute=each * 600, concurrency=1)
        server.arrivals.clear()
        ask_all([paced], [question(number) for number in range(1, 22)], ledger)
        seconds = server.arrivals[-1] - server.arrivals[0]
    assert 0.9 < seconds < 4


# Forms of answer


@pytest.mark.parametrize(
    ("forms", "mode"),
    [(("json_object", "text"), "json_object"), (("text",), "text"), (("json_schema",), "json_schema")],
)
def test_the_form_of_answer_is_found_once_and_remembered(ledger: Path, forms: tuple[str, ...], mode: str) -> None:
    events: list[str] = []
    with LlmServer(forms=forms) as server:
        one_at_a_time = endpoint(server, concurrency=1)
        first = ask_all([one_at_a_time], [question(number) for number in range(10)], ledger, events=events)
        refused = server.stats["400"]
        again = ask_all([one_at_a_time], [question(number) for number in range(10, 20)], ledger)
        check_books(ledger, server)
        assert server.stats["400"] == refused
    assert {reply.mode for reply in first + again if isinstance(reply, Reply)} == {mode}
    assert refused == {"json_schema": 0, "json_object": 1, "text": 2}[mode]
    assert len(events) == (mode != "json_schema")
    assert totals(ledger).calls == 20


def test_a_request_without_schema_asks_for_no_form(ledger: Path) -> None:
    with LlmServer(forms=("text",)) as server:
        (reply,) = ask_all([endpoint(server)], [question(1, schema=None)], ledger)
        assert "response_format" not in server.requests[0]
    assert isinstance(reply, Reply)
    assert reply.mode == "text"


@pytest.mark.parametrize("concurrency", [1, 8])
@pytest.mark.parametrize("schema", [True, False])
def test_a_server_that_calls_the_limit_by_another_name_is_understood(
    concurrency: int, schema: bool, ledger: Path
) -> None:
    """Eight at once are refused together, and none of them may take that for a word about the form of the answer."""
    asked = [question(number) if schema else question(number, schema=None) for number in range(40)]
    with LlmServer(limit_name="max_completion_tokens", latency=0.01) as server:
        outcomes = ask_all([endpoint(server, concurrency=concurrency)], asked, ledger)
        assert 1 <= server.stats["400"] <= concurrency
        assert server.requests[-1]["max_completion_tokens"] == 200
    assert all(isinstance(outcome, Reply) for outcome in outcomes)
    assert {outcome.mode for outcome in outcomes if isinstance(outcome, Reply)} == {"json_schema" if schema else "text"}


# Several endpoints


def test_endpoints_share_the_work(ledger: Path) -> None:
    with LlmServer(latency=0.02) as one, LlmServer(latency=0.02) as other:
        requests = [question(number) for number in range(100)]
        ask_all([endpoint(one, concurrency=4), endpoint(other, concurrency=4)], requests, ledger)
        assert one.stats["paid"] + other.stats["paid"] == 100
        assert min(one.stats["paid"], other.stats["paid"]) > 25
        # The reply of either is good for both.
        ask_all([endpoint(other), endpoint(one)], requests, ledger)
        assert one.stats["paid"] + other.stats["paid"] == 100


def test_the_others_go_on_when_an_endpoint_is_lost(ledger: Path) -> None:
    events: list[str] = []
    with LlmServer(key="another") as one, LlmServer(latency=0.01) as other:
        endpoints = [endpoint(one), endpoint(other)]
        outcomes = ask_all(endpoints, [question(number) for number in range(60)], ledger, events=events)
        assert other.stats["paid"] == 60
    assert all(isinstance(outcome, Reply) for outcome in outcomes)
    assert len(events) == 1
    assert events[0].startswith(one.url)


# Money


def test_the_limit_stops_cleanly_and_is_never_passed(ledger: Path) -> None:
    with LlmServer(latency=0.01) as server:
        (reply,) = ask_all([endpoint(server)], [question(0)], ledger)
        assert isinstance(reply, Reply)
        limit = float(Decimal(reply.price * 20).scaleb(-12))
        requests = [question(number) for number in range(1, 101)]
        outcomes = ask_all([endpoint(server)], requests, ledger, limit=limit)
        spent = check_books(ledger, server).dollars - Decimal(reply.price).scaleb(-12)
        assert spent <= Decimal(str(limit))
        assert 10 <= sum(isinstance(outcome, Reply) for outcome in outcomes) <= 20
        over = [outcome for outcome in outcomes if isinstance(outcome, OverBudget)]
        assert len(over) == sum(not isinstance(outcome, Reply) for outcome in outcomes)
        assert "annotation.limit_dollars" in str(over[0])
        ask_all([endpoint(server)], requests, ledger)
        assert server.stats["paid"] == 101


# Interruption


def test_a_cancelled_run_keeps_what_came(ledger: Path) -> None:
    async def interrupted(server: LlmServer) -> None:
        with Ledger(ledger) as opened:
            purse = Purse(None)
            async with Client([endpoint(server)], opened, purse, 20) as client:
                calls = asyncio.gather(*(client.ask(question(number)) for number in range(100)))
                while server.stats["stall"] < 8:
                    await asyncio.sleep(0.01)
                calls.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await calls
            assert purse.in_flight == 0

    with LlmServer() as server:
        server.script.extend([""] * 20 + ["stall"] * 8)
        asyncio.run(interrupted(server))
        booked = check_books(ledger, server)
        assert (booked.calls, booked.failures) == (20, {"cancelled": 8})
        assert booked.perhaps_dollars > 0
        ask_all([endpoint(server)], [question(number) for number in range(100)], ledger)
        assert server.stats["paid"] == 100


def kill_again_and_again(server: LlmServer, ledger: Path, kills: int, requests: int, seed: int) -> None:
    """Start a run, kill it at a random moment, and start it again; in the end every request has its one row."""
    command = [sys.executable, str(Path(__file__).with_name("killed_calls.py")), server.url, str(ledger), str(requests)]
    generator = random.Random(seed)
    for _ in range(kills):
        with subprocess.Popen(command, stdout=subprocess.PIPE) as run:
            assert run.stdout is not None
            run.stdout.readline()  # it begins to ask
            time.sleep(generator.uniform(0, 0.3))
            run.send_signal(signal.SIGKILL)
            run.communicate()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    assert totals(ledger).calls == requests
    with Ledger(ledger) as opened:
        assert all(opened.holds(request_key(endpoint(server), question(number))) for number in range(requests))
    # At most the calls in flight are asked again.
    assert server.stats["paid"] - requests <= kills * endpoint(server).concurrency


def test_a_killed_run_asks_only_for_what_is_missing(ledger: Path) -> None:
    with LlmServer(latency=0.02) as server:
        kill_again_and_again(server, ledger, kills=3, requests=400, seed=1)


@pytest.mark.slow
def test_a_hundred_kills(ledger: Path) -> None:
    with LlmServer(latency=0.05) as server:
        kill_again_and_again(server, ledger, kills=100, requests=3000, seed=2)


# Everything at once


def survive_faults(ledger: Path, requests: int, seed: int) -> None:
    """All faults in one run: none lost, none doubled, and the books agree with the server's."""
    faults = {fault: 0.01 for fault in (*PASSING, *LASTING) if fault not in ("no_usage", "stall")}
    with LlmServer(latency=0.005, faults={**faults, "stall": 0.002}, seed=seed) as server:
        asked = [question(number) for number in range(requests)]
        outcomes = ask_all([endpoint(server, concurrency=32)], asked, ledger, deadline=6)
        booked = check_books(ledger, server)
        met = [server.fault_of(request.messages) for request in asked]
    assert all(isinstance(outcome, Reply) for outcome in outcomes)
    assert booked.calls == requests
    injected = sum(fault in PASSING for fault in met)
    assert server.stats["calls"] == requests + injected
    assert sum(booked.failures.values()) == injected
    assert set(met) >= {"429", "cut", "empty", "huge", "length", "malformed"}


def test_faults_of_all_kinds(ledger: Path) -> None:
    survive_faults(ledger, requests=600, seed=3)


@pytest.mark.slow
def test_faults_of_all_kinds_in_five_thousand_requests(ledger: Path) -> None:
    survive_faults(ledger, requests=5000, seed=4)


# Secrets and the network


def test_the_key_goes_to_the_server_and_nowhere_else(ledger: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    events: list[str] = []
    with LlmServer(key=KEY) as server:
        ask_all([endpoint(server, key=KEY)], [question(1)], ledger)
        assert server.stats["paid"] == 1
        server.key = "another one"  # from here on the server quotes the key that it refuses
        (outcome,) = ask_all([endpoint(server, key=KEY)], [question(2)], ledger, events=events)
    assert isinstance(outcome, Unanswered)
    written = [path.read_bytes() for path in ledger.parent.iterdir()]
    said = [str(outcome), repr(outcome), *events, caplog.text, repr(endpoint(server, key=KEY))]
    assert all(KEY not in text for text in said)
    assert all(KEY.encode() not in content for content in written)


@pytest.mark.parametrize("url", ["http://me:pass@host/v1", "https://host/v1?key=abc", "ftp://host/v1", "host/v1"])
def test_an_address_with_a_secret_or_none_at_all_is_refused(url: str) -> None:
    with pytest.raises(NercError, match="base_url = ") as caught:
        endpoint(url)
    assert "pass" not in str(caught.value).replace("password", "")
    assert "abc" not in str(caught.value)


def test_a_proxy_of_the_environment_is_not_asked_for_loopback(ledger: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    with LlmServer() as server:
        (reply,) = ask_all([endpoint(server)], [question(1)], ledger)
    assert isinstance(reply, Reply)


def test_endpoints_of_this_machine_are_known() -> None:
    def is_local(host: str) -> bool:
        return Endpoint(f"http://{host}/v1", "m", None, 1, None, None, PRICE).is_local

    assert all(is_local(host) for host in ("127.0.0.1:8000", "localhost", "[::1]:80"))
    assert not any(is_local(host) for host in ("example.org", "10.0.0.1", "localhost.example.org"))
