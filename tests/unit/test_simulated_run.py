"""The recipe that a simulated run gets from the recipe of all."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import yaml

from nerc_trainer.experiments.simulated_run import SimulatedRun, recipe_of, recipe_of_all
from nerc_trainer.recipe.sections import Recipe, dump_recipe


@pytest.mark.parametrize("with_llm", [True, False])
def test_nothing_but_chance_chooses_for_random(make_recipe: Callable[..., Recipe], with_llm: bool) -> None:
    common = recipe_of_all(make_recipe(active={"llm_doubt": 1.0, "diversity": "kmeans", "query_words": 50}))
    random, entropy = (
        recipe_of(common, SimulatedRun(strategy, with_llm, 3)).active for strategy in ("random", "entropy")
    )
    assert (random.llm_doubt, random.diversity) == (0, None)
    assert (entropy.llm_doubt, entropy.diversity) == (1.0 if with_llm else 0, "kmeans")
    assert random.query_words == entropy.query_words == 50


def test_without_its_second_llm_it_is_a_recipe_that_can_be_read_again(make_recipe: Callable[..., Recipe]) -> None:
    annotation = {"labels": "llm.jsonl", "endpoints": [{"base_url": "http://127.0.0.1:9/v1"}]}
    common = recipe_of_all(make_recipe(annotation=annotation, active={"llm_relabel": {"model": "dear"}}))
    recipe = recipe_of(common, SimulatedRun("entropy", True, 3))
    again = Recipe.model_validate(yaml.safe_load(dump_recipe(recipe)))
    assert (again, again.active.llm_relabel) == (recipe, None)
    made = recipe_of(
        recipe_of_all(make_recipe(annotation={**annotation, "labels": None})), SimulatedRun("bald", True, 3)
    )
    assert len(made.annotation.endpoints) == 1
