"""The LLM's labels as a data set: a Parquet file and a card, which `datasets.load_dataset` reads from folder or Hub."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nerc_trainer.card import code, one_cell
from nerc_trainer.errors import NercError
from nerc_trainer.files import write_bytes, write_text

if TYPE_CHECKING:
    from nerc_trainer.recipe.sections import Recipe

_TEMPLATE = Path(__file__).with_name("dataset_card.md.jinja")
_DATA_NAME = "train.parquet"
_DEADLINE_SECONDS = 600.0


def save_dataset(folder: Path, rows: Sequence[Mapping[str, Any]], figures: Mapping[str, Any], source: str) -> None:
    """Write the rows of `Labelled.as_row` and their card into a folder; ``source`` names the corpus."""
    import io

    from datasets import Dataset, Features, List, Value, disable_progress_bars

    features = Features(
        {
            **dict.fromkeys(("id", "llm_status", "llm_model", "llm_prompt"), Value("string")),
            **dict.fromkeys(("tokens", "llm_tags"), List(Value("string"))),
            "llm_confidence": Value("float64"),
            "llm_votes": List(Value("float64")),
        }
    )
    columns = {name: [row.get(name) for row in rows] for name in features}
    buffer = io.BytesIO()
    disable_progress_bars()  # it takes a blink
    Dataset.from_dict(columns, features=features).to_parquet(buffer)
    write_bytes(folder / _DATA_NAME, buffer.getvalue())
    write_text(folder / "README.md", render_dataset_card(figures, source))


def render_dataset_card(figures: Mapping[str, Any], source: str) -> str:
    """The card of the labels whose figures annotate has written."""
    import jinja2

    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    environment.filters.update(cell=one_cell, code=code)
    template = environment.from_string(_TEMPLATE.read_text(encoding="utf-8"))
    return template.render(figures=figures, model=figures["model"], prompt=figures["prompt"], source=source)


def push_dataset(folder: Path, repo: str, recipe: Recipe) -> str:
    """Commit the folder to a data set on the Hub, made if missing; returns the commit.

    NercError if the Hub does not take it: the folder stays, and the same command pushes it later.
    """
    from nerc_trainer.hub.failures import DeadlineReached, HubDelay, HubRefusal, hub_failures
    from nerc_trainer.hub.online import hub_api
    from nerc_trainer.hub.session import call_before

    api = hub_api(recipe.hub.endpoint)

    def push() -> str:
        with hub_failures(repo):
            api.create_repo(repo, repo_type="dataset", private=recipe.hub.private, exist_ok=True)
            return api.upload_folder(
                repo_id=repo, repo_type="dataset", folder_path=folder, commit_message="Labels by an LLM"
            ).oid

    try:
        return call_before(time.monotonic() + _DEADLINE_SECONDS, push)
    except (HubDelay, HubRefusal, DeadlineReached) as failure:
        raise NercError(
            f"annotation.repo = {repo}: not pushed, because {failure}; the data set is in {folder}, and the same "
            "command pushes it later"
        ) from failure
