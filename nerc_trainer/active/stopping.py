"""When the rounds end."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nerc_trainer.recipe.active import ActiveSection


def stop_reason(dev_f1: Sequence[float], pool_left: int, can_ask: bool, active: ActiveSection) -> str | None:
    """Why no further round should start, or None.

    ``dev_f1`` holds the F1 on dev of round 0, 1, ... so far; ``can_ask`` is False when the budget has no room for
    another sentence of the pool. Each of the last ``patience`` gains below
    ``improvement_threshold`` ends the run once ``min_iterations`` rounds have followed round 0.
    """
    rounds = len(dev_f1) - 1
    if rounds >= active.max_iterations:
        return f"the maximum of {active.max_iterations} rounds is reached"
    if pool_left == 0:
        return "the pool is empty"
    if not can_ask:
        return "the expert budget is spent"
    gains = [after - before for before, after in pairwise(dev_f1)][-active.patience :]
    stalled = len(gains) == active.patience and max(gains) < active.improvement_threshold
    if stalled and rounds >= active.min_iterations:
        shown = ", ".join(f"{gain:+.4f}" for gain in gains)
        return (
            f"the gain in F1 on dev ({shown}) stayed below {active.improvement_threshold:g} for {len(gains)} round(s)"
        )
    return None
