"""Names in the chart of F1 against money: each beside its mark, none over another name, a mark or the front's line."""

from __future__ import annotations

from decimal import Decimal
from itertools import combinations
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from nerc_trainer.report.models import Model
from nerc_trainer.report.pareto import put_names


def drawn(found: list[tuple[str, float, float]]) -> tuple[Any, list[str]]:
    """Axes with names and marks of (name, dollars, F1), the first three joined by a line; the names left out."""
    models = [
        Model(name, f1, "dev", Decimal(0), None, Decimal(str(dollars)), None, 1, expert_only=True)
        for name, dollars, f1 in found
    ]
    figure = Figure(figsize=(4.7, 3.3))
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    axes.plot([dollars for _, dollars, _ in found[:3]], [f1 for _, _, f1 in found[:3]], marker="o")
    axes.plot([dollars for _, dollars, _ in found], [f1 for _, _, f1 in found], linestyle="none", marker="s")
    axes.margins(x=0.2, y=0.12)
    return axes, put_names(axes, models)


def test_names_of_near_models_stand_apart() -> None:
    crowd = [("a cheap one", 1, 0.5), ("init-12", 10, 0.7), ("the best", 60, 0.83)]
    crowd += [(f"round {number}", 12 + number, 0.72 + number / 500) for number in range(6)]
    axes, left_out = drawn(crowd)
    assert not left_out
    assert [text.get_text() for text in axes.texts] == [name for name, _, _ in crowd]
    boxes = [text.get_window_extent() for text in axes.texts]
    assert not any(one.overlaps(other) for one, other in combinations(boxes, 2))
    line = axes.lines[0].get_path().transformed(axes.transData)
    assert not any(line.intersects_bbox(box, filled=False) for box in boxes)
    marks = axes.transData.transform([(dollars, f1) for _, dollars, f1 in crowd])
    assert not any(box.contains(*mark) for box in boxes for mark in marks)
    assert all(axes.bbox.x0 <= box.x0 and box.x1 <= axes.bbox.x1 for box in boxes)


def test_a_name_without_a_place_is_left_to_the_table() -> None:
    axes, left_out = drawn([(f"round {number}", 5, 0.7) for number in range(40)])
    assert len(axes.texts) + len(left_out) == 40
    assert left_out
    assert left_out[-1] == "round 39", "the first ones come first"
