"""Figures of trainings as tables for the terminal; only rank 0 prints them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from accelerate import PartialState

from nerc_trainer.experiments.simulation_summary import share_shown

_FIGURES = {"f1": "F1", "precision": "precision", "recall": "recall", "accuracy": "accuracy", "loss": "loss"}


def show_scores(scores: Mapping[str, Mapping[str, Any]]) -> None:
    """One tagger: its figures on each split, and F1 by type."""
    from rich.console import Console
    from rich.table import Table

    if not PartialState().is_main_process:
        return
    table = Table()
    table.add_column("")
    for split in scores:
        table.add_column(split.replace("_", " "), justify="right")
    for name, title in _FIGURES.items():
        table.add_row(title, *(f"{figures[name]:.4f}" for figures in scores.values()))
    for type_ in sorted({name for figures in scores.values() for name in figures["by_type"]}):
        rows = [figures["by_type"].get(type_) for figures in scores.values()]
        table.add_row(f"F1 {type_}", *(f"{row['f1']:.4f}" if row else "-" for row in rows))
    Console().print(table)


def show_comparison(comparison: Mapping[str, Any]) -> None:
    """The rows of `compare` on test, or on dev where there is no test, and their differences."""
    from rich.console import Console
    from rich.table import Table

    if not PartialState().is_main_process:
        return
    split = "test" if "test" in comparison else "dev"
    rows = comparison[split]["rows"]
    table = Table(title=f"Figures on {split}: mean and standard deviation over seeds", title_justify="left")
    table.add_column("")
    for name in rows:
        table.add_column(name, justify="right")
    table.add_row("expert sentences", *(str(row["expert_sentences"]) for row in rows.values()))
    table.add_row("LLM sentences", *(str(row["llm_sentences"]) for row in rows.values()))
    for name, title in _FIGURES.items():
        table.add_row(title, *(_mean_and_spread(row[name]) for row in rows.values()))
    for type_ in next(iter(rows.values()))["f1_by_type"]:
        table.add_row(f"F1 {type_}", *(_mean_and_spread(row["f1_by_type"][type_]) for row in rows.values()))
    differences = Table(title="Differences in F1 (paired bootstrap over sentences)", title_justify="left")
    for name, justify in (("pair", "left"), ("difference", "right"), ("95 %", "right"), ("p", "right")):
        differences.add_column(name, justify=justify)  # type: ignore[arg-type]
    for one in comparison[split]["differences"]:
        differences.add_row(
            f"{one['higher']} - {one['lower']}",
            f"{one['value']:+.4f}",
            f"{one['low']:+.3f} to {one['high']:+.3f}",
            f"{one['p']:.4f}",
        )
    Console().print(table)
    Console().print(differences)


def show_threshold(summary: Mapping[str, Any]) -> None:
    """Both curves of `threshold`, a row for each share."""
    from rich.console import Console
    from rich.table import Table

    if not PartialState().is_main_process:
        return
    table = Table(title="Figures on the held-out folds: mean and standard deviation", title_justify="left")
    for name in ("share", "sentences", "F1 with LLM", "F1 without", "accuracy with LLM", "loss with LLM"):
        table.add_column(name, justify="right")
    without = {point["share"]: point for point in summary["curves"]["without_llm"]}
    for point in summary["curves"]["with_llm"]:
        table.add_row(
            f"{point['share']:.0%}",
            f"{point['expert_sentences']:.0f}",
            _mean_and_spread(point["f1"]),
            _mean_and_spread(without[point["share"]]["f1"]) if point["share"] in without else "-",
            _mean_and_spread(point["accuracy"]),
            _mean_and_spread(point["loss"]),
        )
    Console().print(table)


def show_simulation(summary: Mapping[str, Any]) -> None:
    """The strategies of a simulation, a row each; 80 columns are enough for the longest name."""
    from rich.console import Console
    from rich.table import Table

    if not PartialState().is_main_process:
        return
    seeds = len(summary["seeds"])
    title = f"F1 on {summary['split']} over words, {seeds} seed{'s' if seeds > 1 else ''}"
    table = Table(title=title, title_justify="left")
    table.add_column("strategy", no_wrap=True)
    shares = list(next(iter(summary["curves"].values()))["reach"])
    for name in ("area", "over random", *(f"{float(share):.0%}" for share in shares)):
        table.add_column(name, justify="right", no_wrap=True)
    for name, curve in summary["curves"].items():
        table.add_row(
            name,
            "-" if curve["area"] is None else f"{curve['area']['mean']:.4f}",
            _with_interval(curve["over_random"]),
            *(share_shown(curve["reach"][share]) or "-" for share in shares),
        )
    Console().print(table)


def _with_interval(difference: Mapping[str, Any] | None) -> str:
    """A difference, and how far to both sides its 95 % interval goes where there is one."""
    if difference is None:
        return "-"
    half = "" if difference["high"] is None else f" ±{difference['high'] - difference['value']:.4f}"
    return f"{difference['value']:+.4f}{half}"


def _mean_and_spread(figure: Mapping[str, Any]) -> str:
    spread = "" if figure["spread"] is None else f" ±{figure['spread']:.3f}"
    return f"{figure['mean']:.3f}{spread}"
