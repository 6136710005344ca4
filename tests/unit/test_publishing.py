"""Publishing beside the rounds: one at a time, waited for, and its failures heard."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from nerc_trainer.active.publishing import Publishing
from nerc_trainer.errors import NercError
from nerc_trainer.files import write_json
from nerc_trainer.hub import Publisher, seal


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "rounds" / "round-00" / "model"
    path.mkdir(parents=True)
    write_json(path / "round.json", {"run": "0" * 16})
    seal(path)
    return path


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Makes publishing wait until the answer is called."""
    may_go_on = threading.Event()
    publish = Publisher.publish

    def late(self: Publisher, folder: Path, branch: str) -> object:
        may_go_on.wait(20)
        return publish(self, folder, branch)

    monkeypatch.setattr(Publisher, "publish", late)
    return may_go_on.set


def test_the_run_goes_on_while_a_round_is_on_its_way(
    folder: Path, tmp_path: Path, held: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    publishing = Publishing(Publisher(tmp_path, "offline", "me/tagger"))
    assert publishing.settle() is None
    publishing.begin(0, folder, "round-00-added-0000")  # returns, although the Hub answers nothing
    with pytest.raises(RuntimeError, match="on its way already"):
        publishing.begin(1, folder, "round-01-added-0050")
    held()
    settled = publishing.settle()
    assert settled is not None
    number, publication, seconds = settled
    assert (number, publication.state) == (0, "offline")
    assert publication.commit is not None
    assert seconds["publish"] >= 0
    assert seconds["publish_wait"] >= 0
    assert publishing.settle() is None


def test_what_publishing_raises_is_raised_to_who_waits_for_it(folder: Path, tmp_path: Path) -> None:
    publishing = Publishing(Publisher(tmp_path, "offline", "me/tagger"))
    publishing.begin(0, folder, "no branch")
    with pytest.raises(NercError, match="branch 'no branch'"):
        publishing.settle()


def test_a_line_is_pending_only_where_something_is_published(tmp_path: Path) -> None:
    assert Publishing(Publisher(tmp_path, "off")).first_state == "off"
    assert Publishing(Publisher(tmp_path, "offline", "me/tagger")).first_state == "pending"
