"""What the design of a sample makes of variances: weights, centres, and lambda of prediction-powered inference."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nerc_trainer.evaluation.choose_test import Sample

MOST_LEVERAGE = 0.9
_ROUNDING = 1e-24  # of squares of shares: what is smaller is the noise of floats


class Spread(NamedTuple):
    """Linear forms of the sampled sentences by the truth and by the LLM's labels, float64 [n] each, centred; what
    their squares count in a variance, ``scale`` [n]; and ``known``, the variance that an estimate from the LLM's labels
    alone has over all samples of this design, which the labels of all N sentences tell (0 where they don't)."""

    true: np.ndarray
    proxy: np.ndarray
    scale: np.ndarray
    known: float

    @property
    def missing(self) -> float:
        """How much less of the LLM's known variance this sample shows than there is: it has missed some of the few
        sentences that make it up, on which LLM and truth need not agree as on the others."""
        return max(self.known - float(self.scale @ self.proxy**2), 0.0)

    @property
    def makers(self) -> float:
        """How many sentences make up the variance of the truth, if each did as much as the others (Kish's count)."""
        return effective(self.scale * self.true**2)

    @property
    def left(self) -> np.ndarray:
        """1 - leverage of each sentence on lambda, [n]."""
        squares = self.scale * self.proxy**2
        return 1 - np.minimum(squares / squares.sum(), MOST_LEVERAGE)


def best_weight(spread: Spread) -> float:
    """The lambda that makes the variance of true - lambda proxy smallest, in [0, 1].

    It is drawn towards 0 by twice its own squared error over its square, so that chance agreement with useless labels
    counts for nothing and real agreement for nearly all (positive-part James-Stein).
    """
    shown = float(spread.scale @ spread.proxy**2)
    if shown <= 0:
        return 0.0
    total = shown + spread.missing
    best = float(spread.scale @ (spread.true * spread.proxy)) / total
    if best <= 0:
        return 0.0
    residual = spread.true - best * spread.proxy
    noise = float(((spread.scale * spread.proxy * residual / spread.left) ** 2).sum()) / total**2
    return min(best * max(0.0, 1 - 2 * noise / best**2), 1.0)


def weights_of(sample: Sample) -> np.ndarray:
    """Inverse probabilities that add up to 1, [n]."""
    inverse = 1 / sample.probability
    return np.asarray(inverse / inverse.sum())


def effective(weights: np.ndarray) -> float:
    """How many equal weights are worth as much as these (Kish 1965); 0 where there are none."""
    squares = float((weights**2).sum())
    return float(weights.sum()) ** 2 / squares if squares > 0 else 0.0


def scale_of(sample: Sample) -> np.ndarray:
    """(1 - p) n_h / (n_h - 1) of each sampled sentence: what its square counts in a variance; [n]."""
    sizes = _by_chance(sample)[sample.stratum]
    return (1 - sample.probability) * sizes / np.maximum(sizes - 1, 1)


def degrees_of_design(sample: Sample) -> float:
    """Sentences that need not have been in the sample less their strata, at least 1."""
    sizes = _by_chance(sample)
    return float(max(sizes.sum() - np.count_nonzero(sizes), 1))


def _by_chance(sample: Sample) -> np.ndarray:
    """The sampled sentences of each stratum that need not have been in the sample."""
    return np.bincount(sample.stratum, sample.probability < 1)


def centred(distance: np.ndarray, counts: np.ndarray, stratum: np.ndarray) -> np.ndarray:
    """Distances less their mean in the sentence's stratum, in which each counts ``counts``; [n]."""
    total = np.bincount(stratum, counts)
    centre = np.bincount(stratum, counts * distance) / np.where(total > 0, total, 1.0)
    return np.asarray(distance - centre[stratum])


def variance_of(residual: np.ndarray, sample: Sample, fitted: int) -> tuple[float, float]:
    """The variance of an estimate with these residuals, and its degrees of freedom.

    Those of a stratum are 2 (n_h - 1) / (kurtosis - 1), which is n_h - 1 for normal residuals and less where a few
    sentences make up the variance; Satterthwaite (1946) adds strata up.
    """
    squares = scale_of(sample) * residual**2
    sizes, by_stratum = _by_chance(sample), np.bincount(sample.stratum, squares)
    variance = float(by_stratum.sum())
    if variance <= _ROUNDING:
        return 0.0, 1.0
    kurtosis = sizes * np.bincount(sample.stratum, squares**2) / np.where(by_stratum > 0, by_stratum, 1.0) ** 2
    freedom = np.maximum(sizes - 1, 1) / np.maximum((kurtosis - 1) / 2, 1.0)
    return variance, max(variance**2 / float((by_stratum**2 / freedom).sum()) - fitted, 1.0)
