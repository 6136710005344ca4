"""How corpora and encoders are named in what is published: never by a folder of this machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nerc_trainer.recipe.sections import DataSection


def without_folders(name: str) -> str:
    """A name on the Hub or of a package as it is; a path of this machine by its last part alone."""
    path = Path(name)
    return path.name if path.is_absolute() or path.exists() else name


def split_name(data: DataSection, split: str) -> str:
    """The name of a split: that of its file, or data set and split."""
    if data.dataset is None:
        return Path(split).name
    return f"{without_folders(data.dataset)}, {split}"
