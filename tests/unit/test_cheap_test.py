"""Figures of a whole test set from few expert labels and an LLM's for all: by hand, exactly, and by simulation."""

from __future__ import annotations

from itertools import combinations, product
from typing import get_args

import numpy as np
import pytest

from nerc_trainer.corpus.labels import Span
from nerc_trainer.evaluation.cheap_test import (
    FIGURES,
    Estimate,
    Figure,
    Judged,
    as_good_as,
    disputed,
    estimate,
    estimate_difference,
    labels_for_width,
    mean_counts,
    proxy_counts,
)
from nerc_trainer.evaluation.choose_test import Choice, Sample, choose, doubt
from nerc_trainer.prediction.cheap_table import verdict


def random_sample(population: int, positions: list[int]) -> Sample:
    count = len(positions)
    return Sample(population, np.array(positions), np.full(count, count / population), np.zeros(count, dtype=np.int64))


def corpus(sentences: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Counts by the truth and by an LLM's labels of a tagger that is wrong where it is in doubt; and its `doubt`."""
    generator = np.random.default_rng(seed)
    entities = generator.poisson(generator.gamma(2.0, 1.0, sentences))
    errors = generator.beta(0.8, 3.0, sentences)  # of each entity of the sentence
    found = generator.binomial(entities, 1 - errors)
    predicted = found + generator.binomial(entities - found, 0.7)
    agreed = generator.binomial(found, 0.9) + generator.binomial(predicted - found, 0.2)
    said = np.maximum(agreed, entities - generator.binomial(entities, 0.1))
    words = [
        np.full(4 + 2 * n, 1 - rate * generator.uniform(0.1, 0.5)) for n, rate in zip(entities, errors, strict=True)
    ]
    true, proxy = (
        np.stack(columns, axis=1).astype(float) for columns in ((found, predicted, entities), (agreed, predicted, said))
    )
    return true, proxy, doubt(words)


# By hand and exactly


@pytest.mark.parametrize("weight", [0.0, 0.4, 1.0])
def test_mean_counts_are_unbiased_over_all_samples(weight: float) -> None:
    true, proxy, _ = corpus(7, 1)
    samples = [random_sample(7, list(drawn)) for drawn in combinations(range(7), 3)]
    strata = np.array([0, 0, 0, 0, 1, 1, 1])
    pairs = product(combinations(range(4), 2), combinations(range(4, 7), 1))
    stratified = [
        Sample(7, np.array(drawn := [*first, *second]), np.array([0.5, 0.5, 1 / 3]), strata[drawn])
        for first, second in pairs
    ]
    for drawn_samples in (samples, stratified):
        means = [mean_counts(Judged(true[one.positions], proxy), one, weight) for one in drawn_samples]
        np.testing.assert_allclose(np.mean(means, axis=0), true.mean(0))


def test_mean_counts_are_those_of_the_ppi_package() -> None:
    """Against ppi_mean_pointestimate of ppi-python 0.2.3, whose lambda is ours times (N - n) / N, since its second set
    is the sentences without the expert's label."""
    proxy = np.array([0, 2, 0, 1, 0, 2, 2, 0, 3, 2, 2, 1, 2, 1, 0, 2, 1, 1, 0, 0], dtype=float)
    true = np.array([0, 2, 1, 1, 0, 3, 2, 1], dtype=float)
    judged = Judged(np.repeat(true[:, None], 3, axis=1), np.repeat(proxy[:, None], 3, axis=1))
    sample = random_sample(20, list(range(8)))
    for theirs, expected in ((0.0, 1.25), (0.4, 1.4), (1.0, 1.625)):
        np.testing.assert_allclose(mean_counts(judged, sample, theirs * 20 / 12), expected)


def test_the_labels_alone_give_the_ratio_of_sums() -> None:
    true = np.array([[2, 3, 2], [1, 1, 2], [0, 1, 0], [3, 3, 3], [1, 2, 2]], dtype=float)
    judged = Judged(true[:4], np.zeros((5, 3)))
    sample = random_sample(5, [0, 1, 2, 3])
    assert estimate(judged, sample, "precision").alone.value == pytest.approx(6 / 8)
    assert estimate(judged, sample, "recall").alone.value == pytest.approx(6 / 7)
    assert estimate(judged, sample, "f1").alone.value == pytest.approx(12 / 15)


@pytest.mark.parametrize("figure", get_args(Figure))
def test_the_variance_is_the_jackknife_s(figure: Figure) -> None:
    true, proxy, _ = corpus(400, 2)
    sample = choose("random", np.ones(400), 60, np.random.default_rng(0))
    drawn = true[sample.positions]

    def without(index: int) -> float:
        rest = np.delete(np.arange(60), index)
        left = random_sample(400, sample.positions[rest].tolist())
        return estimate(Judged(drawn[rest], proxy), left, figure).alone.value

    jackknife = 59 / 60 * 60 * np.var([without(index) for index in range(60)])
    found = estimate(Judged(drawn, proxy), sample, figure).alone
    assert found.variance == pytest.approx((1 - 60 / 400) * (60 / 59) ** 2 * jackknife, rel=1e-6)


def test_weights_turn_a_lopsided_sample_round() -> None:
    """Half of the population is all right and drawn rarely, the other half all wrong and drawn often."""
    true = np.array([[1.0, 1.0, 1.0]] * 500 + [[0.0, 1.0, 1.0]] * 500)
    strata = np.array([0] * 10 + [1] * 90)
    sample = Sample(1000, np.r_[0:10, 500:590], np.where(strata == 0, 10 / 500, 90 / 500), strata)
    assert estimate(Judged(true[sample.positions], true * 0), sample, "f1").alone.value == pytest.approx(0.5)


@pytest.mark.parametrize("figure", get_args(Figure))
def test_all_labels_leave_nothing_to_guess(figure: Figure) -> None:
    true, proxy, _ = corpus(80, 3)
    found = estimate(Judged(true, proxy), Sample.of_all(80), figure)
    bounds = found.interval(found.powered, 0.95)
    assert bounds.low == bounds.value == bounds.high
    assert found.powered.value == found.alone.value


# The variance, by other ways


def test_the_bootstrap_finds_the_same_variance() -> None:
    true, proxy, _ = corpus(4_000, 4)
    sample = choose("random", np.ones(4_000), 300, np.random.default_rng(0))
    generator = np.random.default_rng(1)
    values = []
    for _ in range(300):
        again = sample.positions[generator.integers(300, size=300)]
        resampled = estimate(Judged(true[again], proxy), random_sample(4_000, again.tolist()), "f1")
        values.append((resampled.alone.value, resampled.powered.value))
    found = estimate(Judged(true[sample.positions], proxy), sample, "f1")
    for side, spread in zip((found.alone, found.powered), np.std(values, axis=0), strict=True):
        assert np.sqrt(side.variance / (1 - 300 / 4_000)) == pytest.approx(spread, rel=0.13)


@pytest.mark.parametrize("how", get_args(Choice))
def test_intervals_cover_and_are_no_wider_than_they_must_be(how: Choice) -> None:
    """n is a third of N, so that a missing finite-population factor shows as well as a missing weight."""
    true, proxy, doubts = corpus(600, 5)
    truth = 2 * true[:, 0].sum() / true[:, 1:].sum()
    covered, values, variances = [], [], []
    for draw in range(400):
        sample = choose(how, doubts, 200, np.random.default_rng([draw, 6]))
        found = estimate(Judged(true[sample.positions], proxy), sample, "f1")
        sides = (found.alone, found.powered)
        bounds = [found.interval(side, 0.95) for side in sides]
        covered.append([one.low <= truth <= one.high for one in bounds])
        values.append([side.value for side in sides])
        variances.append([side.variance for side in sides])
    assert (np.abs(np.mean(covered, axis=0) - 0.95) < 0.033).all(), np.mean(covered, axis=0)
    np.testing.assert_allclose(np.mean(values, axis=0), truth, atol=0.003)
    np.testing.assert_allclose(np.sqrt(np.mean(variances, axis=0)), np.std(values, axis=0), rtol=0.12)
    assert np.mean(variances, axis=0)[1] < 0.7 * np.mean(variances, axis=0)[0], "the LLM's labels help"


@pytest.mark.parametrize("how", get_args(Choice))
@pytest.mark.parametrize("useless", ["shuffled", "empty", "against"])
@pytest.mark.parametrize(("level", "labels"), [(0.8, 100), (0.95, 100), (0.99, 100), (0.8, 20), (0.99, 20)])
def test_useless_labels_never_widen_the_interval(how: Choice, useless: str, level: float, labels: int) -> None:
    true, proxy, doubts = corpus(600, 7)
    if useless == "shuffled":
        proxy = proxy[np.random.default_rng(0).permutation(600)]
    elif useless == "empty":
        proxy = proxy * np.array([0.0, 1.0, 0.0])
    else:
        proxy = np.stack([true[:, 1] - true[:, 0], true[:, 1], true[:, 1]], axis=1)
    widths = []
    for draw in range(60):
        sample = choose(how, doubts, labels, np.random.default_rng(draw))
        found = estimate(Judged(true[sample.positions], proxy), sample, "f1", level)
        widths.append([found.width(side, level) for side in (found.alone, found.powered)])
        assert found.width(found.powered, level) <= found.width(found.alone, level)
    alone, powered = np.mean(widths, axis=0)
    assert powered <= 1.01 * alone


def test_useless_labels_never_widen_the_interval_of_a_difference() -> None:
    true, _, _ = corpus(600, 9)
    worse = true.copy()
    worse[np.random.default_rng(1).random(600) < 0.2, 0] = 0
    for draw in range(60):
        sample = choose("random", np.ones(600), 60, np.random.default_rng(draw))
        sides = [Judged(one[sample.positions], one * np.array([0.0, 1.0, 0.0])) for one in (true, worse)]
        found = estimate_difference(sides[0], sides[1], true[:, 0] - worse[:, 0], sample, "f1", 0.99)
        assert found.width(found.powered, 0.99) <= found.width(found.alone, 0.99)


def test_an_llm_that_is_always_right_is_not_believed_blindly() -> None:
    true, _, _ = corpus(600, 8)
    truth = 2 * true[:, 0].sum() / true[:, 1:].sum()
    covered, ratios, weights = 0, [], []
    for draw in range(100):
        sample = choose("random", np.ones(600), 100, np.random.default_rng(draw))
        found = estimate(Judged(true[sample.positions], true), sample, "f1")
        bounds = found.interval(found.powered, 0.95)
        covered += bounds.low < truth < bounds.high
        weights.append(found.weight)
        ratios.append(found.width(found.powered, 0.95) / found.width(found.alone, 0.95))
    assert covered > 92
    assert min(ratios) > 0.1
    assert np.median(ratios) < 0.4
    assert 0.9 < np.median(weights) <= max(weights) <= 1, "less where the sample shows less than the LLM's variance"


@pytest.mark.parametrize(("right", "seen", "expected"), [(True, 30, (0.025 ** (1 / 30), 1.0)), (False, 30, None)])
def test_no_mistake_in_the_sample_is_no_proof(right: bool, seen: int, expected: tuple[float, float] | None) -> None:
    true = np.tile([1.0, 1.0, 1.0] if right else [0.0, 1.0, 1.0], (200, 1))
    true[::2] = 0  # sentences without an entity tell nothing
    sample = random_sample(200, list(range(2 * seen)))
    found = estimate(Judged(true[: 2 * seen], true), sample, "f1")
    bounds = found.interval(found.powered, 0.95)
    assert (bounds.low, bounds.high) == pytest.approx(expected or (0.0, 1 - 0.025 ** (1 / 30)))


@pytest.mark.parametrize("figure", get_args(Figure))
def test_one_sentence_with_entities_is_no_proof(figure: Figure) -> None:
    """A ratio of one sentence has no spread, and the figure is not known for that."""
    true = np.zeros((20, 3))
    true[3] = [1.0, 2.0, 3.0]
    found = estimate(Judged(true, np.ones((500, 3))), random_sample(500, list(range(20))), figure)
    bounds = found.interval(found.powered, 0.95)
    assert bounds.high - bounds.low > 0.9


def test_sentences_that_stand_for_many_say_less_of_a_perfect_tagger() -> None:
    """Five of a hundred sampled sentences stand for 90 % of all, in which a mistake can hide."""
    strata = np.array([0] * 5 + [1] * 95)
    sample = Sample(1_000, np.r_[0:5, 900:995], np.where(strata == 0, 5 / 900, 95 / 100), strata)
    found = estimate(Judged(np.ones((100, 3)), np.ones((1_000, 3))), sample, "f1")
    assert found.interval(found.alone, 0.95).low < 0.65


@pytest.mark.parametrize("how", ["stratified", "uncertain"])
def test_an_llm_whose_mistakes_the_sample_missed_is_not_believed(how: Choice) -> None:
    """A nearly perfect tagger and few entities: in most samples the LLM seems to be always right, and is not."""
    generator = np.random.default_rng(5)
    true = np.repeat(generator.poisson(0.1, 2_000)[:, None], 3, axis=1).astype(float)
    doubts = doubt([np.array([1 - share]) for share in generator.beta(0.05, 3.0, 2_000)])
    wrong = np.flatnonzero(true[:, 0])[np.argsort(-doubts[true[:, 0] > 0])[:8]]
    true[wrong, 0] -= 1
    proxy = true.copy()
    proxy[(true[:, 0] > 0) & (generator.random(2_000) < 0.1), 0] = 0
    truth = 2 * true[:, 0].sum() / true[:, 1:].sum()
    covered, errors = 0, []
    for draw in range(150):
        sample = choose(how, doubts, 400, np.random.default_rng(draw))
        found = estimate(Judged(true[sample.positions], proxy), sample, "f1")
        bounds = found.interval(found.powered, 0.95)
        covered += bounds.low <= truth <= bounds.high
        errors.append([side.value - truth for side in (found.alone, found.powered)])
    assert covered / 150 > 0.9
    alone, powered = np.sqrt(np.mean(np.square(errors), axis=0))
    assert powered < 1.2 * alone


def few_mistakes(f1: float, llm_errors: float, with_entity: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Counts of 3,250 sentences by the truth and by an LLM, and doubts, as in newswire: most sentences are easy, and
    the tagger's mistakes and the LLM's lie in the few hard ones."""
    generator = np.random.default_rng(0)
    entities = np.where(generator.random(3_250) < with_entity, 1 + generator.negative_binomial(1, 0.55, 3_250), 0)
    hard = generator.lognormal(0, 1.2, 3_250)
    hard *= entities.sum() / (hard * entities).sum()
    rate = np.minimum((1 - f1) * hard, 0.9)
    llm_rate = np.minimum(llm_errors * (hard + 1) / 2, 0.9)
    missed = generator.binomial(entities, rate)
    found = entities - missed
    predicted = found + generator.binomial(missed, 0.75) + generator.poisson(0.1 * rate)
    agreed = generator.binomial(found, 1 - llm_rate) + generator.binomial(predicted - found, 0.3 * llm_rate)
    said = np.maximum(entities - generator.binomial(missed, 0.25) + generator.poisson(0.15 * llm_rate), agreed)
    doubts = doubt([np.array([1 - min(one, 0.9)]) for one in 0.25 * rate * generator.lognormal(0, 0.7, 3_250)])
    true = np.stack([found, predicted, entities], axis=1).astype(float)
    return true, np.stack([agreed, predicted, said], axis=1).astype(float), doubts


@pytest.mark.parametrize("how", get_args(Choice))
@pytest.mark.parametrize(("f1", "llm_errors", "with_entity"), [(0.9, 0.03, 0.8), (0.98, 0.02, 0.8), (0.98, 0.02, 0.3)])
def test_intervals_hold_where_few_sentences_hold_the_mistakes(
    how: Choice, f1: float, llm_errors: float, with_entity: float
) -> None:
    """A good tagger and a good LLM: in many samples the LLM seems to foretell every mistake."""
    true, proxy, doubts = few_mistakes(f1, llm_errors, with_entity)
    truth = 2 * true[:, 0].sum() / true[:, 1:].sum()
    covered, widths = [], []
    for draw in range(300):
        sample = choose(how, doubts, 100, np.random.default_rng([draw, 7]))
        found = estimate(Judged(true[sample.positions], proxy), sample, "f1")
        bounds = [found.interval(side, 0.95) for side in (found.alone, found.powered)]
        covered.append([one.low <= truth <= one.high for one in bounds])
        widths.append([one.high - one.low for one in bounds])
    assert (np.mean(covered, axis=0) > 0.92).all(), np.mean(covered, axis=0)
    assert all(powered <= alone for alone, powered in widths), "in no draw is it wider"
    if f1 == 0.9:  # of 0.98 a hundred sentences hold hardly a mistake to judge the LLM by
        assert np.mean(widths, axis=0)[1] < 0.9 * np.mean(widths, axis=0)[0], "the LLM's labels help"


def test_sentences_that_are_always_drawn_do_not_count_as_drawn() -> None:
    """95 sentences are sure to be sampled, and 5 of 10 others: it is a random sample of 5."""
    generator = np.random.default_rng(0)
    true = generator.integers(1, 4, (105, 3)).astype(float)
    sample = Sample(105, np.arange(100), np.r_[np.ones(95), np.full(5, 0.5)], np.zeros(100, dtype=np.int64))
    split = Sample(105, np.arange(100), sample.probability, np.r_[np.zeros(95, np.int64), np.ones(5, np.int64)])
    one, other = (estimate(Judged(true[:100], true), design, "f1").alone for design in (sample, split))
    assert one.variance == pytest.approx(other.variance)
    assert one.freedom == pytest.approx(other.freedom)


def test_a_sample_without_entities_says_nothing() -> None:
    found = estimate(Judged(np.zeros((30, 3)), np.ones((100, 3))), random_sample(100, list(range(30))), "f1")
    assert found.interval(found.powered, 0.95) == (0.0, 0.0, 1.0)


# Two taggers, plans, and proxies


def test_a_paired_difference_is_surer_than_two_figures() -> None:
    true, proxy, _ = corpus(1_000, 9)
    worse, worse_proxy = true.copy(), proxy.copy()
    lost = np.random.default_rng(1).random(1_000) < 0.2
    worse[lost, 0], worse_proxy[lost, 0] = 0, 0
    truth = 2 * true[:, 0].sum() / true[:, 1:].sum() - 2 * worse[:, 0].sum() / worse[:, 1:].sum()
    apart = lost * true[:, 0]
    covered = 0
    for draw in range(200):
        sample = choose("random", np.ones(1_000), 200, np.random.default_rng(draw))
        first, second = Judged(true[sample.positions], proxy), Judged(worse[sample.positions], worse_proxy)
        found = estimate_difference(first, second, apart, sample, "f1")
        bounds = found.interval(found.powered, 0.95)
        covered += bounds.low <= truth <= bounds.high
        single = [estimate(one, sample, "f1").powered.variance for one in (first, second)]
        assert found.powered.variance < sum(single)
    assert abs(covered / 200 - 0.95) < 0.045
    swapped = estimate_difference(second, first, apart, sample, "f1")
    assert swapped.powered.value == pytest.approx(-found.powered.value)


def test_a_tagger_does_not_differ_from_itself() -> None:
    true, proxy, _ = corpus(300, 10)
    sample = choose("random", np.ones(300), 100, np.random.default_rng(0))
    judged = Judged(true[sample.positions], proxy)
    found = estimate_difference(judged, judged, np.zeros(300), sample, "f1")
    assert found.interval(found.powered, 0.95) == (0.0, 0.0, 0.0)


def test_taggers_that_agree_on_the_sample_may_differ_elsewhere() -> None:
    """The second one loses all entities of 30 sentences, none of which is sampled; 10 where both are wrong are."""
    true, _, _ = corpus(1_000, 12)
    worse, apart = true.copy(), np.zeros(1_000)
    worse[:30, 0], apart[:40] = 0, true[:40, 0]
    sample = random_sample(1_000, list(range(30, 130)))
    truth = 2 * (true[:30, 0].sum()) / true[:, 1:].sum()
    nothing = np.zeros((1_000, 3))
    sides = [Judged(one[sample.positions], nothing) for one in (true, worse)]
    for figure in FIGURES:
        found = estimate_difference(sides[0], sides[1], apart, sample, figure)
        bounds = found.interval(found.powered, 0.95)
        assert bounds.value == 0.0
        assert bounds.low == -bounds.high
        assert bounds.high < 0.1, "only few sentences can differ"
    assert truth > 0.01
    assert bounds.high > 0.005
    elsewhere = random_sample(1_000, list(range(100, 200)))
    sides = [Judged(one[elsewhere.positions], nothing) for one in (true, worse)]
    found = estimate_difference(sides[0], sides[1], apart, elsewhere, "f1")
    assert found.interval(found.alone, 0.95).high >= truth, "no label says anything of the sentences that differ"
    empty = [Judged(np.zeros((100, 3)), nothing)] * 2
    found = estimate_difference(empty[0], empty[1], apart, elsewhere, "f1")
    assert found.interval(found.alone, 0.95) == (0.0, -1.0, 1.0)


def test_what_two_taggers_can_differ_by() -> None:
    one, two, three = Span(0, 1, "PER"), Span(1, 2, "LOC"), Span(1, 2, "ORG")
    assert disputed([[one, two], [one], [], [one]], [[one, three], [], [], [one]]).tolist() == [1, 1, 0, 0]


def pilot() -> tuple[Estimate, np.ndarray, np.ndarray]:
    true, proxy, _ = corpus(3_000, 11)
    sample = choose("random", np.ones(3_000), 150, np.random.default_rng(0))
    return estimate(Judged(true[sample.positions], proxy), sample, "f1"), true, proxy


def test_the_plan_gives_the_width_that_is_wanted() -> None:
    found, true, proxy = pilot()
    for which in ("alone", "powered"):
        needed = labels_for_width(found, which, 0.04, 0.95)
        widths = []
        for draw in range(40):
            sample = choose("random", np.ones(3_000), needed, np.random.default_rng(draw))
            again = estimate(Judged(true[sample.positions], proxy), sample, "f1")
            widths.append(again.width(getattr(again, which), 0.95))
        assert np.mean(widths) == pytest.approx(0.04, rel=0.25), "a pilot of 150 knows the variance that well"
    assert labels_for_width(found, "powered", 0.04, 0.95) < 0.8 * labels_for_width(found, "alone", 0.04, 0.95)


def test_narrower_intervals_need_more_labels_and_all_are_enough() -> None:
    found, _, _ = pilot()
    needed = [labels_for_width(found, "powered", width, 0.95) for width in (0.2, 0.1, 0.05, 0.02, 0.001, 1e-9)]
    assert needed == sorted(needed)
    assert needed[-1] == 3_000
    assert labels_for_width(found, "powered", found.width(found.powered, 0.95), 0.95) == pytest.approx(150, abs=1)


def test_a_plan_for_a_perfect_tagger_needs_more_than_one_label() -> None:
    true = np.ones((1_000, 3))
    found = estimate(Judged(true[:200], true), random_sample(1_000, list(range(200))), "f1")
    needed = labels_for_width(found, "alone", 0.05, 0.95)
    assert 0.025 ** (1 / needed) >= 0.95 > 0.025 ** (1 / (needed - 1))


@pytest.mark.parametrize("how", get_args(Choice))
def test_so_many_labels_alone_are_as_good(how: Choice) -> None:
    """Also where the LLM's side has few degrees of freedom, so that the same variance is not the same width."""
    true, proxy, doubts = few_mistakes(0.9, 0.03, 0.8)
    widths, needed = [], []
    for draw in range(60):
        sample = choose(how, doubts, 100, np.random.default_rng([draw, 9]))
        found = estimate(Judged(true[sample.positions], proxy), sample, "f1")
        good = as_good_as(found, 0.95)
        assert good >= 100
        again = choose(how, doubts, good, np.random.default_rng([draw, 10]))
        alone = estimate(Judged(true[again.positions], proxy), again, "f1")
        widths.append((alone.width(alone.alone, 0.95), found.width(found.powered, 0.95)))
        needed.append(good)
    assert np.mean(widths, axis=0)[0] == pytest.approx(np.mean(widths, axis=0)[1], rel=0.1)
    assert np.median(needed) > 120


def test_a_sentence_that_the_llm_left_out_counts_as_an_average_one() -> None:
    one, two = Span(0, 1, "PER"), Span(1, 2, "LOC")
    counts = proxy_counts([[one, two], [one], [one, two], []], [[one], [one], None, None])
    np.testing.assert_allclose(counts, [[1, 2, 1], [1, 1, 1], [4 / 3, 2, 4 / 3], [0, 0, 0]])
    assert get_args(Figure) == FIGURES


@pytest.mark.parametrize(
    ("value", "good", "said"),
    [
        (1.0, 100.0, "the sample holds no mistake of the tagger, so it can't show what"),
        (0.9, 102.0, "say next to nothing about this tagger's mistakes (as good as 102 expert labels"),
        (0.9, 250.0, "100 expert labels are as good as 250 alone would be for F1"),
    ],
)
def test_the_verdict_says_no_more_than_the_sample_shows(value: float, good: float, said: str) -> None:
    f1 = {"alone": {"value": value}, "as_good_as": good}
    assert said in verdict({"labelled": 100, "sentences": 3_000, "figures": {"f1": f1}})
