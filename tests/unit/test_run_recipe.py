"""The recipe that every stage leaves in the run's folder."""

from __future__ import annotations

from collections.abc import Callable

import yaml

from nerc_trainer.recipe.sections import Recipe
from nerc_trainer.run_recipe import RECIPE_NAME, keep_recipe


def test_the_last_stage_leaves_its_recipe_until_rounds_have_begun(make_recipe: Callable[..., Recipe]) -> None:
    recipe = make_recipe(costs={"expert_wage": 1.0})
    path = recipe.run.dir / RECIPE_NAME
    keep_recipe(recipe)
    keep_recipe(make_recipe(costs={"expert_wage": 2.0}))
    assert yaml.safe_load(path.read_text())["costs"]["expert_wage"] == 2.0

    begun = recipe.run.dir / "rounds" / "round-00.partial"
    begun.mkdir(parents=True)
    (begun / "selection.json").write_text("{}")
    keep_recipe(make_recipe(costs={"expert_wage": 3.0}))
    assert yaml.safe_load(path.read_text())["costs"]["expert_wage"] == 2.0
