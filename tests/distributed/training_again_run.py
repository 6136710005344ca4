"""Trains one tagger three times in bfloat16, scoring in between, and prints what each training was like."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from transformers import BertConfig, BertForTokenClassification, TrainingArguments, set_seed

sys.path.insert(0, str(Path(__file__).parent))
from step_size_run import SENTENCES, sentences

from nerc_trainer.corpus.encode import PieceDataset
from nerc_trainer.corpus.labels import LabelSet
from nerc_trainer.training.trainer import NercTrainer


def main() -> None:
    labels = LabelSet.from_types(["LOC", "PER"])
    set_seed(5)
    config = BertConfig(
        vocab_size=64, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32,
        num_labels=len(labels.tags),
    )  # fmt: skip
    text = sentences()
    tags = np.random.default_rng(4).integers(0, len(labels.tags), len(text.word_positions))
    seen: set[str] = set()
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder, per_device_train_batch_size=2, report_to="none", disable_tqdm=True, use_cpu=True,
            bf16=True, save_strategy="no", logging_strategy="no", weight_decay=0.1,
        )  # fmt: skip
        model = BertForTokenClassification(config)
        inner = model.bert.encoder.layer[0].intermediate.dense
        inner.register_forward_hook(lambda module, given, output: seen.add(str(output.dtype)))
        batch_size = 2 * arguments.world_size
        trainer = NercTrainer(model, arguments, labels, batch_size=batch_size, token_budget=64)
        trainings = []
        for stage, parts in enumerate(([0, 1, 2, 3], range(SENTENCES), [6, 7])):
            seen.clear()
            before = model.get_input_embeddings().weight.detach().clone()
            dataset = PieceDataset(text, np.array(parts), tags)
            trainer.train_steps(dataset, 4, stage)
            learnt = (model.get_input_embeddings().weight != before).any(1)
            weights = torch.cat([weight.detach().flatten() for weight in model.parameters()])
            same = trainer.accelerator.gather(weights[None]).unique(dim=0)
            wrappers, forward = 0, vars(model).get("forward")
            while forward is not None:
                wrappers, forward = wrappers + 1, getattr(forward, "__wrapped__", None)
            trainings.append(
                {
                    "computed_in": sorted(seen),
                    "only_rows_in_use": bool((learnt.numpy() <= dataset.occurring(64)).all() and learnt.any()),
                    "ranks_agree": len(same) == 1,
                    "wrappers": wrappers,
                }
            )
            trainer.uncertainty(dataset)
        if trainer.is_world_process_zero():
            print(json.dumps(trainings))
        trainer.accelerator.end_training()


if __name__ == "__main__":
    main()
