"""The command line: `nerc-trainer VERB ...`. Everything heavy is imported by the verb that needs it."""

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
from nerc_trainer.commands.hub import hub
from nerc_trainer.commands.label import label
from nerc_trainer.commands.labelling import analyze, annotate, sweep
from nerc_trainer.commands.prediction import cheap_test, evaluate, predict
from nerc_trainer.commands.recipes import recipes
from nerc_trainer.commands.report import report
from nerc_trainer.commands.shared import examples
from nerc_trainer.commands.training import active, compare, threshold, train
from nerc_trainer.errors import DISK_FULL, NercError


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
        # An interrupt inside an exec(), as imports make them, lets CPython end by the signal whatever the status says,
        # though it was caught; another exec() takes that back.
        exec("")
    elif isinstance(failure, click.ClickException):
        status, message = failure.exit_code, f"{failure.format_message()} (--help says how to call it)"
    elif isinstance(failure, OSError) and failure.errno in DISK_FULL:
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


@click.group(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
    epilog=examples(
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


_VERBS = (
    *(recipes, analyze, sweep, annotate, train, compare, threshold, active, label),
    *(evaluate, predict, cheap_test, hub, report),
)
for _verb in _VERBS:
    cli.add_command(_verb)
