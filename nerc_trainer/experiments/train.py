"""`nerc-trainer train`: one tagger, kept in the run and published on a branch of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nerc_trainer.active.console import say, show_loading
from nerc_trainer.corpus.column import Column
from nerc_trainer.errors import NercError
from nerc_trainer.experiments.cell import Cell, Labels, candidates, draw_expert
from nerc_trainer.experiments.cells import run_cells
from nerc_trainer.experiments.mixing_mode import with_mode
from nerc_trainer.experiments.publication import model_folder, publish_model
from nerc_trainer.experiments.tables import show_scores
from nerc_trainer.training.arguments import step_size, steps_of
from nerc_trainer.training.job import Job, job
from nerc_trainer.training.training_set import first_of_equals

if TYPE_CHECKING:
    from nerc_trainer.recipe.sections import Recipe


def train_tagger(recipe: Recipe) -> None:
    """Train the tagger that the `train` section of a recipe describes. Call it on every rank of the job.

    A tagger that is there already is not trained again, but published if it was not.
    """
    with job(recipe) as begun:
        work = with_mode(begun)
        recipe = work.recipe
        corpus = work.corpus
        labels = recipe.train.labels or ("mixed" if "llm_tags" in corpus.train.column_names else "truth")
        branch = recipe.train.branch or branch_of(labels, recipe.train.expert_share)
        sentences = np.arange(len(corpus.train)) if labels == "truth" else candidates(corpus)
        cell = make_cell(work, labels, sentences, recipe.run.seed, name=branch)
        (figures,) = run_cells(work, [cell], branches={cell.name: branch})
        show_scores(figures["scores"])
        publication = publish_model(recipe, branch)
        folder = model_folder(recipe, branch)
        say(f"{branch} {publication.state}: {publication.detail}")
        say(f"the tagger is in {folder}")
        if publication.state in ("pushed", "offline"):
            show_loading(recipe.model, str(recipe.hub.repo), branch, recipe.hub)
        else:
            show_loading(recipe.model, str(folder))


def branch_of(labels: Labels, share: float) -> str:
    """The study's names: model-primary (its `model_primary`), llm-pure, and init-12 for 12 % of expert labels."""
    percent = f"{share:.6%}".rstrip("%").rstrip("0").rstrip(".")
    return {"truth": "model-primary", "llm": "llm-pure", "expert": f"expert-{percent}", "mixed": f"init-{percent}"}[
        labels
    ]


def make_cell(work: Job, labels: Labels, sentences: np.ndarray, seed: int, name: str) -> Cell:
    """The training of one tagger on these train sentences, measured on dev and test."""
    recipe, corpus = work.recipe, work.corpus
    if labels in ("llm", "mixed") and "llm_tags" not in corpus.train.column_names:
        raise NercError(
            f"train.labels = {labels}: there are no LLM labels; label the corpus first with `nerc-trainer annotate`, "
            "give a file in annotation.labels, or set train.labels to truth or expert"
        )
    expert = draw_expert(sentences, first_of_equals(Column(corpus.train, "tokens")), recipe.train.expert_share, seed)
    steps = steps_of(recipe.train.epochs, len(sentences), step_size(work.arguments))
    return Cell(name, labels, sentences, expert, steps, seed)
