"""Where annotate leaves its labels, and where training looks for them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from nerc_trainer.errors import NercError

if TYPE_CHECKING:
    from nerc_trainer.recipe.sections import Recipe

_FOLDER = "annotation"
_LABELS = "labels.jsonl"


def annotation_folder(recipe: Recipe) -> Path:
    """The folder of the labels and of what is known about them."""
    return recipe.run.dir / _FOLDER


def labels_file(recipe: Recipe) -> Path:
    """The labels that annotate writes."""
    return annotation_folder(recipe) / _LABELS


def sweep_folder(recipe: Recipe) -> Path:
    """Where sweep leaves its cells, leaderboard and winner."""
    return recipe.run.dir / "sweep"


def label_dollars(labels: Path, run_dir: Path) -> float | None:
    """What the replies cost that a file of labels comes from, whoever paid for them: annotate says so beside it.

    None for labels that were made elsewhere, beside which a file of this name may say anything. NercError where the
    file is that of the run in ``run_dir`` and does not say it.
    """
    about = labels.with_name("annotation.json")
    if labels.name != _LABELS or not about.is_file():
        return None
    try:
        said = json.loads(about.read_text(encoding="utf-8"))["replies"]["dollars"]
        return float(said)
    except (ValueError, KeyError, TypeError) as error:
        if about.parent.resolve() != (run_dir / _FOLDER).resolve():
            return None
        raise NercError(f"{about}: damaged ({error}); run `nerc-trainer annotate` again, or restore it") from error


def made_with(recipe: Recipe) -> str | None:
    """The digest of the settings that the labels in the run were made with; None where there are none."""
    try:
        figures = json.loads((annotation_folder(recipe) / "annotation.json").read_text(encoding="utf-8"))
        return str(figures.get("digest")) if labels_file(recipe).is_file() else None
    except (FileNotFoundError, ValueError, AttributeError):
        return None


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
    from nerc_trainer.annotation.choice import labels_digest

    if made_with(recipe) != labels_digest(recipe):
        raise NercError(
            f"{path}: made with another prompt, model or setting of annotation than the recipe's; run `nerc-trainer "
            f"annotate` again, or train on them all the same with annotation.endpoints=[] annotation.labels={path}"
        )
    return path
