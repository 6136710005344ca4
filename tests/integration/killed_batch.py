"""`nerc-trainer annotate` that is killed at a moment of a batch: planned, sent, noted or collecting."""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

from nerc_trainer.annotation import batch
from nerc_trainer.annotation.batch_book import BatchBook
from nerc_trainer.annotation.batch_server import BatchServer
from nerc_trainer.annotation.ledger import Ledger
from nerc_trainer.cli import main


def die(*_: Any, **__: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def die_at(moment: str) -> None:
    batch._FIRST_WAIT = 0.01
    if moment == "planned":
        BatchServer.create = die  # type: ignore[method-assign, assignment]
    elif moment == "sent":
        BatchBook.note_id = die  # type: ignore[method-assign, assignment]
    elif moment == "noted":
        BatchServer.look = die  # type: ignore[method-assign, assignment]
    else:
        keep, kept = Ledger.put, []

        def put(ledger: Ledger, reply: Any) -> None:
            keep(ledger, reply)
            kept.append(reply)
            if len(kept) == 20:
                die()

        Ledger.put = put  # type: ignore[method-assign]


if __name__ == "__main__":
    die_at(sys.argv[1])
    main(["annotate", *sys.argv[2:]])
