"""The Trainer of the rounds: batches, losses and dropout that do not hang on the number of ranks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate.utils import DynamoBackend
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader
from transformers import (
    PreTrainedModel,
    PrinterCallback,
    ProgressCallback,
    TrainerCallback,
    TrainingArguments,
)
from transformers.trainer_utils import TrainOutput

from nerc_trainer.corpus.batches import IGNORED, RankBatches, TrainingLoader
from nerc_trainer.corpus.encode import PieceDataset
from nerc_trainer.corpus.inner_words import InnerWords
from nerc_trainer.corpus.labels import LabelSet
from nerc_trainer.modeling.cpu_layers import quicken_layers
from nerc_trainer.modeling.depth import learning_rate_factors, split_by_rate
from nerc_trainer.modeling.save import write_weights
from nerc_trainer.modeling.used_rows import only_used_rows
from nerc_trainer.modeling.word_starts import word_starts
from nerc_trainer.modeling.words import word_logits
from nerc_trainer.ranks import on_main
from nerc_trainer.recipe.experiments import OptimizerSection
from nerc_trainer.training.callbacks import QuietProgress, RoundCallback
from nerc_trainer.training.inference import InferenceTrainer
from nerc_trainer.training.sharding import check_sharding, set_weights, shard


class NercTrainer(InferenceTrainer):
    """Trains a word tagger, scores and evaluates it, on one rank or many, with the same result.

    ``batch_size`` is the number of pieces per optimizer step over all ranks and accumulation steps together;
    ``token_budget`` the sub-words of a batch when scoring and evaluating.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        args: TrainingArguments,
        labels: LabelSet,
        *,
        batch_size: int,
        token_budget: int,
        optimizer_section: OptimizerSection | None = None,
        eval_dataset: PieceDataset | None = None,
        callbacks: list[TrainerCallback] | None = None,
        **options: Any,
    ) -> None:
        super().__init__(
            model,
            args,
            labels,
            token_budget=token_budget,
            eval_dataset=eval_dataset,
            callbacks=callbacks,
            **options,
        )
        quicken_layers(model)
        self.batch_size = batch_size
        self._optimizer_section = optimizer_section or OptimizerSection()
        self.round_number = 0
        self.steps_taken = 0  # over all trainings of a run
        self._micro_batches = 0
        tokenizer, vocabulary = self.processing_class, model.get_input_embeddings().num_embeddings
        self._starts = None if tokenizer is None else word_starts(tokenizer, vocabulary)
        # Makes Trainer count the labels of a whole step and leave the loss, which compute_loss has scaled, alone.
        self.model_accepts_loss_kwargs = True
        self.loss_is_scaled_for_ga = True
        self.remove_callback(PrinterCallback)
        if self.pop_callback(ProgressCallback) is not None:
            self.add_callback(QuietProgress)
        check_sharding(self.accelerator)
        if self.is_fsdp_enabled:
            self.model = self.model_wrapped = shard(self.model, self.accelerator)

    # Rounds

    def begin_round(self, number: int) -> None:
        """Tell the round callbacks that round ``number`` begins; the sampler extends the training set here."""
        self.round_number = number
        for callback in self._round_callbacks():
            callback.on_round_begin(self.args, self.state, self.control, trainer=self, round_number=number)

    def end_round(self, record: dict[str, Any]) -> None:
        """Tell the round callbacks that a round is evaluated, saved and handed to publishing."""
        for callback in self._round_callbacks():
            callback.on_round_end(self.args, self.state, self.control, trainer=self, record=record)

    def end_rounds(self) -> None:
        """Tell the round callbacks that no round follows."""
        for callback in self._round_callbacks():
            callback.on_rounds_end(self.args, self.state, self.control, trainer=self)

    def _round_callbacks(self) -> Iterator[RoundCallback]:
        return (callback for callback in self.callback_handler.callbacks if isinstance(callback, RoundCallback))

    def train_round(self, epochs: float) -> TrainOutput:
        """Train on ``train_dataset`` from the weights that the model has."""
        self.args.num_train_epochs, self.args.max_steps = epochs, -1
        return self._train_anew()

    def train_steps(self, dataset: PieceDataset, steps: int, stage: int) -> TrainOutput:
        """Train on ``dataset`` for a number of optimizer steps, from the weights that the model has.

        ``stage`` numbers the trainings of one model: each has its own order of sentences and its own dropout.
        """
        self.train_dataset = dataset
        self.round_number = stage
        self.args.max_steps = steps
        return self._train_anew()

    def _train_anew(self) -> TrainOutput:
        """One training from its first step.

        A second call of ``train`` would keep the optimizer of the first with its moments, so it is dropped here.
        """
        self.optimizer = None
        self._micro_batches = 0
        output = self._train_what_is_used()
        self.steps_taken += output.global_step
        return output

    def _train_what_is_used(self) -> TrainOutput:
        if self._weights_are_taken():
            return self.train()
        with only_used_rows(self.model, self.train_dataset.occurring):
            try:
                return self.train()
            finally:
                if self.model_wrapped is not self.model:
                    # DistributedDataParallel keeps a list of its weights, so each training needs one of its own, and
                    # accelerate wraps the forward of a model once for each.
                    vars(self.model).pop("forward", None)
                    vars(self.model).pop("_original_forward", None)
                    self.model_wrapped = self.model

    def _weights_are_taken(self) -> bool:
        """Whether something refers to the model's weights from one training to the next, so that none may change."""
        compiled = self.accelerator.state.dynamo_plugin.backend != DynamoBackend.NO
        return self.is_fsdp_enabled or self.is_deepspeed_enabled or compiled or self.args.n_gpu > 1

    # Training

    def create_optimizer(self, model: torch.nn.Module | None = None) -> torch.optim.Optimizer:
        """The optimizer of `training`, its groups cut by learning rate as the recipe's `optimizer` section says."""
        is_new = self.optimizer is None
        optimizer = super().create_optimizer(model)
        if is_new and self._optimizer_section != OptimizerSection():
            section, rate = self._optimizer_section, self.args.learning_rate
            factors = learning_rate_factors(self.accelerator.unwrap_model(self.model), section.layer_decay)
            head = (section.head_learning_rate or rate) / rate
            by_weight = {
                weight: factors.get(name.removeprefix("module."), head)
                for name, weight in (model or self.model).named_parameters()
            }
            optimizer.param_groups[:] = split_by_rate(optimizer.param_groups, by_weight)
        return optimizer

    def get_train_dataloader(self) -> DataLoader:
        """Micro-batches of like lengths; a step holds the same sentences on any number of ranks."""
        dataset: PieceDataset = self.train_dataset
        batches = RankBatches(
            dataset.lengths,
            batch_size=self.batch_size,
            micro_batch=self.args.per_device_train_batch_size,
            rank=self.args.process_index,
            ranks=self.args.world_size,
            seed=_stream(self.args.seed, self.round_number),
        )
        return TrainingLoader(
            dataset if self._starts is None else InnerWords(dataset, self._starts, self.labels),
            batches,
            num_workers=self.args.dataloader_num_workers,
            pin_memory=self.args.dataloader_pin_memory and torch.cuda.is_available(),
        )

    def training_step(
        self, model: torch.nn.Module, inputs: dict[str, Any], num_items_in_batch: torch.Tensor | int | None = None
    ) -> torch.Tensor:
        """One micro-batch, its dropout drawn from (seed, round, number of the micro-batch over all ranks).

        So a micro-batch gets the same masks on whichever rank it falls, and a restarted round the same as the first
        time. Trainer seeds each process once, which gives neither.
        """
        number = self._micro_batches * self.args.world_size + self.args.process_index
        torch.manual_seed(_stream(self.args.seed, self.round_number, number))
        self._micro_batches += 1
        return super().training_step(model, inputs, num_items_in_batch)

    def compute_loss(
        self,
        model: torch.nn.Module,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> torch.Tensor | tuple[torch.Tensor, torch.Tensor]:
        """Cross entropy summed over the words, each times its weight, divided by the words of the whole optimizer step
        on all ranks.

        The stock loss of token-classification heads is a mean over the micro-batch that Trainer takes for a share of
        the step, so loss and gradient grow by ranks x accumulation steps (transformers issue 47688).
        """
        logits = word_logits(model, inputs)
        labels = inputs["labels"]
        words = num_items_in_batch if num_items_in_batch is not None else (labels != IGNORED).sum()
        weights = inputs.get("weights")
        loss = cross_entropy(
            logits.flatten(0, 1).float(),
            labels.flatten(),
            reduction="sum" if weights is None else "none",
            ignore_index=IGNORED,
            label_smoothing=self.args.label_smoothing_factor,
        )
        if weights is not None:
            loss = (loss * weights.flatten()).sum()
        # DDP averages over the ranks what has to be summed.
        loss = loss / torch.as_tensor(words, device=loss.device).clamp(min=1) * self.accelerator.num_processes
        return (loss, logits) if return_outputs else loss

    # Weights

    def save_weights(self, folder: Path) -> None:
        """Write the model as safetensors from rank 0; all ranks must call it, since sharded weights are gathered."""
        state = self.accelerator.get_state_dict(self.model_wrapped)
        model = self.accelerator.unwrap_model(self.model_wrapped)
        on_main(lambda: write_weights(model, folder, state))

    def load_weights(self, state: dict[str, torch.Tensor] | None) -> None:
        """Set all weights to those that rank 0 gives; the other ranks pass None and receive them."""
        set_weights(self.accelerator.unwrap_model(self.model), state, self.args.world_size)


def _stream(*key: int) -> int:
    """A seed that differs for every key, for a generator of its own."""
    return int(np.random.SeedSequence(key).generate_state(1, np.uint64)[0] >> 1)
