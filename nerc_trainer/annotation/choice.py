"""Which prompts and which model label a corpus: what the recipe says, else what the sweep has found best."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nerc_trainer.annotation.prompts import load_prompt
from nerc_trainer.annotation.reading import READER_VERSION
from nerc_trainer.annotation.result import sweep_folder
from nerc_trainer.errors import NercError
from nerc_trainer.recipe.annotation import NO_PROMPT

if TYPE_CHECKING:
    from nerc_trainer.recipe.sections import Recipe

# For a second try, where neither recipe nor sweep names a prompt: the first of another format.
_SECOND_TRIES = ("inline_1", "text_spans_1")
# What an answer and its reading hang on, besides prompts and model.
_DECISIVE = {
    *("sentences", "types", "aliases", "language", "genre", "truth", "examples"),
    *("samples", "temperature", "top_p", "max_tokens", "log_probabilities"),
}


@dataclass(frozen=True)
class Choice:
    """The prompt and the model that label, and the prompt of the second try, None for none."""

    prompt: str
    model: str
    fallback: str | None


def choose(recipe: Recipe) -> Choice:
    """What the recipe says, and where it leaves it open what the sweep has found best.

    The second try is in another format than the first: the best of those that were swept, else a shipped prompt. Raises
    NercError where the recipe leaves prompt or model open and no sweep has chosen one.
    """
    section = recipe.annotation
    path = sweep_folder(recipe) / "winner.json"
    swept: str | None = None
    prompt, model = section.prompt, section.model
    try:
        winner = json.loads(path.read_text(encoding="utf-8"))
        prompt, model = prompt or winner["prompt"], model or winner["model"]
        if (prompt, model) == (winner["prompt"], winner["model"]):
            swept = winner["other_format"]
    except FileNotFoundError:
        if prompt is None or model is None:
            key = "model" if model is None else "prompt"
            raise NercError(
                f"annotation.{key}: not given, and no sweep has chosen one ({path} is missing); give it, or run "
                "`nerc-trainer sweep` first"
            ) from None
    except (ValueError, KeyError, TypeError) as error:
        raise NercError(f"{path}: damaged ({error}); run `nerc-trainer sweep` again") from error
    assert prompt is not None
    assert model is not None
    if section.fallback_prompt == NO_PROMPT:
        return Choice(prompt, model, None)
    if section.fallback_prompt not in (None, prompt):
        return Choice(prompt, model, section.fallback_prompt)
    format = load_prompt(prompt, None).format
    others = (name for name in (swept, *_SECOND_TRIES) if name is not None and load_prompt(name, None).format != format)
    return Choice(prompt, model, next(others))


def labels_digest(recipe: Recipe) -> str:
    """Names all settings that labels hang on; not the seed, so that other seeds may train on the same labels.

    Nor a second try that the recipe leaves open: a later sweep may name another one.
    """
    choice = choose(recipe)
    named = [choice.prompt, recipe.annotation.fallback_prompt]
    prompts = [load_prompt(name, None).model_dump(mode="json") for name in named if name not in (None, NO_PROMPT)]
    said = recipe.annotation.model_dump(mode="json", include=_DECISIVE)
    encoder = recipe.model.encoder if recipe.annotation.examples.choose == "nearest" else None
    text = json.dumps([READER_VERSION, choice.model, prompts, said, encoder], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
