"""What is wrong with a recipe, in words: the nearest valid key, and pydantic's findings as plain sentences."""

import difflib
from collections.abc import Container, Iterable, Mapping
from typing import Any, get_args, get_origin

from pydantic import BaseModel

from nerc_trainer.recipe.sections import Recipe


def suggestion(name: str, valid_names: Iterable[str], prefix: str = "") -> str:
    """`; did you mean ...?` with the valid name nearest to `name`, or nothing when none is near."""
    close = difflib.get_close_matches(name, list(valid_names), n=1, cutoff=0.6)
    return f"; did you mean {prefix}{close[0]}?" if close else ""


def unknown_key_message(key: tuple[str, ...], training_names: Iterable[str]) -> str:
    """What to say of a key that no section has: where it belongs, the nearest one, or those that stand beside it.

    Args:
        key: the path to the key.
        training_names: arguments that may stand in the training section.
    """
    known = [*known_keys(), *(f"training.{name}" for name in training_names)]
    general = general_key(key, known)
    dotted, parent, name = ".".join(general), ".".join(general[:-1]), key[-1]
    if name in known:
        return "unknown key; a dot does not nest in a file: put each part on a line of its own, indented"
    if elsewhere := [valid for valid in known if valid.rpartition(".")[2] == name and valid != dotted]:
        return f"unknown key; did you mean {elsewhere[0]}?"
    siblings = [valid.rpartition(".")[2] for valid in known if valid.rpartition(".")[0] == parent]
    beside = "".join(f"{part}." for part in key[:-1])
    return f"unknown key{suggestion(name, siblings, beside) or '; there are ' + ', '.join(siblings)}"


def known_keys() -> dict[str, str]:
    """Dotted name to description of every key that a recipe has, sections included; * stands for a place in a list and
    for a name of the user's own, as in annotation.types.*.title."""
    return _described_keys(Recipe)


def general_key(key: tuple[str, ...], known: Container[str]) -> tuple[str, ...]:
    """The key as ``known`` has it, with * for places in lists and names of the user's own."""
    general: tuple[str, ...] = ()
    for part in key:
        general = (*general, "*" if ".".join((*general, "*")) in known else part)
    return general


def plain_message(finding: Mapping[str, Any]) -> str:
    """One finding of pydantic (an item of `ValidationError.errors()`) without its technical wording."""
    if finding["type"] == "missing":
        keys = known_keys()
        description = keys[".".join(general_key(tuple(map(str, finding["loc"])), keys))].rstrip(".")
        return f"missing ({description[:1].lower()}{description[1:]})"
    if finding["type"] == "string_type" and isinstance(finding["input"], (int, float)):
        return "should be text: put it in quotes"
    if finding["type"] in ("model_type", "dict_type"):
        return "should be a mapping of keys to values"
    if finding["type"] == "string_pattern_mismatch":
        return f"should match the pattern {finding['ctx']['pattern']}"
    message: str = finding["msg"]
    message = message.removeprefix("Input ").split(", unable to ")[0]
    if finding["type"] == "literal_error":
        choices = [choice.strip("' ") for choice in finding["ctx"]["expected"].replace(" or ", ", ").split(",")]
        message += suggestion(str(finding["input"]), choices)
    return message[:1].lower() + message[1:]


def _described_keys(model: type[BaseModel], prefix: str = "") -> dict[str, str]:
    keys: dict[str, str] = {}
    for name, info in model.model_fields.items():
        description = info.description or ""
        keys[f"{prefix}{name}"] = description
        below = f"{prefix}{name}."
        if get_origin(info.annotation) in (list, dict) and name != "training":  # whose names are transformers' own
            keys[f"{below}*"] = description
            below += "*."
        for part in (info.annotation, *get_args(info.annotation)):
            if isinstance(part, type) and issubclass(part, BaseModel):
                keys |= _described_keys(part, below)
    return keys
