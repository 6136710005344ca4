"""Verbs about recipes."""

import json
import os
from pathlib import Path

import click

from nerc_trainer.commands.shared import examples, takes_recipe
from nerc_trainer.errors import NercError


@click.group(
    epilog=examples("nerc-trainer recipes ls", "nerc-trainer recipes cp quickstart my.yaml"),
)
def recipes() -> None:
    """List, show, copy and check recipes."""


@recipes.command("ls", epilog=examples("nerc-trainer recipes ls"))
def recipes_ls() -> None:
    """List the shipped recipes and what each is for."""
    from nerc_trainer.recipe.shipped import describe_recipe, shipped_recipes

    shipped = shipped_recipes()
    width = max(map(len, shipped), default=0)
    for name, path in shipped.items():
        click.echo(f"{name:<{width}}  {describe_recipe(path)}")


@recipes.command(
    "show",
    epilog=examples(
        "nerc-trainer recipes show quickstart", "nerc-trainer recipes show conll2003/active run.seed=7 hub.mode=off"
    ),
)
@takes_recipe
def recipes_show(recipe: str, overrides: tuple[str, ...]) -> None:
    """Print RECIPE as a run sees it: what it extends, the overrides and every default filled in."""
    from nerc_trainer.recipe.load import load_recipe
    from nerc_trainer.recipe.sections import dump_recipe

    click.echo(dump_recipe(load_recipe(recipe, overrides)), nl=False)


@recipes.command("cp", epilog=examples("nerc-trainer recipes cp quickstart my.yaml"))
@click.argument("recipe")
@click.argument("target", type=click.Path(path_type=Path))
def recipes_cp(recipe: str, target: Path) -> None:
    """Copy RECIPE to the file or folder TARGET, to be changed there; nothing is overwritten."""
    from nerc_trainer.recipe.copy import copy_recipe

    click.echo(copy_recipe(recipe, target))


@recipes.command(
    "validate",
    epilog=examples(
        "nerc-trainer recipes validate my.yaml quickstart", "nerc-trainer recipes validate my.yaml hub.mode=off"
    ),
)
@click.argument("words", nargs=-1, required=True, metavar="RECIPE... [DOTTED.KEY=VALUE]...")
def recipes_validate(words: tuple[str, ...]) -> None:
    """Check recipes, each with the overrides, and say everything that is wrong with them."""
    from nerc_trainer.recipe.load import load_recipe

    # Unlike Path.is_file, os.path.isfile also takes what is too long for a name.
    overrides = [word for word in words if "=" in word and not os.path.isfile(word)]
    files = [word for word in words if word not in overrides]
    if not files:
        raise click.UsageError("name a recipe before what overrides it")
    failures: dict[str, None] = {}  # a wrong override is the same one for every recipe
    for file in files:
        try:
            load_recipe(file, overrides)
            click.echo(f"{file}: ok")
        except NercError as failure:
            failures |= dict.fromkeys(str(failure).splitlines())
    if failures:
        raise NercError("\n".join(failures))


@recipes.command("schema", epilog=examples("nerc-trainer recipes schema > recipe.schema.json"))
def recipes_schema() -> None:
    """Print the JSON schema of recipes, for completion and checks in an editor."""
    from nerc_trainer.recipe.sections import recipe_json_schema

    click.echo(json.dumps(recipe_json_schema(), indent=2))
