"""`nerc-trainer active --simulate`: what strategies would cost, on sentences whose labels are there already."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nerc_trainer.active.console import say
from nerc_trainer.active.journal import RunJournal
from nerc_trainer.active.record import installed_versions
from nerc_trainer.annotation.result import label_dollars, labels_file
from nerc_trainer.corpus.column import Column
from nerc_trainer.errors import NercError
from nerc_trainer.experiments.cell import Cell, candidates
from nerc_trainer.experiments.cells import run_cells
from nerc_trainer.experiments.mixing_mode import with_mode
from nerc_trainer.experiments.simulated_run import (
    FOLDER,
    SimulatedRun,
    corpus_of,
    play,
    recipe_of,
    recipe_of_all,
    rounds_made,
)
from nerc_trainer.experiments.simulation_charts import simulation_charts
from nerc_trainer.experiments.simulation_summary import explain, summarize
from nerc_trainer.experiments.tables import show_simulation
from nerc_trainer.experiments.workers import count_gpus, side_by_side
from nerc_trainer.files import write_json
from nerc_trainer.progress import progress
from nerc_trainer.ranks import on_main
from nerc_trainer.training.arguments import step_size, steps_of, training_arguments
from nerc_trainer.training.job import Job, job
from nerc_trainer.training.training_set import first_of_equals

if TYPE_CHECKING:
    from nerc_trainer.corpus.load import Corpus
    from nerc_trainer.recipe.sections import Recipe


def simulate(recipe: Recipe) -> None:
    """Play the rounds of the recipe with every strategy and seed of `simulate`, and train on all labels for comparison.

    Everything goes to ``<run.dir>/simulate``: a run's folder each, the figures of all in ``simulate.json``, and charts.
    Runs that are there are not made again, and one that was cut off carries on. Call it on every rank of the job.
    """
    section, folder = recipe.simulate, recipe.run.dir / FOLDER
    with job(recipe) as begun:
        work = with_mode(begun)
        recipe = work.recipe
        runs = make_runs(recipe, work.corpus)
        labels = recipe.annotation.labels or labels_file(recipe)
        paid: float | None = on_main(lambda: label_dollars(labels, recipe.run.dir))
        common = recipe_of_all(recipe)
        all_runs = Job(common, training_arguments(common), work.corpus)
        finished: list[SimulatedRun] = on_main(lambda: _finished(common, work.corpus, runs))
        workers = (section.workers or count_gpus()) if work.arguments.world_size == 1 else 1
        _play_all(all_runs, runs, finished, workers)  # first: a mistake in the recipe shows here, and at once
        full = run_cells(all_runs, full_cells(all_runs, section.seeds), workers)
        histories = on_main(lambda: [RunJournal(recipe_of(common, run).run.dir).history() for run in runs])
        summary = summarize(runs, histories, full, words_to_ask(work.corpus), section.measure, paid)
        on_main(lambda: _write(folder, summary))
        show_simulation(summary)
        for line in explain(summary):
            say(line)
        say(f"figures and charts are in {folder}")


def _write(folder: Path, summary: Mapping[str, Any]) -> None:
    write_json(folder / "simulate.json", summary)
    for chart in simulation_charts(summary):
        chart.write(folder)


def make_runs(recipe: Recipe, corpus: Corpus) -> list[SimulatedRun]:
    """All runs: random among the strategies, and seed by seed, so that what is done first can be compared.

    A strategy that needs the LLM's labels has no run without them.
    """
    section, has_llm = recipe.simulate, "llm_tags" in corpus.train.column_names
    if section.measure == "test" and corpus.test is None:
        raise NercError("simulate.measure = test: the recipe has no data.test; name one, or measure on dev")
    modes = section.with_llm or [has_llm]
    if True in modes and not has_llm:
        raise NercError(
            "simulate.with_llm: there are no LLM labels; label the corpus first with `nerc-trainer annotate`, give a "
            "file in annotation.labels, or set simulate.with_llm=[false]"
        )
    if "disagreement" in section.strategies and True not in modes:
        raise NercError(
            "simulate.strategies: disagreement needs labels of an LLM, and no run has any; leave it out, or see "
            "simulate.with_llm and annotation.labels"
        )
    return [
        SimulatedRun(strategy, with_llm, seed)
        for seed in section.seeds
        for with_llm in modes
        for strategy in dict.fromkeys([*section.strategies, "random"])
        if with_llm or strategy != "disagreement"
    ]


def full_cells(work: Job, seeds: Sequence[int]) -> list[Cell]:
    """The trainings on all labels, whose mean F1 is what 100 % means: the tagger that `nerc-trainer train` makes.

    That is what a user who pays for every label gets. The first training of a run that is given every label at once
    would be another measure, but a low one: ``active.initial_epochs`` are chosen for a few sentences that many rounds
    come back to, and what is trained too short on all makes 99 % of it look cheap. ``train.epochs`` says how long.
    """
    sentences, none = candidates(work.corpus), np.array([], dtype=np.int64)
    steps = steps_of(work.recipe.train.epochs, len(sentences), step_size(work.arguments))
    return [Cell(f"full-seed-{seed}", "truth", sentences, none, steps, seed) for seed in seeds]


def words_to_ask(corpus: Corpus) -> int:
    """Words that the expert would label if asked for every sentence; equal ones are asked for once."""
    tokens = Column(corpus.train, "tokens")
    firsts = np.unique(first_of_equals(tokens)[candidates(corpus)])
    return sum(len(tokens[index]) for index in firsts.tolist())


def _finished(common: Recipe, corpus: Corpus, runs: Sequence[SimulatedRun]) -> list[SimulatedRun]:
    """The runs that have ended; a NercError, before anything is trained, where one was begun by another recipe."""
    found, notes = [], []
    for run in runs:
        recipe = recipe_of(common, run)
        journal = RunJournal(recipe.run.dir)
        try:
            notes += journal.open(recipe, corpus_of(corpus, run).fingerprints, installed_versions())
            if journal.finished is not None:
                found.append(run)
                journal.drop_models(len(journal.history()))  # unless it was killed at its very end, they are gone
        finally:
            journal.close()
    for note in dict.fromkeys(notes):
        say(note)
    return found


def _play_all(work: Job, runs: Sequence[SimulatedRun], finished: Sequence[SimulatedRun], workers: int) -> None:
    """Make the runs that are not finished, with a bar of their rounds."""
    from nerc_trainer.training.workbench import build_workbench

    missing = [run for run in runs if run not in finished]
    workers = min(workers, len(missing))
    folders = {run: recipe_of(work.recipe, run).run.dir for run in runs}
    most = work.recipe.active.max_iterations + 1
    expected = {run: rounds_made(folders[run]) if run in finished else most for run in runs}

    def made() -> int:
        return sum(map(rounds_made, folders.values()))

    with progress(
        total=sum(expected.values()), initial=made(), unit="round", disable=work.arguments.process_index != 0
    ) as bar:

        def show() -> None:
            if more := made() - bar.n:
                bar.update(more)

        def keep(run: SimulatedRun, _: Any = None) -> None:
            expected[run] = rounds_made(folders[run])  # pool or budget may have ended it early
            bar.total = sum(expected.values())
            show()

        if workers > 1:
            side_by_side(work.recipe, work.corpus, missing, play, workers, keep, show)
        elif missing:
            work.arguments.disable_tqdm = True  # a bar for every training of every round would bury that of the rounds
            bench = build_workbench(work.recipe, work.arguments, work.corpus)
            for run in missing:
                bar.set_description(run.name)
                play(bench, run, show)
                keep(run)
