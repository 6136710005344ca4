"""What the LLM's labels have saved: the same F1 from experts alone, in words and as a table."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from nerc_trainer.account import NOTHING
from nerc_trainer.costs import ExpertWork, expert_dollars
from nerc_trainer.report.alone import Alone, ExpertCurve, alone, alone_as, expert_arm
from nerc_trainer.report.collect import RunData
from nerc_trainer.report.models import Model, replies_dollars
from nerc_trainer.report.parts import Table, money, score


def alone_cell(found: Alone) -> str:
    """Dollars, with their interval in brackets where there is one and they are no bound themselves."""
    interval = f" ({_range(found)})" if found.has_interval and found.low is not None and not found.at_most else ""
    return _dollars(found) + interval


def _dollars(found: Alone, sign: str = "") -> str:
    if found.dollars is None:
        return f"more than {sign}{money(found.most)}"
    return f"{'at most ' if found.at_most else ''}{sign}{money(found.dollars)}"


def _range(found: Alone) -> str:
    if found.low is None:
        return f"all of it more than {money(found.most)}"
    high = f"more than {money(found.most)}" if found.high is None else money(found.high)
    return f"{money(found.low)} to {high}"


def saved_text(run: RunData, models: Sequence[Model], curve: ExpertCurve) -> list[str]:
    """The sentences that say what the best model with the LLM's labels has saved, and how far to trust them."""
    with_llm = [model for model in models if not model.expert_only]
    if not with_llm:
        return []
    best = max(with_llm, key=lambda model: model.f1)
    found = alone_as(curve, best)
    would = _dollars(found, "$") + (", where the curve of expert labels ends" if found.dollars is None else "")
    if found.at_most:
        chance = "That is a bound and no estimate, since the curve is straight where it should bend."
    elif not found.has_interval:
        chance = f"There is no interval, since the curve has {curve.measured}: what chance makes of it is not known."
    elif curve.source == "compare":
        chance = f"The 95 % interval, {_range(found)}, is over {curve.measured}, in pairs."
    else:
        chance = (
            f"The 95 % interval, {_range(found)}, is over {curve.measured} of the curve; chance in the F1 of "
            f"{best.name} itself is not in it."
        )
    return [
        f"F1 {score(best.f1)} ({best.name}) took labels {_priced(best)}. The same F1 from experts alone would "
        f"have cost {would}: read {_how_read(run, curve, best.split)}. {chance}",
        "Labels alone stand on both sides of this: neither a machine nor replies of a sweep are in it.",
    ]


def _priced(model: Model) -> str:
    """What a model's labels cost, and whom, in words."""
    if model.label_dollars is None:
        return f"of ${money(model.expert)} from the expert, and of an LLM whose price is not known"
    return (
        f"of ${money(model.label_dollars)}: ${money(model.replies)} for the replies behind the LLM's labels, whoever "
        f"paid for them, and ${money(model.expert)} for the expert"
    )


def _how_read(run: RunData, curve: ExpertCurve, split: str) -> str:
    if curve.source == "compare":
        return (
            "between the few rows of compare that an expert labelled, which asks for too much (threshold comes closer)"
        )
    if curve.source == "threshold":
        return (
            f"off the curve without the LLM's labels, which was measured on held-out folds of train and not on {split}"
        )
    arm = expert_arm(run)
    assert arm is not None
    assert run.simulation is not None
    other = "" if run.simulation["split"] == split else f", which was measured on {run.simulation['split']}"
    return f"off the simulated curve of {arm['strategy']} without the LLM's labels{other}"


def threshold_table(run: RunData, curve: ExpertCurve) -> Table:
    """Both sides of the threshold experiment in money for labels: the same folds, so the comparison is a fair one."""
    assert run.threshold is not None
    replies = replies_dollars(run)
    rows = []
    for point in run.threshold["curves"]["with_llm"]:
        work = ExpertWork(point["expert_sentences"], point["expert_words"])
        dollars = (replies or NOTHING) + Decimal(str(round(expert_dollars(work, run.costs), 6)))
        same = alone(curve, point["f1"]["folds"])
        rows.append([f"{point['share']:.0%}", score(point["f1"]["mean"]), money(dollars), alone_cell(same)])
    return Table(
        f"The same F1 with the LLM's labels and from experts alone, on the same {curve.measured} (95 % in brackets)",
        ["expert share", "F1", f"with the LLM{', its price unknown,' if replies is None else ''} $", "experts alone $"],
        rows,
    )
