"""Cleaner and noisier labels made from those of a real LLM, with mistakes of the kinds that it makes."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nerc_trainer.corpus.labels import Span

Spans = tuple[Span, ...]


@dataclass(frozen=True)
class Mistake:
    """What became of one true entity: nothing, another type, other ends (shifts in words)."""

    type: str | None
    start: int = 0
    end: int = 0


@dataclass(frozen=True)
class Profile:
    """How an LLM goes wrong: the mistakes at entities of each true type with their numbers, entities it takes right,
    and what it finds where there is nothing: (type, words), with the words of text that this was seen in."""

    mistakes: dict[str, Counter[Mistake]]
    right: Counter[str]
    invented: Counter[tuple[str, int]]
    words: int


def clusters(said: Sequence[Span], true: Sequence[Span]) -> list[tuple[Spans, Spans]]:
    """Entities that overlap, straight or by way of others: (those that are said, those that are true) of each group."""
    groups: list[tuple[list[Span], list[Span]]] = []
    end = -1
    for span, is_true in sorted([*((one, 0) for one in said), *((one, 1) for one in true)], key=lambda one: one[0]):
        if span.start >= end:
            groups.append(([], []))
            end = span.end
        groups[-1][is_true].append(span)
        end = max(end, span.end)
    return [(tuple(mine), tuple(theirs)) for mine, theirs in groups]


def error_profile(said: Sequence[Sequence[Span]], true: Sequence[Sequence[Span]], words: Sequence[int]) -> Profile:
    """What an LLM does to entities, counted over sentences."""
    mistakes: defaultdict[str, Counter[Mistake]] = defaultdict(Counter)
    right: Counter[str] = Counter()
    invented: Counter[tuple[str, int]] = Counter()
    for mine, theirs in zip(said, true, strict=True):
        for group, truth in clusters(mine, theirs):
            if not truth:
                invented.update((span.type, span.end - span.start) for span in group)
            for span in truth:
                if span in group:
                    right[span.type] += 1
                elif not group:
                    mistakes[span.type][Mistake(None)] += 1
                else:
                    near = min(group, key=lambda one: (abs(one.start - span.start) + abs(one.end - span.end), one))
                    moved = Mistake(near.type, near.start - span.start, near.end - span.end)
                    mistakes[span.type][moved] += 1
    return Profile(dict(mistakes), right, invented, sum(words))


def vary(
    said: Sequence[Span],
    true: Sequence[Span],
    words: int,
    noise: float,
    profile: Profile,
    generator: np.random.Generator,
) -> list[Span]:
    """The labels of a sentence with ``noise`` times the LLM's mistakes: 0 is the truth, 1 what it said, 2 twice them.

    Below 1 each group of overlapping entities that it got wrong is put right with probability 1 - noise. Above 1
    further entities are spoilt, and invented, as often as the profile says times noise - 1.
    """
    if noise <= 1:
        chosen: list[Span] = []
        for group, truth in clusters(said, true):
            chosen += group if group == truth or generator.random() < noise else truth
        return chosen
    taken = [False] * words
    result: list[Span] = []

    def add(span: Span) -> None:
        if 0 <= span.start < span.end <= words and not any(taken[span.start : span.end]):
            taken[span.start : span.end] = [True] * (span.end - span.start)
            result.append(span)

    for span in said:
        counts = profile.mistakes.get(span.type, Counter())
        wrong = sum(counts.values())
        rate = (noise - 1) * wrong / max(wrong + profile.right[span.type], 1)
        if span in true and wrong and generator.random() < rate:
            kinds = sorted(counts, key=repr)
            odds = np.array([counts[kind] for kind in kinds]) / wrong
            mistake = kinds[int(generator.choice(len(kinds), p=odds))]
            if mistake.type is not None:
                add(Span(span.start + mistake.start, span.end + mistake.end, mistake.type))
        else:
            add(span)
    kinds_invented = sorted(profile.invented)
    expected = (noise - 1) * sum(profile.invented.values()) * words / max(profile.words, 1)
    for _ in range(int(generator.poisson(expected)) if kinds_invented else 0):
        odds = np.array([profile.invented[kind] for kind in kinds_invented], dtype=float)
        type_, length = kinds_invented[int(generator.choice(len(kinds_invented), p=odds / odds.sum()))]
        start = int(generator.integers(max(words - length, 0) + 1))
        add(Span(start, start + length, type_))
    return sorted(result)
