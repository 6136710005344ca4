"""What cheap-test has found, where it was run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nerc_trainer.report.collect import RunData
from nerc_trainer.report.parts import MISSING, Part, Table, score


def cheap_part(run: RunData) -> Part | None:
    """Metrics with their intervals from few test labels; None without `cheap-test`."""
    found = run.cheap_test
    rows = found.get("rows", []) if isinstance(found, Mapping) else found or []
    rows = [row for row in rows if isinstance(row, Mapping) and {"metric", "estimate"} <= set(row)]
    if not rows:
        return None
    cells = [[str(row["metric"]), score(row["estimate"]), _interval(row.get("interval"))] for row in rows]
    return Part(
        "cheap-test",
        "How good it is with few test labels",
        tables=[Table("Estimates", ["metric", "estimate", "95 %"], cells)],
    )


def _interval(interval: Any) -> str:
    if isinstance(interval, Mapping):
        interval = [interval.get("low"), interval.get("high")]
    if not interval or any(end is None for end in interval):
        return MISSING
    return f"{interval[0]:.3f} to {interval[1]:.3f}"
