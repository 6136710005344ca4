"""Figures of trainings as tables for the terminal; only rank 0 prints them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from accelerate import PartialState

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
