"""Publish the rounds of a run, now or later, and never lose one to a Hub that is down, slow or refusing."""

from __future__ import annotations

import re
import shlex
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from nerc_trainer.errors import NercError
from nerc_trainer.hub.failures import DeadlineReached, HubDelay, HubRefusal
from nerc_trainer.hub.offline import stage_offline
from nerc_trainer.hub.online import hub_api, name_some, push_round
from nerc_trainer.hub.outbox import Outbox, OutboxBusy, Record
from nerc_trainer.hub.seal import MANIFEST_NAME, check_seal, read_manifest
from nerc_trainer.hub.session import call_before

Mode = Literal["off", "offline", "online"]
State = Literal["pushed", "offline", "waiting", "off"]

_BRANCH_FORM = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*([./][A-Za-z0-9_-]+)*")


@dataclass(frozen=True)
class Publication:
    """What became of a round: `pushed` to the Hub, staged `offline`, `waiting` in the outbox, or `off`.

    `commit` is the commit on the Hub or the snapshot in the local cache, None while there is neither; `detail` is a
    line for the user.
    """

    branch: str
    state: State
    commit: str | None
    detail: str


@dataclass(frozen=True)
class Publisher:
    """Publishes sealed folders under `run_dir` on branches of `repo` ("owner/name", needed unless `mode` is off).

    `private` says how the repository is made if it does not exist. A push ends after `deadline_seconds`, whatever the
    Hub does. `endpoint` is another Hub than the one that the environment names.
    """

    run_dir: Path
    mode: Mode
    repo: str | None = None
    private: bool = True
    deadline_seconds: float = 600.0
    endpoint: str | None = None
    backoff_seconds: float = 1.0

    def publish(self, folder: Path, branch: str) -> Publication:
        """Publish a sealed folder on `branch`; publishing the same folder again changes nothing.

        Failures of the Hub end in the state `waiting`. Raises NercError for a folder that is not as it was sealed and
        for an unusable name of the branch, OSError if this machine's disk fails.
        """
        if self.mode == "off":
            return Publication(branch, "off", None, "not published, because hub.mode is off")
        if self.repo is None:
            raise NercError(f"hub.repo: needed because hub.mode is {self.mode}; give owner/name")
        if not _BRANCH_FORM.fullmatch(branch):
            raise NercError(f"branch {branch!r}: use letters, digits, '_' and '-', with single '.' or '/' between them")
        if faults := check_seal(folder):
            raise NercError(f"{folder}: not as it was sealed ({name_some(faults)}); seal it again")
        record = Record(
            repo=self.repo,
            branch=branch,
            folder=folder.resolve().relative_to(self.run_dir.resolve()).as_posix(),
            manifest=read_manifest(folder).sha256,
            mode=self.mode,
            private=self.private,
            endpoint=self.endpoint,
        )
        outbox = Outbox(self.run_dir)
        outbox.put(record)
        if self.mode == "offline":
            return _stage(outbox, record, folder)
        deadline = time.monotonic() + self.deadline_seconds
        try:
            with outbox.lock(wait_until=deadline):
                return _push(self.run_dir, outbox, record, deadline, self.backoff_seconds)
        except (OutboxBusy, HubDelay, HubRefusal, DeadlineReached) as failure:
            return _waiting(self.run_dir, record, failure)


def sync_outbox(
    run_dir: Path, endpoint: str | None = None, deadline_seconds: float = 600.0, backoff_seconds: float = 1.0
) -> list[Publication]:
    """Push every round that waits in the outbox, also those published offline, each once; one Publication a round.

    `endpoint` takes the place of the one that the rounds were published with; `deadline_seconds` holds for each round.
    A round that the Hub cannot take now, or whose folder changed, stays in the outbox; the first that the Hub is too
    slow or too busy for ends the attempt for those after it. Raises NercError if another process is delivering or a
    file of the outbox is damaged.
    """
    outbox = Outbox(run_dir)
    if not outbox.folder.is_dir():
        return []
    with outbox.lock():
        publications: list[Publication] = []
        unreachable: Exception | None = None
        for record in outbox.waiting():
            if unreachable is not None:
                publications.append(_waiting(run_dir, record, unreachable))
                continue
            target = record if endpoint is None else replace(record, endpoint=endpoint)
            deadline = time.monotonic() + deadline_seconds
            try:
                publications.append(_push(run_dir, outbox, target, deadline, backoff_seconds))
            except HubRefusal as refusal:
                publications.append(_waiting(run_dir, record, refusal))
            except (HubDelay, DeadlineReached) as failure:
                publications.append(_waiting(run_dir, record, failure))
                unreachable = failure
        return publications


def folder_faults(run_dir: Path, record: Record) -> list[str]:
    """Why the folder of a record is no longer what was to be published, one line a fault; empty if it is."""
    folder = run_dir / record.folder
    try:
        faults = check_seal(folder)
        if not faults and read_manifest(folder).sha256 != record.manifest:
            faults = [f"{MANIFEST_NAME}: sealed again since it was published"]
    except NercError as error:
        faults = [str(error)]
    return faults


def _stage(outbox: Outbox, record: Record, folder: Path) -> Publication:
    try:
        snapshot = stage_offline(folder, record.repo, record.branch)
    except HubRefusal as refusal:
        return _waiting(outbox.folder.parent, record, refusal)
    outbox.put(replace(record, commit=snapshot))
    detail = f"in the local cache; push it with `{_sync_command(outbox.folder.parent)}`"
    return Publication(record.branch, "offline", snapshot, detail)


def _push(run_dir: Path, outbox: Outbox, record: Record, deadline: float, backoff_seconds: float) -> Publication:
    folder = run_dir / record.folder
    if faults := folder_faults(run_dir, record):
        detail = f"not pushed, because {folder} is not as it was sealed ({name_some(faults)}); publish the round again"
        return Publication(record.branch, "waiting", None, detail)
    manifest = read_manifest(folder)
    commit = call_before(
        deadline, lambda: push_round(hub_api(record.endpoint), record, folder, manifest, deadline, backoff_seconds)
    )
    outbox.deliver(record, commit)
    return Publication(record.branch, "pushed", commit, f"pushed to {record.repo}")


def _waiting(run_dir: Path, record: Record, reason: Exception) -> Publication:
    detail = f"not pushed yet, because {reason}; deliver it later with `{_sync_command(run_dir)}`"
    return Publication(record.branch, "waiting", None, detail)


def _sync_command(run_dir: Path) -> str:
    return f"nerc-trainer hub sync {shlex.quote(str(run_dir))}"
