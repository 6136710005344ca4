"""The cells of a sweep as a table, as JSON, and as a heat map of prompts by models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nerc_trainer.annotation.pareto import pareto_front
from nerc_trainer.files import write_json
from nerc_trainer.plots import chart_style, render_chart

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Cell = Mapping[str, Any]


def ranked(cells: Sequence[Cell]) -> list[Cell]:
    """The best F1 first; of equals the cheaper, then the one with fewer tokens of output, then by name."""
    return sorted(
        cells,
        key=lambda cell: (-cell["f1"], cell["dollars"], cell["output_tokens"], cell["prompt_name"], cell["model"]),
    )


def write_leaderboard(folder: Path, cells: Sequence[Cell]) -> Cell:
    """Write leaderboard.json, heat map and winner.json, and return the winner.

    Its ``other_format`` is the best prompt for the same model in another format, None if there is none.
    """
    order = ranked(cells)
    front = pareto_front(efforts(order), [cell["f1"] for cell in order])
    rows = [{**cell, "pareto": index in front} for index, cell in enumerate(order)]
    write_json(folder / "leaderboard.json", {"version": 1, "cells": rows})
    best = order[0]
    others = (cell["prompt"] for cell in order if cell["model"] == best["model"] and cell["format"] != best["format"])
    winner = {**{key: best[key] for key in ("prompt", "model", "f1", "digest")}, "other_format": next(others, None)}
    write_json(folder / "winner.json", winner)
    with chart_style():
        render_chart("heat_map", heat_map(cells)).write(folder)
    return winner


def efforts(cells: Sequence[Cell]) -> list[float]:
    """What the Pareto front takes for the price: dollars for 1,000 sentences, or seconds where all cells are free."""
    if any(cell["dollars_per_1000"] for cell in cells):
        return [cell["dollars_per_1000"] for cell in cells]
    return [cell["seconds"] / cell["sentences"] for cell in cells]


def show_leaderboard(cells: Sequence[Cell]) -> None:
    """A table, the best first; * marks what nothing else beats in F1 and price."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    order = ranked(cells)
    front = pareto_front(efforts(order), [cell["f1"] for cell in order])
    title = "Leaderboard (* is on the Pareto front of F1 and price)"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=0)
    # 80 columns hold all figures; the names share what is left of a line, and are folded before a figure is cut.
    table.add_column("prompt\nmodel", overflow="fold", min_width=8)
    for name in ("F1", "95 %", "cover-\nage", "re-\njected", "tokens\nout", "$ for\n1,000", "s for\none"):
        table.add_column(name, justify="right", no_wrap=True)
    for index, cell in enumerate(order):
        table.add_row(
            f"{cell['prompt_name']}\n{cell['model']}",
            f"{cell['f1']:.3f}{'*' if index in front else ' '}",
            f"{cell['f1_low']:.2f}-{cell['f1_high']:.2f}",
            f"{cell['coverage']:.0%}",
            str(cell["rejected"]),
            f"{cell['output_tokens'] / cell['sentences']:.0f}",
            f"{cell['dollars_per_1000']:.4f}",
            f"{cell['seconds'] / cell['sentences']:.2f}",
        )
    Console().print(table)


def heat_map(cells: Sequence[Cell]) -> Figure:
    """F1 of each prompt (rows) with each model (columns), the best of each on top and left."""
    import numpy as np
    from matplotlib.figure import Figure

    values = {(cell["prompt_name"], cell["model"]): cell["f1"] for cell in cells}

    def order(names: set[str], at: int) -> list[str]:
        return sorted(names, key=lambda name: (-max(f1 for pair, f1 in values.items() if pair[at] == name), name))

    prompts = order({prompt for prompt, _ in values}, 0)
    models = order({model for _, model in values}, 1)
    grid = np.array([[values.get((prompt, model), np.nan) for model in models] for prompt in prompts])
    figure = Figure(figsize=(2.0 + 1.3 * len(models), 1.4 + 0.42 * len(prompts)), layout="constrained")
    axes = figure.subplots()
    axes.grid(visible=False)
    axes.imshow(grid, cmap="cividis", vmin=0, vmax=max(0.01, float(np.nanmax(grid))), aspect="auto")
    axes.set_xticks(range(len(models)), models, rotation=20, ha="right")
    axes.set_yticks(range(len(prompts)), prompts)
    for row, column in np.ndindex(grid.shape):
        if not np.isnan(grid[row, column]):
            dark = grid[row, column] < 0.6 * np.nanmax(grid)
            axes.text(column, row, f"{grid[row, column]:.2f}", ha="center", va="center", color="w" if dark else "k")
    axes.set_title("Entity F1 by prompt and model")
    return figure
