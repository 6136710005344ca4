"""Publishes a round beside the round that follows, which needs nothing of the Hub."""

from __future__ import annotations

import queue
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nerc_trainer.hub.session import install_hooks

if TYPE_CHECKING:
    from nerc_trainer.hub import Publication, Publisher

PENDING = "pending"  # in a line of history.jsonl: on its way, and not known yet what became of it


class Publishing:
    """At most one round on its way to the Hub, in a thread of rank 0.

    The thread ends with the process. What it was about is then done again at the next start: the round's line in
    history.jsonl says that it is pending, and publishing a round twice changes nothing.
    """

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher
        self._under_way: tuple[int, queue.SimpleQueue[_Outcome]] | None = None
        if publisher.mode == "online":
            install_hooks()  # not while this thread downloads an encoder: it closes the connections that are open

    @property
    def first_state(self) -> str:
        """What a round's line says before it is published: `pending`, or `off` where nothing will be."""
        return "off" if self._publisher.mode == "off" else PENDING

    def begin(self, number: int, folder: Path, branch: str) -> None:
        """Start to publish the sealed folder of a round; `settle` must have been called for the one before."""
        if self._under_way is not None:
            raise RuntimeError("a round is on its way already")
        outcome: queue.SimpleQueue[_Outcome] = queue.SimpleQueue()

        def run() -> None:
            started = time.perf_counter()
            try:
                publication = self._publisher.publish(folder, branch)
            except BaseException as error:
                outcome.put(error)
            else:
                outcome.put((publication, time.perf_counter() - started))

        self._under_way = number, outcome
        threading.Thread(target=run, name="publish", daemon=True).start()

    def settle(self) -> tuple[int, Publication, dict[str, float]] | None:
        """Wait for the round on its way: its number, what became of it, and the seconds; None if there is none.

        `publish` is how long it took, `publish_wait` how long the run stood still for it. Raises what publishing raised
        (a Hub that fails raises nothing).
        """
        if self._under_way is None:
            return None
        started = time.perf_counter()
        (number, outcome), self._under_way = self._under_way, None
        result = outcome.get()
        if isinstance(result, BaseException):
            raise result
        publication, seconds = result
        waited = time.perf_counter() - started
        return number, publication, {"publish": round(seconds, 3), "publish_wait": round(waited, 3)}


_Outcome = Any  # (Publication, seconds), or the exception that publishing raised
