"""Secrets in a recipe: found before anything is said of it, so that no message and no file can repeat one."""

import re
from collections.abc import Iterator
from typing import Any

from nerc_trainer.recipe.annotation import VARIABLE
from nerc_trainer.recipe.errors import general_key, known_keys

Place = tuple[str | int, ...]

_NAME = re.compile(
    r"(token|password|passwd|secret|credential|api_?key|auth|authorization|bearer)s?$|(^|[_-])key$", re.IGNORECASE
)
# Behind sk- stand capitals and digits, or a long hexadecimal number; words with dashes between them are a name.
_TOKEN = re.compile(r"\b(hf_[A-Za-z0-9]{20,}|sk-(?=[\w-]*[0-9])(?=[\w-]*[A-Z]|[\w-]*[0-9a-f]{20})[A-Za-z0-9_-]{20,})")
# A user or a password in an address, or a parameter that holds a key.
_ADDRESS = re.compile(
    r"://[^/\s]*(?P<behind>@)"
    r"|(?P<parameter>[?&][\w-]*(key|token|secret|sig|signature|credential|password)=)[^&\s]*",
    re.IGNORECASE,
)
# What no one calls a variable: sixteen letters with digits among them, and no underscore.
_RANDOM = re.compile(r"(?=[A-Z]*[0-9])[A-Z0-9]{16,}")
_KEY_VARIABLE = ("annotation", "endpoints", "*", "api_key_env")
_PROSE = [("annotation", "types", "*", name) for name in ("title", "description")]  # may speak of addresses


def masked(text: str) -> str:
    """The text with *** for what looks like a secret in it."""
    text = _TOKEN.sub("***", text)
    return _ADDRESS.sub(lambda found: f"{found['parameter'] or '://'}***{found['behind'] or ''}", text)


def take_out_secrets(values: dict[str, Any]) -> list[tuple[tuple[str, ...], str]]:
    """Remove what is, or may be, a secret from the nested ``values`` of a recipe, at any depth. In a list None takes
    its place, so that what stands behind it keeps its number.

    Returns:
        The key of each, with what to do about it; the secret itself stands in neither.
    """
    found = list(_secrets(values, (), frozenset(known_keys())))
    for place, _ in found:
        holder: Any = values
        for part in place[:-1]:
            holder = holder[part]
        last: Any = place[-1]
        if isinstance(holder, list):
            holder[last] = None
        else:
            del holder[last]
    return [(tuple("***" if _holds_one(str(part)) else str(part) for part in place), way) for place, way in found]


def _secrets(held: dict[str, Any] | list[Any], parent: Place, known: frozenset[str]) -> Iterator[tuple[Place, str]]:
    items: Any = held.items() if isinstance(held, dict) else enumerate(held)
    for name, value in items:
        place = (*parent, name)
        if _is_secret(place, value, known):
            yield place, _way_out(place, value)
        elif isinstance(value, dict | list):
            yield from _secrets(value, place, known)


def _is_secret(place: Place, value: Any, known: frozenset[str]) -> bool:
    """Whether a value looks like a secret, or its key is none that recipes have and is called like one."""
    if value is None:
        return False
    key = general_key(tuple(map(str, place)), known)
    if key == _KEY_VARIABLE and not _names_a_variable(value):
        return True
    if isinstance(value, str) and (_TOKEN.search(value) if key in _PROSE else _holds_one(value)):
        return True
    if _holds_one(str(place[-1])):
        return True
    # Where a mapping belongs behind a name of the user's own, a value is the end of a key that recipes have not.
    dotted = ".".join(key)
    cut_short = key[-1] == "*" and not isinstance(value, dict) and any(name.startswith(f"{dotted}.") for name in known)
    unknown = dotted not in known or cut_short
    return unknown and any(map(_NAME.search, str(place[-1]).split(".")))


def _holds_one(text: str) -> bool:
    return _TOKEN.search(text) is not None or _ADDRESS.search(text) is not None


def _names_a_variable(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch(VARIABLE, value) is not None and _RANDOM.search(value) is None


def _way_out(place: Place, value: Any) -> str:
    section, name = place[0], str(place[-1]).lower()
    if name == "api_key_env":
        if isinstance(value, str) and re.fullmatch(VARIABLE, value):
            return (
                "so many capitals and digits in one word may be the key itself, so they are not shown; if they are the "
                "name of an environment variable, give it one with _ between the words, such as OPENAI_API_KEY"
            )
        return (
            "should be the name of an environment variable in capitals, such as OPENAI_API_KEY; what stands here is "
            "not shown, as it may be the key itself"
        )
    of_hub = section == "hub" or "hub" in name or "hf" in name or str(value).startswith("hf_")
    of_llm = "key" in name or str(value).startswith("sk-")
    if section == "annotation" or (of_llm and not of_hub):
        return (
            "this looks like a secret; did you mean api_key_env of a server in annotation.endpoints, which names the "
            "variable in the environment or .env that holds the key?"
        )
    if of_hub:
        return "this looks like a secret; remove it and set HF_TOKEN in the environment"
    return "this looks like a secret, and a recipe holds none; remove it"
