"""Verbs of stage 1: look at the corpus, compare prompts and models, let an LLM label."""

from pathlib import Path

import click

from nerc_trainer.commands.shared import examples, takes_recipe


@click.command(
    short_help="Count what is in a corpus.",
    epilog=examples(
        "nerc-trainer analyze quickstart",
        "nerc-trainer analyze my.yaml data.train=more.conll --out analysis/more",
    ),
)
@takes_recipe
@click.option(
    "--out", type=click.Path(path_type=Path), metavar="FOLDER", help="Folder to write to in place of run.dir/analysis."
)
def analyze(recipe: str, overrides: tuple[str, ...], out: Path | None) -> None:
    """Show the tags, sentence lengths, entities and surface forms in the corpus of RECIPE, split by split.

    Prints tables, and writes them as JSON, with bar charts as PNG and SVG.
    """
    from nerc_trainer.recipe.load import load_recipe

    loaded = load_recipe(recipe, overrides)
    from nerc_trainer.corpus.analyze_command import analyze_corpus

    analyze_corpus(loaded, out)


@click.command(
    short_help="Compare prompts and models on sentences with true labels.",
    epilog=examples(
        "nerc-trainer sweep conll2003/annotate --plan",
        "nerc-trainer sweep conll2003/annotate sweep.prompts='[text_spans_1, prompt_7_1]' sweep.sentences=50",
    ),
)
@takes_recipe
@click.option("--plan", is_flag=True, help="Say how many calls, tokens and dollars it takes, and ask nothing.")
def sweep(recipe: str, overrides: tuple[str, ...], plan: bool) -> None:
    """Measure every prompt with every model of RECIPE, and choose the pair that annotate takes.

    What was asked before is not asked again.
    """
    from nerc_trainer.recipe.load import load_recipe

    loaded = load_recipe(recipe, overrides)
    from nerc_trainer.annotation.sweep import sweep_prompts

    sweep_prompts(loaded, plan)


@click.command(
    short_help="Let an LLM label the training sentences.",
    epilog=examples(
        "nerc-trainer annotate conll2003/annotate --plan",
        "nerc-trainer annotate my.yaml annotation.sentences=1000 annotation.limit_dollars=2",
    ),
)
@takes_recipe
@click.option("--plan", is_flag=True, help="Say how many calls, tokens and dollars it takes, and ask nothing.")
def annotate(recipe: str, overrides: tuple[str, ...], plan: bool) -> None:
    """Let an LLM label the training sentences of RECIPE, and write the labels to run.dir/annotation.

    The same command carries on where it was cut off: a reply that is in the ledger is never paid for again.
    """
    from nerc_trainer.recipe.load import load_recipe

    loaded = load_recipe(recipe, overrides)
    from nerc_trainer.annotation.annotate import annotate_corpus

    annotate_corpus(loaded, plan)
