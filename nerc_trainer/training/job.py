"""What every job that trains begins and ends with: the environment, the ranks, the corpus."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from nerc_trainer.annotation.annotate import annotate_where_known
from nerc_trainer.annotation.result import labels_to_train_on
from nerc_trainer.corpus.column import Column
from nerc_trainer.corpus.load import load_corpus
from nerc_trainer.errors import NercError
from nerc_trainer.ranks import on_main, prepare_environment, settle_cpu
from nerc_trainer.run_lock import lock_run
from nerc_trainer.run_recipe import keep_recipe
from nerc_trainer.training.shared_corpus import is_large, share_corpus

if TYPE_CHECKING:
    from transformers import TrainingArguments

    from nerc_trainer.corpus.load import Corpus
    from nerc_trainer.recipe.sections import Recipe


_SETTLING_SECONDS = 0.5


@dataclass(frozen=True)
class Job:
    """A recipe at work on every rank of a job."""

    recipe: Recipe
    arguments: TrainingArguments
    corpus: Corpus


@contextmanager
def job(recipe: Recipe) -> Iterator[Job]:
    """Begin a job, hold its run folder so that no other works on it, say what is to know of the corpus, and end it."""
    arguments = join_ranks(recipe)
    held = []
    on_main(lambda: held.append(lock_run(recipe.run.dir)))
    on_main(lambda: keep_recipe(recipe))
    try:
        corpus = read_corpus(recipe)
        on_main(lambda: print("\n".join(corpus.notes), flush=True))
        yield Job(recipe, arguments, corpus)
    finally:
        for lock in held:
            lock.close()
    leave_ranks()


def join_ranks(recipe: Recipe) -> TrainingArguments:
    """Settle the environment and let the ranks of the job find each other. Call it on every rank, before all else."""
    prepare_environment()
    from nerc_trainer.modeling.build import quiet_transformers
    from nerc_trainer.training.arguments import training_arguments

    quiet_transformers()
    arguments = training_arguments(recipe)
    # Trainer collects garbage at every training: a quarter of a second if it looks through all that is imported by now.
    gc.collect()
    gc.freeze()
    if arguments.device.type == "cpu":
        settle_cpu(recipe.run.cpu_threads)
    return arguments


def read_corpus(recipe: Recipe, unlabelled_train: bool = False) -> Corpus:
    """The recipe's corpus with the LLM's labels for it; rank 0 reads it for all.

    With ``unlabelled_train`` the sentences of train may lack true labels. A dev without an entity, by which nothing can
    be chosen, raises NercError.
    """
    on_main(lambda: annotate_where_known(recipe))
    files = [name for name in (recipe.data.train, recipe.data.dev, recipe.data.test) if name is not None]
    load = partial(load_corpus, recipe.data, labels_to_train_on(recipe), unlabelled_train, recipe.model.context)
    corpus = share_corpus(load, large=recipe.data.dataset is None and is_large(files))
    if not any(tag != "O" for tags in Column(corpus.dev, "ner_tags") for tag in tags):
        raise NercError(
            f"data.dev = {recipe.data.dev}: not one entity is marked in it, so no model can be chosen by its F1 there; "
            "check its tags and data.columns, or name another file"
        )
    return corpus


def leave_ranks() -> None:
    """An orderly end of the process group, without which some jobs abort at exit. Not after an error: it would wait.

    Gloo's threads need the interpreter's lock to let go of the tensors that they sent last, and the end of the group
    waits for these threads without giving the lock up (seen with torch 2.13: a rank that hangs for good). So they get
    the lock before.
    """
    from accelerate import PartialState

    state = PartialState()
    if state.num_processes > 1:
        state.wait_for_everyone()
        time.sleep(_SETTLING_SECONDS)
    state.destroy_process_group()
