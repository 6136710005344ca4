"""What cheap-test found, as tables and sentences for the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nerc_trainer.recipe.cheap_test import CheapTestSection

_TITLES = {"f1": "F1", "precision": "precision", "recall": "recall"}
_WORTH_SAYING = 1.05  # labels that make n as good as less than this many n have brought nothing to speak of


def show_figures(figures: Mapping[str, Any]) -> None:
    """Each figure with both intervals, and in words what the LLM's labels have brought."""
    from rich.console import Console
    from rich.table import Table

    labelled, total = figures["labelled"], figures["sentences"]
    table = Table(
        title=f"{labelled:,} of {total:,} sentences labelled by the expert ({figures['choice']})", title_justify="left"
    )
    table.add_column("")
    for name in (f"{labelled:,} labels alone", "with the LLM's labels", "as good as"):
        table.add_column(name, justify="right")
    rows = [(_TITLES[name], row, "") for name, row in figures["figures"].items()]
    rows += [(f"difference in {_TITLES[name]}", row, "+") for name, row in figures["differences"].items()]
    for title, row, sign in rows:
        table.add_row(title, _bounds(row["alone"], sign), _bounds(row["with_proxy"], sign), f"{row['as_good_as']:,.0f}")
    Console().print(table)
    level = f"{100 * figures['level']:g}%"
    print(f"bounds hold with {level} confidence for the figures that all {total:,} sentences would give")
    if figures["proxy_sentences"] < total:
        print(f"{total - figures['proxy_sentences']:,} sentences have no label of the LLM; they count as average ones")
    print(verdict(figures))
    llm = figures["llm_dollars"]
    others = "what the others cost is not known" if llm is None else f"the LLM's of all sentences {llm:,.2f}"
    print(f"the expert's labels cost {figures['expert_dollars']:,.2f} dollars; {others}")
    if figures["truth"] is not None:
        said = ", ".join(f"{_TITLES[name]} {value:.4f}" for name, value in figures["truth"].items())
        print(f"the expert is simulated; the tags of all {total:,} sentences give {said}")


def verdict(figures: Mapping[str, Any]) -> str:
    """What the LLM's labels were worth for F1, in expert labels."""
    labelled, f1 = figures["labelled"], figures["figures"]["f1"]
    good = f1["as_good_as"]
    if labelled == figures["sentences"]:
        return "every sentence has the expert's label, so the LLM's are not needed"
    if f1["alone"]["value"] == 1:
        return (
            "the sample holds no mistake of the tagger, so it can't show what the LLM's labels are worth; the expert's "
            "labels stand alone"
        )
    if good < _WORTH_SAYING * labelled:
        return (
            f"the LLM's labels say next to nothing about this tagger's mistakes (as good as {good:,.0f} expert labels "
            f"instead of {labelled:,}), so the expert's labels stand alone; a better LLM may do more"
        )
    return f"with the LLM's labels, {labelled:,} expert labels are as good as {good:,.0f} alone would be for F1"


def show_plan(rows: Sequence[Mapping[str, Any]], section: CheapTestSection, llm_dollars: float | None) -> None:
    """How many labels each figure needs for the wanted width; ``llm_dollars`` is what the LLM's labels cost, None
    where that is not known."""
    from rich.console import Console
    from rich.table import Table

    table = Table(
        title=f"Expert labels ({section.choice}) for an interval {section.width:g} wide, judged by "
        f"{section.sentences:,} labels",
        title_justify="left",
    )
    table.add_column("")
    for name in ("width now", "alone", "with LLM", "hours", "dollars"):
        table.add_column(name, justify="right")
    for row in rows:
        kind, _, figure = row["figure"].rpartition(" ")
        title = f"{kind} {_TITLES[figure]}".strip()
        table.add_row(
            title,
            f"{row['now']:.3f}",
            f"{row['alone']:,}",
            f"{row['powered']:,}",
            f"{row['hours']:,.1f}",
            f"{row['dollars']:,.2f}",
        )
    Console().print(table)
    print("hours and dollars are those of the labels that are needed with the LLM's; set cheap_test.sentences to them")
    print(f"{section.sentences:,} labels tell the width only roughly: a quarter more or less is no surprise")
    if section.labeller is None:
        price = "an amount that is not known" if llm_dollars is None else f"{llm_dollars:,.2f} dollars"
        print(f"the LLM's labels of all sentences come on top: {price}")


def _bounds(row: Mapping[str, float], sign: str) -> str:
    return f"{row['value']:{sign}.3f} ({row['low']:{sign}.3f} to {row['high']:{sign}.3f})"
