"""Which prompt gets the second try, and what makes labels those of other settings."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from nerc_trainer.annotation.choice import choose, labels_digest
from nerc_trainer.annotation.result import sweep_folder
from nerc_trainer.recipe.sections import Recipe

MakeRecipe = Callable[..., Recipe]


@pytest.mark.parametrize(
    ("prompt", "fallback", "expected"),
    [
        ("text_spans_1", None, "inline_1"),
        ("inline_1", None, "text_spans_1"),
        ("inline_1", "inline_1", "text_spans_1"),
        ("inline_1", "inline_rules_1", "inline_rules_1"),  # of the same format, but the user says so
        ("inline_1", "none", None),
    ],
)
def test_a_second_try_is_in_another_format(
    prompt: str, fallback: str | None, expected: str | None, make_recipe: MakeRecipe
) -> None:
    made = make_recipe(annotation={"prompt": prompt, "model": "m", "fallback_prompt": fallback})
    assert choose(made).fallback == expected


def test_the_sweep_names_what_the_recipe_leaves_open(make_recipe: MakeRecipe) -> None:
    made = make_recipe(annotation={})
    sweep_folder(made).mkdir(parents=True)
    winner = {"prompt": "prompt_7_1", "model": "m", "f1": 0.5, "digest": "", "other_format": "index_spans_1"}
    (sweep_folder(made) / "winner.json").write_text(json.dumps(winner))
    choice = choose(made)
    assert (choice.prompt, choice.model, choice.fallback) == ("prompt_7_1", "m", "index_spans_1")


@pytest.mark.parametrize(
    ("changed", "same"),
    [
        ({"prompt": "inline_1"}, False),
        ({"model": "n"}, False),
        ({"genre": "mail"}, False),
        ({"examples": {"count": 3}}, False),
        ({"limit_dollars": 3.0, "deadline_seconds": 9}, True),
    ],
)
def test_labels_are_of_other_settings_where_an_answer_may_differ(
    changed: dict[str, Any], same: bool, make_recipe: MakeRecipe
) -> None:
    plain = {"prompt": "text_spans_1", "model": "m"}
    first, second = make_recipe(annotation=plain), make_recipe(annotation=plain | changed, run={"seed": 99})
    assert (labels_digest(first) == labels_digest(second)) == same
