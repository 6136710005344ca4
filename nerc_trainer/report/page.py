"""`nerc-trainer report`: the parts of a run as one HTML page that needs nothing else, and its charts beside it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from nerc_trainer.errors import NercError
from nerc_trainer.files import write_text
from nerc_trainer.hub.secrets import strike_out
from nerc_trainer.report.about import about_part
from nerc_trainer.report.cheap import cheap_part
from nerc_trainer.report.collect import RunData, collect_run
from nerc_trainer.report.corpus import corpus_part
from nerc_trainer.report.costs import costs_part
from nerc_trainer.report.curves import rounds_part
from nerc_trainer.report.experiments import compare_part, threshold_part
from nerc_trainer.report.llm import labels_part, sweep_part
from nerc_trainer.report.look_up import find_tokens, tags_before
from nerc_trainer.report.parts import Part
from nerc_trainer.report.selected import selected_part, shown_ids
from nerc_trainer.report.simulation import simulation_part
from nerc_trainer.report.timings import timings_part
from nerc_trainer.report.uncertainty import uncertainty_part

if TYPE_CHECKING:
    from nerc_trainer.plots import Chart

_TEMPLATE = Path(__file__).with_name("page.html.jinja")
_LARGEST = 3_000_000


def write_report(folders: Sequence[Path], overrides: Sequence[str] = ()) -> Path:
    """Write the page about the first run into its folder ``report``; the others join its learning curves.

    Returns the page's file. Raises NercError for a folder that is no run's, and for a page of more than 3 MB.
    """
    runs = [collect_run(folder, overrides) for folder in folders]
    parts = parts_of(runs)
    if not parts:
        raise NercError(f"{folders[0]}: has nothing to show yet; run a stage first, such as `nerc-trainer active`")
    page = strike_out(render(runs[0].name, parts))
    if len(page.encode()) > _LARGEST:
        raise NercError(f"{folders[0]}: the page would have {len(page.encode()):,} bytes, {_way_out(parts, len(runs))}")
    folder = runs[0].folder / "report"
    folder.mkdir(parents=True, exist_ok=True)
    charts = [plot.chart for part in parts for plot in part.plots]
    for chart in charts:
        chart.write(folder)
    written = {f"{chart.name}{suffix}" for chart in charts for suffix in (".png", ".svg")}
    # A chart of an earlier page must not pass for one of this.
    for path in folder.iterdir():
        if path.suffix in (".png", ".svg") and path.name not in written:
            path.unlink()
    write_text(folder / "index.html", page)
    return folder / "index.html"


def _way_out(parts: Sequence[Part], runs: int) -> str:
    """The largest part of a page that is too large, and what makes it smaller where something does."""
    frame = len(render("", []).encode())
    size, largest = max(((len(render("", [part]).encode()) - frame, part) for part in parts), key=lambda one: one[0])
    if largest.sentences:
        way_out = ": lower report.sentences"
    elif largest.id == "rounds" and runs > 1:
        way_out = ": give fewer runs"
    else:
        way_out = ""
    return f"more than {_LARGEST:,}; {size:,} are those of {largest.title!r}{way_out}"


def parts_of(runs: Sequence[RunData]) -> list[Part]:
    """All parts that the first run has something for, in the order of the page."""
    run = runs[0]
    found = [
        rounds_part(runs),
        costs_part(run),
        simulation_part(run),
        threshold_part(run),
        compare_part(run),
        labels_part(run),
        sweep_part(run),
        _selected(run),
        uncertainty_part(run),
        cheap_part(run),
        corpus_part(run),
        timings_part(run),
        about_part(run),
    ]
    return [part for part in found if part is not None]


def _selected(run: RunData) -> Part | None:
    shown = shown_ids(run)
    if not shown:
        return None
    tokens, notes = find_tokens(run, [name for ids in shown.values() for name in ids])
    before, more = tags_before(run, shown, tokens)
    return selected_part(run, tokens, before, [*notes, *more])


def render(name: str, parts: Sequence[Part]) -> str:
    """The page as HTML: everything that is shown is escaped, and charts are pictures that can't run anything."""
    import jinja2

    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"picture": picture, "width": width_of}
    template = environment.from_string(_TEMPLATE.read_text(encoding="utf-8"))
    types = sorted(
        {
            word.type
            for part in parts
            for sentences in (part.sentences or {}).values()
            for sentence in sentences
            for reading in sentence.readings
            for word in reading.words
            if word.type is not None
        }
    )
    colours = {type_: number % 6 for number, type_ in enumerate(types)}
    return template.render(name=name, parts=parts, colours=colours)


def width_of(chart: Chart) -> float:
    """The width at which a chart's text has its own size, in pixels."""
    points = re.search(r'<svg[^>]* width="([0-9.]+)pt"', chart.svg)
    return float(points[1]) * 4 / 3 if points else 600.0


def picture(chart: Chart) -> str:
    """A chart as an address that holds the chart itself. As a picture, it cannot load or run anything."""
    svg = chart.svg[chart.svg.index("<svg") :]
    return f"data:image/svg+xml,{quote(svg, safe=' =:/,;.-()')}"
