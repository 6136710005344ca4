"""Rounds published offline: loadable from the local cache, whole or not there, and pushed later exactly once."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from hub_rounds import BRANCH, REPO, HubServer, added_commits, contents, make_round
from huggingface_hub import constants, snapshot_download

from nerc_trainer.errors import NercError
from nerc_trainer.hub import Publisher, list_branches, resolve_revision, seal, sync_outbox, verify_branches

STORAGE = "models--me--tagger"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "cache"
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    return path


def snapshot(branch: str, cache: Path) -> Path:
    return Path(snapshot_download(REPO, revision=branch, cache_dir=cache))


def test_the_hubs_client_finds_each_branch_in_the_cache(tmp_path: Path, cache: Path) -> None:
    publisher = Publisher(tmp_path, "offline", REPO)
    first = make_round(tmp_path)
    second = make_round(tmp_path, "rounds/round-02/model", seed=2)
    states = [publisher.publish(first, BRANCH), publisher.publish(second, "study/round-02")]
    assert [state.state for state in states] == ["offline", "offline"]
    assert contents(snapshot(BRANCH, cache)) == contents(first)
    assert contents(snapshot("study/round-02", cache)) == contents(second)
    assert re.fullmatch("[0-9a-f]{40}", states[0].commit or "")
    assert (cache / STORAGE / "refs" / BRANCH).read_text() == states[0].commit == resolve_revision(REPO, BRANCH)
    assert not (cache / STORAGE / "refs" / "main").exists()
    with pytest.raises(NercError, match="branch other is not in the local cache"):
        resolve_revision(REPO, "other")


def test_publishing_the_same_round_twice_changes_nothing(tmp_path: Path, cache: Path) -> None:
    publisher = Publisher(tmp_path, "offline", REPO)
    folder = make_round(tmp_path)
    first = publisher.publish(folder, BRANCH)
    inodes = {path: path.stat().st_ino for path in snapshot(BRANCH, cache).rglob("*")}
    assert publisher.publish(folder, BRANCH) == first
    assert {path: path.stat().st_ino for path in snapshot(BRANCH, cache).rglob("*")} == inodes
    assert [path.name for path in (cache / STORAGE / "snapshots").iterdir()] == [first.commit]


def test_weights_take_no_second_place_on_the_same_disk(tmp_path: Path, cache: Path) -> None:
    folder = make_round(tmp_path)
    Publisher(tmp_path, "offline", REPO).publish(folder, BRANCH)
    assert (snapshot(BRANCH, cache) / "model.safetensors").samefile(folder / "model.safetensors")


def test_without_hard_links_files_are_copied(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError("Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    folder = make_round(tmp_path)
    Publisher(tmp_path, "offline", REPO).publish(folder, BRANCH)
    assert contents(snapshot(BRANCH, cache)) == contents(folder)
    assert not (snapshot(BRANCH, cache) / "model.safetensors").samefile(folder / "model.safetensors")


def test_an_interrupted_stage_leaves_the_old_round_in_place(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publisher = Publisher(tmp_path, "offline", REPO)
    old = publisher.publish(make_round(tmp_path), BRANCH)
    new_folder = make_round(tmp_path, "rounds/again/model", seed=2)
    linked = []

    def interrupted(source: Path, target: Path) -> None:
        linked.append(source)
        if len(linked) == 3:
            raise KeyboardInterrupt
        target.write_bytes(source.read_bytes())

    with monkeypatch.context() as patch:
        patch.setattr(os, "link", interrupted)
        with pytest.raises(KeyboardInterrupt):
            publisher.publish(new_folder, BRANCH)
    assert [path.name for path in (cache / STORAGE / "snapshots").iterdir()] == [old.commit]
    assert snapshot(BRANCH, cache).name == old.commit
    assert [row["state"] for row in list_branches(tmp_path)] == ["waiting"]
    new = publisher.publish(new_folder, BRANCH)
    assert snapshot(BRANCH, cache).name == new.commit != old.commit


def test_a_pruned_snapshot_is_refused_by_the_client_named_by_verify_and_mended(tmp_path: Path, cache: Path) -> None:
    publisher = Publisher(tmp_path, "offline", REPO)
    folder = make_round(tmp_path)
    publisher.publish(folder, BRANCH)
    assert [check["differences"] for check in verify_branches(tmp_path)] == [[]]
    (snapshot(BRANCH, cache) / "config.json").unlink()
    with pytest.raises(FileNotFoundError, match="incomplete"):
        snapshot(BRANCH, cache)
    assert verify_branches(tmp_path)[0]["differences"] == ["config.json: deleted since it was sealed"]
    publisher.publish(folder, BRANCH)
    assert contents(snapshot(BRANCH, cache)) == contents(folder)


def test_branches_that_cannot_stand_side_by_side_are_named(tmp_path: Path, cache: Path) -> None:
    publisher = Publisher(tmp_path, "offline", REPO)
    folder = make_round(tmp_path)
    publisher.publish(folder, "study")
    with pytest.raises(NercError, match="branch study/one"):
        publisher.publish(folder, "study/one")


def test_sync_pushes_offline_rounds_once(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    publisher = Publisher(tmp_path, "offline", REPO)
    folders = {branch: make_round(tmp_path, f"rounds/{branch}", seed) for seed, branch in enumerate(("one", "two"))}
    for branch, folder in folders.items():
        publisher.publish(folder, branch)
    with HubServer() as server:
        pushed = sync_outbox(tmp_path, endpoint=server.url)
        assert [(one.branch, one.state) for one in pushed] == [("one", "pushed"), ("two", "pushed")]
        assert sync_outbox(tmp_path, endpoint=server.url) == []
        for branch, folder in folders.items():
            assert server.tree(REPO, branch) == contents(folder)
            assert added_commits(server, branch) == 1
        rows = list_branches(tmp_path)
        assert [(row["state"], row["f1"], row["commit"] == row["remote_commit"]) for row in rows] == [
            ("pushed", 0.75, True)
        ] * 2


def test_mode_off_writes_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    seal(folder)
    assert Publisher(tmp_path, "off").publish(folder, BRANCH).state == "off"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model"]
    assert sync_outbox(tmp_path) == list_branches(tmp_path) == []


def test_a_branch_that_another_run_has_staged_is_not_taken_over(tmp_path: Path, cache: Path) -> None:
    mine, theirs = make_round(tmp_path / "mine", run="aaaa"), make_round(tmp_path / "theirs", seed=2, run="bbbb")
    staged = Publisher(tmp_path / "theirs", "offline", REPO).publish(theirs, BRANCH)
    publication = Publisher(tmp_path / "mine", "offline", REPO).publish(mine, BRANCH)
    assert publication.state == "waiting"
    assert "another run (bbbb)" in publication.detail
    (ref,) = cache.rglob(f"refs/{BRANCH}")
    assert ref.read_text() == staged.commit
