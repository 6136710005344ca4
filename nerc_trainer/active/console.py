"""What a run says to the person who started it; only rank 0 speaks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from accelerate import PartialState

from nerc_trainer.active.record import paid_by_round
from nerc_trainer.card import AGGREGATION

if TYPE_CHECKING:
    from nerc_trainer.recipe.sections import HubSection, ModelSection


def say(line: str) -> None:
    """Print one line, once however many ranks there are."""
    if PartialState().is_main_process:
        print(line, flush=True)


def show_loading(
    model: ModelSection, repo_or_folder: str, branch: str | None = None, hub: HubSection | None = None
) -> None:
    """The lines of Python that load a model from its revision, or from its folder where there is no branch."""
    settings = [
        *(["HF_HUB_OFFLINE=1"] if hub and hub.mode == "offline" else []),
        *([f"HF_ENDPOINT={hub.endpoint}"] if hub and hub.endpoint else []),
    ]
    where = f" (with {' '.join(settings)} in the environment)" if settings else ""
    revision = f'revision="{branch}", ' if branch else ""
    say(f"\nTo load {branch or repo_or_folder}{where}:\n")
    if model.head != "linear" and model.lora is None:
        say("  import nerc_trainer.modeling  # or trust_remote_code=True: the head's code is in the branch")
    say("  from transformers import pipeline")
    source = f'"{repo_or_folder}", {revision}'
    if model.lora is not None:
        say("  from nerc_trainer.modeling.load import load_model")
        say(f'  model, tokenizer = load_model("{repo_or_folder}{"@" + branch if branch else ""}")')
        source = "model, tokenizer=tokenizer, "
    say(f'  tagger = pipeline("ner", {source}aggregation_strategy="{AGGREGATION}")')
    say('  print(tagger("Ilse Marrow scored twice for Harvell in Norland ."))\n')


def show_rounds(history: Sequence[Mapping[str, Any]]) -> None:
    """A table of the rounds; dollars are those of all labels that the rounds have asked for. Where nothing is published
    there are no branches."""
    from rich.console import Console
    from rich.table import Table

    if not PartialState().is_main_process:
        return
    table = Table(title="Rounds", title_justify="left")
    with_test = any(row["test"] for row in history)
    with_branch = any(row["published"] != "off" for row in history)
    columns = ["round", "sentences", "words", "dollars", "F1 dev"]
    columns += ["F1 test"] if with_test else []
    columns += ["branch"] if with_branch else []
    for name in columns:
        table.add_column(name, justify="left" if name == "branch" else "right", no_wrap=True)
    for row, dollars in zip(history, paid_by_round(history), strict=True):
        table.add_row(
            str(row["round"]),
            str(row["expert_sentences"]),
            str(row["tokens"]),
            f"{dollars:.2f}",
            f"{row['f1']:.4f}",
            *([f"{row['test']['f1']:.4f}" if row["test"] else "-"] if with_test else []),
            *([row["branch"]] if with_branch else []),
        )
    Console().print(table)
