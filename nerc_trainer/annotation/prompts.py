"""Prompts: YAML files that say how a sentence is put to an LLM, and their rendering as chat messages.

A prompt names no data set and no types: the recipe gives them, and the templates are filled in with them. What stays
the same from sentence to sentence comes first in the messages, so that a server can keep the state of that prefix.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from pydantic import Field, PrivateAttr, ValidationError, model_validator

from nerc_trainer.annotation.formats import Format, answer_schema, check_fields, show_words, write_answer
from nerc_trainer.annotation.templates import Template, TemplateText, used_variables
from nerc_trainer.corpus.labels import Span
from nerc_trainer.errors import NercError
from nerc_trainer.recipe.errors import plain_message, suggestion
from nerc_trainer.recipe.paths import find_path
from nerc_trainer.recipe.section import Section, refuse
from nerc_trainer.recipe.shipped import shown_path
from nerc_trainer.recipe.yaml_text import compose_yaml, read_yaml

Message = dict[str, str]  # role and content, as the chat API takes them

_TEMPLATES = ("system", "user", "example")
_CONSTANTS = ("types", "tags", "language", "genre")
_FOLDER = Path(__file__).with_name("prompts")
_KEPT_HEADS, _KEPT_EXAMPLES = 64, 4096


class Prompt(Section):
    """How a sentence is put to an LLM, and in which format it answers."""

    name: str = Field(min_length=1, description="What leaderboards and results call the prompt.")
    version: int = Field(ge=1, description="Raised with every change that may change an answer.")
    description: str = Field(min_length=1, description="What is special about the prompt, in a line.")
    format: Format = Field(description="Format of the answers.")
    fields: tuple[str, ...] = Field(default=(), description="Parts of an answer, in formats that leave a choice.")
    system: str = Field(description="Template of the system message; empty for none.")
    user: str = Field(min_length=1, description="Template of the user message, which shows the sentence.")
    example: str | None = Field(
        default=None,
        description="Template of an example, all of which are joined to the variable examples; null for examples as "
        "turns of the chat before the sentence; empty for a prompt that shows none.",
    )

    _file: str = PrivateAttr(default="")
    _first_lines: dict[str, int] = PrivateAttr(default_factory=dict)

    @model_validator(mode="after")
    def _format_has_the_fields(self) -> Prompt:
        try:
            check_fields(self.format, self.fields)
        except ValueError as error:
            raise refuse("fields", str(error)) from None
        return self

    @property
    def shows_examples(self) -> bool:
        """Whether examples make a difference."""
        return self.example != ""

    def template(self, key: str) -> TemplateText:
        """The template under ``key`` (system, user or example), empty where there is none."""
        where = f"{self._file or self.name}: {key}"
        return TemplateText(getattr(self, key) or "", where, self._first_lines.get(key, 1))


def shipped_prompts() -> dict[str, Path]:
    """Names such as `text_spans_1` to the files of the prompts that come with the program, sorted by name."""
    return {path.stem: path for path in sorted(_FOLDER.glob("*.yaml"))}


def load_prompt(name_or_path: str, folder: Path | None = None) -> Prompt:
    """Read and check a prompt: a YAML file in the recipe's ``folder`` or the current one, or a shipped one by name.

    NercError has one line for each thing that is wrong, with the file, the key and what was meant.
    """
    path = _find_prompt(name_or_path, folder)
    file = shown_path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise NercError(f"{file}: not UTF-8 text: {error.reason} at byte {error.start}") from error
    said = read_yaml(text, file)
    if not isinstance(said, dict):
        raise NercError(f"{file}: not a mapping of keys to values; a prompt has {', '.join(Prompt.model_fields)}")
    try:
        prompt = Prompt.model_validate(said)
    except ValidationError as error:
        raise NercError("\n".join(_finding_line(file, finding) for finding in error.errors())) from None
    prompt._file, prompt._first_lines = file, _first_lines(text)
    _check_templates(prompt)
    return prompt


def _find_prompt(name: str, folder: Path | None) -> Path:
    found, _ = find_path("prompt", name, folder)
    shipped = shipped_prompts()
    if found is None and name not in shipped:
        beside = [file.name for file in sorted((folder or Path.cwd()).glob("*.yaml"))]
        nearest = suggestion(name, [*shipped, *beside]) or f"; shipped are {', '.join(shipped)}"
        raise NercError(f"prompt {name}: no such file or shipped prompt{nearest}")
    return found or shipped[name]


def _finding_line(file: str, finding: Mapping[str, Any]) -> str:
    """One finding of pydantic as a line."""
    keys = Prompt.model_fields
    if finding["type"] == "recipe_rule":
        key = finding["ctx"]["key"]
        return f"{file}: {key} = {finding['input'].get(key)}: {plain_message(finding)}"
    key = str(finding["loc"][0])
    if finding["type"] == "missing":
        return f"{file}: {key}: missing; {keys[key].description}"
    value = " ".join(str(finding["input"]).split())[:100]
    if finding["type"] == "extra_forbidden":
        return f"{file}: {key} = {value}: unknown key{suggestion(key, keys) or '; there are ' + ', '.join(keys)}"
    return f"{file}: {key} = {value}: {plain_message(finding)}"


def _first_lines(text: str) -> dict[str, int]:
    """The line, from 1, on which the value of each key begins."""
    tree = compose_yaml(text)
    assert isinstance(tree, yaml.MappingNode)
    # The text of a block scalar begins on the line after its | or >.
    return {
        key.value: value.start_mark.line + (2 if getattr(value, "style", None) in ("|", ">") else 1)
        for key, value in tree.value
    }


def _check_templates(prompt: Prompt) -> None:
    """NercError for a template that is wrong in itself or does not do its part."""
    shared = {*_CONSTANTS, *(["type"] if prompt.format == "one_type" else [])}
    known = {
        "system": {"examples"},
        "user": {"examples", "words", "sentence"},
        "example": {"answer", "words", "sentence"},
    }
    used = {key: used_variables(prompt.template(key), shared | known[key]) for key in _TEMPLATES}
    asked = used["system"] | used["user"]
    if not used["user"] & {"words", "sentence"}:
        raise prompt.template("user").mistake(1, "does not show the sentence; write {{ sentence }}")
    if prompt.format == "one_type" and "type" not in asked:
        raise prompt.template("user").mistake(1, "does not say which type is asked for; write {{ type }}")
    if prompt.example and "examples" not in asked:
        raise prompt.template("example").mistake(1, "shown nowhere; write {{ examples }} into system or user")
    if not prompt.example and "examples" in asked:
        key = "system" if "examples" in used["system"] else "user"
        raise prompt.template(key).mistake(1, "examples is empty; write into the key example how each one is shown")


@dataclass(frozen=True)
class EntityType:
    """A type of entity as a prompt explains it; ``title`` is what people call it, ``name`` what answers do."""

    name: str
    title: str
    description: str = ""

    def __str__(self) -> str:
        title = f" ({self.title})" if self.title != self.name else ""
        return f"{self.name}{title}{f': {self.description}' if self.description else ''}"


@dataclass(frozen=True)
class Example:
    """A sentence and its right answer; the tags besides entities are None where nobody knows them."""

    words: tuple[str, ...]
    spans: tuple[Span, ...]
    pos_tags: tuple[str, ...] | None = None
    chunk_tags: tuple[str, ...] | None = None


class Renderer:
    """A prompt with a recipe's types, language and genre filled in; a sentence costs it a few microseconds.

    What can't be rendered at all raises NercError at once, not at the first sentence.
    """

    def __init__(self, prompt: Prompt, types: Sequence[EntityType], language: str, genre: str) -> None:
        self.prompt = prompt
        self.types = tuple(types)
        names = [type_.name for type_ in self.types]
        self._by_name: dict[str | None, EntityType] = {type_.name: type_ for type_ in self.types}
        self._schema = answer_schema(prompt.format, names, prompt.fields)
        tags = ("O", *(f"{prefix}-{name}" for name in names for prefix in "BI"))
        self._language, self._genre = language, genre
        constants = {"types": self.types, "tags": tags, "language": language, "genre": genre}
        self._system, self._user, self._example = (Template(prompt.template(key), constants) for key in _TEMPLATES)
        # Fixed examples make one head for each type; other choices share their examples with one another.
        self._head = lru_cache(_KEPT_HEADS)(self._render_head)
        self._turns = lru_cache(_KEPT_EXAMPLES)(self._render_turns)
        self._line = lru_cache(_KEPT_EXAMPLES)(self._render_line)
        trial = Example(("A", "b"), (Span(0, 1, names[0]),), ("X", "Y"), ("B-NP", "O"))
        self.messages(trial.words, (trial,), names[0] if prompt.format == "one_type" else None)

    def messages(
        self, words: Sequence[str], examples: Sequence[Example] = (), type_: str | None = None
    ) -> tuple[Message, ...]:
        """The chat that asks for the entities of a sentence; ``type_`` is the one asked for in the format one_type.

        Messages before the last are shared between calls and must not be changed. NercError if the prompt asks for tags
        that an example lacks.
        """
        head, joined = self._head(tuple(examples) if self.prompt.shows_examples else (), type_)
        return (*head, {"role": "user", "content": self._ask(words, joined, type_)})

    def schema(self) -> Mapping[str, Any] | None:
        """JSON schema of the answers; None where they are not JSON."""
        return self._schema

    def fingerprint(self) -> str:
        """Hex digest of all that shapes the messages; prompts that ask the same have the same, whatever their names."""
        texts = self.prompt.model_dump(include={"format", "fields", *_TEMPLATES}, mode="json")
        parts = [texts, [asdict(type_) for type_ in self.types], self._language, self._genre, self._schema]
        return hashlib.sha256(json.dumps(parts, ensure_ascii=False).encode()).hexdigest()

    def _render_head(self, examples: tuple[Example, ...], type_: str | None) -> tuple[tuple[Message, ...], str]:
        """All messages before the sentence, and the examples as a text where the prompt's template makes one."""
        turns: tuple[Message, ...] = ()
        joined = ""
        if self.prompt.example is None:
            turns = tuple(message for example in examples for message in self._turns(example, type_))
        else:
            joined = "\n".join(self._line(example, type_) for example in examples)
        system = self._system.render({"examples": joined} | self._asked(type_))
        return (({"role": "system", "content": system}, *turns) if system else turns), joined

    def _render_turns(self, example: Example, type_: str | None) -> tuple[Message, Message]:
        question, answer = self._ask(example.words, "", type_), self._write(example, type_)
        return {"role": "user", "content": question}, {"role": "assistant", "content": answer}

    def _render_line(self, example: Example, type_: str | None) -> str:
        shown = {"words": example.words, "sentence": show_words(self.prompt.format, example.words)}
        return self._example.render(shown | {"answer": self._write(example, type_)} | self._asked(type_))

    def _ask(self, words: Sequence[str], joined: str, type_: str | None) -> str:
        shown: dict[str, Any] = {"words": words, "sentence": show_words(self.prompt.format, words), "examples": joined}
        if type_ is not None:
            shown["type"] = self._by_name[type_]
        return self._user.render(shown)

    def _asked(self, type_: str | None) -> dict[str, EntityType]:
        """The variable that only the format one_type has."""
        return {"type": self._by_name[type_]} if self.prompt.format == "one_type" else {}

    def _write(self, example: Example, type_: str | None) -> str:
        tags = {"pos_tags": example.pos_tags, "chunk_tags": example.chunk_tags}
        for field, known in tags.items():
            if known is None and field in self.prompt.fields:
                raise NercError(
                    f"prompt {self.prompt.name}: asks for {field}, which the examples have not; choose another prompt, "
                    "set annotation.examples.count to 0, or give a corpus that has them"
                )
        return write_answer(self.prompt.format, example.words, example.spans, self.prompt.fields, type_=type_, **tags)
