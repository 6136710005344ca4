"""The Trainer of the rounds: losses, scores and metrics over words that hang neither on batches nor on ranks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate.utils import DynamoBackend
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader
from tqdm.auto import tqdm
from transformers import (
    PreTrainedModel,
    PrinterCallback,
    ProgressCallback,
    Trainer,
    TrainerCallback,
    TrainerControl,
    TrainingArguments,
)
from transformers.trainer_utils import PredictionOutput, TrainOutput

from nerc_trainer.active.scoring import ENTROPY, Measure
from nerc_trainer.corpus.batches import IGNORED, RankBatches, TrainingLoader, collate, length_batches, share_batches
from nerc_trainer.corpus.encode import PieceDataset
from nerc_trainer.corpus.inner_words import InnerWords
from nerc_trainer.corpus.labels import LabelSet
from nerc_trainer.errors import NercError
from nerc_trainer.evaluation.metrics import EntityMetric
from nerc_trainer.modeling.cpu_layers import quicken_layers
from nerc_trainer.modeling.depth import learning_rate_factors, split_by_rate
from nerc_trainer.modeling.save import write_weights
from nerc_trainer.modeling.used_rows import only_used_rows
from nerc_trainer.modeling.word_starts import word_starts
from nerc_trainer.modeling.words import word_logits
from nerc_trainer.ranks import on_main
from nerc_trainer.recipe.experiments import OptimizerSection
from nerc_trainer.training.callbacks import QuietProgress, RoundCallback
from nerc_trainer.training.precision import Precision, computed_in
from nerc_trainer.training.sharding import check_sharding, free_whole_weights, set_weights, shard


@dataclass(frozen=True)
class WordPredictions:
    """What a tagger says of the words of some sentences, in the order of the text.

    tags         int64   [words]      index of the most probable tag
    probability  float32 [words]      of that tag
    losses       float64 [sentences]  cross entropy summed over a sentence's words, in nats; None without labels
    """

    tags: np.ndarray
    probability: np.ndarray
    losses: np.ndarray | None


class NercTrainer(Trainer):
    """Trains, scores and evaluates a word tagger, on one rank or many, with the same result.

    ``batch_size`` is the number of pieces per optimizer step over all ranks and accumulation steps together;
    ``token_budget`` the sub-words of a batch when scoring and evaluating. Scores are computed in ``score_in``, or as
    training computes where that is None.
    """

    control: TrainerControl
    model: PreTrainedModel

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
        super().__init__(model=model, args=args, eval_dataset=eval_dataset, callbacks=callbacks, **options)
        quicken_layers(model)
        self.labels = labels
        self.batch_size = batch_size
        self.token_budget = token_budget
        self._optimizer_section = optimizer_section or OptimizerSection()
        self.round_number = 0
        self._micro_batches = 0
        self.score_in: Precision | None = None
        self._metric = EntityMetric()
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

    # Scoring and evaluation

    def uncertainty(self, dataset: PieceDataset, measure: Measure = ENTROPY) -> np.ndarray:
        """How uncertain each sentence of ``dataset`` is, float64 [sentences]; the same on any number of ranks.

        Mean token entropy unless ``measure`` says otherwise. One float a piece is kept and shared, never logits.
        """
        sums = torch.zeros(len(dataset), device=self.args.device)

        def keep(batch: torch.Tensor, logits: torch.Tensor, inputs: dict[str, torch.Tensor]) -> None:
            sums[batch] = measure.of_pieces(logits, inputs)

        self._forward(dataset, keep, "scoring", self.score_in)
        piece_sums = self.accelerator.reduce(sums, "sum").cpu().numpy()
        if not np.isfinite(piece_sums).all():
            raise NercError("the tagger's scores are not numbers: training has diverged; lower training.learning_rate")
        return measure.of_sentences(piece_sums, dataset.owners(), dataset.words())

    def predict_tags(self, dataset: PieceDataset) -> tuple[list[list[str]], float | None]:
        """Most probable BIO tags of each sentence, and the mean loss over words where ``dataset`` is labelled."""
        predictions = self.predict_words(dataset)
        ends = np.cumsum(dataset.words())
        tags = np.asarray(self.labels.tags, dtype=object)[predictions.tags]
        sentences = [part.tolist() for part in np.split(tags, ends[:-1])]
        losses = predictions.losses
        return sentences, None if losses is None else float(losses.sum()) / max(len(tags), 1)

    def predict_words(self, dataset: PieceDataset) -> WordPredictions:
        """The most probable tag of every word, how sure it is, and the losses where ``dataset`` is labelled."""
        words = np.diff(dataset.text.piece_words)[dataset.pieces]
        first = torch.from_numpy(np.cumsum(words) - words).to(self.args.device)
        total = int(words.sum())
        # Padding is written to one place after the last word: to leave it out, the host would wait for each batch.
        best = torch.zeros(total + 1, dtype=torch.int64, device=self.args.device)
        probability = torch.zeros(total + 1, dtype=torch.float32, device=self.args.device)
        losses = torch.zeros(len(dataset), dtype=torch.float64, device=self.args.device)

        def keep(batch: torch.Tensor, logits: torch.Tensor, inputs: dict[str, torch.Tensor]) -> None:
            mask = inputs["word_mask"]
            places = first[batch][:, None] + torch.arange(mask.shape[1], device=mask.device)
            places = places.masked_fill(~mask, total)
            most = logits.float().softmax(-1).max(-1)
            best[places] = most.indices
            probability[places] = most.values
            if "labels" in inputs:
                nll = cross_entropy(logits.transpose(1, 2).float(), inputs["labels"], reduction="none")
                losses[batch] = nll.double().sum(-1)

        self._forward(dataset, keep, "evaluating")
        piece_losses = self.accelerator.reduce(losses, "sum").cpu().numpy()
        return WordPredictions(
            tags=self.accelerator.reduce(best[:total], "sum").cpu().numpy(),
            probability=self.accelerator.reduce(probability[:total], "sum").cpu().numpy(),
            losses=None
            if dataset.labels is None
            else np.bincount(dataset.owners(), weights=piece_losses, minlength=len(dataset.sentences)),
        )

    @contextmanager
    def scoring_in(self, precision: Precision | None) -> Iterator[None]:
        """Inside the block sentences are scored in this precision instead of ``score_in``."""
        before, self.score_in = self.score_in, precision
        try:
            yield
        finally:
            self.score_in = before

    def _autocast(self, precision: Precision | None) -> AbstractContextManager[None]:
        if precision is None:
            return self.accelerator.autocast()
        return computed_in(precision, self.model, self.args.device.type)

    @torch.no_grad()
    def _forward(
        self,
        dataset: PieceDataset,
        keep: Callable[[torch.Tensor, torch.Tensor, dict[str, torch.Tensor]], None],
        description: str,
        precision: Precision | None = None,
    ) -> None:
        """Run the model over this rank's batches and hand the pieces of each, int64 [B], and their word logits
        [B, W, L] to ``keep``, on the device. Nothing here waits for the device.

        Computed in ``precision``, or as training computes where that is None.
        """
        rank, ranks = self.args.process_index, self.args.world_size
        batches = length_batches(dataset.lengths, self.token_budget)
        shares = share_batches(batches, dataset.lengths, ranks)
        mine = shares[rank]
        # Sharded models (FSDP) gather weights in every forward pass, so all ranks must make the same number of them.
        idle = max(map(len, shares)) - len(mine) if self.is_fsdp_enabled else 0
        pieces = torch.from_numpy(np.concatenate([np.zeros(0, dtype=np.int64), *mine])).to(self.args.device)
        places = [*pieces.split([len(batch) for batch in mine]), *[None] * idle]
        self.model.eval()
        progress = tqdm(
            mine + batches[:1] * idle,
            desc=description,
            leave=False,
            delay=2,
            disable=not self.is_world_process_zero(),
        )
        # Around all batches, so that the weights are cast once; sharded ones would become whole copies by that.
        with nullcontext() if self.is_fsdp_enabled else self._autocast(precision):
            for batch, place in zip(progress, places, strict=True):
                inputs = self._on_device(collate([dataset[index] for index in batch], dataset.text.pad_id))
                with self._autocast(precision):
                    logits = word_logits(self.model, inputs)
                if place is not None:
                    with torch.autocast(self.args.device.type, enabled=False):
                        keep(place, logits, inputs)
        if self.is_fsdp_enabled:
            free_whole_weights(self.model)

    def _on_device(self, batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """The batch on the device; the copy to a GPU is on its way when this returns, as pinned memory allows."""
        if self.args.device.type != "cuda":
            return self._prepare_inputs(batch)
        return {name: rows.pin_memory().to(self.args.device, non_blocking=True) for name, rows in batch.items()}

    def evaluate(
        self,
        eval_dataset: PieceDataset | None = None,
        ignore_keys: list[str] | None = None,
        metric_key_prefix: str = "eval",
    ) -> dict[str, Any]:
        """Entity precision, recall, F1, word accuracy and loss, and ``by_type``, under ``metric_key_prefix``.

        Replaces the stock loop, whose loss is a mean of batch means and which pads the last batch with sentences from
        the first, so that its figures hang on batch size and ranks.
        """
        dataset = eval_dataset if eval_dataset is not None else self.eval_dataset
        predicted, loss = self.predict_tags(dataset)
        scores = self._metric.compute(predictions=predicted, references=self.true_tags(dataset))
        by_type = scores.pop("by_type")
        metrics = {f"{metric_key_prefix}_{name}": value for name, value in {**scores, "loss": loss}.items()}
        self.log(dict(metrics))
        if metric_key_prefix == "eval":  # callbacks may choose by what they hear here, and test only reports
            self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return {**metrics, f"{metric_key_prefix}_by_type": by_type}

    def predict(
        self, test_dataset: PieceDataset, ignore_keys: list[str] | None = None, metric_key_prefix: str = "test"
    ) -> PredictionOutput:
        """Tags of each sentence as ``predictions``; like `evaluate`, not the stock loop."""
        predicted, loss = self.predict_tags(test_dataset)
        metrics = {f"{metric_key_prefix}_loss": loss} if loss is not None else {}
        return PredictionOutput(predictions=predicted, label_ids=None, metrics=metrics)

    def true_tags(self, dataset: PieceDataset) -> list[list[str]]:
        """The BIO tags that a labelled ``dataset`` has for each of its sentences."""
        flat = np.concatenate([dataset[index]["labels"] for index in range(len(dataset))])
        ends = np.cumsum(dataset.words())
        return [self.labels.decode(part.tolist()) for part in np.split(flat, ends[:-1])]

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
