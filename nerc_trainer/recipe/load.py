"""From YAML to a typed recipe: what it extends, what the command line overrides, and every error at once.

Later statements win: defaults < `extends` < recipe < command line. Mappings merge, everything else replaces.
"""

import copy
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from nerc_trainer.errors import NercError
from nerc_trainer.recipe.annotation import EndpointSection, ModelPrice
from nerc_trainer.recipe.errors import plain_message, suggestion, unknown_key_message
from nerc_trainer.recipe.paths import resolve_paths, resolve_prompts
from nerc_trainer.recipe.secrets import masked, take_out_secrets
from nerc_trainer.recipe.sections import Recipe, flow_yaml
from nerc_trainer.recipe.shipped import find_recipe, shipped_recipes, shown_path
from nerc_trainer.recipe.training import argument_types, check_training
from nerc_trainer.recipe.yaml_text import guess_types, read_yaml

Key = tuple[str, ...]

# Where prices stand by model; None for any name.
_PRICES = (("annotation", "prices"), ("costs", "what_if", None, "prices"))


@dataclass(frozen=True)
class _Source:
    """Who states a key: a recipe's file, or the command line, which has no folder."""

    name: str
    folder: Path | None


_COMMAND_LINE = _Source("command line", None)


@dataclass
class _Draft:
    """The merged, still untyped sections, and who stated what."""

    main: _Source
    values: dict[str, Any] = field(default_factory=dict)
    origins: dict[Key, _Source] = field(default_factory=dict)

    def merge(self, said: Mapping[str, Any], source: _Source) -> None:
        # `active:` with nothing below it says nothing, rather than that the section is null.
        sections = {key: value for key, value in said.items() if value is not None or key not in Recipe.model_fields}
        self._merge_into(self.values, sections, source, ())

    def _merge_into(self, values: dict[str, Any], said: Mapping[str, Any], source: _Source, parent: Key) -> None:
        for name, value in said.items():
            key = (*parent, name)
            if isinstance(value, dict) and isinstance(values.get(name), dict):
                self._merge_into(values[name], value, source, key)
                continue
            values[name] = copy.deepcopy(value)
            self.origins = {old: who for old, who in self.origins.items() if old[: len(key)] != key}
            self.origins[key] = source

    def source(self, key: Key) -> _Source:
        """Who stated `key`, or else the mapping around it."""
        prefixes = (key[:length] for length in range(len(key), 0, -1))
        return next((self.origins[prefix] for prefix in prefixes if prefix in self.origins), self.main)

    def line(self, key: Key, value: Any, problem: str) -> str:
        shown = f" = {_shown(value)}" if _may_be_shown(key) else ""
        return f"{self.source(key).name}: {'.'.join(key)}{shown}: {problem}"


def load_recipe(path: str | Path, overrides: Sequence[str] = ()) -> Recipe:
    """Read and check a recipe.

    Args:
        path: a recipe's file, or the name of a shipped one.
        overrides: `dotted.key=value` each, the value in YAML.

    Paths to data in a recipe are relative to its file if they exist there, else to the current folder; those in
    `overrides` are relative to the current folder. They are absolute in the result; `run.dir` stays as written.

    Raises:
        NercError: one line for each thing that is wrong.
    """
    file = find_recipe(path)
    draft = _Draft(main=_Source(shown_path(file), file.parent))
    for source, said in _read_with_bases(file):
        draft.merge(said, source)
    problems = []
    for override in overrides:
        try:
            draft.merge(parse_override(override), _COMMAND_LINE)
        except NercError as error:
            problems.append(str(error))
    if isinstance(run := draft.values.setdefault("run", {}), dict):
        run.setdefault("name", file.stem)
    secrets = take_out_secrets(draft.values)
    problems += [f"{draft.source(key).name}: {'.'.join(key)}: {problem}" for key, problem in secrets]
    removed = [key for key, _ in secrets]
    problems += _resolve_paths(draft)
    problems += _type_training(draft, removed)
    try:
        recipe = Recipe.model_validate(draft.values)
    except ValidationError as error:
        # run.dir has no default while run.name is wrong, which pydantic reports as a second error.
        findings = [finding for finding in error.errors() if finding["type"] != "default_factory_not_called"]
        problems += [_finding_line(draft, finding) for finding in findings if not _comes_of(finding, removed)]
    if problems:
        raise NercError(masked("\n".join(problems)))
    return recipe


def _read_with_bases(file: Path) -> list[tuple[_Source, dict[str, Any]]]:
    """The recipe and all that it extends, the farthest base first."""
    chain: list[tuple[_Source, dict[str, Any]]] = []
    visited: list[Path] = []
    following: Path | None = file
    while following is not None:
        visited.append(following.resolve())
        source = _Source(shown_path(following), following.parent)
        said = _read_mapping(following, source.name)
        chain.insert(0, (source, said))
        following = _base(said.pop("extends", None), source)
        if following is not None and following.resolve() in visited:
            names = " extends ".join(shown_path(step) for step in [*visited, following.resolve()])
            raise NercError(f"{source.name}: extends = {following}: goes round in a circle: {names}")
    return chain


def _read_mapping(file: Path, name: str) -> dict[str, Any]:
    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise NercError(f"{name}: not UTF-8 text: {error.reason} at byte {error.start}") from error
    said = read_yaml(text, name)
    if said is None:
        raise NercError(f"{name}: empty; a recipe needs at least data and model, or extends")
    if not isinstance(said, dict):
        raise NercError(f"{name}: not a mapping of keys to values but a {'list' if isinstance(said, list) else 'text'}")
    return said


def _base(extends: Any, source: _Source) -> Path | None:
    """The file that a recipe extends: one beside it, or a shipped recipe."""
    if extends is None:
        return None
    if not isinstance(extends, str):
        raise NercError(f"{source.name}: extends: should be one file or one shipped recipe's name")
    assert source.folder is not None
    beside, shipped = source.folder / extends, shipped_recipes()
    if os.path.isfile(beside):  # unlike Path.is_file, it also takes what is too long for a name
        return beside
    if extends in shipped:
        return shipped[extends]
    neighbours = [file.name for file in sorted(source.folder.glob("*.yaml"))]
    nearest = suggestion(extends, [*shipped, *neighbours])
    shown = masked(_shown(extends))
    raise NercError(f"{source.name}: extends = {shown}: no such file beside it and no shipped recipe{nearest}")


def split_key(dotted: str) -> list[str]:
    """The names in the dotted key of an override. Those of models have dots of their own, so what stands between
    ``annotation.prices`` or ``costs.what_if.NAME.prices`` and a price is one name."""
    names = dotted.strip().split(".")
    first = next((len(place) for place in _PRICES if _fits(names, place)), None)
    if first is not None and all(names):
        last = len(names) - (names[-1] in ModelPrice.model_fields)
        if first < last:
            names[first:last] = [".".join(names[first:last])]
    return names


def _fits(names: Sequence[str], place: Sequence[str | None]) -> bool:
    return len(names) >= len(place) and all(said in (None, name) for said, name in zip(place, names, strict=False))


def parse_override(override: str) -> dict[str, Any]:
    """What `dotted.key=value` says, as nested mappings with text for scalars; no error repeats the value."""
    dotted, equals, text = override.partition("=")
    names = split_key(dotted)
    if not equals or not all(names):
        shown = f"{dotted}=..." if equals else dotted.partition(":")[0]  # a value may be a secret
        raise NercError(f"command line: {masked(shown)}: should be dotted.key=value, such as active.query_size=20")
    if names == ["extends"]:
        raise NercError("command line: extends=...: extends belongs in a recipe's file")
    said: Any = read_yaml(text, f"command line: {masked(dotted)}")
    for name in reversed(names):
        said = {name: said}
    return said


def _resolve_paths(draft: _Draft) -> list[str]:
    resolve_prompts(draft.values, lambda key: draft.source(key).folder)
    problems = resolve_paths(draft.values, lambda key: draft.source(key).folder)
    return [draft.line(key, draft.values[key[0]][key[1]], problem) for key, problem in problems.items()]


def _type_training(draft: _Draft, removed: Sequence[Key]) -> list[str]:
    section, run = draft.values.get("training"), draft.values["run"]
    if not isinstance(section, dict):
        return []
    batch_size_given = isinstance(run, dict) and run.get("batch_size") is not None
    draft.values["training"], problems = check_training(section, batch_size_given)
    spoilt = {key[1] for key in removed if key[0] == "training" and len(key) > 2}
    return [
        draft.line(("training", name), section[name], problem)
        for name, problem in problems.items()
        if name not in spoilt
    ]


def _comes_of(finding: Mapping[str, Any], removed: Sequence[Key]) -> bool:
    """Whether a finding of pydantic is about a key that was removed, or a rule of several keys that lacks one."""
    key = tuple(str(part) for part in finding["loc"])
    if finding["type"] == "recipe_rule":
        return any(gone[: len(key)] == key for gone in removed)
    return key in removed


def _finding_line(draft: _Draft, finding: Mapping[str, Any]) -> str:
    """One finding of pydantic as a line that names who said what."""
    key = tuple(str(part) for part in finding["loc"])
    if finding["type"] == "missing":
        return f"{draft.main.name}: {'.'.join(key)}: {plain_message(finding)}"
    if finding["type"] == "extra_forbidden":
        problem = unknown_key_message(key, argument_types())
        return draft.line(key, finding["input"], problem)
    if finding["type"] == "recipe_rule":
        names = finding["ctx"]["key"].split(".")
        return draft.line((*key, *names), _value_of(finding["input"], names), plain_message(finding))
    return draft.line(key, finding["input"], plain_message(finding))


def _may_be_shown(key: Key) -> bool:
    """Whether errors repeat the value: no address of a server, nor what may have been meant for the server's key."""
    if key[:2] == ("annotation", "endpoints"):
        return key[3:4] != ("base_url",) and key[3:4] in {(name,) for name in EndpointSection.model_fields}
    return key[:2] != ("hub", "endpoint")


def _value_of(said: Any, names: Sequence[str]) -> Any:
    """What nested mappings say under a key; None where they say nothing."""
    for name in names:
        said = said.get(name) if isinstance(said, Mapping) else None
    return said


def _shown(value: Any) -> str:
    """A value as the user wrote it, in one line, cut where it is long."""
    text = value if isinstance(value, str) else flow_yaml(guess_types(value))
    text = " ".join(text.split())
    return text if len(text) <= 100 else f"{text[:100]}..."
