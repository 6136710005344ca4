"""A sealed folder: every file hashed, nothing in it that must stay on this machine, and a manifest that says so."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from nerc_trainer.errors import NercError
from nerc_trainer.files import sync_folder, write_text
from nerc_trainer.hub.secrets import LONGEST_TOKEN, find_secret

MANIFEST_NAME = "manifest.json"
# Pickles run code when they are loaded, optimizer states are large and private, and git and the Hub's client keep their
# own records in `.git` and `.cache`.
_NEVER_PUBLISHED = (
    *("training_args.bin", "*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl", "*.pickle"),
    *("optimizer*", "scheduler*", ".env", ".env.*", ".git", ".cache"),
)
_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True)
class SealedFile:
    """One file's identity: size in bytes, SHA-256, and the id that git gives its content (`git hash-object`)."""

    size: int
    sha256: str
    git_blob: str


@dataclass(frozen=True)
class Manifest:
    """The files of a sealed folder by their path in it (with `/`), without the manifest itself."""

    files: Mapping[str, SealedFile]

    def to_text(self) -> str:
        """The content of `manifest.json`; equal folders give equal text."""
        rows = {
            path: {"size": file.size, "sha256": file.sha256, "git_blob": file.git_blob}
            for path, file in sorted(self.files.items())
        }
        return json.dumps({"format": 1, "files": rows}, indent=2, ensure_ascii=False) + "\n"

    @property
    def sha256(self) -> str:
        """Names the whole round: hex digest of `manifest.json`."""
        return hashlib.sha256(self.to_text().encode()).hexdigest()

    def published(self) -> dict[str, SealedFile]:
        """Every file that a branch of this round holds: the sealed files and the manifest."""
        text = self.to_text().encode()
        manifest = SealedFile(len(text), self.sha256, hashlib.sha1(_git_header(len(text)) + text).hexdigest())
        return {**self.files, MANIFEST_NAME: manifest}


def seal(folder: Path) -> Manifest:
    """Hash every file under `folder`, make them survive a power cut, and write `manifest.json` among them.

    Sealing again after a change replaces the manifest. Raises NercError, before anything is written, for an empty
    folder, a link, a pickle or optimizer state, and a file that holds a token.
    """
    if not folder.is_dir():
        raise NercError(f"{folder}: no such folder, so there is nothing to seal; train the round first")
    # A run killed while it wrote the manifest leaves the unfinished file behind.
    for unfinished in folder.glob(f".{MANIFEST_NAME}.*"):
        unfinished.unlink()
    paths = [path for path in _paths(folder) if path != MANIFEST_NAME]
    if not paths:
        raise NercError(f"{folder}: holds no file, so there is nothing to seal; train the round first")
    for path in paths:
        _refuse_private(folder, path)
    manifest = Manifest({path: _seal_file(folder / path) for path in paths})
    for inner in sorted({(folder / path).parent for path in paths}):
        sync_folder(inner)
    write_text(folder / MANIFEST_NAME, manifest.to_text())
    return manifest


def read_manifest(folder: Path) -> Manifest:
    """The manifest that `seal` wrote; NercError if it is missing or is not one."""
    path = folder / MANIFEST_NAME
    try:
        content: Any = json.loads(path.read_text(encoding="utf-8"))
        return Manifest({name: SealedFile(**row) for name, row in content["files"].items()})
    except FileNotFoundError:
        raise NercError(f"{path}: missing, so the folder is not sealed; seal it before it is published") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise NercError(f"{path}: not a manifest ({error}); restore the folder or train the round again") from error


def check_seal(folder: Path) -> list[str]:
    """What differs between a folder and its manifest, one line a file; empty if it is as it was sealed."""
    if not folder.is_dir():
        return [f"{folder}: the folder is gone"]
    sealed = read_manifest(folder).files
    present = {path for path in _paths(folder) if path != MANIFEST_NAME}
    return [
        *(f"{path}: deleted since it was sealed" for path in sorted(sealed.keys() - present)),
        *(f"{path}: added since the folder was sealed" for path in sorted(present - sealed.keys())),
        *(
            f"{path}: changed since it was sealed"
            for path in sorted(sealed.keys() & present)
            if _identify(folder / path) != sealed[path]
        ),
    ]


def _paths(folder: Path) -> list[str]:
    """Relative paths of all files and links, in one order on every machine; links are not followed."""
    return sorted(
        (Path(parent) / name).relative_to(folder).as_posix()
        for parent, folders, names in os.walk(folder)
        for name in [*names, *(inner for inner in folders if (Path(parent) / inner).is_symlink())]
    )


def _refuse_private(folder: Path, path: str) -> None:
    if (folder / path).is_symlink():
        raise NercError(f"{folder / path}: is a link, and what it points at may change; put a copy in its place")
    for part in path.split("/"):
        for pattern in _NEVER_PUBLISHED:
            if fnmatch(part.lower(), pattern):
                raise NercError(
                    f"{folder / path}: must not leave this machine (its name matches {pattern!r}); save weights as "
                    "safetensors and move the file out of the folder"
                )


def _seal_file(path: Path) -> SealedFile:
    with path.open("rb") as file:
        os.fsync(file.fileno())
    carried = b""
    for block in _blocks(path):
        if secret := find_secret(carried + block):
            raise NercError(f"{path}: holds {secret}, which must not leave this machine; remove it from the file")
        carried = block[-LONGEST_TOKEN:]
    return _identify(path)


def _identify(path: Path) -> SealedFile:
    size = path.stat().st_size
    sha256, git_blob = hashlib.sha256(), hashlib.sha1(_git_header(size))
    for block in _blocks(path):
        sha256.update(block)
        git_blob.update(block)
    return SealedFile(size, sha256.hexdigest(), git_blob.hexdigest())


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            yield block


def _git_header(size: int) -> bytes:
    return b"blob %d\0" % size
