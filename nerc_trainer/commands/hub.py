"""Verbs about what a run publishes."""

import sys
from pathlib import Path

import click

from nerc_trainer.commands.shared import examples
from nerc_trainer.errors import NercError


@click.group(epilog=examples("nerc-trainer hub ls runs/quickstart", "nerc-trainer hub sync runs/quickstart"))
def hub() -> None:
    """See, deliver and check what a run publishes on the Hub."""


@hub.command("ls", epilog=examples("nerc-trainer hub ls runs/quickstart"))
@click.argument("run", type=click.Path(path_type=Path))
def hub_ls(run: Path) -> None:
    """List the branches of RUN, a run's folder: where each stands, here and on the Hub."""
    from nerc_trainer.hub import list_branches

    rows = list_branches(_run_folder(run))
    _print_table(
        ["branch", "state", "F1 dev", "commit", "on the Hub", "folder"],
        [
            [
                row["branch"],
                row["state"],
                "" if row["f1"] is None else f"{row['f1']:.4f}",
                _short(row["commit"]),
                _short(row["remote_commit"]),
                row["folder"],
            ]
            for row in rows
        ],
    )


@hub.command("sync", epilog=examples("nerc-trainer hub sync runs/quickstart"))
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--endpoint", help="Address of another Hub than the one that the rounds were published with.")
def hub_sync(run: Path, endpoint: str | None) -> None:
    """Push every round of RUN, a run's folder, that is not on the Hub yet."""
    from nerc_trainer.hub import sync_outbox

    publications = sync_outbox(_run_folder(run), endpoint)
    _print_table(
        ["branch", "state", "commit", "detail"],
        [[pushed.branch, pushed.state, _short(pushed.commit), pushed.detail] for pushed in publications],
        when_empty="nothing waits to be pushed",
    )
    if waiting := [publication for publication in publications if publication.state == "waiting"]:
        raise NercError(f"{run}: {len(waiting)} of {len(publications)} rounds still wait; see the table")


@hub.command("verify", epilog=examples("nerc-trainer hub verify runs/quickstart"))
@click.argument("run", type=click.Path(path_type=Path))
def hub_verify(run: Path) -> None:
    """Compare what stands on the Hub, or staged offline, with what RUN, a run's folder, published."""
    from nerc_trainer.hub import verify_branches

    checks = verify_branches(_run_folder(run))
    _print_table(
        ["branch", "state", "commit", "result"],
        [
            [check["branch"], check["state"], _short(check["commit"]), "differs" if check["differences"] else "ok"]
            for check in checks
        ],
    )
    if differences := [f"{check['branch']}: {line}" for check in checks for line in check["differences"]]:
        raise NercError("\n".join(differences))


def _run_folder(run: Path) -> Path:
    if not (run / "recipe.resolved.yaml").is_file():
        raise NercError(f"{run}: not a run's folder (it has no recipe.resolved.yaml); give the run.dir of a run")
    return run


def _short(commit: str | None) -> str:
    return commit[:12] if commit else ""


def _print_table(columns: list[str], rows: list[list[str]], when_empty: str = "nothing has been published") -> None:
    from rich.console import Console
    from rich.table import Table

    if not rows:
        click.echo(when_empty)
        return
    table = Table()
    for column in columns:
        table.add_column(column, overflow="fold", no_wrap=column == columns[0])
    for row in rows:
        table.add_row(*row)
    # Outside a terminal rich assumes 80 columns, and would break the lines that another program reads.
    Console(markup=False, highlight=False, width=None if sys.stdout.isatty() else 200).print(table)
