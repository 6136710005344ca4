"""The outbox of a run: one small file a branch that says what is to be published, kept until it is.

`outbox/<branch>.json` waits for the Hub, `outbox/delivered/<branch>.json` has reached it. Both outlive a crash, so a
round that a run has finished is never forgotten.
"""

from __future__ import annotations

import fcntl
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from urllib.parse import quote

from nerc_trainer.errors import NercError
from nerc_trainer.files import sync_folder, write_json

_LOCK_POLL_SECONDS = 0.1


class OutboxBusy(NercError):
    """Another process is delivering from this outbox."""


@dataclass(frozen=True)
class Record:
    """What is to be published, or has been.

    `folder` is relative to the run's folder; `manifest` is the SHA-256 of the folder's manifest; `endpoint` is null for
    the Hub that the environment names; `commit` is the commit on the Hub once delivered, the snapshot in the local
    cache while a round published offline waits, and null before either.
    """

    repo: str
    branch: str
    folder: str
    manifest: str
    mode: str
    private: bool
    endpoint: str | None
    commit: str | None = None


class Outbox:
    """The records under `run_dir/outbox`."""

    def __init__(self, run_dir: Path) -> None:
        self.folder = run_dir / "outbox"
        self.delivered_folder = self.folder / "delivered"

    def put(self, record: Record) -> None:
        """Write or replace the waiting record of a branch; it is on disk when this returns."""
        write_json(_path(self.folder, record.branch), asdict(record))

    def deliver(self, record: Record, commit: str) -> None:
        """Move a waiting record to the delivered ones, unless the branch was given a newer round meanwhile."""
        write_json(_path(self.delivered_folder, record.branch), asdict(replace(record, commit=commit)))
        waiting = _path(self.folder, record.branch)
        if waiting.exists() and _read(waiting).manifest == record.manifest:
            waiting.unlink()
            sync_folder(self.folder)

    def waiting(self) -> list[Record]:
        """Records that the Hub has not got, by branch; NercError for a file that is not a record."""
        return _read_all(self.folder)

    def delivered(self) -> list[Record]:
        """Records that the Hub has got, by branch; NercError for a file that is not a record."""
        return _read_all(self.delivered_folder)

    @contextmanager
    def lock(self, wait_until: float = 0.0) -> Iterator[None]:
        """Hold the right to deliver, tried for until `wait_until` on the monotonic clock, else OutboxBusy.

        The lock belongs to the open file, so the system frees it when the process dies.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / ".lock"
        with path.open("w") as file:
            while not _try_lock(file.fileno()):
                if time.monotonic() >= wait_until:
                    raise OutboxBusy(f"{path}: another process is delivering this run's rounds; try again when it ends")
                time.sleep(_LOCK_POLL_SECONDS)
            yield


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _path(folder: Path, branch: str) -> Path:
    return folder / f"{quote(branch, safe='')}.json"


def _read_all(folder: Path) -> list[Record]:
    return [_read(path) for path in sorted(folder.glob("*.json")) if not path.name.startswith(".")]


def _read(path: Path) -> Record:
    expected = {field.name: field.type for field in fields(Record)}
    checks: dict[str, type | tuple[type, ...]] = {"str": str, "bool": bool, "str | None": (str, type(None))}
    way_out = "restore it from a copy, or delete it and publish the round again"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise NercError(f"{path}: not JSON ({error}); {way_out}") from error
    if not isinstance(content, dict) or content.keys() != expected.keys():
        raise NercError(f"{path}: must hold exactly the keys {', '.join(expected)}; {way_out}")
    for key, value in content.items():
        if not isinstance(value, checks[str(expected[key])]):
            raise NercError(f"{path}: {key} must be of type {expected[key]}, got {value!r}; {way_out}")
    return Record(**content)
