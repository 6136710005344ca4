"""What stands where: the branches of a run, whether they still hold what was published, and the commit to load."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TypedDict

from nerc_trainer.errors import NercError
from nerc_trainer.hub.failures import DeadlineReached, HubDelay, HubRefusal
from nerc_trainer.hub.offline import check_offline
from nerc_trainer.hub.online import branch_heads, hub_api, tree_differences
from nerc_trainer.hub.outbox import Outbox, Record
from nerc_trainer.hub.publish import State, folder_faults
from nerc_trainer.hub.seal import read_manifest
from nerc_trainer.hub.session import call_before

_LOOK_SECONDS = 10.0
_VERIFY_SECONDS = 120.0


class BranchRow(TypedDict):
    """One branch of a run.

    `folder` is relative to the run's folder; `f1` is the entity F1 on dev in [0, 1], None if the folder has no
    `round.json`; `remote_commit` is the branch's head on the Hub, None if it has none or cannot be asked.
    """

    branch: str
    state: State
    commit: str | None
    folder: str
    f1: float | None
    remote_commit: str | None


class BranchCheck(TypedDict):
    """One published branch: `differences` has a line for each file that is not as it was sealed."""

    branch: str
    state: State
    commit: str | None
    differences: list[str]


def list_branches(run_dir: Path) -> list[BranchRow]:
    """Every branch in the run's outbox, by name; a Hub that does not answer within seconds is passed over."""
    heads: dict[tuple[str, str | None], dict[str, str]] = {}
    rows: list[BranchRow] = []
    for record, state in _records(run_dir):
        hub = (record.repo, record.endpoint)
        if hub not in heads:
            heads[hub] = _heads_if_reachable(*hub)
        rows.append(
            BranchRow(
                branch=record.branch,
                state=state,
                commit=record.commit,
                folder=record.folder,
                f1=_dev_f1(run_dir / record.folder),
                remote_commit=heads[hub].get(record.branch),
            )
        )
    return rows


def verify_branches(run_dir: Path) -> list[BranchCheck]:
    """Compare every pushed branch on the Hub, and every round staged offline, with its manifest.

    Rounds that only wait have no branch to look at and are left out. What cannot be checked is a difference too.
    """
    return [
        BranchCheck(
            branch=record.branch,
            state=state,
            commit=record.commit,
            differences=(
                check_offline(record.repo, record.branch, record.manifest)
                if state == "offline"
                else _remote_differences(run_dir, record)
            ),
        )
        for record, state in _records(run_dir)
        if state != "waiting"
    ]


def resolve_revision(repo: str, branch: str, endpoint: str | None = None) -> str:
    """The commit that `branch` of `repo` stands at now, to be given as `revision` so that a load cannot mix two rounds.

    Asks the Hub, or the local cache if HF_HUB_OFFLINE is set. It never takes an older commit from the cache for a Hub
    that does not answer: that is a NercError, as is a branch that does not exist.
    """
    from huggingface_hub import constants
    from huggingface_hub.errors import RevisionResolutionError

    api = hub_api(endpoint)
    if constants.is_offline_mode():
        try:
            return api.resolve_revision(repo, revision=branch, local_files_only=True).resolved
        except RevisionResolutionError:
            raise NercError(
                f"{repo}: branch {branch} is not in the local cache; unset HF_HUB_OFFLINE to look on the Hub"
            ) from None
    try:
        heads = call_before(time.monotonic() + _LOOK_SECONDS, lambda: branch_heads(api, repo))
    except (HubDelay, HubRefusal, DeadlineReached) as failure:
        raise NercError(
            f"{repo}: cannot look up branch {branch}, because {failure}; set HF_HUB_OFFLINE=1 to load from the cache"
        ) from failure
    if branch not in heads:
        raise NercError(f"{repo}: has no branch {branch}; it has {', '.join(sorted(heads))}")
    return heads[branch]


def _records(run_dir: Path) -> list[tuple[Record, State]]:
    outbox = Outbox(run_dir)
    rows: dict[str, tuple[Record, State]] = {record.branch: (record, "pushed") for record in outbox.delivered()}
    for record in outbox.waiting():
        rows[record.branch] = (record, "offline" if record.commit else "waiting")
    return [rows[branch] for branch in sorted(rows)]


def _heads_if_reachable(repo: str, endpoint: str | None) -> dict[str, str]:
    try:
        return call_before(time.monotonic() + _LOOK_SECONDS, lambda: branch_heads(hub_api(endpoint), repo))
    except (HubDelay, HubRefusal, DeadlineReached):
        return {}


def _dev_f1(folder: Path) -> float | None:
    path = folder / "round.json"
    if not path.is_file():
        return None
    try:
        return float(json.loads(path.read_text(encoding="utf-8"))["dev"]["f1"])
    except (ValueError, KeyError, TypeError) as error:
        raise NercError(f"{path}: dev.f1 is not a number ({error}); restore the file") from error


def _remote_differences(run_dir: Path, record: Record) -> list[str]:
    if faults := folder_faults(run_dir, record):
        return faults

    def compare() -> list[str]:
        api = hub_api(record.endpoint)
        head = branch_heads(api, record.repo).get(record.branch)
        if head is None:
            return [f"{record.repo} has no branch {record.branch} any more"]
        return tree_differences(api, record.repo, head, read_manifest(run_dir / record.folder).published())

    try:
        return call_before(time.monotonic() + _VERIFY_SECONDS, compare)
    except (HubDelay, HubRefusal, DeadlineReached) as failure:
        return [f"cannot be checked: {failure}"]
