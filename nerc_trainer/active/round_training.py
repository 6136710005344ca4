"""Trains the tagger of a round: on the expert's labels, or as ``mixing`` says where others take part."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from nerc_trainer.ranks import on_main
from nerc_trainer.training.arguments import steps_of
from nerc_trainer.training.mixing import (
    STAGES,
    Mix,
    explain_mode,
    fine_tune,
    judge,
    learns_from_text,
    makes_one_heap,
    mode_by,
    train_mixed,
)
from nerc_trainer.training.training_set import BY_LLM, EXPERT, SECOND

if TYPE_CHECKING:
    import numpy as np

    from nerc_trainer.active.journal import RunJournal
    from nerc_trainer.recipe.sections import MixingSection
    from nerc_trainer.training.training_set import TrainingSet
    from nerc_trainer.training.workbench import Workbench


class RoundTraining:
    """The trainings of a run, one a round; every method is called on all ranks together."""

    def __init__(
        self, bench: Workbench, training_set: TrainingSet, journal: RunJournal, tell: Callable[[str], None]
    ) -> None:
        """``journal`` remembers a mode of mixing that the first round decides, and ``tell`` gets the line about it."""
        self._bench, self._training_set, self._journal, self._tell = bench, training_set, journal, tell
        self._settled: MixingSection | None = None

    def fit(self, number: int) -> None:
        """Train the tagger of round ``number`` on all that is labelled so far."""
        active, trainer, training_set = self._bench.recipe.active, self._bench.trainer, self._training_set
        restart = partial(self._bench.start_anew, self._bench.recipe.run.seed)
        if number > 0 and active.start == "cold":
            restart()
        epochs = active.initial_epochs if number == 0 else active.fine_tune_epochs
        mixing = self._mixing(number)
        if not self._mixes(mixing):
            trainer.train_round(epochs)
            return
        llm, expert = len(training_set.labelled_by(*BY_LLM)), len(training_set.labelled_by(EXPERT))
        goes_on = number > 0 and active.start == "warm"
        sentences = expert if goes_on and not makes_one_heap(mixing) else llm + expert
        mix = Mix(
            trainer,
            training_set,
            mixing,
            steps_of(epochs, sentences, trainer.batch_size),
            restart,
            self._llm_confidence(),
            first_stage=number * STAGES,
        )
        if goes_on:
            fine_tune(mix)
        else:
            train_mixed(mix)

    def mode_used(self, number: int) -> str | None:
        """``mixing.mode`` of round ``number``; None where the expert's labels alone were learnt."""
        mixing = self._mixing(number)
        return mixing.mode if self._mixes(mixing) else None

    def _mixes(self, mixing: MixingSection) -> bool:
        return len(self._training_set.labelled_by(*BY_LLM)) > 0 or learns_from_text(mixing)

    def _mixing(self, number: int) -> MixingSection:
        """How labels are mixed; where that is open, the first round decides: its sentences were drawn at random."""
        if self._settled is None:
            mixing = self._bench.recipe.mixing
            mode = on_main(partial(self._decide_mode, number)) if mixing.mode is None else mixing.mode
            self._settled = mixing.model_copy(update={"mode": mode})
        return self._settled

    def _decide_mode(self, number: int) -> str:
        tags = self._bench.llm_tags()
        if tags is None:
            return mode_by(None)
        counts, sentences = judge(self._training_set.beside_expert(tags))
        decided = str(self._journal.decide("mixing", mode_by(counts)))
        if number == 0:
            self._tell(explain_mode(decided, counts, sentences))
        return decided

    def _llm_confidence(self) -> np.ndarray | None:
        """How sure the LLM is of each sentence; what a second one and the tagger have agreed on is sure."""
        confidence = self._bench.llm_confidence()
        if confidence is not None:
            confidence[self._training_set.labelled_by(SECOND)] = 1.0
        return confidence
