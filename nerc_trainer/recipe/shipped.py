"""The recipes that come with the program, and finding a recipe by file or by name."""

import os
from pathlib import Path

from nerc_trainer.errors import NercError
from nerc_trainer.recipe.errors import suggestion
from nerc_trainer.recipe.secrets import masked

_ACCELERATE_FOLDER = "accelerate"


def shipped_recipes() -> dict[str, Path]:
    """Names such as `quickstart` and `conll2003/active` to the recipes' files, sorted by name."""
    folder = recipes_folder()
    files = sorted(folder.rglob("*.yaml"))
    names = {path.relative_to(folder).with_suffix("").as_posix(): path for path in files}
    return {name: path for name, path in names.items() if not name.startswith(f"{_ACCELERATE_FOLDER}/")}


def recipes_folder() -> Path:
    """Folder of the shipped recipes: inside an installed package, beside the package in a source checkout."""
    package = Path(__file__).parent.parent
    installed = package / "_recipes"
    # The installed folder comes first: beside an installed package, `recipes` may be anyone's.
    return installed if installed.is_dir() else package.parent / "recipes"


def find_recipe(file_or_name: str | os.PathLike[str]) -> Path:
    """The recipe's file: `file_or_name` itself if there is such a file, else the shipped recipe of that name.

    Raises:
        NercError: there is neither.
    """
    path = Path(file_or_name)
    if os.path.isfile(path):  # unlike Path.is_file, it also takes what is too long for a name
        return path
    shipped = shipped_recipes()
    name = path.as_posix()
    key, equals, _ = masked(name).partition("=")
    if equals and "/" not in key:
        raise NercError(
            f"{key}=...: not a recipe; what overrides one stands behind it, as in `nerc-trainer VERB RECIPE {key}=...`"
        )
    if name in shipped:
        return shipped[name]
    nearest = suggestion(name, shipped) or suggestion(path.stem, shipped) or f"; shipped are {', '.join(shipped)}"
    what = "this is a folder, not a recipe's file" if os.path.isdir(path) else "no such file or shipped recipe"
    raise NercError(f"{masked(name)}: {what}{nearest}")


def shown_path(path: Path) -> str:
    """The path as errors show it: relative to the current folder when it lies inside."""
    absolute = Path(os.path.abspath(path))
    try:
        return absolute.relative_to(Path.cwd()).as_posix()
    except ValueError:
        return absolute.as_posix()


def describe_recipe(path: Path) -> str:
    """What the recipe is, in its own words: the first line of the comment that opens it."""
    with path.open(encoding="utf-8") as lines:
        first = next(lines, "")
    return first.lstrip("#").strip() if first.startswith("#") else ""
