"""When the rounds end. Each rule is a function of figures that returns why no further round should start, or None."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nerc_trainer.active.stop_set import Signs
    from nerc_trainer.recipe.active import ActiveSection

WINDOW = 3  # rounds over which agreement and price are looked at, so that no single one ends a run


def stop_reason(
    dev_f1: Sequence[float],
    pool_left: int,
    can_ask: bool,
    active: ActiveSection,
    dollars: Sequence[float] = (),
    signs: Sequence[Signs] = (),
) -> str | None:
    """Why no further round should start, or None.

    ``dev_f1`` holds the F1 on dev of round 0, 1, ... so far, ``dollars`` what the expert's labels had cost by then and
    ``signs`` what each round's model says of the stop set, as far as ``active.stop`` asks for them; ``can_ask`` is
    False when the budget has no room for another sentence of the pool. All rules but pool, budget and the maximum of
    rounds wait until ``min_iterations`` rounds have followed round 0.
    """
    rounds, stop = len(dev_f1) - 1, active.stop
    if rounds >= active.max_iterations:
        return f"the maximum of {active.max_iterations} rounds is reached"
    if pool_left == 0:
        return "the pool is empty"
    if not can_ask:
        return "the expert budget is spent"
    if rounds < active.min_iterations:
        return None
    newest = signs[-1] if signs else None
    reasons = [
        no_gain(dev_f1, active.improvement_threshold, active.patience),
        newest and certain(newest.uncertainty, stop.uncertainty),
        newest and settled(newest.changed, stop.changed),
        agreeing([sign.kappa for sign in signs if sign.kappa is not None], stop.kappa),
        too_dear(dev_f1, dollars, stop.dollars_per_point),
    ]
    return next((reason for reason in reasons if reason), None)


def no_gain(dev_f1: Sequence[float], threshold: float, patience: int) -> str | None:
    """The study's rule: each of the last ``patience`` gains is below the threshold."""
    gains = [after - before for before, after in pairwise(dev_f1)][-patience:]
    if len(gains) < patience or max(gains) >= threshold:
        return None
    shown = ", ".join(f"{gain:+.4f}" for gain in gains)
    return f"the gain in F1 on dev ({shown}) stayed below {threshold:g} for {len(gains)} round(s)"


def certain(uncertainty: float | None, threshold: float | None) -> str | None:
    """Overall uncertainty (Zhu et al. 2008): the tagger is sure of what nobody has labelled."""
    if threshold is None or uncertainty is None or uncertainty >= threshold:
        return None
    return (
        f"the tagger is sure of the sentences that are left: mean token entropy {uncertainty:.4f}, below "
        f"active.stop.uncertainty = {threshold:g}"
    )


def settled(changed: float | None, threshold: float | None) -> str | None:
    """Classification change (Zhu et al. 2008): the last round has changed few words' tags, or none."""
    if threshold is None or changed is None or changed > threshold:
        return None
    return (
        f"the last round changed the tags of {changed:.3%} of the words of the stop set, not more than "
        f"active.stop.changed = {threshold:g}"
    )


def agreeing(kappas: Sequence[float], threshold: float | None) -> str | None:
    """Stabilizing predictions (Bloodgood and Vijay-Shanker 2009): the mean agreement of successive models is high."""
    last = kappas[-WINDOW:]
    if threshold is None or len(last) < WINDOW or sum(last) / WINDOW < threshold:
        return None
    shown = ", ".join(f"{value:.4f}" for value in last)
    return (
        f"successive models agree: kappa {shown} on the stop set, on average {sum(last) / WINDOW:.4f}, not below "
        f"active.stop.kappa = {threshold:g}"
    )


def too_dear(dev_f1: Sequence[float], dollars: Sequence[float], price: float | None) -> str | None:
    """A point of F1 has come to cost more than it is worth: the next rounds are expected to gain per dollar what the
    last ones did, which learning curves that flatten do not even keep up."""
    if price is None or len(dev_f1) <= WINDOW:
        return None
    points, spent = 100 * (dev_f1[-1] - dev_f1[-1 - WINDOW]), dollars[-1] - dollars[-1 - WINDOW]
    if spent <= points * price:
        return None
    each = f", {spent / points:.2f} a point" if points > 0 else ""
    return (
        f"the last {WINDOW} rounds gained {points:+.2f} points of F1 on dev for {spent:.2f} dollars{each}; "
        f"active.stop.dollars_per_point = {price:g}"
    )
