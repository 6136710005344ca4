"""What the user sees while an LLM labels: one live line, or a line now and then where there is no terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any

from nerc_trainer.annotation.money import dollars

if TYPE_CHECKING:
    from nerc_trainer.annotation.labeller import Labelled
    from nerc_trainer.annotation.ledger import Reply

_SECONDS_BETWEEN_LINES = 30.0


class LiveLine:
    """Sentences done and rejected, tokens and dollars of this start, and the time left; a context manager."""

    def __init__(self, title: str, total: int) -> None:
        self._title, self._total = title, total
        self._began = time.time()
        self._started = self._last = time.monotonic()
        self._tokens = self._price = self._rejected = 0
        self._status: dict[str, str] = {}
        self._progress: Any = None
        self._task: Any = None

    def __enter__(self) -> LiveLine:
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

            columns = (
                TextColumn("{task.description}"),
                BarColumn(20),
                MofNCompleteColumn(),
                TextColumn("{task.fields[more]}"),
            )
            self._progress = Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True)
            self._progress.start()
            self._task = self._progress.add_task(self._title, total=self._total, more="")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._progress is not None:
            self._progress.stop()

    def show(self, labelled: Labelled, replies: Sequence[Reply]) -> None:
        """Count a result; a second one for the same sentence takes the place of the first."""
        before = self._status.get(labelled.sentence.id)
        self._rejected += (labelled.status == "rejected") - (before == "rejected")
        self._status[labelled.sentence.id] = labelled.status
        for reply in replies:
            if reply.created >= self._began:
                self._tokens += reply.prompt_tokens + reply.completion_tokens
                self._price += reply.price
        now = time.monotonic()
        done = len(self._status)
        if self._progress is not None:
            self._progress.update(self._task, completed=done, more=self._more())
        elif now - self._last > _SECONDS_BETWEEN_LINES:
            self._last = now
            left = (now - self._started) / done * (self._total - done)
            print(
                f"{self._title}: {done}/{self._total}, {self._more()}, {left:.0f} s left", file=sys.stderr, flush=True
            )

    def _more(self) -> str:
        return f"{self._rejected} rejected, {self._tokens:,} tokens, {dollars(self._price):.4f} dollars"
