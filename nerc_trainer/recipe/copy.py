"""Copying a recipe to another folder so that it still finds what it names."""

from pathlib import Path
from typing import Any

import yaml

from nerc_trainer.errors import NercError
from nerc_trainer.recipe.paths import find_path, path_keys
from nerc_trainer.recipe.shipped import find_recipe, shipped_recipes, shown_path
from nerc_trainer.recipe.yaml_text import compose_yaml, read_yaml


def copy_recipe(source: str | Path, target: Path) -> Path:
    """Copy a recipe, its comments included; paths beside it become absolute, and what it extends is named anew.

    Args:
        source: a recipe's file, or the name of a shipped one.
        target: a file that does not exist yet, or a folder that does.

    Returns:
        The new file.

    Raises:
        NercError: the target exists, or the recipe is not found or no YAML.
    """
    file = find_recipe(source)
    destination = target / file.name if target.is_dir() else target
    text = file.read_text(encoding="utf-8-sig")
    said = read_yaml(text, shown_path(file))
    renamed = _renamed_values(said, file) if isinstance(said, dict) else {}
    destination.parent.mkdir(parents=True, exist_ok=True)
    try:
        with destination.open("x", encoding="utf-8") as copy:
            copy.write(_replace_values(text, renamed))
    except FileExistsError as error:
        raise NercError(f"{shown_path(destination)}: exists already; name another file or remove it first") from error
    return destination


def _renamed_values(said: dict[str, Any], file: Path) -> dict[tuple[str, ...], str]:
    """Key to new value of what is relative to the recipe's folder."""
    renamed: dict[tuple[str, ...], str] = {}
    extends = said.get("extends")
    if isinstance(extends, str) and (base := file.parent / extends).is_file():
        shipped_names = {path.resolve(): name for name, path in shipped_recipes().items()}
        renamed["extends",] = shipped_names.get(base.resolve(), str(base.resolve()))
    for section, key in path_keys(said):
        found, _ = find_path(key, said[section][key], file.parent)
        if found is not None:
            renamed[section, key] = str(found)
    return renamed


def _replace_values(text: str, renamed: dict[tuple[str, ...], str]) -> str:
    """`text` with the scalars at the keys of `renamed` exchanged, and every other character as it was."""
    places = dict(_scalar_places(compose_yaml(text), ()))
    for key, value in sorted(renamed.items(), key=lambda item: places[item[0]], reverse=True):
        start, end = places[key]
        text = text[:start] + yaml.safe_dump(value, width=10**6).removesuffix("\n...\n").strip() + text[end:]
    return text


def _scalar_places(node: yaml.Node | None, parent: tuple[str, ...]) -> list[tuple[tuple[str, ...], tuple[int, int]]]:
    """Key, and first and last offset, of every scalar below a mapping."""
    if isinstance(node, yaml.ScalarNode):
        return [(parent, (node.start_mark.index, node.end_mark.index))]
    if not isinstance(node, yaml.MappingNode):
        return []
    return [place for name, inner in node.value for place in _scalar_places(inner, (*parent, name.value))]
