"""A single tagger made ready to be loaded: its folder with weights, card and figures, sealed, and its branch."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nerc_trainer.active.record import installed_versions, run_id
from nerc_trainer.costs import ExpertWork, expert_dollars
from nerc_trainer.experiments.cell import digest
from nerc_trainer.files import sync_folder, write_bytes, write_json, write_text
from nerc_trainer.public_names import without_folders
from nerc_trainer.ranks import on_main
from nerc_trainer.training.workbench import data_facts, make_publisher, write_labels

if TYPE_CHECKING:
    from nerc_trainer.corpus.load import Corpus
    from nerc_trainer.experiments.cell import Cell
    from nerc_trainer.hub import Publication
    from nerc_trainer.recipe.sections import Recipe
    from nerc_trainer.training.workbench import Workbench


def model_folder(recipe: Recipe, branch: str) -> Path:
    """Where the tagger of a branch is kept in the run."""
    return recipe.run.dir / "models" / branch


def is_kept(recipe: Recipe, branch: str, cell_digest: str) -> bool:
    """Whether the tagger of a branch is there as it was sealed, and comes from the cell with this digest."""
    from nerc_trainer.hub.seal import check_seal

    folder = model_folder(recipe, branch)
    if not folder.is_dir() or check_seal(folder):
        return False
    return json.loads((folder / "round.json").read_text(encoding="utf-8")).get("cell") == cell_digest


def keep_model(bench: Workbench, cell: Cell, figures: Mapping[str, Any], branch: str) -> None:
    """Write the tagger that the trainer has to its folder, whole or not at all. Call it on every rank."""
    recipe, trainer = bench.recipe, bench.trainer
    folder = model_folder(recipe, branch)
    partial = folder.with_name(f"{folder.name}.partial")

    def begin() -> None:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)

    def complete() -> None:
        from nerc_trainer.card import render_card
        from nerc_trainer.card_chart import CHART_NAME, card_chart
        from nerc_trainer.hub import seal

        trainer.processing_class.save_pretrained(partial)
        record = model_record(recipe, bench.corpus, cell, figures, branch)
        write_json(partial / "round.json", record)
        write_labels(partial, recipe, bench.corpus.labels)
        write_bytes(partial / f"{CHART_NAME}.png", card_chart(record).png)
        write_text(partial / "README.md", render_card(record))
        seal(partial)
        shutil.rmtree(folder, ignore_errors=True)  # of another recipe, whose figures are gone
        partial.rename(folder)
        sync_folder(folder.parent)

    on_main(begin)
    trainer.save_weights(partial)
    on_main(complete)


def publish_model(recipe: Recipe, branch: str) -> Publication:
    """Hand a kept tagger to the Hub as `hub.mode` says; doing so again changes nothing."""
    return on_main(lambda: make_publisher(recipe).publish(model_folder(recipe, branch), branch))


def model_record(recipe: Recipe, corpus: Corpus, cell: Cell, figures: Mapping[str, Any], branch: str) -> dict[str, Any]:
    """The round.json of a tagger that belongs to no round: no path, and nothing that a restart changes."""
    facts = data_facts(recipe, corpus)

    def shown(split: str) -> dict[str, Any] | None:
        scores = figures["scores"].get(split)
        return None if scores is None else {name: value for name, value in scores.items() if name != "counts"}

    return {
        "repo": recipe.hub.repo or recipe.run.name,
        "run": run_id(recipe, facts),
        "branch": branch,
        "cell": digest(cell, recipe, corpus),
        "round": None,
        "labels": cell.labels,
        "mixing": figures["mode"] if cell.labels == "mixed" or figures["mode"] == "self_train" else None,
        "steps": figures["steps_made"],
        "recipe_name": recipe.run.name,
        "head": recipe.model.head,
        "adapters": recipe.model.lora is not None,
        "encoder": without_folders(recipe.model.encoder),
        "encoder_revision": recipe.model.revision,
        "strategy": "random",
        "seed": cell.seed,
        "expert_sentences": figures["expert_sentences"],
        "expert_words": figures["expert_words"],
        "llm_sentences": figures["llm_sentences"],
        "llm_words": figures["llm_words"],
        "dollars": round(expert_dollars(ExpertWork.of(figures), recipe.costs), 6),
        "dev": shown("dev"),
        "test": shown("test"),
        "data": facts,
        "versions": installed_versions(),
        "history": [],
    }
