"""Which requests are in which batch, kept in the ledger's file so that a kill submits nothing twice."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import cast

from nerc_trainer.annotation.ledger import Ledger
from nerc_trainer.annotation.request import Endpoint, Mode

_TABLES = (
    "CREATE TABLE IF NOT EXISTS batch (submission TEXT PRIMARY KEY, base_url TEXT NOT NULL, model TEXT NOT NULL, "
    "mode TEXT NOT NULL, batch_id TEXT, created REAL NOT NULL)",
    "CREATE TABLE IF NOT EXISTS batch_request (key BLOB PRIMARY KEY, submission TEXT NOT NULL)",
    "CREATE INDEX IF NOT EXISTS batch_request_submission ON batch_request (submission)",
)


@dataclass(frozen=True)
class Submission:
    """A batch by the name that we gave it before it was sent; batch_id is the server's, None until it is known."""

    name: str
    mode: Mode
    batch_id: str | None


class BatchBook:
    """The batches of one model on one server that are not collected yet."""

    def __init__(self, ledger: Ledger, endpoint: Endpoint) -> None:
        self._ledger = ledger
        self._whom = (endpoint.base_url, endpoint.model)
        ledger.write(*((statement, ()) for statement in _TABLES))

    def open_submissions(self) -> list[Submission]:
        """Batches that were planned, the oldest first."""
        rows = self._ledger.read(
            "SELECT submission, mode, batch_id FROM batch WHERE base_url = ? AND model = ? ORDER BY created", self._whom
        )
        return [Submission(name, cast(Mode, mode), batch_id) for name, mode, batch_id in rows]

    def keys(self, name: str) -> list[bytes]:
        """The requests of a batch."""
        rows = self._ledger.read("SELECT key FROM batch_request WHERE submission = ?", (name,))
        return [key for (key,) in rows]

    def plan(self, name: str, mode: Mode, keys: Iterable[bytes]) -> None:
        """A batch of these requests is about to be sent."""
        self._ledger.write(
            ("INSERT INTO batch VALUES (?, ?, ?, ?, NULL, ?)", (name, *self._whom, mode, time.time())),
            *(("INSERT INTO batch_request VALUES (?, ?)", (key, name)) for key in keys),
        )

    def note_id(self, name: str, batch_id: str) -> None:
        """The server has taken a batch."""
        self._ledger.write(("UPDATE batch SET batch_id = ? WHERE submission = ?", (batch_id, name)))

    def forget(self, name: str) -> None:
        """A batch is collected, or never was sent: what it has not answered is missing again."""
        self._ledger.write(
            ("DELETE FROM batch_request WHERE submission = ?", (name,)),
            ("DELETE FROM batch WHERE submission = ?", (name,)),
        )
