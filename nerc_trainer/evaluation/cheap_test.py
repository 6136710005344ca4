"""How good a tagger is on a whole test set of which an expert has labelled a part, and an LLM all.

Prediction-powered inference (Angelopoulos et al. 2023, "PPI++"): the counts of right, predicted and true entities are
taken with the LLM's labels in the place of the truth, for all N sentences; on the n that the expert has labelled too it
is seen how far these counts are off, and that is taken off. With counts c and those by the LLM's labels c*,

    mean(lambda) = mean_n(c) - lambda (mean_n(c*) - mean_N(c*)),

unbiased for every lambda that is not chosen by the same sentences; that it is puts F1 a hundredth off at worst, at
n = 100. Precision, recall and F1 are ratios of such means. A ratio R = A / B has the linear form (delta method)
e = (a - R b) / B, and lambda is what makes the variance of e - lambda e* smallest, between 0 and 1. With lambda = 0 the
expert's labels stand alone, and so they do where the LLM's don't narrow the interval.

What is estimated is the figure of this very test set, the one that `evaluate` would print if all N sentences had the
expert's labels. It is a fixed number, and the n are drawn from the N without replacement, so the variance has the
finite-population factor 1 - n/N (0 when all are labelled), in both intervals. How other text would differ is not in it.

Drawn sentences count with the inverse of their probability (Hájek's form: weights that add up to 1), within strata
where there are any. Variances come from the residuals r alone, never from what the LLM claims:

    V = sum_h n_h / (n_h - 1) sum_{i in h} (1 - p_i) (w_i r_i - centre_h)^2,

which is the textbook formula for random and for stratified samples and Hájek's (1964) for unequal probabilities.
Each figure has a lambda of its own, so the three need not fit together to the last digit.

What makes 95 % hold at n = 100: linear forms and residuals are divided by 1 - leverage, as the jackknife would have it
(a sentence's share of the denominator) and as HC3 has it (lambda is fitted on the same sentences). Lambda is drawn
towards 0 where it is not sure, and where the sample shows less of the LLM's variance than all N have; what it has
missed is added to the variance. However well the LLM agrees, the variance is no less than that of the labels alone over
the number of sentences that make it up: that a few mistakes were foretold does not show that the next one will be.

The interval of a share R is Wilson's (1927) score interval for R (1 - R) / V equal trials, as Franco et al. (2019) have
it for samples by design: with few mistakes it is narrower and holds better than one on the plain or on the logit scale.
Labels alone have the degrees of freedom of the design, and never more trials than the sample has entities. The variance
with the LLM's labels comes from few sentences, so it has fewer degrees: as many as its kurtosis tells. So it is with a
difference, which is a plain number. Where all sampled sentences are alike they show no variance, and the bounds are
those of a share that was seen in none of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import numpy as np

from nerc_trainer.corpus.labels import Span
from nerc_trainer.evaluation.choose_test import Sample
from nerc_trainer.evaluation.design import (
    MOST_LEVERAGE,
    Spread,
    best_weight,
    centred,
    degrees_of_design,
    effective,
    scale_of,
    variance_of,
    weights_of,
)
from nerc_trainer.evaluation.intervals import Interval, entity_counts

Figure = Literal["f1", "precision", "recall"]

# Numerator and denominator as weights of the counts of `entity_counts`: found, predicted, true.
_RATIOS = {
    "f1": (np.array([2.0, 0.0, 0.0]), np.array([0.0, 1.0, 1.0])),
    "precision": (np.array([1.0, 0.0, 0.0]), np.array([0.0, 1.0, 0.0])),
    "recall": (np.array([1.0, 0.0, 0.0]), np.array([0.0, 0.0, 1.0])),
}
FIGURES: tuple[Figure, ...] = ("f1", "precision", "recall")
Which = Literal["alone", "powered"]
SIDES: tuple[Which, ...] = ("alone", "powered")
FEWEST_LABELS = 20  # with fewer no interval means anything


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

    def quantile(self, level: float) -> float:
        """How many standard deviations the bounds of a plain number are from its value."""
        from scipy.special import stdtrit

        return float(stdtrit(self.freedom, (1 + level) / 2))


@dataclass(frozen=True)
class Estimate:
    """A figure from the expert's labels ``alone``, and ``powered`` by the LLM's.

    ``weight`` is lambda, 0 where the LLM's labels don't help. A difference of two taggers is a plain number, a figure a
    share. Where the sampled sentences are all alike, so that their variance is 0, ``seen`` says how many equal ones
    they are worth (of those that the figure counts entities in, or that the two taggers differ in), and ``hidden`` how
    far the others could move a difference if they were all unlike.
    """

    alone: Side
    powered: Side
    weight: float
    labelled: int
    population: int
    seen: float
    is_share: bool
    hidden: float = 1.0

    def interval(self, side: Side, level: float) -> Interval:
        """The bounds of ``alone`` or ``powered``."""
        if side.variance == 0 and self.labelled < self.population:
            return self._unproven(side.value, (1 - level) / 2)
        quantile = side.quantile(level)
        if not self.is_share or side.variance == 0:
            reach = quantile * float(np.sqrt(side.variance))
            return Interval(side.value, max(side.value - reach, -1.0), min(side.value + reach, 1.0))
        return _wilson(side.value, side.value * (1 - side.value) / side.variance, quantile)

    def width(self, side: Side, level: float) -> float:
        """From bound to bound of `interval`."""
        bounds = self.interval(side, level)
        return bounds.high - bounds.low

    def _unproven(self, value: float, tail: float) -> Interval:
        """Bounds where all sampled sentences are alike: in a share of ``tail ** (1 / seen)`` of all they surely are."""
        alike = tail ** (1 / self.seen) if self.seen > 0 else 0.0
        if self.is_share:
            return Interval(value, value * alike, value * alike + 1 - alike)
        reach = (1 - alike) * self.hidden
        return Interval(value, max(value - reach, -1.0), min(value + reach, 1.0))


def _wilson(share: float, trials: float, quantile: float) -> Interval:
    """Bounds of a share that was seen in so many equal trials (a fraction of one may be among them)."""
    square = quantile**2 / trials
    centre = (share + square / 2) / (1 + square)
    reach = np.sqrt(square * share * (1 - share) + square**2 / 4) / (1 + square)
    return Interval(share, max(float(centre - reach), 0.0), min(float(centre + reach), 1.0))


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


def estimate(judged: Judged, sample: Sample, figure: Figure, level: float = 0.95) -> Estimate:
    """Entity precision, recall or F1 of a tagger on all sentences.

    The LLM's labels count where they narrow the interval of this ``level``; at another one they may widen it.
    """
    return _estimate([(1.0, judged)], sample, figure, level)


def disputed(first: Sequence[Sequence[Span]], second: Sequence[Sequence[Span]]) -> np.ndarray:
    """By how many entities two taggers can differ in what they find, in each sentence, float64 [N]; 0 where they say
    the same, which no label can change."""
    pairs = [(set(one), set(other)) for one, other in zip(first, second, strict=True)]
    return np.array([max(len(one - other), len(other - one)) for one, other in pairs], dtype=float)


def estimate_difference(
    first: Judged, second: Judged, apart: np.ndarray, sample: Sample, figure: Figure, level: float = 0.95
) -> Estimate:
    """How much higher the figure of ``first`` is than that of ``second`` on the same sentences (paired); ``apart`` is
    what `disputed` says of the two, ``level`` as in `estimate`."""
    return _estimate([(1.0, first), (-1.0, second)], sample, figure, level, apart)


def labels_for_width(found: Estimate, which: Which, width: float, level: float) -> int:
    """The least number of expert labels, chosen in the same way, that make the interval at most ``width`` wide; not
    below FEWEST_LABELS.

    ``found`` is a pilot with a part of the labels: its variance is carried over to other n. At most the population,
    with which nothing is left to guess.
    """
    return _labels_for(found, getattr(found, which), width, level, FEWEST_LABELS)


def as_good_as(found: Estimate, level: float) -> int:
    """The expert labels, chosen in the same way, whose interval alone would be as wide as the powered one is."""
    if found.weight == 0:
        return found.labelled
    return _labels_for(found, found.alone, found.width(found.powered, level), level, found.labelled)


def _labels_for(found: Estimate, side: Side, width: float, level: float, least: int) -> int:
    unit = side.variance / (1 / found.labelled - 1 / found.population)

    def width_of(labels: int) -> float:
        variance, share = unit * (1 / labels - 1 / found.population), labels / found.labelled
        carried = replace(found, labelled=labels, seen=found.seen * share)
        return carried.width(Side(side.value, variance, side.freedom * share), level)

    low, high = min(least, found.population), found.population  # the width falls as labels grow
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if width_of(middle) <= width else (middle + 1, high)
    return low


def mean_counts(judged: Judged, sample: Sample, weight: float) -> np.ndarray:
    """Mean counts of a sentence over the population, float64 [3]; ``weight`` is lambda."""
    weights = weights_of(sample)
    gap = judged.proxy[sample.positions].T @ weights - judged.proxy.mean(0)
    return np.asarray(judged.true.T @ weights - weight * gap)


def _estimate(
    parts: Sequence[tuple[float, Judged]],
    sample: Sample,
    figure: Figure,
    level: float,
    apart: np.ndarray | None = None,
) -> Estimate:
    weights = weights_of(sample)
    top, bottom = _RATIOS[figure]
    proxies = [judged.proxy[sample.positions] for _, judged in parts]

    def means(weight: float) -> list[np.ndarray]:
        return [mean_counts(judged, sample, weight) for _, judged in parts]

    def value(at: Sequence[np.ndarray]) -> float:
        return float(sum(sign * _ratio(mean, figure) for (sign, _), mean in zip(parts, at, strict=True)))

    def linear(at: Sequence[np.ndarray], counts: Sequence[np.ndarray], weights: np.ndarray) -> np.ndarray:
        """Of each sentence what it adds to the figure, [n] or [N]."""
        forms = []
        for (sign, _), one, mean in zip(parts, counts, at, strict=True):
            share = weights * (one @ bottom) / (mean @ bottom)  # of the denominator
            form = (one @ top - _ratio(mean, figure) * (one @ bottom)) / (mean @ bottom)
            forms.append(sign * form / (1 - np.minimum(share, MOST_LEVERAGE)))
        return np.asarray(np.sum(forms, axis=0))

    def sampled(at: Sequence[np.ndarray], counts: Sequence[np.ndarray]) -> np.ndarray:
        form = linear(at, counts, weights)
        return centred(weights * (form - weights @ form), 1 - sample.probability, sample.stratum)

    def known(at: Sequence[np.ndarray]) -> float:
        """The variance of the LLM's part over all samples, from the labels of all sentences."""
        if sample.chances is None or sample.strata is None:
            return 0.0
        inverse = 1 / sample.chances / (1 / sample.probability).sum()
        form = linear(at, [judged.proxy for _, judged in parts], inverse)
        counts = sample.chances * (1 - sample.chances)
        return float(counts @ centred(inverse * (form - form.mean()), counts, sample.strata) ** 2)

    def spread(at: Sequence[np.ndarray]) -> Spread:
        return Spread(sampled(at, [judged.true for _, judged in parts]), sampled(at, proxies), scale, known(at))

    at, weight = means(0.0), 0.0
    hidden = 1.0
    if apart is None:
        seen = effective(weights * (parts[0][1].true @ bottom))
    else:
        seen = effective(weights * apart[sample.positions])
        rest = np.delete(apart, sample.positions).sum() / sample.population
        least_bottom = min(float(mean @ bottom) for mean in at)
        hidden = 0.0 if rest == 0 else float(top.max() * rest / least_bottom) if least_bottom > 0 else 2.0
    facts = (len(sample), sample.population, seen, apart is None, hidden)
    if any(mean @ bottom <= 0 for mean in at):
        nothing = Side(value(at), 0.0, 1.0)
        return Estimate(nothing, nothing, 0.0, *facts)
    scale = scale_of(sample)
    first = spread(at)
    plain = Side(value(at), *variance_of(first.true, sample, fitted=0))
    alone = plain if apart is not None else _share_alone(plain, float((parts[0][1].true @ bottom).sum()), sample)
    for _ in range(2):  # the best weight depends a little on the figure, which depends on the weight
        weight = best_weight(spread(at))
        at = means(weight)
        if weight == 0.0 or any(mean @ bottom <= 0 for mean in at):
            return Estimate(alone, alone, 0.0, *facts)
    last = spread(at)
    variance, freedom = variance_of((last.true - weight * last.proxy) / last.left, sample, fitted=1)
    variance += weight**2 * last.missing
    least = alone.variance / max(first.makers, 1.0)
    powered = Side(value(at), variance, freedom) if variance > least else Side(value(at), least, plain.freedom)
    found = Estimate(alone, powered, weight, *facts)
    if (apart is None and not 0 < powered.value < 1) or found.width(powered, level) >= found.width(alone, level):
        return Estimate(alone, alone, 0.0, *facts)
    return found


def _share_alone(plain: Side, entities: float, sample: Sample) -> Side:
    """A share by the sample's labels alone: the degrees of freedom of its design, and the variance of as many equal
    trials as it has entities, predicted or true, at least."""
    if plain.variance == 0:
        return plain
    left = 1 - len(sample) / sample.population
    least = plain.value * (1 - plain.value) / entities * left
    return Side(plain.value, max(plain.variance, least), degrees_of_design(sample))


def _ratio(mean: np.ndarray, figure: Figure) -> float:
    top, bottom = _RATIOS[figure]
    return float(mean @ top / (mean @ bottom)) if mean @ bottom > 0 else 0.0
