"""What is written down about a round: its line in history.jsonl, and the part of it that goes to the Hub."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from nerc_trainer.costs import ExpertWork, expert_dollars
from nerc_trainer.public_names import without_folders

if TYPE_CHECKING:
    from nerc_trainer.recipe.sections import Recipe

# Keys of `costs` that change no figure of a round.
NOT_PAID = ("gpu_dollars_per_hour", "what_if")
VERSIONED = ("nerc_trainer", "torch", "transformers", "accelerate", "datasets", "tokenizers", "numpy", "seqeval")


def round_record(
    recipe: Recipe,
    number: int,
    selection: Mapping[str, Any],
    scoring: Mapping[str, Any] | None,
    counts: Mapping[str, Any],
    fingerprint: str,
    mixing: str | None,
    dev: Mapping[str, Any],
    test: Mapping[str, Any] | None,
    seconds: Mapping[str, float],
    earlier: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    """A round's line in history.jsonl: who was asked, what is known now, how good the tagger is.

    F1, precision, recall, accuracy (between 0 and 1) and loss (nats a word) are those on dev; test is only reported.
    ``mixing`` is the mode in which labels of LLM and expert are mixed, null where there is nothing to mix.
    ``tokens`` and ``entities`` count what the expert has labelled so far, ``dollars`` what that cost. Where people have
    told their time, ``expert_seconds`` is its sum so far and ``timed_words`` the words that it was spent on.
    ``scoring`` says in which precision the pool was scored and how that agrees with float32, null where nothing was
    scored; with `active.pool_fraction` also how many sentences were (``scored``) and, where that was the whole pool,
    the share of those asked for that a part of it would have held (``found``). With `active.llm_relabel` the line
    says what the second LLM has labelled so far and, in ``llm_dollars``, what its replies have cost in this round.
    """
    ids = list(selection["ids"])
    second = (
        {
            "second_sentences": counts.get("second_sentences", 0),
            "second_words": counts.get("second_words", 0),
            "llm_dollars": selection.get("second", {}).get("dollars", 0.0),
        }
        if recipe.active.llm_relabel is not None
        else {}
    )
    added = sum(len(row["ids"]) for row in earlier if row["round"] > 0) + (len(ids) if number > 0 else 0)
    return {
        "round": number,
        "branch": f"round-{number:02d}-added-{added:04d}",
        "strategy": selection["strategy"],
        "ids": ids,
        "scoring": {**scoring, **selection.get("scoring", {})} if scoring is not None else None,
        "f1": dev["f1"],
        "precision": dev["precision"],
        "recall": dev["recall"],
        "accuracy": dev["accuracy"],
        "loss": dev["loss"],
        "by_type": dev["by_type"],
        "test": dict(test) if test is not None else None,
        "expert_sentences": counts["expert_sentences"],
        "llm_sentences": counts["llm_sentences"],
        "llm_words": counts["llm_words"],
        **second,
        "pool_left": counts["pool_left"],
        "tokens": counts["expert_words"],
        "entities": counts["expert_entities"],
        **{key: counts[key] for key in ("expert_seconds", "timed_words") if key in counts},
        "dollars": round(expert_dollars(ExpertWork.of(counts), recipe.costs), 6),
        "mixing": mixing,
        "training_set": fingerprint,
        "seconds": {phase: round(value, 3) for phase, value in seconds.items()},
    }


def published_record(
    recipe: Recipe,
    record: Mapping[str, Any],
    earlier: Sequence[Mapping[str, Any]],
    data: Mapping[str, Mapping[str, Any]],
    versions: Mapping[str, str],
) -> dict[str, Any]:
    """The round.json of a branch, from which its model card is made: no path and nothing that a restart changes."""
    history = [
        {
            "round": row["round"],
            "branch": row["branch"],
            "expert_sentences": row["expert_sentences"],
            "dev_f1": row["f1"],
            "test_f1": row["test"]["f1"] if row["test"] else None,
        }
        for row in [*earlier, record]
    ]
    scores = ("f1", "precision", "recall", "accuracy", "loss", "by_type")
    return {
        "repo": recipe.hub.repo or recipe.run.name,
        "run": run_id(recipe, data),
        "branch": record["branch"],
        "round": record["round"],
        "recipe_name": recipe.run.name,
        "head": recipe.model.head,
        "adapters": recipe.model.lora is not None,
        "encoder": without_folders(recipe.model.encoder),
        "encoder_revision": recipe.model.revision,
        "strategy": recipe.active.strategy,
        "seed": recipe.run.seed,
        "added_ids": record["ids"],
        "expert_sentences": record["expert_sentences"],
        "expert_words": record["tokens"],
        "llm_sentences": record["llm_sentences"],
        "llm_words": record["llm_words"],
        "mixing": record["mixing"],
        **{key: record[key] for key in ("second_sentences", "second_words") if key in record},
        "dollars": record["dollars"],
        "dev": {name: record[name] for name in scores},
        "test": record["test"],
        "data": {split: dict(facts) for split, facts in data.items()},
        "versions": dict(versions),
        "history": history,
    }


def paid_by_round(history: Sequence[Mapping[str, Any]]) -> list[float]:
    """Dollars that the labels of the rounds had cost by the end of each: the expert's and the second LLM's."""
    second = accumulate(row.get("llm_dollars", 0.0) for row in history)
    return [row["dollars"] + spent for row, spent in zip(history, second, strict=True)]


def run_id(recipe: Recipe, data: Mapping[str, Mapping[str, Any]]) -> str:
    """16 hex digits that name a run by what decides its figures; a restart of it has the same, another seed not."""
    sections = recipe.model_dump(mode="json", include={"model", "training", "optimizer", "mixing", "active", "costs"})
    for key in NOT_PAID:
        del sections["costs"][key]
    corpus = {split: facts["sha256"] for split, facts in data.items()}
    said = json.dumps([recipe.run.seed, recipe.run.batch_size, sections, corpus], sort_keys=True)
    return hashlib.sha256(said.encode()).hexdigest()[:16]


def installed_versions() -> dict[str, str]:
    """Versions of what the figures hang on."""
    found = {"python": platform.python_version()}
    for package in VERSIONED:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
