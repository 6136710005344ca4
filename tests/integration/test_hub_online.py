"""Rounds pushed to a Hub over HTTP by the real client: whole, once, checked, and never lost."""

from __future__ import annotations

import json
import logging
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from hub_rounds import BRANCH, FOLDER, REPO, HubServer, added_commits, contents, make_round, online
from hub_server import Fault, File
from huggingface_hub import HfApi, constants

from nerc_trainer.errors import NercError
from nerc_trainer.hub import Publisher, list_branches, resolve_revision, seal, sync_outbox, verify_branches
from nerc_trainer.hub.outbox import Outbox

NOWHERE = "http://127.0.0.1:9"
TOKEN = "hf_" + "Zz9" * 12


@pytest.fixture(autouse=True)
def _uploads_by_lfs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)


def test_each_round_stands_on_its_own_branch_and_is_checked(tmp_path: Path) -> None:
    first, second = make_round(tmp_path), make_round(tmp_path, "rounds/round-02/model", seed=2)
    with HubServer() as server:
        publications = [
            online(tmp_path, server).publish(first, BRANCH),
            online(tmp_path, server).publish(second, "a/2"),
        ]
        assert [publication.state for publication in publications] == ["pushed", "pushed"]
        assert server.tree(REPO, BRANCH) == contents(first)
        assert server.tree(REPO, "a/2") == contents(second)
        assert server.repos[REPO].private
        assert added_commits(server) == added_commits(server, "a/2") == 1
        assert [check["differences"] for check in verify_branches(tmp_path)] == [[], []]
        assert resolve_revision(REPO, BRANCH, server.url) == publications[0].commit
        with pytest.raises(NercError, match=f"has no branch b; it has a/2, main, {BRANCH}"):
            resolve_revision(REPO, "b", server.url)
    with pytest.raises(NercError, match="set HF_HUB_OFFLINE=1"):
        resolve_revision(REPO, BRANCH, server.url)


def test_a_round_is_committed_once_however_often_it_is_published(tmp_path: Path) -> None:
    folder = make_round(tmp_path)
    with HubServer() as server:
        first = online(tmp_path, server).publish(folder, BRANCH)
        assert online(tmp_path, server).publish(folder, BRANCH) == first
        assert added_commits(server) == 1


def test_with_xet_on_a_server_that_takes_regular_files_gets_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", False)
    folder = make_round(tmp_path)
    with HubServer(lfs=False) as server:
        assert online(tmp_path, server).publish(folder, BRANCH).state == "pushed"
        assert server.tree(REPO, BRANCH) == contents(folder)
        assert not any(file.is_lfs for file in server.commits(REPO, BRANCH)[0].files.values())


def test_files_that_main_holds_do_not_get_into_a_round(tmp_path: Path) -> None:
    folder = make_round(tmp_path)
    with HubServer() as server:
        repo = server.create(REPO)
        old = {"README.md": File(b"# Main", is_lfs=False), "old/model.bin": File(b"old", is_lfs=False)}
        old[".gitignore"] = File(b"*.safetensors\nconfig.json\n", is_lfs=False)
        repo.branches["main"] = repo.add(repo.branches["main"], {**repo.find("main").files, **old}).oid
        assert online(tmp_path, server).publish(folder, BRANCH).state == "pushed"
        assert server.tree(REPO, BRANCH) == contents(folder)
        assert ".gitattributes" in server.commits(REPO, BRANCH)[0].files
        assert server.tree(REPO, "main").keys() == old.keys()


def test_a_writer_who_was_faster_is_not_mixed_with(tmp_path: Path) -> None:
    folder = make_round(tmp_path)
    with HubServer() as server:
        # The client waits a second before it asks again, which leaves time for another commit.
        asked = server.fail("POST", "/preupload/", Fault())
        thread = threading.Thread(target=online(tmp_path, server).publish, args=(folder, BRANCH))
        thread.start()
        assert asked.reached.wait(10)
        repo = server.repos[REPO]
        other = {"other.txt": File(b"other", is_lfs=False), "config.json": File(b"other", is_lfs=False)}
        repo.branches[BRANCH] = repo.add(repo.branches[BRANCH], other).oid
        thread.join()
        assert server.tree(REPO, BRANCH) == contents(folder)
        assert added_commits(server) == 2
        assert sum("/commit/" in line for line in server.log) == 2


def test_a_hub_that_stores_something_else_is_found_out(tmp_path: Path) -> None:
    folder = make_round(tmp_path)
    with HubServer() as server:
        online(tmp_path, server).publish(folder, BRANCH)
        repo = server.repos[REPO]
        changed = {**repo.find(BRANCH).files, "config.json": File(b"changed", is_lfs=False)}
        changed["model.safetensors"] = File(b"changed", is_lfs=True)
        changed["stray.txt"] = changed.pop("empty.txt")
        repo.branches[BRANCH] = repo.add(repo.branches[BRANCH], changed).oid
        assert verify_branches(tmp_path)[0]["differences"] == [
            "empty.txt: missing on the Hub",
            "stray.txt: on the Hub but not in the round",
            "config.json: other content on the Hub",
            "model.safetensors: other content on the Hub",
        ]
        del repo.branches[BRANCH]
        assert verify_branches(tmp_path)[0]["differences"] == [f"{REPO} has no branch {BRANCH} any more"]
    assert "cannot be checked" in verify_branches(tmp_path)[0]["differences"][0]


def test_a_hub_that_is_down_gets_the_round_later(tmp_path: Path) -> None:
    folder = make_round(tmp_path)
    publisher = Publisher(tmp_path, "online", REPO, endpoint=NOWHERE, backoff_seconds=0.01)
    waiting = publisher.publish(folder, BRANCH)
    assert (waiting.state, waiting.commit) == ("waiting", None)
    assert f"deliver it later with `nerc-trainer hub sync {tmp_path}`" in waiting.detail
    rows = list_branches(tmp_path)
    assert [(row["state"], row["folder"], row["remote_commit"]) for row in rows] == [("waiting", FOLDER, None)]
    publisher.publish(make_round(tmp_path, "rounds/round-02/model", seed=2), "later")
    with HubServer() as server:
        assert [one.state for one in sync_outbox(tmp_path, server.url)] == ["pushed", "pushed"]
        assert server.tree(REPO, BRANCH) == contents(folder)
        assert added_commits(server) == 1


def test_sync_tries_an_unreachable_hub_for_one_round_only(tmp_path: Path) -> None:
    publisher = Publisher(tmp_path, "online", REPO, endpoint=NOWHERE, backoff_seconds=0.001)
    for branch in ("one", "two", "three"):
        publisher.publish(make_round(tmp_path, f"rounds/{branch}"), branch)
    with HubServer() as server:
        busy = server.fail("GET", "/refs", Fault(status=503, times=1000))
        assert [one.state for one in sync_outbox(tmp_path, server.url, backoff_seconds=0.001)] == ["waiting"] * 3
        assert 1000 - busy.times == len(server.log) < 10


def test_the_hubs_wish_to_be_left_alone_is_granted(tmp_path: Path) -> None:
    folder = make_round(tmp_path)
    with HubServer() as server:
        server.fail("POST", "/branch/", Fault(status=429, headers={"Retry-After": "1"}))
        started = time.monotonic()
        assert online(tmp_path, server).publish(folder, BRANCH).state == "pushed"
        assert time.monotonic() - started >= 1
        server.fail("GET", "/refs", Fault(status=429, headers={"Retry-After": "3600"}))
        started = time.monotonic()
        waiting = online(tmp_path, server).publish(folder, BRANCH)
        assert (waiting.state, "429" in waiting.detail) == ("waiting", True)
        assert time.monotonic() - started < 2


def test_a_round_that_changed_or_vanished_is_named_and_not_pushed(tmp_path: Path) -> None:
    publisher = Publisher(tmp_path, "online", REPO, endpoint=NOWHERE, backoff_seconds=0.001)
    for branch in ("changed", "sealed-again", "vanished"):
        publisher.publish(make_round(tmp_path, f"rounds/{branch}"), branch)
    for branch in ("changed", "sealed-again"):
        (tmp_path / "rounds" / branch / "config.json").write_text("changed")
    seal(tmp_path / "rounds" / "sealed-again")
    (tmp_path / "rounds" / "vanished").rename(tmp_path / "elsewhere")
    with HubServer() as server:
        details = [one.detail for one in sync_outbox(tmp_path, server.url)]
        assert server.log == []
    assert "config.json: changed since it was sealed" in details[0]
    assert "manifest.json: sealed again since it was published" in details[1]
    assert "the folder is gone" in details[2]
    with pytest.raises(NercError, match=r"config\.json: changed since it was sealed"):
        publisher.publish(tmp_path / "rounds" / "changed", "changed")


def test_a_crash_between_delivery_and_note_pushes_nothing_twice(tmp_path: Path) -> None:
    folder = make_round(tmp_path)
    with HubServer() as server:
        pushed = online(tmp_path, server).publish(folder, BRANCH)
        outbox = Outbox(tmp_path)
        outbox.put(replace(outbox.delivered()[0], commit=None))
        assert sync_outbox(tmp_path) == [pushed]
        assert added_commits(server) == 1
        assert outbox.waiting() == []


def test_only_one_process_delivers(tmp_path: Path) -> None:
    folder = make_round(tmp_path)
    with HubServer() as server, Outbox(tmp_path).lock():
        waiting = online(tmp_path, server, deadline_seconds=0.3).publish(folder, BRANCH)
        assert (waiting.state, "another process is delivering" in waiting.detail) == ("waiting", True)
        with pytest.raises(NercError, match="another process is delivering"):
            sync_outbox(tmp_path)
        assert server.log == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "not JSON"),
        ("[]", "must hold exactly the keys"),
        ('{"repo": "a/b"}', "must hold exactly the keys"),
        (None, "private must be of type bool, got 'yes'"),
    ],
)
def test_a_damaged_record_is_named(tmp_path: Path, content: str | None, message: str) -> None:
    publisher = Publisher(tmp_path, "online", REPO, endpoint=NOWHERE, backoff_seconds=0.001)
    publisher.publish(make_round(tmp_path), "a/b")
    path = tmp_path / "outbox" / "a%2Fb.json"
    record = json.loads(path.read_text())
    path.write_text(json.dumps({**record, "private": "yes"}) if content is None else content)
    for read in (sync_outbox, list_branches, verify_branches):
        with pytest.raises(NercError, match=rf"a%2Fb\.json: {message}"):
            read(tmp_path)


@pytest.mark.parametrize("branch", ["", "../up", "a//b", "a b", "a..b", "/a", "a/", ".hidden", "a.lock/"])
def test_names_that_git_or_a_path_would_misread_are_refused(tmp_path: Path, branch: str) -> None:
    folder = make_round(tmp_path)
    with pytest.raises(NercError, match="use letters, digits"):
        Publisher(tmp_path, "online", REPO, endpoint=NOWHERE).publish(folder, branch)
    with pytest.raises(NercError, match=r"hub\.repo: needed"):
        Publisher(tmp_path, "online").publish(folder, BRANCH)


def test_the_users_wish_to_stay_offline_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with HubServer() as server:
        waiting = online(tmp_path, server).publish(make_round(tmp_path), BRANCH)
        assert (waiting.state, "HF_HUB_OFFLINE is set" in waiting.detail) == ("waiting", True)
        assert server.log == []


def test_the_token_is_used_but_never_written_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    caplog.set_level(logging.INFO)
    folder = make_round(tmp_path)
    with HubServer(token=TOKEN) as server:
        assert online(tmp_path, server).publish(folder, BRANCH).state == "pushed"
        server.fail("GET", "/refs", Fault(status=400, headers={"X-Error-Message": f"bad token {TOKEN}"}))
        echoed = online(tmp_path, server).publish(folder, "echoed")
    with HubServer(token="hf_other") as server:
        refused = online(tmp_path, server).publish(folder, "refused")
        assert (refused.state, "hf auth login" in refused.detail) == ("waiting", True)
    assert echoed.state == "waiting"
    assert "bad token ***" in echoed.detail
    written = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    for text in (written.decode("latin-1"), caplog.text, echoed.detail, refused.detail):
        assert TOKEN not in text


def test_a_branch_that_another_run_has_filled_is_not_written_over(tmp_path: Path) -> None:
    """Another seed or strategy, or a mended recipe, gives branches of the same names."""
    mine, theirs = make_round(tmp_path / "mine", run="aaaa"), make_round(tmp_path / "theirs", seed=2, run="bbbb")
    with HubServer() as server:
        assert online(tmp_path / "theirs", server).publish(theirs, BRANCH).state == "pushed"
        publication = online(tmp_path / "mine", server).publish(mine, BRANCH)
        assert publication.state == "waiting"
        assert f"branch {BRANCH} of {REPO} holds a round of another run (bbbb) already" in publication.detail
        assert server.tree(REPO, BRANCH) == contents(theirs)
        again = make_round(tmp_path / "theirs", seed=3, run="bbbb")
        assert online(tmp_path / "theirs", server).publish(again, BRANCH).state == "pushed"
        assert server.tree(REPO, BRANCH) == contents(again)


def test_a_branch_with_files_of_somebody_else_is_not_written_over(tmp_path: Path) -> None:
    folder = make_round(tmp_path, run="aaaa")
    with HubServer() as server:
        api = HfApi(endpoint=server.url, token=TOKEN)
        api.create_repo(REPO)
        api.create_branch(REPO, branch=BRANCH)
        api.upload_file(path_or_fileobj=b"mine", path_in_repo="notes.txt", repo_id=REPO, revision=BRANCH)
        publication = online(tmp_path, server).publish(folder, BRANCH)
        assert publication.state == "waiting"
        assert "something else than a round of this run" in publication.detail
