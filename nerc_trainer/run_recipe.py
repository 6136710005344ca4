"""The recipe in the folder of its run, where `report` and `hub` look for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nerc_trainer.files import write_text
from nerc_trainer.recipe.sections import dump_recipe

if TYPE_CHECKING:
    from nerc_trainer.recipe.sections import Recipe

RECIPE_NAME = "recipe.resolved.yaml"


def keep_recipe(recipe: Recipe) -> None:
    """Leave the recipe in its run's folder, unless rounds have begun there: theirs stays."""
    if not any((recipe.run.dir / "rounds").glob("round-*/selection.json")):
        write_text(recipe.run.dir / RECIPE_NAME, dump_recipe(recipe))
