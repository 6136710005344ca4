"""What every section of a recipe has in common."""

import re

from pydantic import BaseModel, ConfigDict
from pydantic_core import PydanticCustomError


class Section(BaseModel):
    """A part of a recipe: unknown keys are errors, numbers are finite, and nothing changes after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def refuse(key: str, reason: str) -> PydanticCustomError:
    """The error of a rule that several keys of a section share, laid at the door of `key`, dotted below the section."""
    return PydanticCustomError("recipe_rule", "{reason}", {"key": key, "reason": reason})


def different_seeds(seeds: list[int]) -> list[int]:
    """The seeds, if a run can be made with each and no two are the same."""
    if len(set(seeds)) < len(seeds) or min(seeds) < 0 or max(seeds) >= 2**32:
        raise PydanticCustomError("seeds", "give different seeds, each between 0 and 2**32 - 1")
    return seeds


def is_hub_id(text: str, owner_needed: bool = False) -> bool:
    """Whether `text` can name a repository on the Hub: owner/name, or name alone unless the owner is needed."""
    parts = text.split("/")
    well_formed = all(re.fullmatch(r"[A-Za-z0-9_]([A-Za-z0-9._-]{0,94}[A-Za-z0-9_])?", part) for part in parts)
    return well_formed and len(parts) in ((2,) if owner_needed else (1, 2)) and "--" not in text and ".." not in text
