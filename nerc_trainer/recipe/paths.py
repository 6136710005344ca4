"""Files and folders that a recipe names: found beside the recipe or from the current folder, and made absolute."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from nerc_trainer.recipe.section import is_hub_id

_PACKAGE_PREFIX = "package:"
_FOLDER_KEYS = ("dataset", "encoder")
_PROMPT_KEYS = (
    ("annotation", "prompt"),
    ("annotation", "fallback_prompt"),
    ("sweep", "prompts"),
    ("active", "llm_relabel", "prompt"),
)


def path_keys(values: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """(section, key) of every text in the nested `values` of a recipe that is, or may be, a path to read from."""
    data = values.get("data")
    if isinstance(data, dict):
        keys = ["dataset"] if data.get("dataset") is not None else ["train", "dev", "test"]
        yield from (("data", key) for key in keys if isinstance(data.get(key), str))
    for section, key in (("annotation", "labels"), ("annotation", "known_replies"), ("model", "encoder")):
        said = values.get(section)
        text = said.get(key) if isinstance(said, dict) else None
        if isinstance(text, str) and not text.startswith(_PACKAGE_PREFIX):
            yield section, key


def find_path(key: str, text: str, folder: Path | None) -> tuple[Path | None, list[Path]]:
    """The file or folder that `text` names, or None, and the absolute places that were tried in this order.

    Args:
        key: last part of the key; `dataset` and `encoder` name folders, the others files.
        text: a path, `~` allowed.
        folder: folder of the recipe that says so, which goes before the current folder; None on the command line.
    """
    written = os.path.expanduser(text)
    bases = [Path.cwd()] if folder is None else [folder, Path.cwd()]
    places = list(dict.fromkeys(Path(os.path.abspath(base / written)) for base in bases))
    # Unlike Path.is_file, these also take what is too long for a name, such as a whole prompt.
    is_right = os.path.isdir if key in _FOLDER_KEYS else os.path.isfile
    return next((place for place in places if is_right(place)), None), places


def resolve_paths(
    values: dict[str, Any], folder_of: Callable[[tuple[str, str]], Path | None]
) -> dict[tuple[str, str], str]:
    """Make the paths in the nested `values` absolute, in place.

    Args:
        values: a recipe's sections.
        folder_of: folder of the recipe that states a key; None for the command line.

    Returns:
        What is wrong with each (section, key) whose file or folder is missing.
    """
    problems = {}
    for section, key in list(path_keys(values)):
        text = values[section][key]
        found, places = find_path(key, text, folder_of((section, key)))
        tried = " and ".join(map(str, places))
        if found is not None:
            values[section][key] = str(found)
        elif key not in _FOLDER_KEYS:
            problems[section, key] = f"no such file; tried {tried}"
        elif not is_hub_id(text):
            problems[section, key] = f"no such folder, and not a name on the Hub (owner/name); tried {tried}"
    return problems


def resolve_prompts(values: dict[str, Any], folder_of: Callable[[tuple[str, ...]], Path | None]) -> None:
    """Make the prompt files that the nested `values` of a recipe name absolute, in place; other names are shipped ones.

    Args:
        values: a recipe's sections.
        folder_of: folder of the recipe that states a key; None for the command line.
    """
    for *sections, name in _PROMPT_KEYS:
        key = (*sections, name)

        def resolved(text: Any, key: tuple[str, ...] = key) -> Any:
            found = find_path(key[-1], text, folder_of(key))[0] if isinstance(text, str) else None
            return text if found is None else str(found)

        said: Any = values
        for section in sections:
            said = said.get(section) if isinstance(said, dict) else None
        if isinstance(said, dict) and isinstance(said.get(name), list):
            said[name] = [resolved(text) for text in said[name]]
        elif isinstance(said, dict) and said.get(name) is not None:
            said[name] = resolved(said[name])
