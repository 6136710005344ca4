"""Sets the stage of a run: from a recipe and its corpus to the parts that the rounds work with."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from nerc_trainer.active.console import say
from nerc_trainer.active.oracle import FilesOracle, Oracle, TruthOracle
from nerc_trainer.active.precision import PrecisionCheck, choose_precision
from nerc_trainer.active.priorities import check_tagger
from nerc_trainer.active.relabel import SecondLlm
from nerc_trainer.active.rounds import Rounds
from nerc_trainer.active.sampler import EntropySamplerCallback
from nerc_trainer.corpus.column import Column
from nerc_trainer.ranks import on_main
from nerc_trainer.training.tracking import RoundTracking
from nerc_trainer.training.workbench import build_workbench, data_facts, make_publisher

if TYPE_CHECKING:
    from transformers import TrainingArguments

    from nerc_trainer.active.journal import RunJournal
    from nerc_trainer.corpus.load import Corpus
    from nerc_trainer.recipe.sections import Recipe
    from nerc_trainer.training.workbench import Workbench


def build_rounds(recipe: Recipe, arguments: TrainingArguments, corpus: Corpus, journal: RunJournal) -> Rounds:
    """Build the parts of a run from a recipe and its corpus."""
    return rounds_on(build_workbench(recipe, arguments, corpus), journal)


def rounds_on(bench: Workbench, journal: RunJournal, tell: Callable[[str], None] = say) -> Rounds:
    """The parts of a run that is made on this workbench, whose trainer gets its callbacks; ``tell`` hears of each
    round."""
    recipe, corpus = bench.recipe, bench.corpus
    check_tagger(recipe.active, bench.trainer)
    oracle: Oracle = FilesOracle(journal)
    if recipe.active.oracle == "truth":
        oracle = TruthOracle(Column(corpus.train, "id"), Column(corpus.train, "ner_tags"))
    training_set = bench.training_set(bench.llm_tags(), askable=bench.llm_asked())
    tokens = Column(corpus.train, "tokens")
    second = None if recipe.active.llm_relabel is None else SecondLlm(recipe, corpus, training_set, journal)
    sampler = EntropySamplerCallback(recipe, training_set, oracle, journal, tokens, bench.llm_confidence(), second)
    precision = PrecisionCheck(recipe, training_set, journal)
    now = choose_precision(recipe, bench.trainer)
    bench.trainer.score_in = on_main(lambda: journal.decide("score_in", now))
    for callback in (precision, sampler, RoundTracking(bench.trainer)):
        bench.trainer.add_callback(callback)
    return Rounds(bench, sampler, precision, data_facts(recipe, corpus), journal, make_publisher(recipe), tell)
