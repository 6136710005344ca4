"""How an experiment mixes labels where its recipe leaves that open."""

from __future__ import annotations

from dataclasses import replace

from nerc_trainer.active.console import say
from nerc_trainer.corpus.column import Column
from nerc_trainer.experiments.cell import candidates, draw_expert
from nerc_trainer.training.job import Job
from nerc_trainer.training.mixing import explain_mode, judge, mode_by
from nerc_trainer.training.training_set import first_of_equals


def with_mode(work: Job) -> Job:
    """The job with one mode for all of its trainings, those without LLM labels too, so that they can be compared.

    Where `mixing.mode` is null, the LLM is judged by sentences that the expert labels at `train.expert_share`.
    """
    recipe, train = work.recipe, work.corpus.train
    if recipe.mixing.mode is not None:
        return work
    if "llm_tags" in train.column_names:
        first_equal = first_of_equals(Column(train, "tokens"))
        drawn = draw_expert(candidates(work.corpus), first_equal, recipe.train.expert_share, recipe.run.seed)
        llm, truth = Column(train, "llm_tags"), Column(train, "ner_tags")
        counts, sentences = judge((llm[index], truth[index]) for index in drawn.tolist() if llm[index])
        mode = mode_by(counts)
        say(explain_mode(mode, counts, sentences))
    else:
        mode = mode_by(None)
    mixing = recipe.mixing.model_copy(update={"mode": mode})
    return replace(work, recipe=recipe.model_copy(update={"mixing": mixing}))
