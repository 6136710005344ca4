"""The recipe of a finished run, and what the command line may still say: other prices, and how the page looks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from nerc_trainer.errors import NercError
from nerc_trainer.recipe.costs import CostsSection
from nerc_trainer.recipe.errors import plain_message, unknown_key_message
from nerc_trainer.recipe.load import parse_override, split_key
from nerc_trainer.recipe.report import ReportSection
from nerc_trainer.recipe.secrets import masked, take_out_secrets
from nerc_trainer.recipe.sections import Recipe
from nerc_trainer.run_recipe import RECIPE_NAME

_FREE = ("report.", "costs.what_if", "costs.gpu_dollars_per_hour")


def read_settings(folder: Path, overrides: Sequence[str]) -> tuple[Recipe | None, CostsSection, ReportSection]:
    """The recipe that a run was made with (None where it has none), and its costs and report with ``overrides``.

    Raises NercError for a recipe that cannot be read, and for an override that would change what the run has found.
    """
    recipe = _read_recipe(folder)
    costs, report = (recipe.costs, recipe.report) if recipe is not None else (CostsSection(), ReportSection())
    said: dict[str, Any] = {"costs": costs.model_dump(mode="json"), "report": report.model_dump(mode="json")}
    problems, checked = list[str](), dict[str, Any]()
    for override in overrides:
        problems += _override(said, override)
    for name, section in (("costs", CostsSection), ("report", ReportSection)):
        try:
            checked[name] = section.model_validate(said[name])
        except ValidationError as error:
            problems += [_problem(name, finding) for finding in error.errors()]
    if problems:
        raise NercError(masked("\n".join(problems)))
    return recipe, checked["costs"], checked["report"]


def _problem(section: str, finding: Mapping[str, Any]) -> str:
    """One finding of pydantic in a section as a line, in the words of `load_recipe`."""
    key, kind = (section, *map(str, finding["loc"])), finding["type"]
    if kind == "recipe_rule":
        key = (*key, *finding["ctx"]["key"].split("."))
    # Of a rule, and of what is missing, the input is all that stands around the key.
    value = "" if kind in ("recipe_rule", "missing") else f" = {finding['input']}"
    said = unknown_key_message(key, ()) if kind == "extra_forbidden" else plain_message({**finding, "loc": key})
    return f"command line: {'.'.join(key)}{value}: {said}"


def _read_recipe(folder: Path) -> Recipe | None:
    path = folder / RECIPE_NAME
    if not path.is_file():
        return None
    try:
        said = yaml.safe_load(path.read_text(encoding="utf-8"))
        # Files that a recipe names may be gone by now, so it is not loaded as if it were about to run.
        return Recipe.model_validate({**said, "run": {**said["run"], "dir": folder}})
    except (OSError, yaml.YAMLError, ValidationError, KeyError, TypeError) as error:
        detail = masked(" ".join(str(error).split()))
        raise NercError(f"{path}: not a recipe that this version reads ({detail}); restore it from a copy") from error


def _override(said: dict[str, Any], override: str) -> list[str]:
    """Put an override into what is said, or give what is wrong with the secrets in it; no error repeats its value."""
    value: Any = parse_override(override)
    if secrets := take_out_secrets(value):
        return [f"command line: {'.'.join(key)}: {problem}" for key, problem in secrets]
    dotted = override.partition("=")[0]
    if not dotted.startswith(_FREE):
        raise NercError(
            f"command line: {dotted}=...: a finished run is only told costs.what_if, costs.gpu_dollars_per_hour and "
            "keys of report; other prices go into costs.what_if"
        )
    *parents, last = split_key(dotted)
    place: Any = said
    for parent in parents:
        value = value[parent]
        place = place.setdefault(parent, {})
        if not isinstance(place, dict):
            raise NercError(f"command line: {dotted}=...: {parent} holds no keys")
    place[last] = value[last]
    return []
