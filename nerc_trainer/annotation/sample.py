"""A sample of sentences that looks like the whole: each mix of entity types in its share."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np


def stratified_sample(strata: Sequence[frozenset[str]], count: int, generator: np.random.Generator) -> list[int]:
    """Indices of ``count`` sentences in ascending order, each stratum in its share by largest remainders.

    ``strata`` holds the set of entity types of each sentence; the empty set is a stratum too. All sentences are
    returned where there are no more than ``count``.
    """
    if count >= len(strata):
        return list(range(len(strata)))
    members: defaultdict[tuple[str, ...], list[int]] = defaultdict(list)
    for index, types in enumerate(strata):
        members[tuple(sorted(types))].append(index)
    names = sorted(members)
    shares = np.array([len(members[name]) for name in names]) * count / len(strata)
    places = np.floor(shares).astype(int)
    # Of equal remainders the larger stratum is served first, then the one that comes first by name.
    order = sorted(range(len(names)), key=lambda at: (-(shares[at] - places[at]), -shares[at], names[at]))
    for at in order[: count - int(places.sum())]:
        places[at] += 1
    chosen: list[int] = []
    for name, place in zip(names, places.tolist(), strict=True):
        chosen += generator.permutation(members[name])[:place].tolist()
    return sorted(chosen)
