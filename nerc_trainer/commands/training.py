"""Verbs that train."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from nerc_trainer.commands.shared import examples, takes_recipe
from nerc_trainer.errors import DISK_FULL


@contextmanager
def naming_the_run(run_dir: Path) -> Iterator[None]:
    """A failed write, unlike a failed open, does not say which file it was for: that of the run is named."""
    try:
        yield
    except OSError as failure:
        if failure.errno in DISK_FULL and failure.filename is None:
            failure.filename = str(run_dir)
        raise


@click.command(
    short_help="Train in rounds of active learning.",
    epilog=examples(
        "nerc-trainer active quickstart",
        "nerc-trainer active my.yaml active.strategy=random active.budget.words=5000 hub.mode=off",
        "nerc-trainer active my.yaml --simulate simulate.strategies=[entropy,mnlp,bald] active.query_words=600",
        "accelerate launch --config_file recipes/accelerate/cpu-2.yaml -m nerc_trainer active tiny",
    ),
)
@takes_recipe
@click.option(
    "--simulate",
    "simulated",
    is_flag=True,
    help="Compare strategies on sentences with true labels before people are paid, as the simulate section says: F1 by "
    "words, sentences, entities and dollars, over several seeds.",
)
def active(recipe: str, overrides: tuple[str, ...], simulated: bool) -> None:
    """Train in rounds of active learning as RECIPE says: a file, or the name of a shipped recipe.

    The same command carries on a run that was cut off, or that has ended because people have to label its batch
    (active.oracle=files; see `nerc-trainer label`).
    """
    from nerc_trainer.recipe.load import load_recipe

    loaded = load_recipe(recipe, overrides)
    if simulated:
        from nerc_trainer.experiments.simulate import simulate

        with naming_the_run(loaded.run.dir):
            simulate(loaded)
        return
    from nerc_trainer.active.rounds import run_recipe

    with naming_the_run(loaded.run.dir):
        run_recipe(loaded)


@click.command(
    short_help="Train one tagger.",
    epilog=examples(
        "nerc-trainer train my.yaml",
        "nerc-trainer train my.yaml train.labels=llm",
        "nerc-trainer train my.yaml train.labels=mixed train.expert_share=0.2 mixing.mode=self_train",
        "accelerate launch --config_file accelerate_config.yaml -m nerc_trainer train my.yaml model.head=bilstm",
    ),
)
@takes_recipe
def train(recipe: str, overrides: tuple[str, ...]) -> None:
    """Train one tagger as RECIPE says and publish it on a branch of its own: on the truth (model-primary), the LLM's
    labels (llm-pure), a share of expert labels (expert-12), or both (init-12)."""
    from nerc_trainer.recipe.load import load_recipe

    loaded = load_recipe(recipe, overrides)
    from nerc_trainer.experiments.train import train_tagger

    with naming_the_run(loaded.run.dir):
        train_tagger(loaded)


@click.command(
    short_help="Compare taggers on truth, LLM labels, expert labels, and both.",
    epilog=examples(
        "nerc-trainer compare my.yaml",
        "nerc-trainer compare my.yaml compare.seeds=[1,2,3,4,5] train.expert_share=0.05 mixing.mode=weighted",
    ),
)
@takes_recipe
def compare(recipe: str, overrides: tuple[str, ...]) -> None:
    """Train the same tagger on the truth, on the LLM's labels, on a share of expert labels and on both, as RECIPE
    says, with several seeds; print how they differ and how sure that is, and publish each on its branch."""
    from nerc_trainer.recipe.load import load_recipe

    loaded = load_recipe(recipe, overrides)
    from nerc_trainer.experiments.compare import compare_labels

    with naming_the_run(loaded.run.dir):
        compare_labels(loaded)


@click.command(
    short_help="Find how many expert labels pay.",
    epilog=examples(
        "nerc-trainer threshold my.yaml",
        "nerc-trainer threshold my.yaml threshold.shares=[0.02,0.05,0.1,0.2] threshold.folds=3 threshold.workers=2",
    ),
)
@takes_recipe
def threshold(recipe: str, overrides: tuple[str, ...]) -> None:
    """Cross-validate the share of sentences that the expert labels, with the LLM's labels and without, as RECIPE says:
    F1 against expert sentences as a table and a chart, and where it begins to flatten. The same command carries on."""
    from nerc_trainer.recipe.load import load_recipe

    loaded = load_recipe(recipe, overrides)
    from nerc_trainer.experiments.threshold import find_threshold

    with naming_the_run(loaded.run.dir):
        find_threshold(loaded)
