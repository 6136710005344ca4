"""Verbs that train."""

import click

from nerc_trainer.commands.shared import examples, takes_recipe
from nerc_trainer.errors import DISK_FULL


@click.command(
    short_help="Train in rounds of active learning.",
    epilog=examples(
        "nerc-trainer active quickstart",
        "nerc-trainer active my.yaml active.strategy=random active.budget.words=5000 hub.mode=off",
        "accelerate launch --config_file recipes/accelerate/cpu-2.yaml -m nerc_trainer active tiny",
    ),
)
@takes_recipe
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
        if failure.errno in DISK_FULL and failure.filename is None:
            failure.filename = str(loaded.run.dir)
        raise
