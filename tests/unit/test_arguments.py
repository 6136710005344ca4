"""From the training section to TrainingArguments: what passes through as it is, and how a step is shared."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from nerc_trainer.errors import NercError
from nerc_trainer.recipe.sections import Recipe
from nerc_trainer.training.arguments import BATCH_SIZE, _share, step_size, training_arguments

MakeRecipe = Callable[..., Recipe]


@pytest.fixture(autouse=True)
def _one_rank(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)


def shared(make_recipe: MakeRecipe, batch_size: int | None = None, micro_batch: int | None = None) -> tuple[int, int]:
    """(sentences at a time, accumulation steps) on WORLD_SIZE ranks; TrainingArguments would wait for them to come."""
    share = _share(batch_size or BATCH_SIZE, micro_batch, int(os.environ.get("WORLD_SIZE", "1")))
    return share["per_device_train_batch_size"], share["gradient_accumulation_steps"]


@pytest.mark.parametrize(
    ("ranks", "batch_size", "micro_batch", "wanted"),
    [
        (1, 32, None, (16, 2)),  # as two ranks would share it, so that both compute the same
        (2, 32, None, (16, 1)),
        (4, 32, None, (8, 1)),
        (1, 5, None, (5, 1)),
        (1, 1, None, (1, 1)),
        (3, 9, None, (3, 1)),
        (1, 32, 8, (8, 4)),
        (2, 32, 8, (8, 2)),
        (4, 32, 8, (8, 1)),
        (1, 32, 32, (32, 1)),
        (2, 6, 1, (1, 3)),
    ],
)
def test_a_step_is_shared_by_ranks_and_micro_batches(
    make_recipe: MakeRecipe,
    monkeypatch: pytest.MonkeyPatch,
    ranks: int,
    batch_size: int,
    micro_batch: int | None,
    wanted: tuple[int, int],
) -> None:
    monkeypatch.setenv("WORLD_SIZE", str(ranks))
    at_a_time, steps = shared(make_recipe, batch_size, micro_batch)
    assert (at_a_time, steps) == wanted
    assert at_a_time * steps * ranks == batch_size


@pytest.mark.parametrize(
    ("ranks", "batch_size", "micro_batch", "way_out"),
    [(2, 5, None, 6), (4, 2, None, 4), (1, 32, 5, 35), (2, 32, 32, 64), (3, 32, 16, 48), (3, 16, None, 18)],
)
def test_a_step_that_cannot_be_shared_is_refused(
    make_recipe: MakeRecipe,
    monkeypatch: pytest.MonkeyPatch,
    ranks: int,
    batch_size: int,
    micro_batch: int | None,
    way_out: int,
) -> None:
    monkeypatch.setenv("WORLD_SIZE", str(ranks))
    with pytest.raises(NercError) as refused:
        shared(make_recipe, batch_size, micro_batch)
    message = str(refused.value)
    assert message.startswith(f"run.batch_size = {batch_size}: can't be shared by {ranks} process(es)")
    assert (f"with {micro_batch} sentences each" in message) == (micro_batch is not None)
    assert message.endswith(f"; make it {way_out}")
    step, at_a_time = shared(make_recipe, way_out, micro_batch)
    assert step * at_a_time * ranks == way_out
    assert "\n" not in message


def test_without_batch_size_there_is_one(make_recipe: MakeRecipe, monkeypatch: pytest.MonkeyPatch) -> None:
    assert shared(make_recipe) == (BATCH_SIZE // 2, 2)
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert shared(make_recipe) == (BATCH_SIZE // 2, 1)


def test_without_batch_size_the_training_section_means_what_it_means_to_trainer(make_recipe: MakeRecipe) -> None:
    training = {"per_device_train_batch_size": 6, "gradient_accumulation_steps": 3}
    arguments = training_arguments(make_recipe(training=training))
    assert (arguments.per_device_train_batch_size, arguments.gradient_accumulation_steps) == (6, 3)
    assert step_size(arguments) == 18


def test_accumulation_steps_alone_are_kept(make_recipe: MakeRecipe) -> None:
    assert training_arguments(make_recipe(training={"gradient_accumulation_steps": 4})).gradient_accumulation_steps == 4


def test_step_size_is_that_of_the_recipe(make_recipe: MakeRecipe) -> None:
    run = {"dir": make_recipe().run.dir, "batch_size": 24}
    assert step_size(training_arguments(make_recipe(run=run))) == 24


def test_the_rest_is_passed_on_as_it_is(make_recipe: MakeRecipe) -> None:
    training = {
        "learning_rate": 2e-4,
        "warmup_steps": 0.1,
        "weight_decay": 0.01,
        "lr_scheduler_type": "cosine",
        "max_grad_norm": 0.5,
        "label_smoothing_factor": 0.1,
        "logging_strategy": "steps",
        "logging_steps": 7,
        "use_cpu": True,
    }
    arguments = training_arguments(make_recipe(training=training))
    assert {name: getattr(arguments, name) for name in training} == training


def test_what_the_run_decides(make_recipe: MakeRecipe) -> None:
    recipe = make_recipe(run={"dir": make_recipe().run.dir, "seed": 77})
    arguments = training_arguments(recipe)
    assert arguments.seed == 77
    assert arguments.output_dir == str(recipe.run.dir / "trainer")
    assert arguments.save_strategy == arguments.eval_strategy == arguments.logging_strategy == "no"
    assert arguments.report_to == []
    assert not arguments.remove_unused_columns


def test_the_recipe_is_left_alone(make_recipe: MakeRecipe) -> None:
    recipe = make_recipe(training={"learning_rate": 1e-4})
    training_arguments(recipe)
    assert recipe.training == {"learning_rate": 1e-4}
