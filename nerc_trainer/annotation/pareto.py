"""Which choices are worth their money."""

from __future__ import annotations

from collections.abc import Sequence


def pareto_front(costs: Sequence[float], values: Sequence[float]) -> list[int]:
    """Indices of what nothing else beats: no other is as cheap and better, or as good and cheaper; cheapest first."""
    front: list[int] = []
    for index in sorted(range(len(costs)), key=lambda index: (costs[index], -values[index], index)):
        if not front or values[index] > values[front[-1]]:
            front.append(index)
    return front
