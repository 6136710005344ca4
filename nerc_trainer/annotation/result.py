"""Where annotate leaves its labels, and where training looks for them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from nerc_trainer.errors import NercError

if TYPE_CHECKING:
    from nerc_trainer.recipe.sections import Recipe


def annotation_folder(recipe: Recipe) -> Path:
    """The folder of the labels and of what is known about them."""
    return recipe.run.dir / "annotation"


def labels_file(recipe: Recipe) -> Path:
    """The labels that annotate writes."""
    return annotation_folder(recipe) / "labels.jsonl"


def labels_to_train_on(recipe: Recipe) -> Path | None:
    """The LLM's labels that a recipe trains on: those given, else those that annotate has made; None for none.

    Raises NercError where the recipe names servers and nobody has asked them yet.
    """
    if recipe.annotation.labels is not None or not recipe.annotation.endpoints:
        return recipe.annotation.labels
    path = labels_file(recipe)
    if not path.is_file():
        raise NercError(
            f"{path}: missing; label the corpus first with `nerc-trainer annotate` and the same recipe, or set "
            "annotation.endpoints=[] to train on the expert's labels alone"
        )
    return path
