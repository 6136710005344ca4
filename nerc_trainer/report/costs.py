"""What the run cost, what each model cost for its F1, and what other prices would have cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path

from nerc_trainer.account import Account, account_at
from nerc_trainer.annotation.money import find_price
from nerc_trainer.annotation.spending import LedgerSums
from nerc_trainer.errors import NercError
from nerc_trainer.public_names import without_folders
from nerc_trainer.recipe.costs import CostsSection, WhatIfSection
from nerc_trainer.report.alone import ExpertCurve, alone_as, expert_curve
from nerc_trainer.report.collect import RunData
from nerc_trainer.report.models import Model, front, gains, models_of, replies_dollars
from nerc_trainer.report.pareto import pareto_chart
from nerc_trainer.report.parts import MISSING, Part, Plot, Table, count, money, score
from nerc_trainer.report.savings import alone_cell, saved_text, threshold_table

_SAME_PRICE = WhatIfSection()


def costs_part(run: RunData) -> Part | None:
    """The account and the models' money; None for a run that has neither paid anything nor made a model."""
    models = models_of(run)
    if not models and run.ledger is None:
        return None
    account, curve = run.account, expert_curve(run)
    facts = [
        (f"${money(account.total)}", "all in all"),
        (f"${money(account.llm)}", "for the LLM's replies, rejected ones and retries among them"),
        (f"${money(account.expert)}", "for the expert's labels in the rounds"),
    ]
    if account.machine is not None:
        facts.append((f"${money(account.machine)}", "for the machine"))
    text = [_how_priced(run.costs)]
    shared = _shared_ledger(run)
    if shared is not None:
        text.append(
            f"The ledger {shared.name} lies outside of the run's folder: all replies in it are counted, those that "
            "other runs asked for too."
        )
    replies = replies_dollars(run)
    if replies is not None and replies > account.llm:
        text.append(
            f"The replies behind the LLM's labels cost ${money(replies)}. Others paid for some of them, "
            "which is neither in the account nor in a model's money."
        )
    if account.perhaps:
        text.append(f"Calls that broke off after they were sent may have cost up to ${money(account.perhaps)} more.")
    tables = [_account_table(run)]
    if run.costs.what_if:
        text += _idle_prices(run)
        tables.append(_what_if_table(run))
    plots = []
    if models:
        tables.insert(0, _models_table(models, curve))
        plots.append(_pareto_plot(models))
        text.append(
            f"A model's money is that of the labels it learnt from, and F1 is on {models[0].split}. Where the LLM's "
            "labels took part, all replies in the ledger count, those of the sweep too"
            + (", and a second LLM's in the rounds since it was asked. " if _asked_second(run) else ". ")
            + "A gain is in points of F1 for each dollar more than the cheapest model costs."
        )
        if run.comparison is not None or run.models:
            text.append(
                "Labels of taggers that belong to no round were simulated: they are in no account but their row."
            )
        untimed = [model.name for model in models if model.machine is None]
        if account.machine is not None and untimed:
            text.append(f"How long {', '.join(untimed)} took to train was not noted, so no machine is counted there.")
    if curve is not None:
        text += saved_text(run, models, curve)
        if run.threshold is not None:
            tables.append(threshold_table(run, curve))
    return Part("costs", "What it cost", text, facts=facts, plots=plots, tables=tables)


def _asked_second(run: RunData) -> bool:
    return any(row.get("llm_dollars") for row in run.history)


def _shared_ledger(run: RunData) -> Path | None:
    """The ledger of a run where it may be that of others too, None where it lies in the run's folder."""
    if run.ledger is None or run.recipe is None or run.recipe.annotation.ledger is None:
        return None
    path = run.recipe.annotation.ledger
    return None if path.resolve().is_relative_to(run.folder.resolve()) else path


def _how_priced(costs: CostsSection) -> str:
    per = {
        "words": f"{costs.expert_seconds_per_word:g} seconds a word",
        "sentences": f"{costs.expert_seconds_per_sentence or 0:g} seconds a sentence",
        "seconds": f"the seconds noted with the labels, or {costs.expert_seconds_per_word:g} a word",
    }[costs.expert_by]
    machine = (
        "" if costs.gpu_dollars_per_hour is None else f" The machine costs ${costs.gpu_dollars_per_hour:g} an hour."
    )
    return f"The expert is paid ${costs.expert_wage:g} an hour: {per}.{machine}"


def _account_table(run: RunData) -> Table:
    """A row for each model that was asked, and one for each kind of work."""
    rows = [
        [
            f"LLM {without_folders(one.model)}{' in batches' if one.batch else ''}",
            f"{count(one.calls)} replies, {count(one.prompt_tokens)} + {count(one.completion_tokens)} tokens",
            money(Decimal(one.price).scaleb(-12)),
        ]
        for one in (run.ledger.spending if run.ledger else ())
    ]
    if run.history:
        last = run.history[-1]
        work = f"{count(last['expert_sentences'])} sentences, {count(last['tokens'])} words"
        rows.append(["expert", work, money(run.account.expert)])
    if run.account.machine is not None:
        parts = ["the rounds"] if run.history else []
        trainings = len(run.cell_seconds)
        parts += [f"{count(trainings)} training{'s' if trainings > 1 else ''}"] if trainings else []
        price = f"${run.costs.gpu_dollars_per_hour:g} an hour"
        rows.append(["machine", f"{' and '.join(parts) or 'nothing yet'}, at {price}", money(run.account.machine)])
    rows.append(["all", "", money(run.account.total)])
    return Table("The account of the run", ["what", "how much", "dollars"], rows, texts=2)


def _models_table(models: Sequence[Model], curve: ExpertCurve | None) -> Table:
    best = front(models)
    has_machine = any(model.machine is not None for model in models)
    if all(model.expert_only for model in models):
        curve = None  # there is nothing to hold against it
    columns = ["model", "F1", "LLM $", "expert $", *(["machine $"] if has_machine else []), "all $", "F1 points per $"]
    rows = []
    for position, (model, gain) in enumerate(zip(models, gains(models), strict=True)):
        row = [model.name + (" *" if position in best else ""), score(model.f1), money(model.llm), money(model.expert)]
        row += [money(model.machine)] if has_machine else []
        row += [money(model.dollars), MISSING if gain is None else f"{gain:.2f}"]
        if curve is not None:
            row.append(money(model.label_dollars))
            row.append(MISSING if model.expert_only else alone_cell(alone_as(curve, model)))
        rows.append(row)
    return Table(
        "Models by money and F1; * is on the Pareto front",
        [*columns, *(["its labels $", "same F1 from experts alone $ (95 %)"] if curve is not None else [])],
        rows,
    )


def _what_if_table(run: RunData) -> Table:
    ledger = run.ledger or LedgerSums()
    cases: list[tuple[str, Account, WhatIfSection]] = [("as it was", run.account, _SAME_PRICE)]
    cases += [
        (name, account_at(ledger, run.history, run.costs, other, run.trained), other)
        for name, other in run.costs.what_if.items()
    ]
    behind = _replies_behind_labels(run)
    rows = [
        [
            name,
            money(account.llm),
            *([money(_priced_replies(run, other))] if behind else []),
            money(account.expert),
            money(account.machine),
            money(account.total),
        ]
        for name, account, other in cases
    ]
    columns = [
        "prices",
        "LLM $",
        *(["(all replies behind the labels $)"] if behind else []),
        "expert $",
        "machine $",
        "all $",
    ]
    return Table("The same run at other prices, with no new calls", columns, rows)


def _idle_prices(run: RunData) -> list[str]:
    """A sentence for each price in the recipe of a model that the run has not asked and does not name: it counts for
    nothing. Where nobody was asked yet, all may be.

    Raises NercError where the command line gave the price, since that is a slip.
    """
    asked = {one.model for one in (run.ledger.spending if run.ledger else ())}
    asked |= {run.annotation["model"]} if run.annotation is not None else set()
    named: set[str | None] = set()
    by_recipe: Mapping[str, WhatIfSection] = {}
    if run.recipe is not None:
        second = run.recipe.active.llm_relabel
        named = {run.recipe.annotation.model, *run.recipe.sweep.models, *([second.model] if second else [])}
        by_recipe = run.recipe.costs.what_if
    said = []
    for name, other in run.costs.what_if.items():
        for model in other.prices if asked else ():
            if model in asked | named:
                continue
            reason = f"the run has not asked this model; it has asked {', '.join(sorted(asked))}"
            if by_recipe.get(name) != other:
                raise NercError(f"costs.what_if.{name}.prices: {model}: {reason}; give a price of one of these")
            said.append(f"The price of {model} in costs.what_if.{name} counts for nothing: {reason}.")
    return said


def _replies_behind_labels(run: RunData) -> bool:
    return run.annotation is not None and bool(run.annotation.get("replies", {}).get("calls"))


def _priced_replies(run: RunData, other: WhatIfSection) -> Decimal:
    """What the replies that the labels come from cost, whoever paid for them."""
    assert run.annotation is not None
    replies, model = run.annotation["replies"], run.annotation["model"]
    if model not in other.prices:
        return Decimal(str(replies["dollars"]))
    price = find_price(model, other.prices)
    live = [replies["prompt_tokens"], 0, replies["completion_tokens"]]  # all that older runs have noted
    tokens = replies.get("tokens", {"live": live})
    return Decimal(sum(price.charge(*said, batch=kind == "batch") for kind, said in tokens.items())).scaleb(-12)


def _pareto_plot(models: Sequence[Model]) -> Plot:
    chart = pareto_chart(models)
    best = front(models)
    names = ", ".join(models[position].name for position in sorted(best, key=lambda at: models[at].dollars))
    numbers = Table(
        "Money and F1",
        ["model", "dollars", "F1", "on the front"],
        [
            [model.name, money(model.dollars), score(model.f1), "yes" if position in best else "no"]
            for position, model in enumerate(models)
        ],
    )
    alt = f"F1 of each model against its money. On the Pareto front, cheapest first: {names}."
    return Plot(chart, alt, numbers)
