"""What a tagger says of words, how sure it is and how right, hanging neither on batches nor on ranks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.nn.functional import cross_entropy
from transformers import PreTrainedModel, Trainer, TrainerControl, TrainingArguments
from transformers.trainer_utils import PredictionOutput

from nerc_trainer.active.scoring import ENTROPY, Measure
from nerc_trainer.corpus.batches import collate, length_batches, share_batches
from nerc_trainer.corpus.encode import PieceDataset
from nerc_trainer.corpus.labels import LabelSet
from nerc_trainer.errors import NercError
from nerc_trainer.evaluation.metrics import EntityMetric
from nerc_trainer.modeling.words import word_logits
from nerc_trainer.progress import progress
from nerc_trainer.training.precision import Precision, computed_in
from nerc_trainer.training.sharding import free_whole_weights


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


class InferenceTrainer(Trainer):
    """Scores, predicts and evaluates, on one rank or many, with the same result.

    ``token_budget`` is the sub-words of a batch. Scores are computed in ``score_in``, or as training computes where
    that is None.
    """

    control: TrainerControl
    model: PreTrainedModel

    def __init__(
        self, model: PreTrainedModel, args: TrainingArguments, labels: LabelSet, *, token_budget: int, **options: Any
    ) -> None:
        super().__init__(model=model, args=args, **options)
        self.labels = labels
        self.token_budget = token_budget
        self.score_in: Precision | None = None
        self._metric = EntityMetric()

    def uncertainty(self, dataset: PieceDataset, measure: Measure = ENTROPY) -> np.ndarray:
        """How uncertain each sentence of ``dataset`` is, float64 [sentences]; the same on any number of ranks.

        Mean token entropy unless ``measure`` says otherwise. One float a piece is kept and shared, never logits.
        """
        sums = torch.zeros(len(dataset), device=self.args.device)

        def keep(batch: torch.Tensor, logits: torch.Tensor, inputs: dict[str, torch.Tensor]) -> None:
            sums[batch] = measure.of_pieces(logits, inputs)

        self.run_batches(dataset, keep, "scoring", self.score_in)
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

        self.run_batches(dataset, keep, "evaluating")
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
    def run_batches(
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
        bar = progress(
            mine + batches[:1] * idle,
            desc=description,
            leave=False,
            delay=2,
            disable=not self.is_world_process_zero() or self.args.disable_tqdm,
        )
        # Around all batches, so that the weights are cast once; sharded ones would become whole copies by that.
        with nullcontext() if self.is_fsdp_enabled else self._autocast(precision):
            for batch, place in zip(bar, places, strict=True):
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
