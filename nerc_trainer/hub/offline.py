"""Put a sealed round into the local Hub cache, where `from_pretrained(repo, revision=branch)` finds it offline."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from nerc_trainer.errors import NercError
from nerc_trainer.files import sync_folder, write_json, write_text
from nerc_trainer.hub.owner import refuse_other_run, run_of
from nerc_trainer.hub.seal import MANIFEST_NAME, Manifest, check_seal, read_manifest

# The version that huggingface_hub 2.4 writes; a reader that knows another one ignores the file.
_TREE_FORMAT_VERSION = 1


def stage_offline(folder: Path, repo: str, branch: str) -> str:
    """Make the sealed `folder` the snapshot that `branch` of `repo` names in the local cache; its id of 40 hex digits.

    The id follows from the manifest, so the same round is the same snapshot. Nothing changes if it stands there whole
    already. A reader sees the branch's old snapshot or the new one, never a part. Raises HubRefusal if the branch holds
    a round of another run, NercError if its name and another branch's cannot stand side by side (`a` and `a/b`).
    """
    manifest = read_manifest(folder)
    snapshot_id = manifest.sha256[:40]
    storage = _storage(repo)
    if (ref := storage / "refs" / branch).is_file():
        there = storage / "snapshots" / ref.read_text(encoding="utf-8")
        # A snapshot that someone has pruned is nobody's.
        if there.is_dir():
            refuse_other_run(repo, branch, run_of(folder), run_of(there))
    snapshot = storage / "snapshots" / snapshot_id
    if not _is_whole(snapshot, manifest):
        _place_snapshot(folder, manifest, storage, snapshot)
    tree = {path: {"size": file.size, "blob_id": file.git_blob} for path, file in sorted(manifest.published().items())}
    write_json(storage / "trees" / f"{snapshot_id}.json", {"format_version": _TREE_FORMAT_VERSION, "files": tree})
    try:
        # No newline: huggingface_hub takes the whole content for the id.
        write_text(storage / "refs" / branch, snapshot_id)
    except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
        raise NercError(
            f"branch {branch}: {storage / 'refs'} holds a branch that it would be inside of, or that would be inside "
            "of it; choose another name"
        ) from error
    return snapshot_id


def check_offline(repo: str, branch: str, manifest_sha256: str) -> list[str]:
    """What is wrong with a round that `stage_offline` put into the local cache, one line a fault."""
    storage = _storage(repo)
    snapshot_id = manifest_sha256[:40]
    ref = storage / "refs" / branch
    if not ref.is_file():
        return [f"{ref}: gone from the local cache"]
    if (named := ref.read_text(encoding="utf-8")) != snapshot_id:
        return [f"{ref}: names snapshot {named}, not {snapshot_id}"]
    snapshot = storage / "snapshots" / snapshot_id
    if not (snapshot / MANIFEST_NAME).is_file():
        return [f"{snapshot / MANIFEST_NAME}: gone from the local cache"]
    if read_manifest(snapshot).sha256 != manifest_sha256:
        return [f"{snapshot / MANIFEST_NAME}: not the manifest that was published"]
    return check_seal(snapshot)


def _storage(repo: str) -> Path:
    from huggingface_hub import constants
    from huggingface_hub.file_download import repo_folder_name

    return Path(constants.HF_HUB_CACHE) / repo_folder_name(repo_id=repo, repo_type="model")


def _is_whole(snapshot: Path, manifest: Manifest) -> bool:
    if not (snapshot / MANIFEST_NAME).is_file():
        return False
    return (snapshot / MANIFEST_NAME).read_text(encoding="utf-8") == manifest.to_text() and not check_seal(snapshot)


def _place_snapshot(folder: Path, manifest: Manifest, storage: Path, snapshot: Path) -> None:
    snapshot.parent.mkdir(parents=True, exist_ok=True)
    # The same disk as the snapshot, so that it can be renamed into place; outside `snapshots`, so that nobody reads it.
    temporary = Path(tempfile.mkdtemp(dir=storage, prefix=".staging-"))
    try:
        new, damaged = temporary / "new", temporary / "damaged"
        for path in manifest.published():
            (new / path).parent.mkdir(parents=True, exist_ok=True)
            _link_or_copy(folder / path, new / path)
        for inner, _, _ in os.walk(new):
            sync_folder(Path(inner))
        if snapshot.exists():
            snapshot.rename(damaged)
        new.rename(snapshot)
        sync_folder(snapshot.parent)
    finally:
        shutil.rmtree(temporary)


def _link_or_copy(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # another disk, or a file system without hard links
        shutil.copyfile(source, target)
        with target.open("rb") as file:
            os.fsync(file.fileno())
