"""Which requests are in which batch, kept in the ledger's file so that a kill submits nothing twice."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from nerc_trainer.annotation.ledger import Ledger
from nerc_trainer.annotation.request import Endpoint, Mode

_TABLES = (
    "CREATE TABLE IF NOT EXISTS batch (submission TEXT PRIMARY KEY, base_url TEXT NOT NULL, model TEXT NOT NULL, "
    "mode TEXT NOT NULL, batch_id TEXT, created REAL NOT NULL)",
    "CREATE TABLE IF NOT EXISTS batch_request (key BLOB PRIMARY KEY, submission TEXT NOT NULL, "
    "characters INTEGER NOT NULL, guessed_tokens INTEGER NOT NULL, worst_case INTEGER NOT NULL)",
    "CREATE INDEX IF NOT EXISTS batch_request_submission ON batch_request (submission)",
)


@dataclass(frozen=True)
class Submission:
    """A batch by the name that we gave it before it was sent.

    batch_id is the server's, None until it is known; created is in seconds since 1970.
    """

    name: str
    mode: Mode
    batch_id: str | None
    created: float


@dataclass(frozen=True)
class Asked:
    """What is kept of a request until its answer comes: its prompt's size, and its price at worst in picodollars."""

    key: bytes
    characters: int
    guessed_tokens: int
    worst_case: int


class BatchBook:
    """The batches of one model on one server that are not collected yet."""

    def __init__(self, ledger: Ledger, endpoint: Endpoint) -> None:
        self._ledger = ledger
        self._whom = (endpoint.base_url, endpoint.model)
        ledger.write(*((statement, ()) for statement in _TABLES))

    def open_submissions(self) -> list[Submission]:
        """Batches that were planned, the oldest first."""
        rows = self._ledger.read(
            "SELECT submission, mode, batch_id, created FROM batch WHERE base_url = ? AND model = ? "
            "ORDER BY created, submission",
            self._whom,
        )
        return [Submission(name, cast(Mode, mode), batch_id, created) for name, mode, batch_id, created in rows]

    def asked(self, name: str) -> dict[bytes, Asked]:
        """The requests of a batch."""
        rows = self._ledger.read(
            "SELECT key, characters, guessed_tokens, worst_case FROM batch_request WHERE submission = ?", (name,)
        )
        return {row[0]: Asked(*row) for row in rows}

    def reserved(self) -> int:
        """Picodollars that the open batches of this ledger, those of other models included, may cost at worst."""
        ((total,),) = self._ledger.read("SELECT sum(worst_case) FROM batch_request")
        return total or 0

    def plan(self, name: str, mode: Mode, asked: Sequence[Asked]) -> Submission:
        """A batch of these requests is about to be sent."""
        submission = Submission(name, mode, None, time.time())
        self._ledger.write(
            ("INSERT INTO batch VALUES (?, ?, ?, ?, NULL, ?)", (name, *self._whom, mode, submission.created)),
            *(
                (
                    "INSERT INTO batch_request VALUES (?, ?, ?, ?, ?)",
                    (one.key, name, one.characters, one.guessed_tokens, one.worst_case),
                )
                for one in asked
            ),
        )
        return submission

    def note_id(self, name: str, batch_id: str) -> None:
        """The server has taken a batch."""
        self._ledger.write(("UPDATE batch SET batch_id = ? WHERE submission = ?", (batch_id, name)))

    def forget(self, name: str) -> None:
        """A batch is collected, or never was sent: what it has not answered is missing again."""
        self._ledger.write(
            ("DELETE FROM batch_request WHERE submission = ?", (name,)),
            ("DELETE FROM batch WHERE submission = ?", (name,)),
        )
