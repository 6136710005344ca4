"""What the verbs have in common."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])


def examples(*lines: str) -> str:
    """The end of a help text; \\b keeps click from joining the lines."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)


def takes_recipe(command: Command) -> Command:
    """The arguments of a verb that works on a recipe: the recipe, and what is said otherwise."""
    overrides = click.argument("overrides", nargs=-1, metavar="[DOTTED.KEY=VALUE]...")
    return click.argument("recipe")(overrides(command))
