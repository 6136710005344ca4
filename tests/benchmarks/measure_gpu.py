"""Training and scoring on a GPU with the shapes of BERT-base: model FLOP/s over the measured ceiling of its matmuls.

Weights are random, since speed is all that is measured; bfloat16 autocast; training at length 128, scoring at mixed
lengths. The ceiling is the best of some large bfloat16 matrix products in the same process. Model FLOP count products
of matrices alone, two for each multiplication and addition, and three times the forward pass for a training step.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

ROOT = Path(__file__).parents[2]
LENGTH, BATCH, STEPS = 128, 64, 20
HIDDEN, LAYERS, INNER, HEADS = 768, 12, 3072, 12
TURNS = 5


def measure(quick: bool) -> dict[str, Any]:
    """Shares of the ceiling, sub-words a second, memory, and the kernels that take most of a training step's time."""
    import torch

    if not torch.cuda.is_available():
        return {"gpu": "no GPU"}
    ceiling = _ceiling()
    with tempfile.TemporaryDirectory() as folder:
        return {
            "gpu": torch.cuda.get_device_name(),
            "matmul_ceiling_teraflops": round(ceiling / 1e12, 1),
            **_training(folder, ceiling, 2 if quick else TURNS),
            **_scoring(folder, ceiling, 2 if quick else TURNS),
        }


def _ceiling() -> float:
    """FLOP/s of the best of some large products of matrices."""
    import torch

    best = 0.0
    for rows, inner, columns in ((8192, 8192, 8192), (BATCH * LENGTH, HIDDEN, INNER), (16384, 4096, 4096)):
        left = torch.randn(rows, inner, device="cuda", dtype=torch.bfloat16)
        right = torch.randn(inner, columns, device="cuda", dtype=torch.bfloat16)
        seconds = _seconds(lambda left=left, right=right: [left @ right for _ in range(20)], 5)
        best = max(best, 20 * 2 * rows * inner * columns / seconds)
    return best


def _forward_flop(lengths: np.ndarray) -> float:
    """FLOP of the encoder's forward pass over pieces of these lengths, padding not counted."""
    weights = LAYERS * (4 * HIDDEN * HIDDEN + 2 * HIDDEN * INNER)
    attention = 4 * LAYERS * HIDDEN * (lengths.astype(float) ** 2).sum()
    return float(2 * weights * lengths.sum() + attention)


def _trainer(folder: str) -> tuple[Any, int]:
    from transformers import BertConfig, BertForTokenClassification, TrainingArguments

    from nerc_trainer.corpus.labels import LabelSet
    from nerc_trainer.training.trainer import NercTrainer

    labels = LabelSet.from_types(["LOC", "MISC", "ORG", "PER"])
    config = BertConfig(
        hidden_size=HIDDEN,
        num_hidden_layers=LAYERS,
        intermediate_size=INNER,
        num_attention_heads=HEADS,
        num_labels=len(labels.tags),
    )
    arguments = TrainingArguments(
        output_dir=folder,
        bf16=True,
        per_device_train_batch_size=BATCH,
        report_to="none",
        disable_tqdm=True,
        save_strategy="no",
        logging_strategy="no",
        remove_unused_columns=False,
    )
    model = BertForTokenClassification(config)
    trainer = NercTrainer(model, arguments, labels, batch_size=BATCH, token_budget=16_384)
    return trainer, len(labels.tags)


def _pieces(lengths: np.ndarray, tags: int) -> Any:
    """Pieces of these lengths with a word at every second sub-word, their words, sub-words and labels random."""
    import numpy as np

    from nerc_trainer.corpus.encode import EncodedText, PieceDataset

    rng = np.random.default_rng(0)
    words = (lengths - 2) // 2
    text = EncodedText(
        input_ids=rng.integers(1000, 30_000, int(lengths.sum())).astype(np.int32),
        piece_offsets=np.concatenate([[0], np.cumsum(lengths)]),
        word_positions=np.concatenate([1 + 2 * np.arange(count) for count in words]).astype(np.int32),
        piece_words=np.concatenate([[0], np.cumsum(words)]),
        piece_sentence=np.arange(len(lengths)),
        piece_ends=lengths - 1,
        sentences=len(lengths),
        pad_id=0,
    )
    return PieceDataset(text, np.arange(len(lengths)), rng.integers(0, tags, int(words.sum())))


def _training(folder: str, ceiling: float, turns: int) -> dict[str, Any]:
    import numpy as np
    import torch

    trainer, tags = _trainer(folder)
    lengths = np.full(BATCH * STEPS, LENGTH)
    data = _pieces(lengths, tags)
    torch.cuda.reset_peak_memory_stats()
    seconds = _seconds(lambda: trainer.train_steps(data, STEPS, stage=0), turns)
    return {
        "training_share_of_ceiling": round(3 * _forward_flop(lengths) / seconds / ceiling, 4),
        "training_sub_words_a_second": round(lengths.sum() / seconds),
        "training_peak_mb": round(torch.cuda.max_memory_allocated() / 2**20),
        "training_profile": _profile(lambda: trainer.train_steps(data, STEPS, stage=0)),
    }


def _scoring(folder: str, ceiling: float, turns: int) -> dict[str, Any]:
    import numpy as np
    import torch

    from nerc_trainer.corpus.batches import length_batches

    trainer, tags = _trainer(folder)
    lengths = np.clip(np.random.default_rng(1).lognormal(2.9, 0.7, 14_041).astype(np.int64), 5, 256)
    pool = _pieces(lengths, tags)
    torch.cuda.reset_peak_memory_stats()
    seconds = _seconds(lambda: trainer.uncertainty(pool), turns)
    places = sum(len(batch) * int(lengths[batch].max()) for batch in length_batches(lengths, trainer.token_budget))
    return {
        "scoring_share_of_ceiling": round(_forward_flop(lengths) / seconds / ceiling, 4),
        "scoring_sub_words_a_second": round(lengths.sum() / seconds),
        "scoring_padding_share": round(1 - lengths.sum() / places, 4),
        "scoring_peak_mb": round(torch.cuda.max_memory_allocated() / 2**20),
        "scoring_profile": _profile(lambda: trainer.uncertainty(pool)),
    }


def _seconds(work: Callable[[], object], turns: int) -> float:
    """Median seconds, after a first time that sets things up."""
    import torch

    taken = []
    for _ in range(turns + 1):
        torch.cuda.synchronize()
        started = time.perf_counter()
        work()
        torch.cuda.synchronize()
        taken.append(time.perf_counter() - started)
    return median(taken[1:])


def _profile(work: Callable[[], object]) -> dict[str, float]:
    """Share of the kernels' time by kernel, the ten largest, and under `idle` the share of the time without any."""
    import torch
    from torch.profiler import ProfilerActivity, profile

    started = time.perf_counter()
    with profile(activities=[ProfilerActivity.CUDA]) as profiled:
        work()
        torch.cuda.synchronize()
    wall = (time.perf_counter() - started) * 1e6
    events = sorted(profiled.key_averages(), key=lambda event: -event.self_device_time_total)
    total = sum(event.self_device_time_total for event in events)
    shares = {event.key[:60]: round(event.self_device_time_total / total, 4) for event in events[:10]}
    return {"idle": round(max(0.0, 1 - total / wall), 4), **shares}
