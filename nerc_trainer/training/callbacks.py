"""Events of a round, beside the events that Trainer has for steps and epochs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from transformers import ProgressCallback, TrainerCallback, TrainerControl, TrainerState, TrainingArguments

if TYPE_CHECKING:
    from nerc_trainer.training.trainer import NercTrainer


class RoundCallback(TrainerCallback):
    """Called at both ends of a round by `NercTrainer.begin_round` and `NercTrainer.end_round`, on every rank, and once
    more by `NercTrainer.end_rounds`.

    Trainer's own handler looks events up by name on every callback, so a new event would fail on the stock ones;
    these are sent to instances of this class alone.
    """

    def on_round_begin(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        *,
        trainer: NercTrainer,
        round_number: int,
    ) -> None:
        """Before the training of a round: the place to extend ``trainer.train_dataset``."""

    def on_round_end(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        *,
        trainer: NercTrainer,
        record: dict[str, Any],
    ) -> None:
        """After a round is evaluated, saved and handed to publishing; ``record`` is its line in history.jsonl, which
        may say that the round is still on its way to the Hub (``published`` is ``pending``).
        """

    def on_rounds_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, *, trainer: NercTrainer
    ) -> None:
        """After the last round of this start."""


class QuietProgress(ProgressCallback):
    """Trainer's progress bar without the dictionaries that it prints between; history.jsonl has the figures."""

    def on_log(self, *args: Any, **kwargs: Any) -> None:
        pass
