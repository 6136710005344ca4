"""Live tracking: each round in whatever `training.report_to` names, with rounds as the x axis."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from transformers import TrainerControl, TrainerState, TrainingArguments
from transformers.integrations import get_reporting_integration_callbacks, integration_utils

from nerc_trainer.active.console import say
from nerc_trainer.training.callbacks import RoundCallback

if TYPE_CHECKING:
    from nerc_trainer.training.trainer import NercTrainer


def round_metrics(record: Mapping[str, Any]) -> dict[str, float]:
    """What a tracker is told of a round, from its line in history.jsonl: ``dollars`` are the expert's so far, those of
    a second LLM this round's."""
    test = {"round/test_f1": record["test"]["f1"]} if record["test"] else {}
    second = {"round/second_llm_dollars": record["llm_dollars"]} if "llm_dollars" in record else {}
    return {
        "round/number": record["round"],
        **{f"round/{name}": record[name] for name in ("f1", "precision", "recall", "accuracy", "loss")},
        **test,
        "round/expert_sentences": record["expert_sentences"],
        "round/expert_words": record["tokens"],
        "round/dollars": record["dollars"],
        **second,
        "round/seconds": sum(record["seconds"].values()),
    }


class RoundTracking(RoundCallback):
    """Stands between a trainer and its trackers, so that all rounds make one run there.

    Left to itself, Trainer ends the trackers' run with each round's training, and begins to count steps from nothing at
    the next. Here the run ends with the rounds, steps go on from round to round and from start to start, and each round
    is logged at its own number. A tracker that fails is told about once and never stops a round.
    """

    def __init__(self, trainer: NercTrainer) -> None:
        kinds = tuple(get_reporting_integration_callbacks(trainer.args.report_to))
        self._trackers = [one for one in trainer.callback_handler.callbacks if isinstance(one, kinds)]
        for tracker in self._trackers:
            trainer.remove_callback(tracker)
        self._trainer = trainer
        self._has_begun = self._is_training = False

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        self._is_training = True
        if not self._has_begun:
            self._has_begun = True
            self._tell("on_train_begin", args, state, control, **kwargs)

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        self._is_training = False

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        self._tell("on_step_end", args, self._going_on(state), control, **kwargs)

    def on_epoch_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        self._tell("on_epoch_end", args, self._going_on(state), control, **kwargs)

    def on_log(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        self._tell("on_log", args, self._going_on(state), control, **kwargs)

    def _going_on(self, state: TrainerState) -> TrainerState:
        """The state with steps counted over all rounds; between trainings it is still at the end of the last one."""
        steps = self._trainer.steps_taken + (state.global_step if self._is_training else 0)
        return replace(state, global_step=steps)

    def on_round_end(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        *,
        trainer: NercTrainer,
        record: dict[str, Any],
    ) -> None:
        with _names_as_they_are():
            self._tell(
                "on_log",
                args,
                replace(state, global_step=record["round"]),
                control,
                logs=round_metrics(record),
                model=trainer.model,
            )

    def on_rounds_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, *, trainer: NercTrainer
    ) -> None:
        self._tell("on_train_end", args, state, control, model=trainer.model)

    def _tell(
        self, event: str, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        for tracker in list(self._trackers):
            try:
                getattr(tracker, event)(args, state, control, **kwargs)
            except Exception as error:  # whatever a tracker's own library raises
                self._trackers.remove(tracker)
                say(f"{type(tracker).__name__}: {' '.join(str(error).split())}; this run is no longer tracked there")


@contextmanager
def _names_as_they_are() -> Iterator[None]:
    """Log under `round/f1`: the integrations of transformers put `train/` before every name that they do not know."""
    rewrite = integration_utils.rewrite_logs
    integration_utils.rewrite_logs = dict
    try:
        yield
    finally:
        integration_utils.rewrite_logs = rewrite
