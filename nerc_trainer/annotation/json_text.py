"""Find the JSON in what an LLM wrote: in a code fence, among prose, with the slips that models make."""

from __future__ import annotations

import ast
import json
import re
import warnings
from collections.abc import Iterator
from typing import Any

from nerc_trainer.annotation.characters import squeeze
from nerc_trainer.annotation.rejection import Rejection

# ast builds a tree of many times the size of its text, so only replies of an ordinary length are worth the repair.
_REPAIRABLE = 100_000
_CANDIDATES = 20
_TOKEN = re.compile(r'\\.|["{}\[\]]', re.DOTALL)
_FENCE = re.compile(r"```\w*\n(.*?)\n?```", re.DOTALL)
_OPENING = {"}": "{", "]": "["}


def json_values(text: str, source: str = "") -> list[Any]:
    """The objects and lists of a reply: that which the whole text is, else all outermost ones in it.

    Numbers come as the text that stands for them. Small slips are mended: trailing commas, and the quotes and literals
    of Python. What also stands in ``source``, the sentence, is the sentence's and no answer, so it is left out unless
    it is all that there is. Rejection with ``not_json`` if nothing is found, and with ``wrong_shape`` if a number is
    NaN or infinite or a key stands twice in an object.
    """
    try:
        return [_load(text)]
    except ValueError:
        pass
    bare = text.strip()
    if fenced := _FENCE.fullmatch(bare):
        bare = fenced[1].strip()
    squeezed_source = squeeze(source)
    values: list[Any] = []
    for candidate in _outermost(text)[:_CANDIDATES]:
        # Empty brackets among prose say nothing: not that there is no entity either.
        if candidate == bare or (squeeze(candidate) not in squeezed_source and squeeze(candidate) not in ("[]", "{}")):
            values += _load_repaired(candidate)
    if not values:
        raise Rejection("not_json", f"no complete JSON in {text.strip()[:60]!r}")
    return values


def _load(text: str) -> Any:
    try:
        return json.loads(
            text,
            parse_int=str,
            parse_float=str,
            parse_constant=_refuse_constant,
            object_pairs_hook=_refuse_repeats,
            strict=False,
        )
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _refuse_constant(name: str) -> None:
    raise Rejection("wrong_shape", f"{name} is no number of JSON")


def _refuse_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    keys = dict(pairs)
    if len(keys) < len(pairs):
        raise Rejection("wrong_shape", f"a key stands twice in an object of {', '.join(keys)}")
    return keys


def _load_repaired(text: str) -> Iterator[Any]:
    try:
        yield _load(text)
        return
    except ValueError:
        pass
    if len(text) > _REPAIRABLE:
        return
    # Literals of Python may end with a comma and take either quote.
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of an escape that JSON knows and Python does not
            yield ast.literal_eval(text)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return


def _outermost(text: str) -> list[str]:
    """The balanced brackets of a text that stand in no others; brackets in double quotes do not count.

    What stands in a bracket that is closed by another kind is a part of something that was cut. A bracket that is never
    closed cuts the whole: what it would have held may be the answer, so nothing is returned.
    """
    found: list[tuple[int, int]] = []
    opened: list[int] = []
    quoted = False
    for token in _TOKEN.finditer(text):
        character, offset = token[0], token.start()
        if character == '"':
            # Quotes of the prose round it mean nothing.
            quoted = bool(opened) and not quoted
        elif quoted or character.startswith("\\"):
            continue
        elif character in "{[":
            opened.append(offset)
        elif opened and text[opened[-1]] == _OPENING[character]:
            start = opened.pop()
            while found and found[-1][0] > start:
                found.pop()
            found.append((start, offset + 1))
        elif opened:
            found = [pair for pair in found if pair[0] < opened[0]]
            opened.clear()
    return [] if opened else [text[start:end] for start, end in found]
