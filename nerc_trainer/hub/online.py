"""Push a sealed round to its branch on the Hub: whole, once, and checked.

Every try first compares the branch with the manifest, so a commit that landed although its answer was lost is found
and not repeated; the parent commit is pinned, so two writers cannot mix their files.
"""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from nerc_trainer.hub.failures import DeadlineReached, HubDelay, HubRefusal, hub_failures
from nerc_trainer.hub.outbox import Record
from nerc_trainer.hub.owner import ROUND_NAME, refuse_other_run, run_of
from nerc_trainer.hub.seal import Manifest, SealedFile

if TYPE_CHECKING:
    from huggingface_hub import HfApi
    from huggingface_hub.hf_api import RepoFile

_TRIES = 6
_TRIES_FOR_MISSING = 2
_LONGEST_BACKOFF_SECONDS = 60.0
# The Hub puts this file into every repository.
_KEPT = ".gitattributes"
# Takes the place of a .gitignore that main may hold, which would leave files out of the round.
_IGNORE_NOTHING = "# Every file is wanted\n"
_NAMED_DIFFERENCES = 3


def hub_api(endpoint: str | None) -> HfApi:
    """The client for `endpoint`, or for the Hub that the environment names; it finds the user's token itself."""
    from huggingface_hub import HfApi

    from nerc_trainer import __version__

    return HfApi(endpoint=endpoint, library_name="nerc_trainer", library_version=__version__)


def push_round(
    api: HfApi, record: Record, folder: Path, manifest: Manifest, deadline: float, backoff_seconds: float
) -> str:
    """Make the branch hold exactly the sealed files, trying again after passing failures; the commit that holds them.

    Waits between tries for `backoff_seconds` doubled each time, with jitter, or as long as the Hub asks. Raises
    HubDelay when the tries or the time are used up, HubRefusal when trying again is pointless. `deadline` is on the
    monotonic clock.
    """
    missing = 0
    for tried in range(1, _TRIES + 1):
        try:
            return _push_once(api, record, folder, manifest)
        except HubDelay as delay:
            missing += delay.is_missing
            if missing == _TRIES_FOR_MISSING:
                raise HubRefusal(f"{delay}, {missing} times; check hub.repo and hub.endpoint") from delay
            backoff = min(_LONGEST_BACKOFF_SECONDS, backoff_seconds * 2 ** (tried - 1)) * random.uniform(0.5, 1.5)
            wait = max(backoff, delay.retry_after or 0.0)
            if tried == _TRIES:
                raise HubDelay(f"{delay}, {_TRIES} times") from delay
            if time.monotonic() + wait >= deadline:
                raise DeadlineReached(f"{delay}; the next try would be too late") from delay
        time.sleep(wait)
    raise AssertionError("the last try returns or raises")


def tree_differences(api: HfApi, repo: str, commit: str, published: Mapping[str, SealedFile]) -> list[str]:
    """What differs between a commit's files and those that were published, one line a file."""
    return _differences(_remote_files(api, repo, commit), published)


def branch_heads(api: HfApi, repo: str) -> dict[str, str]:
    """The commit at the head of each branch."""
    with hub_failures(repo):
        return {ref.name: ref.target_commit for ref in api.list_repo_refs(repo).branches}


def name_some(differences: list[str]) -> str:
    """A list of differences in one line, cut short after the first few."""
    more = len(differences) - _NAMED_DIFFERENCES
    return ", ".join(differences[:_NAMED_DIFFERENCES]) + (f", and {more} more" if more > 0 else "")


def _push_once(api: HfApi, record: Record, folder: Path, manifest: Manifest) -> str:
    published = manifest.published()
    head, is_new = _find_or_create_branch(api, record)
    remote = _remote_files(api, record.repo, head)
    if not _differences(remote, published):
        return head
    if not is_new:
        refuse_other_run(record.repo, record.branch, run_of(folder), _remote_run(api, record.repo, head, remote))
    commit = _commit(api, record, folder, manifest, head, _unwanted(remote, published))
    if differences := tree_differences(api, record.repo, commit, published):
        raise HubRefusal(f"commit {commit} is not what was sent ({name_some(differences)}); look at the repository")
    return commit


def _remote_run(api: HfApi, repo: str, commit: str, remote: Mapping[str, RepoFile]) -> str | None:
    if ROUND_NAME not in remote:
        return None
    with hub_failures(repo):
        return run_of(Path(api.hf_hub_download(repo, ROUND_NAME, revision=commit)).parent)


def _find_or_create_branch(api: HfApi, record: Record) -> tuple[str, bool]:
    """The head of the branch, and whether it is that of main, with nothing of its own on the branch."""
    from huggingface_hub.errors import RepositoryNotFoundError

    with hub_failures(record.repo):
        try:
            refs = api.list_repo_refs(record.repo)
        except RepositoryNotFoundError:
            api.create_repo(record.repo, private=record.private, exist_ok=True)
            refs = api.list_repo_refs(record.repo)
    heads = {ref.name: ref.target_commit for ref in refs.branches}
    if record.branch in heads:
        return heads[record.branch], heads[record.branch] == heads.get("main")
    if "main" not in heads:
        raise HubRefusal(f"{record.repo} has no branch main to start {record.branch} from; create main first")
    with hub_failures(record.repo):
        api.create_branch(record.repo, branch=record.branch, revision=heads["main"], exist_ok=True)
    # Should another writer have created the branch at this moment, the pinned parent makes the commit fail.
    return heads["main"], True


def _commit(api: HfApi, record: Record, folder: Path, manifest: Manifest, head: str, unwanted: set[str]) -> str:
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    additions = [CommitOperationAdd(path, folder / path) for path in sorted(manifest.published())]
    deletions = [CommitOperationDelete(path, is_folder=False) for path in sorted(unwanted)]
    with hub_failures(record.repo):
        for addition in additions:
            # One at a time: for several large files the client starts threads, which the deadline would not reach.
            api.preupload_lfs_files(
                record.repo, [addition], revision=record.branch, free_memory=False, gitignore_content=_IGNORE_NOTHING
            )
        done = api.create_commit(
            record.repo,
            [*additions, *deletions],
            commit_message=f"Publish {record.branch} (manifest {manifest.sha256[:12]})",
            revision=record.branch,
            parent_commit=head,
        )
    return done.oid


def _remote_files(api: HfApi, repo: str, commit: str) -> dict[str, RepoFile]:
    from huggingface_hub.hf_api import RepoFile

    with hub_failures(repo):
        entries = list(api.list_repo_tree(repo, recursive=True, revision=commit))
    return {entry.path: entry for entry in entries if isinstance(entry, RepoFile)}


def _differences(remote: Mapping[str, RepoFile], published: Mapping[str, SealedFile]) -> list[str]:
    return [
        *(f"{path}: missing on the Hub" for path in sorted(published.keys() - remote.keys())),
        *(f"{path}: on the Hub but not in the round" for path in sorted(_unwanted(remote, published))),
        *(
            f"{path}: other content on the Hub"
            for path in sorted(published.keys() & remote.keys())
            if not _same_content(remote[path], published[path])
        ),
    ]


def _unwanted(remote: Mapping[str, RepoFile], published: Mapping[str, SealedFile]) -> set[str]:
    return remote.keys() - published.keys() - {_KEPT}


def _same_content(remote: RepoFile, sealed: SealedFile) -> bool:
    if remote.lfs is not None:
        return remote.lfs.sha256 == sealed.sha256
    return remote.blob_id == sealed.git_blob
