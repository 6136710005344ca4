"""Query strategies give every pool sentence a priority; the highest are asked first.

Entropy is `nerc_trainer.active.scoring.mean_token_entropy` itself (Settles and Craven, 2008: token entropy).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def random(count: int, seed: int, round_number: int) -> np.ndarray:
    """Uniform priorities, the baseline that every other strategy has to beat."""
    return np.random.default_rng((seed, round_number)).random(count)


def top(priorities: np.ndarray, ids: Sequence[str], count: int) -> np.ndarray:
    """Indices of the ``count`` highest priorities, best first; of equals the smaller id comes first.

    Ties are broken by id, not by position, so the answer does not hang on the order of the pool. Only those that can be
    among the highest are sorted.
    """
    count = min(count, len(priorities))
    if not count:
        return np.zeros(0, dtype=np.int64)
    bound = np.partition(priorities, -count)[-count]
    candidates = np.flatnonzero(priorities >= bound)
    order = np.lexsort((np.asarray([ids[index] for index in candidates.tolist()]), -priorities[candidates]))
    return candidates[order[:count]]
