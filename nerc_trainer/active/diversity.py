"""Batches whose sentences differ: an order of candidates in which the first are far apart, and near-duplicates told."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import numpy as np

SAME = 0.85  # of their words in their order; two sentences of seven words that differ in one are near-duplicates

_DIGIT = re.compile(r"\d")


def kmeans(vectors: np.ndarray, priorities: np.ndarray, count: int, seed: int) -> np.ndarray:
    """An order of C candidates that begins with one of each of ``count`` clusters, the most wanted first; int64 [C].

    Diverse mini-batch active learning (Zhdanov 2019): k-means over the candidates' ``vectors`` [C, H], in which each
    counts as much as its priority, and of each cluster the candidate closest to the centre. The others follow as they
    were, which is the most wanted first.
    """
    count = min(count, len(np.unique(vectors, axis=0)))
    if count >= len(vectors):
        return np.arange(len(vectors))
    from sklearn.cluster import KMeans
    from threadpoolctl import threadpool_limits

    weights = np.maximum(priorities, 0) + 1e-9  # rounding may put what is certain just below 0
    with threadpool_limits(1):  # threads add sums up in another order, and ranks have fewer of them
        clusters = KMeans(count, n_init=1, random_state=seed).fit(vectors, sample_weight=weights)
    distances = ((vectors - clusters.cluster_centers_[clusters.labels_]) ** 2).sum(axis=1)
    members = [np.flatnonzero(clusters.labels_ == cluster) for cluster in range(count)]
    return _first([rows[distances[rows].argmin()] for rows in members if len(rows)], len(vectors), sort=True)


def coreset(vectors: np.ndarray, count: int) -> np.ndarray:
    """An order of C candidates that begins with ``count`` of them, each the farthest from those before it; int64 [C].

    The greedy k-centre of the core-set approach (Sener and Savarese 2018) over ``vectors`` [C, H], begun with the most
    wanted candidate. The others follow as they were.
    """
    picked = [0]
    nearest = ((vectors - vectors[0]) ** 2).sum(axis=1)
    while len(picked) < min(count, len(vectors)) and nearest.max() > 0:
        picked.append(int(nearest.argmax()))
        nearest = np.minimum(nearest, ((vectors - vectors[picked[-1]]) ** 2).sum(axis=1))
    return _first(picked, len(vectors), sort=False)


def _first(picked: Sequence[int], count: int, sort: bool) -> np.ndarray:
    """The indices picked, and then all others up to ``count`` in their order."""
    rest = np.setdiff1d(np.arange(count), picked)
    return np.concatenate([np.sort(picked) if sort else np.array(picked), rest]).astype(np.int64)


def near_duplicates(sentence: Callable[[int], Sequence[str]]) -> Callable[[int, Sequence[int]], bool]:
    """A function that tells whether a sentence is nearly the same as one of some others, all given by their index.

    ``sentence`` gives the words of one. Case and the value of digits make no difference, and where `SAME` of the words
    of both stand in the same order neither do the others.
    """
    known: dict[int, list[str]] = {}

    def plain(index: int) -> list[str]:
        if index not in known:
            known[index] = [_DIGIT.sub("0", word.lower()) for word in sentence(index)]
        return known[index]

    def repeats(index: int, others: Sequence[int]) -> bool:
        from rapidfuzz.distance import Indel

        mine = plain(index)
        return any(Indel.normalized_similarity(mine, plain(other), score_cutoff=SAME) >= SAME for other in others)

    return repeats
