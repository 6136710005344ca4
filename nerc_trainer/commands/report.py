"""The verb that writes a page about a run."""

import os
from pathlib import Path

import click

from nerc_trainer.commands.shared import examples
from nerc_trainer.errors import NercError


@click.command(
    short_help="Write one page about a run.",
    epilog=examples(
        "nerc-trainer report runs/quickstart",
        "nerc-trainer report runs/mine runs/mine-random        (the second one's curve beside the first one's)",
        "nerc-trainer report runs/mine costs.what_if.senior.expert_wage=90 costs.gpu_dollars_per_hour=2.5",
    ),
)
@click.argument("runs", nargs=-1, required=True, metavar="RUN... [DOTTED.KEY=VALUE]...")
def report(runs: tuple[str, ...]) -> None:
    """Write a page about RUN, a run's folder, to RUN/report/index.html: one file that opens from disk, with its charts
    as PNG and SVG beside it.

    It shows what the run has so far: rounds, costs, experiments, labels, selected sentences. Of further RUNs only the
    learning curves join. A finished run can be counted at other prices (costs.what_if).
    """
    # os.path: a Path refuses to look at a value that is longer than a file's name may be.
    overrides = [word for word in runs if "=" in word and not os.path.isdir(word)]
    folders = [word for word in runs if word not in overrides]
    if not folders:
        raise click.UsageError("give the folder of at least one run")
    for folder in folders:
        if not os.path.isdir(folder):
            raise NercError(f"{folder}: no such folder; give the run.dir of a run")
    from nerc_trainer.report.page import write_report

    page = write_report([Path(folder) for folder in folders], overrides)
    click.echo(f"the report is {page} ({page.stat().st_size:,} bytes)")
