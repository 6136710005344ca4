"""Verbs for the people who label: their batch goes out as a file, and their answers come in as one."""

from pathlib import Path

import click

from nerc_trainer.commands.shared import examples


@click.group(
    epilog=examples(
        "nerc-trainer label export runs/my --format label-studio --output to_label.json",
        "nerc-trainer label import runs/my labelled.json",
    )
)
def label() -> None:
    """Hand the sentences of a round out to people, and take their labels in (active.oracle=files)."""


@label.command(
    "export",
    epilog=examples(
        "nerc-trainer label export runs/my --format label-studio --output to_label.json",
        "nerc-trainer label export runs/my --format conll --output to_label.conll",
    ),
)
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "--format",
    "target_format",
    type=click.Choice(["jsonl", "conll", "label-studio"]),
    default="jsonl",
    show_default=True,
    help="jsonl: a sentence a row, with model_spans and llm_spans. conll: a word a row, with the tags that the tagger "
    "sees, or else the LLM. label-studio: tasks with predictions, and the labelling configuration beside them.",
)
@click.option(
    "--output", type=click.Path(path_type=Path, dir_okay=False), required=True, help="File to write the sentences to."
)
def label_export(run: Path, target_format: str, output: Path) -> None:
    """Write the sentences of RUN, a run's folder, that wait for an answer, in the order of their selection."""
    from nerc_trainer.active.labelling.desk import export_batch

    for line in export_batch(run, target_format, output):
        click.echo(line)


@label.command(
    "import",
    epilog=examples(
        "nerc-trainer label import runs/my labelled.json",
        "nerc-trainer label import runs/my labelled.jsonl --close",
    ),
)
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--replace", is_flag=True, help="Take other answers in place of those that were imported before.")
@click.option("--close", is_flag=True, help="Go on without what is missing: unanswered sentences return to the pool.")
def label_import(run: Path, file: Path, replace: bool, close: bool) -> None:
    """Take the labels in FILE into RUN, a run's folder: Label Studio's JSON, CoNLL columns, or JSON Lines with tokens
    and ner_tags or spans (in words), or text and spans (in characters).

    A file may hold a part of the batch. All of it is imported or, where anything is wrong, nothing. Answers that come
    after --close are kept, and the next round that waits for answers learns from them too.
    """
    from nerc_trainer.active.labelling.desk import import_answers

    for line in import_answers(run, file, replace, close):
        click.echo(line)
