"""YAML as recipes use it: plain words stay text, and what is easily overlooked is an error with its line.

YAML 1.1 reads `off` as a boolean, `1e-5` as text and the revision `1.10` as a number. Here every scalar but null is
text, and the type of the field that it is for decides what it becomes.
"""

import re
from typing import Any

import yaml

from nerc_trainer.errors import NercError

_NUMBER = re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?")


class _TextLoader(yaml.SafeLoader):
    """Keeps scalars as text and refuses repeated keys, keys that are no text, anchors and aliases."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event = self.peek_event()
        if isinstance(event, yaml.AliasEvent):
            raise _at(event, f"*{event.anchor}: a recipe has no aliases; share settings with extends")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str):
                raise _at(key_node, "a key must be a word")
            if key in seen:
                raise _at(key_node, f"{key} stands here twice; remove one of them")
            seen.add(key)
        return super().construct_mapping(node, deep=deep)


# Every other resolver of YAML 1.1 (bool, int, float, timestamp, merge) guesses a type from the spelling.
_TextLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag == "tag:yaml.org,2002:null"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _at(place: Any, problem: str) -> yaml.MarkedYAMLError:
    """The error `problem` at a node or an event."""
    return yaml.MarkedYAMLError(problem=problem, problem_mark=place.start_mark)


def read_yaml(text: str, source: str) -> Any:
    """The value that `text` holds, its scalars as text.

    Raises:
        NercError: the text is no YAML; the message names `source` and the line.
    """
    try:
        return yaml.load(text, Loader=_TextLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise NercError(f"{source}: {where}{error.problem or error.context}") from error
    except yaml.YAMLError as error:
        raise NercError(f"{source}: not YAML: {' '.join(str(error).split())}") from error


def compose_yaml(text: str) -> yaml.Node | None:
    """The syntax tree of `text`, whose nodes know their place in it; for text that `read_yaml` accepts."""
    return yaml.compose(text, Loader=_TextLoader)


def guess_types(value: Any) -> Any:
    """Text that spells a number or true or false becomes one, at any depth; for places where no field has a type."""
    if isinstance(value, dict):
        return {key: guess_types(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [guess_types(inner) for inner in value]
    if not isinstance(value, str):
        return value
    if value.lower() in ("true", "false"):
        return value.lower() == "true"
    if not _NUMBER.fullmatch(value):
        return value
    return int(value) if value.lstrip("+-").isdigit() else float(value)
