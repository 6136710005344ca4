"""Two rounds, and then what each strategy would ask for in the next: ``strategies_run.py active RECIPE KEY=VALUE...``.

Prints a line of JSON: the ranks, and by strategy the ids. One process for all of them saves the start of each.
"""

from __future__ import annotations

import json
import sys
from typing import get_args

from accelerate import PartialState

from nerc_trainer.active.journal import RunJournal
from nerc_trainer.active.sampler import EntropySamplerCallback
from nerc_trainer.active.stage import build_rounds
from nerc_trainer.corpus.column import Column
from nerc_trainer.ranks import on_main
from nerc_trainer.recipe.active import Strategy
from nerc_trainer.recipe.load import load_recipe
from nerc_trainer.training.job import join_ranks, leave_ranks, read_corpus

CASES = {
    **{strategy: {"strategy": strategy} for strategy in get_args(Strategy)},
    "doubt": {"strategy": "least_confidence", "llm_doubt": 1.0, "query_words": 60},
    "kmeans": {"diversity": "kmeans"},
    "coreset": {"strategy": "bald", "diversity": "coreset", "query_words": 60},
    "part": {"pool_fraction": 0.3, "query_size": 3},
}


def main() -> None:
    recipe = load_recipe(sys.argv[2], sys.argv[3:])
    arguments = join_ranks(recipe)
    corpus = read_corpus(recipe)
    journal = RunJournal(recipe.run.dir)
    on_main(lambda: journal.open(recipe, corpus.fingerprints, {}))
    rounds = build_rounds(recipe, arguments, corpus, journal)
    rounds.run()
    number, asked = len(rounds.history), {}
    for name, keys in CASES.items():
        other = recipe.model_copy(update={"active": recipe.active.model_copy(update={"pool_fraction": None, **keys})})
        sampler = EntropySamplerCallback(
            other,
            rounds.sampler.training_set,
            rounds.sampler.oracle,
            journal,
            Column(corpus.train, "tokens"),
            rounds.bench.llm_confidence(),
        )
        asked[name] = sampler._select(rounds.trainer, number)["ids"]
    if PartialState().is_main_process:
        print(json.dumps({"ranks": PartialState().num_processes, "asked": asked}), flush=True)
    leave_ranks()


if __name__ == "__main__":
    main()
