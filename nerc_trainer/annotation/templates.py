"""The text templates of a prompt: jinja2 in its sandbox, compiled once, every mistake told with its file and line.

A prompt's file may come from anyone, so a template reads what it is given and reaches nothing else. What is filled in
is never read as a template: a sentence that holds jinja syntax is text like any other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Any

from jinja2 import StrictUndefined, TemplateSyntaxError, nodes
from jinja2.meta import find_undeclared_variables
from jinja2.sandbox import ImmutableSandboxedEnvironment

from nerc_trainer.annotation.formats import show_words
from nerc_trainer.errors import NercError
from nerc_trainer.recipe.errors import suggestion

_SANDBOX = ImmutableSandboxedEnvironment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
# A loop in a template that numbers the words would take ten times as long as all the rest of a message.
_SANDBOX.filters["numbered"] = partial(show_words, "index_spans")
_FILE_NAME = "<template>"  # what jinja2 calls a template that was made from a string, in tracebacks


@dataclass(frozen=True)
class TemplateText:
    """A template and where it stands: file and key as messages name them, and the file's line (from 1) of its start."""

    text: str
    where: str
    first_line: int = 1

    def mistake(self, line: int, problem: object) -> NercError:
        """The error ``problem`` in a line (from 1) of the template."""
        return NercError(f"{self.where}, line {self.first_line + line - 1}: {' '.join(str(problem).split())}")


def used_variables(template: TemplateText, known: Iterable[str]) -> set[str]:
    """The variables that a template reads.

    NercError if it is no jinja2, reads a variable that is not ``known``, names an attribute that the sandbox hides, or
    pulls in another file.
    """
    try:
        tree = _SANDBOX.parse(template.text)
        # Unknown filters and tests are found when code is made of the tree, not before.
        _SANDBOX.compile(template.text)
    except TemplateSyntaxError as error:
        raise template.mistake(error.lineno, error.message) from None
    for other in tree.find_all((nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends)):
        raise template.mistake(other.lineno, "a prompt is one file; write here what you would include or import")
    for attribute in tree.find_all(nodes.Getattr):
        if attribute.attr.startswith("_"):
            raise template.mistake(attribute.lineno, f"the attribute {attribute.attr} is out of a prompt's reach")
    used = find_undeclared_variables(tree)
    known = sorted(known)
    for name in sorted(used.difference(known, _SANDBOX.globals)):
        line = next(node.lineno for node in tree.find_all(nodes.Name) if node.name == name)
        nearest = suggestion(name, known) or f"; there are {', '.join(known)}"
        raise template.mistake(line, f"unknown variable {name}{nearest}")
    return used


class Template:
    """A compiled template with its constants filled in."""

    def __init__(self, source: TemplateText, constants: Mapping[str, Any]) -> None:
        self._source = source
        self._compiled = _SANDBOX.from_string(source.text)
        # jinja2 keeps globals in layers and copies them at each rendering; a plain dict is copied six times as fast.
        self._compiled.globals = {**_SANDBOX.globals, **constants}
        self._pieces = _plain_pieces(_SANDBOX.parse(source.text))

    def render(self, variables: Mapping[str, Any]) -> str:
        """The text with ``variables`` filled in; NercError names the line of what can't be done."""
        if self._pieces is not None:
            try:
                return "".join([str(variables[name]) if name else text for name, text in self._pieces])
            except KeyError:  # jinja2 has the words for that
                pass
        try:
            return self._compiled.render(variables)
        except Exception as error:  # an expression can fail in any way that Python can
            raise self._source.mistake(_line(error.__traceback__), error) from error


def _plain_pieces(tree: nodes.Template) -> list[tuple[str, str]] | None:
    """The (variable, text) pieces of a template that only joins texts and bare variables, None for any other.

    Joining them gives what jinja2 gives, in a quarter of the time; nearly every user template is of this kind, and each
    sentence of a corpus is rendered whenever a run is started again.
    """
    pieces: list[tuple[str, str]] = []
    for output in tree.body:
        if not isinstance(output, nodes.Output):
            return None
        for node in output.nodes:
            if isinstance(node, nodes.TemplateData):
                pieces.append(("", node.data))
            elif isinstance(node, nodes.Name):
                pieces.append((node.name, ""))
            else:
                return None
    return pieces


def _line(traceback: TracebackType | None) -> int:
    """The template's line that a traceback ended in; jinja2 writes its own lines into it."""
    line = 1
    while traceback is not None:
        if traceback.tb_frame.f_code.co_filename == _FILE_NAME:
            line = traceback.tb_lineno
        traceback = traceback.tb_next
    return line
