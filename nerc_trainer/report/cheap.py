"""What cheap-test has found, where it was run."""

from __future__ import annotations

from nerc_trainer.report.collect import Row, RunData
from nerc_trainer.report.parts import Part, Table, money, score

_FIGURES = {"f1": "F1", "precision": "precision", "recall": "recall"}


def cheap_part(run: RunData) -> Part | None:
    """Figures with their intervals from few test labels, with the LLM's labels and without; None without them."""
    found = run.cheap_test
    if not found:
        return None
    level = f"{100 * found['level']:g}%"
    llm = found.get("llm_dollars")
    price = "at a price that is not known" if llm is None else f"for ${money(llm)}"
    text = (
        f"The expert labelled {found['labelled']:,} of {found['sentences']:,} sentences of {found['split']} for "
        f"${money(found['expert_dollars'])}; the LLM, or another tagger, all of them {price}. The account of the "
        "run holds neither, but for replies in its ledger."
    )
    tables = [_table("Estimates", found["figures"], level, found["truth"])]
    if found["differences"]:
        tables.append(_table("Differences from the other tagger", found["differences"], level, None))
    return Part("cheap-test", "How good it is with few test labels", [text], tables=tables)


def _table(title: str, figures: Row, level: str, truth: Row | None) -> Table:
    rows = [
        [
            _FIGURES.get(name, name),
            *(cell for side in ("alone", "with_proxy") for cell in (score(one[side]["value"]), _interval(one[side]))),
            f"{one['as_good_as']:,.0f}",
            *([score(truth[name])] if truth else []),
        ]
        for name, one in figures.items()
    ]
    known = ["if all were labelled"] if truth else []
    header = ["figure", "expert alone", level, "with the LLM", level, "as good as labels", *known]
    return Table(title, header, rows)


def _interval(one: Row) -> str:
    return f"{one['low']:.3f} to {one['high']:.3f}"
