"""The model card of a round: front matter that the Hub reads, and a page that says what the model is worth."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from huggingface_hub import EvalResult

# Training labels the first sub-word of each word; the tags of the others mean nothing.
AGGREGATION = "first"

_TEMPLATE = Path(__file__).with_name("card.md.jinja")
_METRICS = {"f1": "Entity F1", "precision": "Entity precision", "recall": "Entity recall", "accuracy": "Word accuracy"}
_SPLITS = {"dev": "validation", "test": "test"}


def render_card(record: Mapping[str, Any]) -> str:
    """Markdown with YAML front matter for the `round.json` of a round.

    `record["test"]` may be None, as may `test_f1` of a round in `record["history"]`; scores are in [0, 1]. Raises
    KeyError or jinja2's UndefinedError if the record lacks a key.
    """
    import jinja2

    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    environment.filters.update(cell=one_cell, score=_score, code=code)
    template = environment.from_string(_TEMPLATE.read_text(encoding="utf-8"))
    return template.render(front_matter=_front_matter(record), aggregation=AGGREGATION, **record)


def _front_matter(record: Mapping[str, Any]) -> str:
    from huggingface_hub import ModelCardData

    from nerc_trainer.recipe.section import is_hub_id

    card = ModelCardData(
        library_name="transformers",
        pipeline_tag="token-classification",
        # The Hub links to the base model, so an encoder from a folder or a package has no place here.
        base_model=record["encoder"] if is_hub_id(record["encoder"]) else None,
        tags=["nerc_trainer", *(["active-learning"] if record["round"] is not None else []), "ner"],
        model_name=record["repo"].split("/")[-1],
        eval_results=[result for split in _SPLITS if record[split] is not None for result in _results(record, split)],
    )
    return card.to_yaml()


def _results(record: Mapping[str, Any], split: str) -> list[EvalResult]:
    from huggingface_hub import EvalResult

    name = str(record["data"][split]["name"])
    return [
        EvalResult(
            task_type="token-classification",
            task_name="Named entity recognition",
            dataset_type=name,
            dataset_name=name,
            dataset_split=_SPLITS[split],
            metric_type=metric,
            metric_name=title,
            metric_value=float(record[split][metric]),
        )
        for metric, title in _METRICS.items()
    ]


def one_cell(value: object) -> str:
    """Text that stays within one cell of a Markdown table."""
    return " ".join(str(value).replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").split())


def code(value: object) -> str:
    """A literal in one cell of a Markdown table; backticks cannot be escaped there, so they are replaced."""
    return f"`{one_cell(str(value).replace('`', chr(39)))}`"


def _score(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"
