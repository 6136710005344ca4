"""Every fault at every call of the protocol: no round is lost, none is doubled, none is torn."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from hub_rounds import BRANCH, REPO, HubServer, added_commits, contents, make_round, online
from hub_server import Fault
from huggingface_hub import constants

from nerc_trainer.hub import sync_outbox, verify_branches
from nerc_trainer.hub.outbox import Outbox

# Name of a call: its method, a pattern for its path, and how many such calls come before it.
CALLS = {
    "refs": ("GET", "/refs$", 0),
    "create_repo": ("POST", "/repos/create$", 0),
    "refs of the new repo": ("GET", "/refs$", 1),
    "create_branch": ("POST", "/branch/", 0),
    "tree before": ("GET", "/tree/", 0),
    "card check": ("POST", "/validate-yaml$", 0),
    "preupload": ("POST", "/preupload/", 0),
    "LFS batch": ("POST", "/objects/batch$", 0),
    "LFS file": ("PUT", "/lfs/[0-9a-f]+$", 0),
    "LFS part": ("PUT", "/lfs/[0-9a-f]+/2$", 0),
    "LFS parts": ("POST", "/complete$", 0),
    "LFS verify": ("POST", "/verify$", 0),
    "commit": ("POST", "/commit/", 0),
    "tree after": ("GET", "/tree/", 1),
    "second page of tree after": ("GET", "/tree/", 2),
}
# The client asks these again by itself, a second later, when the connection breaks.
ASKED_AGAIN_BY_CLIENT = {call for call in CALLS if call.startswith(("tree", "second", "preupload", "LFS"))}
PASSING = {
    "429": {"status": 429, "headers": {"Retry-After": "0"}},
    "500": {"status": 500},
    "503": {"status": 503},
    "cut before it is served": {},
    "served, answer lost": {"served": True},
    "served, answer torn": {"served": True, "sent": 0.5},
}
WAITING_PAIRS = {(call, fault) for call in ASKED_AGAIN_BY_CLIENT for fault in PASSING if "status" not in PASSING[fault]}
DEADLINE_SECONDS = 0.8
PUBLISH = """
import sys
from pathlib import Path
from nerc_trainer.hub import Publisher
run_dir, endpoint, branch, folder, deadline = sys.argv[1:]
publisher = Publisher(Path(run_dir), "online", "me/tagger", endpoint=endpoint, deadline_seconds=float(deadline))
print(publisher.publish(Path(folder), branch).state)
"""


@pytest.fixture(autouse=True)
def _uploads_by_lfs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)


def break_call(server: HubServer, call: str, **fault: object) -> Fault:
    method, path, before = CALLS[call]
    return server.fail(method, path, Fault(after=before, **fault))  # type: ignore[arg-type]


def assert_whole_or_not_there(server: HubServer, folder: Path) -> None:
    if added_commits(server):
        assert server.tree(REPO, BRANCH) == contents(folder)
    elif server.commits(REPO, BRANCH):
        assert server.tree(REPO, BRANCH) == {}


def assert_delivered_once(server: HubServer, run_dir: Path, folder: Path) -> None:
    assert server.tree(REPO, BRANCH) == contents(folder)
    assert added_commits(server) == 1
    assert Outbox(run_dir).waiting() == []
    assert [record.commit for record in Outbox(run_dir).delivered()] == [server.commits(REPO, BRANCH)[0].oid]
    assert [check["differences"] for check in verify_branches(run_dir)] == [[]]


def passing_faults() -> list[object]:
    """All pairs; 503, which is handled as 500, and what waits for the client's own second run in the long campaign."""
    return [
        pytest.param(
            call,
            fault,
            marks=[pytest.mark.slow] if fault == "503" or (call, fault) in WAITING_PAIRS else [],
        )
        for call in CALLS
        for fault in PASSING
    ]


@pytest.mark.parametrize(("call", "fault"), passing_faults())
def test_a_passing_fault_is_overcome(tmp_path: Path, call: str, fault: str) -> None:
    folder = make_round(tmp_path)
    with HubServer() as server:
        happened = break_call(server, call, **PASSING[fault])
        publication = online(tmp_path, server).publish(folder, BRANCH)
        assert happened.times == 0
        assert publication.state == "pushed", publication.detail
        assert_delivered_once(server, tmp_path, folder)


def test_broken_connections_at_several_calls_of_one_publication(tmp_path: Path) -> None:
    folder = make_round(tmp_path)
    with HubServer() as server:
        calls = ("tree before", "LFS file", "LFS parts")
        happened = [break_call(server, call, **PASSING["served, answer torn"]) for call in calls]
        publication = online(tmp_path, server).publish(folder, BRANCH)
        assert [one.times for one in happened] == [0, 0, 0]
        assert publication.state == "pushed", publication.detail
        assert_delivered_once(server, tmp_path, folder)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("status", [401, 403])
def test_a_refusal_says_what_to_do_and_keeps_the_round(tmp_path: Path, call: str, status: int) -> None:
    folder = make_round(tmp_path)
    with HubServer() as server:
        happened = break_call(server, call, status=status)
        publication = online(tmp_path, server).publish(folder, BRANCH)
        assert happened.times == 0
        assert publication.state == "waiting"
        assert f"({status}): log in with `hf auth login`, or set HF_TOKEN" in publication.detail
        assert f"nerc-trainer hub sync {tmp_path}" in publication.detail
        assert_whole_or_not_there(server, folder)
        assert [one.state for one in sync_outbox(tmp_path)] == ["pushed"]
        assert_delivered_once(server, tmp_path, folder)


@pytest.mark.parametrize(
    ("call", "served"),
    [("refs", False), ("create_branch", True), ("LFS part", False), ("commit", True), ("tree after", True)],
)
def test_a_stalled_hub_holds_nobody_past_the_deadline(tmp_path: Path, call: str, served: bool) -> None:
    folder = make_round(tmp_path)
    with HubServer() as server:
        break_call(server, call, stall=60.0, served=served, sent=0.5 if served else None)
        started = time.monotonic()
        publication = online(tmp_path, server, deadline_seconds=DEADLINE_SECONDS).publish(folder, BRANCH)
        assert time.monotonic() - started < DEADLINE_SECONDS + 1.5
        assert publication.state == "waiting"
        assert_whole_or_not_there(server, folder)
        # What was given up on ends as well, well before the Hub's minute of silence.
        for thread in threading.enumerate():
            if thread.name == "hub":
                thread.join(5)
                assert not thread.is_alive()
        assert [one.state for one in sync_outbox(tmp_path)] == ["pushed"]
        assert_delivered_once(server, tmp_path, folder)


def test_a_hub_that_fails_for_good_is_given_up_and_served_later(tmp_path: Path) -> None:
    folder = make_round(tmp_path)
    with HubServer() as server:
        for call in CALLS:
            break_call(server, call, status=500, times=3)
        states = [online(tmp_path, server).publish(folder, BRANCH).state]
        while states[-1] == "waiting" and len(states) < 10:
            assert_whole_or_not_there(server, folder)
            states += [one.state for one in sync_outbox(tmp_path, backoff_seconds=0.01)]
        assert states[0] == "waiting"
        assert states[-1] == "pushed"
        assert_delivered_once(server, tmp_path, folder)


@pytest.mark.parametrize(
    ("call", "served"),
    [("refs", False), ("create_branch", True), ("LFS part", True), ("commit", False), ("commit", True)],
)
def test_a_killed_process_leaves_a_round_that_sync_delivers_once(tmp_path: Path, call: str, served: bool) -> None:
    folder = make_round(tmp_path)
    with HubServer() as server:
        reached = break_call(server, call, stall=60.0, served=served).reached
        process = start_publishing(tmp_path, server, folder, deadline_seconds=60.0)
        assert reached.wait(20)
        process.kill()
        process.wait()
        assert_whole_or_not_there(server, folder)
        assert [one.state for one in sync_outbox(tmp_path)] == ["pushed"]
        assert_delivered_once(server, tmp_path, folder)


def test_a_process_that_gave_up_on_a_stalled_upload_can_end(tmp_path: Path) -> None:
    folder = make_round(tmp_path)
    with HubServer() as server:
        break_call(server, "LFS part", stall=60.0)
        process = start_publishing(tmp_path, server, folder, deadline_seconds=1.0)
        output, _ = process.communicate(timeout=15)
        assert (process.returncode, output) == (0, "waiting\n")


def start_publishing(run_dir: Path, server: HubServer, folder: Path, deadline_seconds: float) -> subprocess.Popen[str]:
    arguments = [str(run_dir), server.url, BRANCH, str(folder), str(deadline_seconds)]
    return subprocess.Popen(
        [sys.executable, "-c", PUBLISH, *arguments],
        env={"HF_HUB_DISABLE_XET": "1", "PYTHONPATH": str(Path(__file__).resolve().parents[2])},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
