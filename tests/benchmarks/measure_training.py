"""How fast taggers train: the bilstm head beside the linear one, in turns, on sentences like those of the sample."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).parents[2]
SENTENCES, STEPS, BATCH = 800, 30, 16


def measure(quick: bool) -> dict[str, Any]:
    """Sentences a second of both heads (median over turns), and the median of the ratios of neighbouring turns."""
    turns = 2 if quick else 7
    heads = {head: _Training(head) for head in ("linear", "bilstm")}
    for training in heads.values():
        training.sentences_a_second(3)  # the first steps set up buffers
    speeds: dict[str, list[float]] = {head: [] for head in heads}
    for _ in range(turns):
        for head, training in heads.items():
            speeds[head].append(training.sentences_a_second(5 if quick else STEPS))
    ratios = [b / a for a, b in zip(speeds["linear"], speeds["bilstm"], strict=True)]
    return {
        **{f"{head}_sentences_a_second": round(median(values), 1) for head, values in speeds.items()},
        "bilstm_vs_linear": round(median(ratios), 3),
        "ratio_lowest": round(min(ratios), 3),
        "ratio_highest": round(max(ratios), 3),
    }


class _Training:
    """A trainer on the same sentences for each head, one thread."""

    def __init__(self, head: str) -> None:
        import numpy as np
        from transformers import TrainingArguments

        from nerc_trainer.corpus.encode import PieceDataset, encode_words, flatten_tags
        from nerc_trainer.corpus.labels import LabelSet
        from nerc_trainer.modeling.build import build_tagger, load_tokenizer, quiet_transformers
        from nerc_trainer.ranks import settle_cpu
        from nerc_trainer.recipe.load import load_recipe
        from nerc_trainer.training.trainer import NercTrainer

        quiet_transformers()
        settle_cpu(threads=1)
        sys.path.insert(0, str(ROOT / "recipes" / "sample"))
        from make_corpus import generate

        recipe = load_recipe(ROOT / "recipes" / "quickstart.yaml", [f"model.head={head}"])
        labels = LabelSet.from_types(["LOC", "MISC", "ORG", "PER"])
        tokenizer = load_tokenizer(recipe.model)
        rows = list(generate("train", SENTENCES, 13))
        text = encode_words([list(sentence.tokens) for sentence in rows], tokenizer, 256)
        tags = flatten_tags([labels.encode(sentence.ner_tags) for sentence in rows])
        self._data = PieceDataset(text, np.arange(SENTENCES), tags)
        self._folder = tempfile.TemporaryDirectory()
        arguments = TrainingArguments(
            output_dir=self._folder.name,
            per_device_train_batch_size=BATCH,
            use_cpu=True,
            report_to="none",
            disable_tqdm=True,
            save_strategy="no",
            logging_strategy="no",
            remove_unused_columns=False,
        )
        self._trainer = NercTrainer(
            build_tagger(recipe.model, labels, 13, tokenizer), arguments, labels, batch_size=BATCH, token_budget=1024
        )

    def sentences_a_second(self, steps: int) -> float:
        started = time.perf_counter()
        self._trainer.train_steps(self._data, steps, stage=0)
        return steps * BATCH / (time.perf_counter() - started)
