"""The command line: `nerc-trainer VERB ...`. Everything heavy is imported by the verb that needs it."""

import errno
import json
import os
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import click

from nerc_trainer import __version__
from nerc_trainer.errors import NercError

_DISK_FULL = (errno.ENOSPC, errno.EDQUOT)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line on `arguments` (those of the process when None) and exit.

    The status is 0, or 1 for a failure, 2 for a command that cannot be understood, 130 when interrupted.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in words
    try:
        # --debug is taken out here so that it may stand before the verb or after it.
        status = cli.main([word for word in words if word != "--debug"], "nerc-trainer", standalone_mode=False)
    except Exception as failure:
        if debug:
            traceback.print_exc()
        status = _report(failure)
    sys.exit(status if isinstance(status, int) else 0)


def _report(failure: Exception) -> int:
    """Print what went wrong, a line each, and return the exit status."""
    if isinstance(failure, click.exceptions.NoArgsIsHelpError):
        failure.show()
        return failure.exit_code
    status = 1
    shared_by_all_ranks = isinstance(failure, NercError | click.ClickException | OSError | click.Abort)
    if isinstance(failure, NercError):
        message = str(failure)
    elif isinstance(failure, click.Abort):
        status, message = 130, "interrupted; the same command carries on where it stopped"
    elif isinstance(failure, click.ClickException):
        status, message = failure.exit_code, f"{failure.format_message()} (--help says how to call it)"
    elif isinstance(failure, OSError) and failure.errno in _DISK_FULL:
        where = f" of {failure.filename}" if failure.filename else ""
        message = f"no space left on the disk{where}; make room, and the same command carries on"
    else:
        text = " ".join(str(failure).split())
        message = f"{type(failure).__name__}: {text} (run again with --debug for the traceback)"
    # Every process of a machine meets a wrong recipe or a full disk; one of them says so.
    if not shared_by_all_ranks or os.environ.get("LOCAL_RANK", os.environ.get("RANK", "0")) == "0":
        for line in message.splitlines():
            click.echo(f"error: {line}", err=True)
    _tell_launcher(message)
    return status


def _tell_launcher(message: str) -> None:
    """Leave the message where torch's launcher looks for it, which then ends its own long report with it."""
    if path := os.environ.get("TORCHELASTIC_ERROR_FILE"):
        reply = {"message": f"error: {message}", "timestamp": int(time.time())}
        Path(path).write_text(json.dumps(reply), encoding="utf-8")


def _examples(*lines: str) -> str:
    """The end of a help text; \\b keeps click from joining the lines."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)


@click.group(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
    epilog=_examples(
        "nerc-trainer recipes ls",
        "nerc-trainer active quickstart",
        "nerc-trainer active quickstart active.query_size=20 run.dir=runs/small",
        "accelerate launch --config_file accelerate_config.yaml -m nerc_trainer active quickstart",
    ),
)
@click.version_option(__version__, prog_name="nerc-trainer")
@click.option(
    "--debug", is_flag=True, expose_value=False, help="Show the traceback of an error; before or after a verb."
)
def cli() -> None:
    """Train a named-entity tagger from LLM labels and a little expert time, round by round."""


@cli.command(
    short_help="Train in rounds of active learning.",
    epilog=_examples(
        "nerc-trainer active quickstart",
        "nerc-trainer active my.yaml active.strategy=random active.budget.words=5000 hub.mode=off",
        "accelerate launch --config_file recipes/accelerate/cpu-2.yaml -m nerc_trainer active tiny",
    ),
)
@click.argument("recipe")
@click.argument("overrides", nargs=-1, metavar="[DOTTED.KEY=VALUE]...")
def active(recipe: str, overrides: tuple[str, ...]) -> None:
    """Train in rounds of active learning as RECIPE says: a file, or the name of a shipped recipe.

    The same command carries on a run that was cut off.
    """
    from nerc_trainer.recipe.load import load_recipe

    loaded = load_recipe(recipe, overrides)
    from nerc_trainer.active.rounds import run_recipe

    try:
        run_recipe(loaded)
    except OSError as failure:
        # A failed write, unlike a failed open, does not say which file it was for.
        if failure.errno in _DISK_FULL and failure.filename is None:
            failure.filename = str(loaded.run.dir)
        raise


@cli.command(
    short_help="Count what is in a corpus.",
    epilog=_examples(
        "nerc-trainer analyze quickstart",
        "nerc-trainer analyze my.yaml data.train=more.conll --out analysis/more",
    ),
)
@click.argument("recipe")
@click.argument("overrides", nargs=-1, metavar="[DOTTED.KEY=VALUE]...")
@click.option(
    "--out", type=click.Path(path_type=Path), metavar="FOLDER", help="Folder to write to in place of run.dir/analysis."
)
def analyze(recipe: str, overrides: tuple[str, ...], out: Path | None) -> None:
    """Show the tags, sentence lengths, entities and surface forms in the corpus of RECIPE, split by split.

    Prints tables, and writes them as JSON, with bar charts as PNG and SVG.
    """
    from nerc_trainer.recipe.load import load_recipe

    loaded = load_recipe(recipe, overrides)
    from nerc_trainer.corpus.analyze_command import analyze_corpus

    analyze_corpus(loaded, out)


@cli.command(
    short_help="Compare prompts and models on sentences with true labels.",
    epilog=_examples(
        "nerc-trainer sweep conll2003/annotate --plan",
        "nerc-trainer sweep conll2003/annotate sweep.prompts='[text_spans_1, prompt_7_1]' sweep.sentences=50",
    ),
)
@click.argument("recipe")
@click.argument("overrides", nargs=-1, metavar="[DOTTED.KEY=VALUE]...")
@click.option("--plan", is_flag=True, help="Say how many calls, tokens and dollars it takes, and ask nothing.")
def sweep(recipe: str, overrides: tuple[str, ...], plan: bool) -> None:
    """Measure every prompt with every model of RECIPE, and choose the pair that annotate takes.

    What was asked before is not asked again.
    """
    from nerc_trainer.recipe.load import load_recipe

    loaded = load_recipe(recipe, overrides)
    from nerc_trainer.annotation.sweep import sweep_prompts

    sweep_prompts(loaded, plan)


@cli.command(
    short_help="Let an LLM label the training sentences.",
    epilog=_examples(
        "nerc-trainer annotate conll2003/annotate --plan",
        "nerc-trainer annotate my.yaml annotation.sentences=1000 annotation.limit_dollars=2",
    ),
)
@click.argument("recipe")
@click.argument("overrides", nargs=-1, metavar="[DOTTED.KEY=VALUE]...")
@click.option("--plan", is_flag=True, help="Say how many calls, tokens and dollars it takes, and ask nothing.")
def annotate(recipe: str, overrides: tuple[str, ...], plan: bool) -> None:
    """Let an LLM label the training sentences of RECIPE, and write the labels to run.dir/annotation.

    The same command carries on where it was cut off: a reply that is in the ledger is never paid for again.
    """
    from nerc_trainer.recipe.load import load_recipe

    loaded = load_recipe(recipe, overrides)
    from nerc_trainer.annotation.annotate import annotate_corpus

    annotate_corpus(loaded, plan)


@cli.group(
    epilog=_examples("nerc-trainer recipes ls", "nerc-trainer recipes cp quickstart my.yaml"),
)
def recipes() -> None:
    """List, show, copy and check recipes."""


@recipes.command("ls", epilog=_examples("nerc-trainer recipes ls"))
def recipes_ls() -> None:
    """List the shipped recipes and what each is for."""
    from nerc_trainer.recipe.shipped import describe_recipe, shipped_recipes

    shipped = shipped_recipes()
    width = max(map(len, shipped), default=0)
    for name, path in shipped.items():
        click.echo(f"{name:<{width}}  {describe_recipe(path)}")


@recipes.command(
    "show",
    epilog=_examples(
        "nerc-trainer recipes show quickstart", "nerc-trainer recipes show conll2003/active run.seed=7 hub.mode=off"
    ),
)
@click.argument("recipe")
@click.argument("overrides", nargs=-1, metavar="[DOTTED.KEY=VALUE]...")
def recipes_show(recipe: str, overrides: tuple[str, ...]) -> None:
    """Print RECIPE as a run sees it: what it extends, the overrides and every default filled in."""
    from nerc_trainer.recipe.load import load_recipe
    from nerc_trainer.recipe.sections import dump_recipe

    click.echo(dump_recipe(load_recipe(recipe, overrides)), nl=False)


@recipes.command("cp", epilog=_examples("nerc-trainer recipes cp quickstart my.yaml"))
@click.argument("recipe")
@click.argument("target", type=click.Path(path_type=Path))
def recipes_cp(recipe: str, target: Path) -> None:
    """Copy RECIPE to the file or folder TARGET, to be changed there; nothing is overwritten."""
    from nerc_trainer.recipe.copy import copy_recipe

    click.echo(copy_recipe(recipe, target))


@recipes.command("validate", epilog=_examples("nerc-trainer recipes validate my.yaml quickstart"))
@click.argument("files", nargs=-1, required=True, metavar="RECIPE...")
def recipes_validate(files: tuple[str, ...]) -> None:
    """Check recipes and say everything that is wrong with them."""
    from nerc_trainer.recipe.load import load_recipe

    failures = []
    for file in files:
        try:
            load_recipe(file)
            click.echo(f"{file}: ok")
        except NercError as failure:
            failures.append(str(failure))
    if failures:
        raise NercError("\n".join(failures))


@recipes.command("schema", epilog=_examples("nerc-trainer recipes schema > recipe.schema.json"))
def recipes_schema() -> None:
    """Print the JSON schema of recipes, for completion and checks in an editor."""
    from nerc_trainer.recipe.sections import recipe_json_schema

    click.echo(json.dumps(recipe_json_schema(), indent=2))


@cli.group(epilog=_examples("nerc-trainer hub ls runs/quickstart", "nerc-trainer hub sync runs/quickstart"))
def hub() -> None:
    """See, deliver and check what a run publishes on the Hub."""


@hub.command("ls", epilog=_examples("nerc-trainer hub ls runs/quickstart"))
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


@hub.command("sync", epilog=_examples("nerc-trainer hub sync runs/quickstart"))
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


@hub.command("verify", epilog=_examples("nerc-trainer hub verify runs/quickstart"))
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
