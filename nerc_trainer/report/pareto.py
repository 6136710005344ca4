"""The chart of F1 against money, whose names keep clear of each other, of the marks and of the front's line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from nerc_trainer.plots import SIZE, Chart, chart_style, render_chart
from nerc_trainer.report.models import Model, front

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# From this ratio of dearest to cheapest on, the cheap models would lie on one another.
_WIDE = 50
_NEAR, _FAR = 4, 14  # points between a mark and its name
_MARK = 3.5  # points from the middle of a mark to its edge


def pareto_chart(models: Sequence[Model]) -> Chart:
    """F1 against money: filled circles on the front, joined by a line, hollow squares off it; names beside."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    best = front(models)
    with chart_style():
        figure = Figure(figsize=SIZE)
        FigureCanvasAgg(figure)
        axes = figure.subplots()
        order = sorted(best, key=lambda at: models[at].dollars)
        x, y = [float(models[at].dollars) for at in order], [models[at].f1 for at in order]
        axes.plot(x, y, color="black", marker="o", markersize=5, linewidth=1, label="on the Pareto front")
        off = [position for position in range(len(models)) if position not in best]
        if off:
            x, y = [float(models[at].dollars) for at in off], [models[at].f1 for at in off]
            hollow: dict[str, Any] = {
                "linestyle": "none",
                "marker": "s",
                "markerfacecolor": "white",
                "color": "#D55E00",
            }
            axes.plot(x, y, label="off it", markersize=5, **hollow)
        paid = [float(model.dollars) for model in models if model.dollars > 0]
        is_wide = bool(paid) and max(paid) > _WIDE * min(paid)
        if is_wide:
            axes.set_xscale("symlog", linthresh=min(paid))
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.10g}")
        axes.margins(x=0.2, y=0.12)
        axes.set_xlabel(f"dollars{' (logarithmic)' if is_wide else ''}")
        axes.set_ylabel(f"F1 on {models[0].split}")
        axes.set_title("Money and F1")
        axes.legend(loc="lower right")
        put_names(axes, [models[at] for at in [*order, *off]])
        return render_chart("pareto", figure)


def put_names(axes: Axes, models: Sequence[Model]) -> list[str]:
    """Write each model's name beside its mark where nothing else is, the first ones first; returns the names that have
    found no such place and are left to the table."""
    from matplotlib.transforms import Bbox

    figure: Any = axes.figure
    figure.canvas.draw()  # what is measured below hangs on the layout
    pixels = figure.dpi / 72
    marks = axes.transData.transform([(float(model.dollars), model.f1) for model in models])
    taken = [Bbox.from_extents(*(mark - _MARK * pixels), *(mark + _MARK * pixels)) for mark in marks]
    legend = axes.get_legend()
    taken += [] if legend is None else [legend.get_window_extent()]
    line = axes.lines[0].get_path().transformed(axes.lines[0].get_transform())
    left_out = []
    for model in models:
        for right, up in _places():
            name = axes.annotate(
                model.name,
                (float(model.dollars), model.f1),
                xytext=(right, up),
                ha="left" if right > 0 else "right" if right < 0 else "center",
                va="bottom" if up > 0 else "top" if up < 0 else "center",
                textcoords="offset points",
                fontsize=7,
            )
            name.set_in_layout(False)
            box = name.get_window_extent()
            is_inside = axes.bbox.containsx(box.x0) and axes.bbox.containsx(box.x1)
            if is_inside and not box.count_overlaps(taken) and not line.intersects_bbox(box, filled=False):
                taken.append(box)
                break
            name.remove()
        else:
            left_out.append(model.name)
    return left_out


def _places() -> list[tuple[float, float]]:
    """Points to the right of a mark and above it; the front rises, so left above and right below come first."""
    sides = [(-1, 1), (1, -1), (1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (-1, -1)]
    return [(right * away, up * away) for away in (_NEAR, _FAR) for right, up in sides]
