"""How good a tagger is on a whole test set of which an expert has labelled a part, and an LLM all.

Prediction-powered inference (Angelopoulos et al. 2023, "PPI++"): the counts of right, predicted and true entities are
taken with the LLM's labels in the place of the truth, for all N sentences; on the n that the expert has labelled too it
is seen how far these counts are off, and that is taken off. With counts c and those by the LLM's labels c*,

    mean(lambda) = mean_n(c) - lambda (mean_n(c*) - mean_N(c*)),

unbiased for every lambda. Precision, recall and F1 are ratios of such means. A ratio R = A / B has the linear form
(delta method) e = (a - R b) / B, and lambda is what makes the variance of e - lambda e* smallest, between 0 and 1.
With lambda = 0 the expert's labels stand alone, and so they do where the LLM's don't narrow the interval.

What is estimated is the figure of this very test set, the one that `evaluate` would print if all N sentences had the
expert's labels. It is a fixed number, and the n are drawn from the N without replacement, so the variance has the
finite-population factor 1 - n/N (0 when all are labelled), in both intervals. How other text would differ is not in it.

Drawn sentences count with the inverse of their probability (Hájek's form: weights that add up to 1), within strata
where there are any. Variances come from the residuals r alone, never from what the LLM claims:

    V = sum_h n_h / (n_h - 1) sum_{i in h} (1 - p_i) (w_i r_i - centre_h)^2,

which is the textbook formula for random and for stratified samples and Hájek's (1964) for unequal probabilities.
Each figure has a lambda of its own, so the three need not fit together to the last digit.

What makes 95 % hold at n = 100: linear forms and residuals are divided by 1 - leverage, as the jackknife would have it
(a sentence's share of the denominator) and as HC3 has it (lambda is fitted on the same sentences); a lambda that is
drawn towards 0 where it is not sure; t quantiles whose
degrees of freedom go down where few sentences make up the variance; and intervals of shares on the logit scale, where
ratios near 1, whose few mistakes make them skewed, are nearly normal.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from nerc_trainer.corpus.labels import Span
from nerc_trainer.evaluation.choose_test import Sample
from nerc_trainer.evaluation.intervals import Interval, entity_counts

Figure = Literal["f1", "precision", "recall"]

# Numerator and denominator as weights of the counts of `entity_counts`: found, predicted, true.
_RATIOS = {
    "f1": (np.array([2.0, 0.0, 0.0]), np.array([0.0, 1.0, 1.0])),
    "precision": (np.array([1.0, 0.0, 0.0]), np.array([0.0, 1.0, 0.0])),
    "recall": (np.array([1.0, 0.0, 0.0]), np.array([0.0, 0.0, 1.0])),
}
_MOST_LEVERAGE = 0.9
FIGURES: tuple[Figure, ...] = ("f1", "precision", "recall")
Which = Literal["alone", "powered"]
SIDES: tuple[Which, ...] = ("alone", "powered")


class Judged(NamedTuple):
    """One tagger's counts (see `entity_counts`): ``true`` [n, 3] by the expert's labels of the sample, and ``proxy``
    [N, 3] by the LLM's labels of all sentences."""

    true: np.ndarray
    proxy: np.ndarray


@dataclass(frozen=True)
class Side:
    """An estimate, its variance, and the degrees of freedom of that."""

    value: float
    variance: float
    freedom: float

    def reach(self, level: float) -> float:
        """Half the width of the interval, on the scale of the value."""
        from scipy.special import stdtrit

        return float(stdtrit(self.freedom, (1 + level) / 2)) * float(np.sqrt(self.variance))


@dataclass(frozen=True)
class Estimate:
    """A figure from the expert's labels ``alone``, and ``powered`` by the LLM's.

    ``weight`` is lambda, 0 where the LLM's labels don't help. ``seen`` is the number of sampled sentences that the
    figure counts entities in. A difference of two taggers is a plain number, a figure a share.
    """

    alone: Side
    powered: Side
    weight: float
    labelled: int
    population: int
    seen: int
    is_share: bool

    @property
    def as_good_as(self) -> float:
        """Expert labels, chosen in the same way, whose interval alone would be about as wide as the powered one."""
        if self.alone.variance <= 0:
            return float(self.labelled)
        ratio = self.powered.variance / self.alone.variance
        return 1 / (1 / self.population + ratio * (1 / self.labelled - 1 / self.population))

    def interval(self, side: Side, level: float) -> Interval:
        """The bounds of ``alone`` or ``powered``."""
        if self.is_share and not 0 < side.value < 1 and self.labelled < self.population:
            return _one_sided(side.value, self.seen, (1 - level) / 2)
        reach = side.reach(level)
        if not self.is_share or reach == 0:
            return Interval(side.value, side.value - reach, side.value + reach)
        logit = np.log(side.value / (1 - side.value))
        low, high = 1 / (1 + np.exp(-(logit + reach / (side.value * (1 - side.value)) * np.array([-1.0, 1.0]))))
        return Interval(side.value, float(low), float(high))


def proxy_counts(said: Sequence[Sequence[Span]], labels: Sequence[Sequence[Span] | None]) -> np.ndarray:
    """The counts of a tagger by the labels of an LLM, float64 [N, 3].

    A sentence without labels (None) counts as one of which the LLM says, for each entity that the tagger predicts, what
    it says on the average: any guess will do, since how far guesses are off is taken off.
    """
    has = np.array([one is not None for one in labels], dtype=bool)
    counts = np.array([entity_counts(mine, one or ()) for mine, one in zip(said, labels, strict=True)], dtype=float)
    known = counts[has].sum(0)
    rates = known / known[1] if known[1] else np.zeros(3)
    counts[~has] = counts[~has, 1:2] * rates
    return counts


def estimate(judged: Judged, sample: Sample, figure: Figure) -> Estimate:
    """Entity precision, recall or F1 of a tagger on all sentences."""
    return _estimate([(1.0, judged)], sample, figure)


def estimate_difference(first: Judged, second: Judged, sample: Sample, figure: Figure) -> Estimate:
    """How much higher the figure of ``first`` is than that of ``second`` on the same sentences (paired)."""
    return _estimate([(1.0, first), (-1.0, second)], sample, figure)


def labels_for_width(found: Estimate, which: Which, width: float, level: float) -> int:
    """The least number of expert labels, chosen in the same way, that make the interval at most ``width`` wide.

    ``found`` is a pilot: its variance is carried over to other n. At most the population, with which nothing is left
    to guess.
    """
    side: Side = getattr(found, which)
    unit = side.variance / (1 / found.labelled - 1 / found.population) if found.labelled < found.population else 0.0

    def width_of(labels: int) -> float:
        variance = unit * (1 / labels - 1 / found.population)
        bounds = found.interval(Side(side.value, variance, side.freedom * labels / found.labelled), level)
        return bounds.high - bounds.low

    low, high = 1, found.population  # the width falls as labels grow
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if width_of(middle) <= width else (middle + 1, high)
    return low


def _one_sided(value: float, seen: int, tail: float) -> Interval:
    """Bounds where no mistake, or nothing right, was seen: the share of sentences that may still hide some."""
    bound = float(tail ** (1 / seen)) if seen else 0.0
    return Interval(value, bound, 1.0) if value >= 1 else Interval(value, 0.0, 1 - bound)


def mean_counts(judged: Judged, sample: Sample, weight: float) -> np.ndarray:
    """Mean counts of a sentence over the population, float64 [3]; ``weight`` is lambda."""
    weights = _weights(sample)
    gap = judged.proxy[sample.positions].T @ weights - judged.proxy.mean(0)
    return np.asarray(judged.true.T @ weights - weight * gap)


def _estimate(parts: Sequence[tuple[float, Judged]], sample: Sample, figure: Figure) -> Estimate:
    weights = _weights(sample)
    signs = [sign for sign, _ in parts]
    trues = [judged.true for _, judged in parts]
    proxies = [judged.proxy[sample.positions] for _, judged in parts]
    top, bottom = _RATIOS[figure]
    seen = min(int(np.count_nonzero(true @ bottom)) for true in trues)
    facts = (len(sample), sample.population, seen, len(parts) == 1)

    def means(weight: float) -> list[np.ndarray]:
        return [mean_counts(judged, sample, weight) for _, judged in parts]

    def value(at: Sequence[np.ndarray]) -> float:
        return float(sum(sign * _ratio(mean, figure) for sign, mean in zip(signs, at, strict=True)))

    def linear(at: Sequence[np.ndarray], counts: Sequence[np.ndarray]) -> np.ndarray:
        """Of each sampled sentence what it adds to the figure, centred for the design, [n]."""
        forms = []
        for sign, one, mean in zip(signs, counts, at, strict=True):
            share = weights * (one @ bottom) / (mean @ bottom)  # of the denominator
            form = (one @ top - _ratio(mean, figure) * (one @ bottom)) / (mean @ bottom)
            forms.append(sign * form / (1 - np.minimum(share, _MOST_LEVERAGE)))
        return _centred(np.sum(forms, axis=0), weights, sample)

    at, weight = means(0.0), 0.0
    if any(mean @ bottom <= 0 for mean in at):
        nothing = Side(value(at), 0.0, 1.0)
        return Estimate(nothing, nothing, 0.0, *facts)
    scale = _scale(sample)
    alone = Side(value(at), *_variance(linear(at, trues), scale, sample, fitted=0))
    for _ in range(2):  # the best weight depends a little on the figure, which depends on the weight
        true, proxy = linear(at, trues), linear(at, proxies)
        weight = _weight(true, proxy, scale)
        at = means(weight)
        if weight == 0.0 or any(mean @ bottom <= 0 for mean in at):
            return Estimate(alone, alone, 0.0, *facts)
    true, proxy = linear(at, trues), linear(at, proxies)
    residual = (true - weight * proxy) / _left(proxy, scale)
    variance, freedom = _variance(residual, scale, sample, fitted=1)
    # Agreement on n sentences does not show that fewer than 3 in n would disagree (rule of three).
    least = alone.variance * 3 / len(sample)
    powered = Side(value(at), variance, freedom) if variance > least else Side(value(at), least, alone.freedom)
    is_share = len(parts) == 1
    if (is_share and not 0 < powered.value < 1) or powered.reach(0.95) >= alone.reach(0.95):
        return Estimate(alone, alone, 0.0, *facts)
    return Estimate(alone, powered, weight, *facts)


def _weight(true: np.ndarray, proxy: np.ndarray, scale: np.ndarray) -> float:
    """The lambda that makes the variance of true - lambda proxy smallest, in [0, 1].

    It is drawn towards 0 by twice its own squared error over its square, so that chance agreement with useless labels
    counts for nothing and real agreement for nearly all (positive-part James-Stein).
    """
    spread = float(scale @ proxy**2)
    best = float(scale @ (true * proxy)) / spread if spread > 0 else 0.0
    if best <= 0:
        return 0.0
    noise = float(((scale * proxy * (true - best * proxy) / _left(proxy, scale)) ** 2).sum()) / spread**2
    return min(best * max(0.0, 1 - 2 * noise / best**2), 1.0)


def _left(proxy: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """1 - leverage of each sentence on lambda, [n]."""
    return 1 - np.minimum(scale * proxy**2 / (scale @ proxy**2), _MOST_LEVERAGE)


def _weights(sample: Sample) -> np.ndarray:
    """Inverse probabilities that add up to 1, [n]."""
    inverse = 1 / sample.probability
    return np.asarray(inverse / inverse.sum())


def _ratio(mean: np.ndarray, figure: Figure) -> float:
    top, bottom = _RATIOS[figure]
    return float(mean @ top / (mean @ bottom)) if mean @ bottom > 0 else 0.0


def _scale(sample: Sample) -> np.ndarray:
    """(1 - p) n_h / (n_h - 1) of each sampled sentence: what its square counts in a variance; [n]."""
    sizes = np.bincount(sample.stratum)[sample.stratum]
    return (1 - sample.probability) * sizes / np.maximum(sizes - 1, 1)


def _centred(form: np.ndarray, weights: np.ndarray, sample: Sample) -> np.ndarray:
    """Weighted distance from the mean, less its mean in the sentence's stratum; [n]."""
    distance = weights * (form - weights @ form)
    counts = 1 - sample.probability
    total = np.bincount(sample.stratum, counts)
    centre = np.bincount(sample.stratum, counts * distance) / np.where(total > 0, total, 1.0)
    return distance - centre[sample.stratum]


def _variance(residual: np.ndarray, scale: np.ndarray, sample: Sample, fitted: int) -> tuple[float, float]:
    """The variance of an estimate with these residuals, and its degrees of freedom.

    Those of a stratum are 2 (n_h - 1) / (kurtosis - 1), which is n_h - 1 for normal residuals and less where a few
    sentences make up the variance; Satterthwaite (1946) adds strata up.
    """
    squares = scale * residual**2
    sizes, by_stratum = np.bincount(sample.stratum), np.bincount(sample.stratum, squares)
    variance = float(by_stratum.sum())
    if variance <= 0:
        return 0.0, 1.0
    kurtosis = sizes * np.bincount(sample.stratum, squares**2) / np.where(by_stratum > 0, by_stratum, 1.0) ** 2
    freedom = np.maximum(sizes - 1, 1) / np.maximum((kurtosis - 1) / 2, 1.0)
    return variance, max(variance**2 / float((by_stratum**2 / freedom).sum()) - fitted, 1.0)
