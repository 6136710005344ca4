"""Verbs that use a trained tagger."""

from pathlib import Path

import click

from nerc_trainer.commands.shared import examples, takes_recipe
from nerc_trainer.errors import NercError

_encoder = click.option("--encoder", help="Encoder of a model that is adapters alone, if not the one that it names.")
_trust = click.option("--trust-remote-code", is_flag=True, help="Run Python code that comes with the model.")


@click.command(
    short_help="Tag text with a trained tagger.",
    epilog=examples(
        "echo 'Ilse Marrow scored for Harvell.' | nerc-trainer predict runs/quickstart/rounds/round-05/model",
        "nerc-trainer predict me/tagger@init-12 news.txt --output news.jsonl",
        "nerc-trainer predict me/tagger@round-03-added-0150 corpus.conll --to conll --output tagged.conll",
    ),
)
@click.argument("model")
@click.argument("source", type=click.Path(path_type=Path), default="-", metavar="[FILE]")
@click.option(
    "--from",
    "source_format",
    type=click.Choice(["auto", "text", "conll", "jsonl"]),
    default="auto",
    show_default=True,
    help="text: a sentence or paragraph a line; conll: a word a line; jsonl: rows with text or tokens; auto: by the "
    "file's name, else conll where its first lines end in tags.",
)
@click.option(
    "--to",
    "target_format",
    type=click.Choice(["jsonl", "conll", "spans", "colour"]),
    help="jsonl: a sentence a line with tags, spans and confidences; spans: an entity a line; colour: for reading. "
    "Without it, colour on a terminal and jsonl elsewhere.",
)
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="File to write instead of printing.")
@_encoder
@_trust
def predict(
    model: str,
    source: Path,
    source_format: str,
    target_format: str | None,
    output: Path | None,
    encoder: str | None,
    trust_remote_code: bool,
) -> None:
    """Tag FILE, or standard input, with MODEL: a folder, owner/name or owner/name@revision on the Hub.

    Sentences are written while more are read. A tagger that was trained with context reads the sentences around one in
    FILE: the lines between blank ones, what follows a -DOCSTART-, or rows with the same "document"; in standard input
    each by itself."""
    from nerc_trainer.prediction.predict import predict as tag_file

    count = tag_file(model, source, output, source_format, target_format, encoder, trust_remote_code)  # type: ignore[arg-type]
    if output is not None:
        click.echo(f"{count:,} sentences are in {output}")


@click.command(
    short_help="Measure a trained tagger on labelled text.",
    epilog=examples(
        "nerc-trainer evaluate runs/quickstart/rounds/round-05/model test.conll",
        "nerc-trainer evaluate me/tagger@init-12 --recipe conll2003/active --split test --output figures.json",
    ),
)
@click.argument("model")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--recipe", help="Recipe whose data are used instead of FILE.")
@click.option(
    "--split", type=click.Choice(["train", "dev", "test"]), default="test", show_default=True, help="Of the recipe."
)
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="JSON file for the figures.")
@_encoder
@_trust
def evaluate(
    model: str,
    file: Path | None,
    recipe: str | None,
    split: str,
    output: Path | None,
    encoder: str | None,
    trust_remote_code: bool,
) -> None:
    """Measure MODEL (a folder, owner/name or owner/name@revision on the Hub) on FILE: CoNLL columns or JSON Lines.

    Entity F1 with its interval, overall and by type."""
    from nerc_trainer.recipe.load import load_recipe
    from nerc_trainer.recipe.sections import DataSection

    if (file is None) == (recipe is None):
        raise click.UsageError("give either a FILE or --recipe")
    if recipe is not None:
        data = load_recipe(recipe, ()).data
        name = getattr(data, split)
        if name is None:
            raise NercError(f"{recipe}: data.{split} is null; choose another --split")
    else:
        name = str(file)
        data = DataSection(train=name, dev=name)
    from nerc_trainer.prediction.evaluate import evaluate as measure

    measure(model, data, name, output, encoder, trust_remote_code)


@click.command(
    short_help="Measure a tagger with few labelled test sentences.",
    epilog=examples(
        "nerc-trainer cheap-test my.yaml cheap_test.model=runs/my/models/init-12 cheap_test.labels=labels.jsonl",
        "nerc-trainer cheap-test my.yaml cheap_test.answers=answers.jsonl   # a file for a real expert to fill in",
        "nerc-trainer cheap-test my.yaml cheap_test.width=0.04 --plan",
    ),
)
@takes_recipe
@click.option(
    "--plan",
    is_flag=True,
    help="Say how many expert labels an interval of cheap_test.width needs, judged by the labels that are there: a "
    "pilot of cheap_test.sentences. Without them it asks for these first.",
)
def cheap_test(recipe: str, overrides: tuple[str, ...], plan: bool) -> None:
    """Measure the tagger of RECIPE, or compare two, on a test set of which the expert labels a part, and an LLM all.

    Precision, recall and F1 with intervals by prediction-powered inference, beside those of the expert's labels alone.
    """
    from nerc_trainer.recipe.load import load_recipe

    loaded = load_recipe(recipe, overrides)
    from nerc_trainer.prediction.cheap_test import cheap_test as measure

    measure(loaded, plan)
