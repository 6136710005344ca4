"""Prints loss and gradient norm of one optimizer step over the same eight sentences: ``MICRO ACCUMULATION HEAD_LOSS``.

HEAD_LOSS ``ours`` takes NercTrainer's loss, ``stock`` the one that the model's head computes, as Trainer would.
"""

from __future__ import annotations

import json
import sys
import tempfile

import numpy as np
import torch
from transformers import BertConfig, BertForTokenClassification, TrainerCallback, TrainingArguments, set_seed

from nerc_trainer.corpus.batches import IGNORED
from nerc_trainer.corpus.encode import EncodedText, PieceDataset
from nerc_trainer.corpus.labels import LabelSet
from nerc_trainer.training.trainer import NercTrainer

SENTENCES = 8


class StockLoss(NercTrainer):
    """The same batches with the loss that token-classification heads come with."""

    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):  # type: ignore[no-untyped-def]
        labels = torch.full_like(inputs["input_ids"], IGNORED)
        mask = inputs["word_mask"]
        rows = torch.arange(len(labels))[:, None].expand_as(mask)
        labels[rows[mask], inputs["word_positions"][mask]] = inputs["labels"][mask]
        outputs = model(input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"], labels=labels)
        return outputs.loss * self.accelerator.num_processes if self.accelerator.num_processes > 1 else outputs.loss


class Report(TrainerCallback):
    """Keeps what Trainer logs of the step."""

    def __init__(self) -> None:
        self.logs: dict[str, float] = {}

    def on_log(self, args, state, control, logs=None, **kwargs):  # type: ignore[no-untyped-def]
        self.logs |= logs or {}


def sentences() -> EncodedText:
    """Sentences of two to nine words, a sub-word each between [CLS] and [SEP]."""
    rng = np.random.default_rng(3)
    words = np.arange(2, 2 + SENTENCES)
    rows = [np.concatenate([[1], rng.integers(5, 60, count), [2]]) for count in words]
    return EncodedText(
        input_ids=np.concatenate(rows).astype(np.int32),
        piece_offsets=np.concatenate([[0], np.cumsum(words + 2)]),
        word_positions=np.concatenate([np.arange(1, count + 1) for count in words]).astype(np.int32),
        piece_words=np.concatenate([[0], np.cumsum(words)]),
        piece_sentence=np.arange(SENTENCES),
        piece_ends=words + 1,
        sentences=SENTENCES,
        pad_id=0,
    )


def main() -> None:
    micro_batch, accumulation, kind = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    labels = LabelSet.from_types(["LOC", "PER"])
    set_seed(5)
    config = BertConfig(
        vocab_size=64, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32,
        num_labels=len(labels.tags), hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
    )  # fmt: skip
    text = sentences()
    tags = np.random.default_rng(4).integers(0, len(labels.tags), len(text.word_positions))
    report = Report()
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder, per_device_train_batch_size=micro_batch, gradient_accumulation_steps=accumulation,
            max_steps=1, logging_steps=1, report_to="none", disable_tqdm=True, use_cpu=True, save_strategy="no",
            max_grad_norm=1000.0,
        )  # fmt: skip
        trainer = (NercTrainer if kind == "ours" else StockLoss)(
            BertForTokenClassification(config), arguments, labels, batch_size=SENTENCES, token_budget=64,
            callbacks=[report],
        )  # fmt: skip
        trainer.train_dataset = PieceDataset(text, np.arange(SENTENCES), tags)
        trainer.train()
        ranks = trainer.args.world_size
        if trainer.is_world_process_zero():
            print(json.dumps({"ranks": ranks, "loss": report.logs["loss"], "norm": report.logs["grad_norm"]}))
        trainer.accelerator.end_training()


if __name__ == "__main__":
    main()
