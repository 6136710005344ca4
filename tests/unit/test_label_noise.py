"""Cleaner and noisier labels for the benchmark of mixing modes."""

from __future__ import annotations

import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))

from label_noise import clusters, error_profile, vary

from nerc_trainer.corpus.labels import Span

TRUE = [[Span(0, 2, "PER"), Span(4, 5, "LOC")], [Span(1, 3, "ORG")], [Span(0, 1, "LOC")], []] * 50
SAID = [[Span(0, 2, "PER")], [Span(1, 2, "ORG"), Span(2, 3, "PER")], [Span(0, 1, "LOC")], [Span(2, 3, "MISC")]] * 50
WORDS = [6, 4, 3, 5] * 50


def f1(said: list[list[Span]]) -> float:
    right = sum(len(set(a) & set(b)) for a, b in zip(said, TRUE, strict=True))
    return 2 * right / (sum(map(len, said)) + sum(map(len, TRUE)))


def test_overlapping_entities_stand_together() -> None:
    assert clusters(SAID[1], TRUE[1]) == [(tuple(SAID[1]), tuple(TRUE[1]))]
    assert clusters(SAID[0], TRUE[0]) == [((SAID[0][0],), (TRUE[0][0],)), ((), (TRUE[0][1],))]


def test_the_profile_counts_each_kind_of_mistake() -> None:
    profile = error_profile(SAID, TRUE, WORDS)
    assert profile.right == {"PER": 50, "LOC": 50}
    assert sum(profile.mistakes["LOC"].values()) == sum(profile.mistakes["ORG"].values()) == 50
    assert profile.invented == {("MISC", 1): 50}


@pytest.mark.parametrize("seed", range(3))
def test_more_noise_makes_worse_labels(seed: int) -> None:
    profile = error_profile(SAID, TRUE, WORDS)

    def varied(noise: float) -> list[list[Span]]:
        generator = np.random.default_rng(seed)
        rows = zip(SAID, TRUE, WORDS, strict=True)
        return [vary(said, true, words, noise, profile, generator) for said, true, words in rows]

    assert varied(0) == TRUE
    assert varied(1) == SAID
    scores = [f1(varied(noise)) for noise in (0, 0.5, 1, 1.5, 2)]
    assert scores == sorted(scores, reverse=True)
    assert scores[4] < scores[3] < scores[2]
    for noise in (1.5, 2):
        for spans, words in zip(varied(noise), WORDS, strict=True):
            assert all(a.end <= b.start for a, b in pairwise(spans))
            assert all(0 <= span.start < span.end <= words for span in spans)
