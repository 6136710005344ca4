"""Rounds that score a part of the pool: what was most uncertain when it was last scored, and others at random."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nerc_trainer.active.batch import candidates
from nerc_trainer.active.journal import RunJournal
from nerc_trainer.active.stored import WAY_OUT
from nerc_trainer.active.strategies import asks_tagger
from nerc_trainer.errors import NercError
from nerc_trainer.files import write_bytes
from nerc_trainer.ranks import on_main

if TYPE_CHECKING:
    from nerc_trainer.recipe.sections import Recipe

WHOLE_EVERY = 5  # rounds: the first and each fifth after it score the whole pool
_STREAM = 1_000_033  # keeps the random half apart from the draws of strategies and of the precision's sample


@dataclass(frozen=True)
class Scored:
    """What a round knows of its pool; places are those in the pool, int64, in their order.

    priorities  float64 [pool]  how much each sentence is wanted, by what it was scored now or, where it was not, last
    places      those that were scored now, of which the round chooses
    part        those that a part of the pool holds, None where there are no earlier scores or no part is asked for
    """

    priorities: np.ndarray
    places: np.ndarray
    part: np.ndarray | None


class PoolPart:
    """Scores the pool, or with `active.pool_fraction` a part of it, and keeps the scores for the next rounds.

    They are written before the round's selection, float32, to a file a round, and read from there by the next, so a run
    that is killed in between and started again scores the same part.
    """

    def __init__(self, recipe: Recipe, journal: RunJournal, sentences: int) -> None:
        """``sentences`` is the number of train sentences."""
        active = recipe.active
        self._fraction = active.pool_fraction if asks_tagger(active) else None
        self._seed, self._sentences = recipe.run.seed, sentences
        self._folder = journal.run_dir / "scores"

    @property
    def is_wanted(self) -> bool:
        """Whether rounds score a part of the pool."""
        return self._fraction is not None

    def score(
        self,
        pool: np.ndarray,
        round_number: int,
        measure: Callable[[np.ndarray], np.ndarray],
        priorities: Callable[[np.ndarray, np.ndarray], np.ndarray],
        words: np.ndarray,
        size: tuple[float, float],
        words_left: float,
    ) -> Scored:
        """Score a round's pool, int64 [pool] among the train sentences. Call it on every rank.

        ``measure`` scores some sentences, float64 [measures, n]; ``priorities`` makes one number each of such scores
        and their sentences. ``words`` [pool] are those of each sentence, ``size`` what the round asks for (sentences,
        words), ``words_left`` the expert's budget: what is too long for it is in no part.
        """
        everything = np.arange(len(pool))
        if self._fraction is None:
            return Scored(priorities(measure(pool), pool), everything, None)
        last: np.ndarray | None = on_main(lambda: self._read(round_number - 1))
        part = None
        if last is not None:
            fits = np.flatnonzero(words <= words_left)
            wanted = priorities(last[:, pool], pool)[fits]
            most_wanted = np.argsort(-wanted, kind="stable")
            count = max(round(self._fraction * len(fits)), candidates(words[fits[most_wanted]], size))
            part = fits[part_of(most_wanted, count, (self._seed, round_number, _STREAM))]
        places = everything if part is None or scores_all(round_number) else part
        scores = measure(pool[places])
        known = np.full((len(scores), self._sentences), np.nan) if last is None else last
        known[:, pool[places]] = scores
        on_main(lambda: self._write(round_number, known))
        return Scored(priorities(known[:, pool], pool), places, part)

    def pass_over(self, round_number: int) -> None:
        """Hand the scores on in a round that chooses nothing. Call it on every rank."""
        if self._fraction is None:
            return

        def hand_on() -> None:
            last = self._read(round_number - 1) if self._path(round_number - 1).exists() else None
            self._write(round_number, np.empty((0, self._sentences)) if last is None else last)

        on_main(hand_on)

    def _read(self, round_number: int) -> np.ndarray | None:
        """The newest score of each sentence after a round, float64 [measures, sentences]; None before the first."""
        if round_number < 1:
            return None
        path = self._path(round_number)
        try:
            scores = np.load(io.BytesIO(path.read_bytes()), allow_pickle=False).astype(np.float64)
            return scores if len(scores) else None
        except (OSError, ValueError, EOFError) as error:
            raise NercError(f"{path}: missing or damaged ({error}); {WAY_OUT}") from error

    def _write(self, round_number: int, scores: np.ndarray) -> None:
        """Keep the scores of a round; those of the round before are still needed if this start ends here."""
        content = io.BytesIO()
        np.save(content, scores.astype(np.float32), allow_pickle=False)
        write_bytes(self._path(round_number), content.getvalue())
        self._path(round_number - 2).unlink(missing_ok=True)

    def _path(self, round_number: int) -> Path:
        return self._folder / f"round-{round_number:02d}.npy"


def scores_all(round_number: int) -> bool:
    """Whether a round scores the whole pool even where a part of it is asked for."""
    return (round_number - 1) % WHOLE_EVERY == 0


def part_of(most_wanted: np.ndarray, count: int, seed: Sequence[int]) -> np.ndarray:
    """``count`` places, or all where there are fewer, in their order: the first half of ``most_wanted``, int64 [n], and
    as many of the others at random.

    What was uncertain before is more often so now than chance has it, the less the more a round changes the tagger. The
    random half looks for what has become uncertain since, and sees to it that every score is renewed in time.
    """
    count = min(count, len(most_wanted))
    wanted, others = np.split(most_wanted, [(count + 1) // 2])
    drawn = np.random.default_rng(tuple(seed)).choice(others, count - len(wanted), replace=False)
    return np.sort(np.concatenate([wanted, drawn]))


def share_found(chosen: np.ndarray, part: np.ndarray | None) -> float | None:
    """The share of the places chosen from the whole pool that a part of it holds; None without a part."""
    return None if part is None or not len(chosen) else round(float(np.isin(chosen, part).mean()), 4)
