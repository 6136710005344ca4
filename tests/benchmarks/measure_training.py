"""Training: beside the stock Trainer with random batches, beside the bare encoder, and the bilstm head beside the
linear one.

The sides take turns in one process, an epoch over the same sentences each; every ratio is a median over turns. The
bare limit is forward and backward over the same sub-words in steps of like lengths that lie ready on the device; the
quick limit is the same with the layers that ours has on a CPU (`quicken_layers`).
"""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

ROOT = Path(__file__).parents[2]
BATCH = 32


def measure(quick: bool) -> dict[str, Any]:
    """Speeds in sentences a second and their ratios."""
    sentences, turns = (64, 1) if quick else (960, 5)
    figures = _child("speed", sentences, turns)
    for side in ("linear", "stock"):
        figures |= _child(f"memory-{side}", sentences, turns)
    return figures


def _child(what: str, sentences: int, turns: int) -> dict[str, Any]:
    words = [sys.executable, __file__, what, str(sentences), str(turns)]
    done = subprocess.run(words, capture_output=True, text=True, cwd=ROOT, check=False)
    if done.returncode:
        raise RuntimeError(f"{what} failed:\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def _memory(side: str, sentences: int) -> dict[str, Any]:
    """Megabytes that an epoch adds to the program, the loaded model and the sentences."""
    from measure_scoring import resident

    from nerc_trainer.modeling.build import quiet_transformers
    from nerc_trainer.ranks import settle_cpu

    quiet_transformers()
    settle_cpu(threads=os.cpu_count() or 1)
    with tempfile.TemporaryDirectory() as folder:
        train = _sides(sentences, folder, [f"{side} float32"])[0][f"{side} float32"]
        before = resident("VmRSS")
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak starts again from here
        train()
    return {f"{side}_peak_above_model_mb": round(resident("VmHWM") - before, 1)}


def _measure(sentences: int, turns: int) -> dict[str, Any]:
    import torch

    from nerc_trainer.modeling.build import quiet_transformers
    from nerc_trainer.ranks import settle_cpu

    quiet_transformers()
    settle_cpu(threads=os.cpu_count() or 1)
    gc.freeze()  # as a job does, here for all sides
    with tempfile.TemporaryDirectory() as folder:
        sides, sub_words, padded = _sides(sentences, folder, None)
        seconds: dict[str, list[float]] = {name: [] for name in sides}
        for turn in range(turns + 1):
            for name, side in sides.items():
                started = time.perf_counter()
                side()
                if turn:  # the first turn sets up buffers
                    seconds[name].append(time.perf_counter() - started)

    def ratios(name: str, other: str) -> list[float]:
        return [b / a for a, b in zip(seconds[name], seconds[other], strict=True)]

    heads = ratios("bilstm float32", "linear float32")
    return {
        "vs_stock": round(median(ratios("linear float32", "stock float32")), 3),
        "vs_limit": round(median(ratios("linear float32", "limit float32")), 3),
        "bf16_vs_stock": round(median(ratios("linear bf16", "stock float32")), 3),
        "vs_quick_limit": round(median(ratios("linear float32", "quick limit float32")), 3),
        "bf16_vs_limit": round(median(ratios("linear bf16", "limit bf16")), 3),
        "bf16_vs_quick_limit": round(median(ratios("linear bf16", "quick limit bf16")), 3),
        "bilstm_vs_linear": round(median(heads), 3),
        "bilstm_vs_linear_range": [round(min(heads), 3), round(max(heads), 3)],
        "threads": torch.get_num_threads(),
        **{f"{name}_padding_share": round(1 - sub_words / places, 4) for name, places in padded.items()},
        **{
            f"{name.replace(' ', '_')}_sub_words_a_second": round(sub_words / median(taken))
            for name, taken in seconds.items()
        },
        **{
            f"{name.replace(' ', '_')}_sentences_a_second": round(sentences / median(taken), 1)
            for name, taken in seconds.items()
        },
    }


def _sides(
    count: int, folder: str, wanted: list[str] | None
) -> tuple[dict[str, Callable[[], object]], int, dict[str, int]]:
    """What trains an epoch by name (all, or those wanted), the sub-words of an epoch, and the places computed for them
    by us and by the stock Trainer.
    """
    import numpy as np
    import torch
    from sentences import labelled_sentences
    from stock import aligned, stock_trainer
    from torch.nn.functional import cross_entropy
    from transformers import TrainingArguments

    from nerc_trainer.corpus.batches import collate, shuffled_batches
    from nerc_trainer.corpus.encode import PieceDataset, encode_words, flatten_tags
    from nerc_trainer.corpus.labels import LabelSet
    from nerc_trainer.modeling.build import build_tagger, load_tokenizer
    from nerc_trainer.modeling.cpu_layers import quicken_layers
    from nerc_trainer.modeling.words import word_logits
    from nerc_trainer.recipe.load import load_recipe
    from nerc_trainer.training.trainer import NercTrainer

    tokens, tags = labelled_sentences(count)
    labels = LabelSet.from_types({tag[2:] for row in tags for tag in row if tag != "O"})
    tag_ids = [labels.encode(row) for row in tags]
    recipe = {head: load_recipe(ROOT / "recipes" / "quickstart.yaml", [f"model.head={head}"]) for head in _HEADS}
    tokenizer = load_tokenizer(recipe["linear"].model)
    text = encode_words(tokens, tokenizer, 512)
    data = PieceDataset(text, np.arange(count), flatten_tags(tag_ids))

    def ours(head: str, bf16: bool) -> Callable[[], object]:
        arguments = TrainingArguments(
            output_dir=folder,
            per_device_train_batch_size=BATCH // 2,  # what a recipe gets on one process
            gradient_accumulation_steps=2,
            use_cpu=True,
            bf16=bf16,
            report_to="none",
            disable_tqdm=True,
            save_strategy="no",
            logging_strategy="no",
            remove_unused_columns=False,
        )
        model = build_tagger(recipe[head].model, labels, 13, tokenizer)
        trainer = NercTrainer(model, arguments, labels, batch_size=BATCH, token_budget=1024)
        return lambda: trainer.train_steps(data, -(-count // BATCH), stage=0)

    def limit(bf16: bool, quick: bool = False) -> Callable[[], object]:
        model = build_tagger(recipe["linear"].model, labels, 13, tokenizer).train()
        if quick:
            quicken_layers(model)
        order = np.argsort(data.lengths, kind="stable")
        batches = [
            collate([data[index] for index in order[start : start + BATCH]], text.pad_id)
            for start in range(0, count, BATCH)
        ]

        def run() -> None:
            for batch in batches:
                model.zero_grad()
                with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16):
                    logits = word_logits(model, batch)
                cross_entropy(logits.flatten(0, 1).float(), batch["labels"].flatten()).backward()

        return run

    def stock() -> Callable[[], object]:
        model = build_tagger(recipe["linear"].model, labels, 13, tokenizer)
        rows = aligned(tokens, tag_ids, tokenizer)
        trainer = stock_trainer(
            model, tokenizer, folder, rows, use_cpu=True, per_device_train_batch_size=BATCH, num_train_epochs=1
        )

        def run() -> None:
            trainer.optimizer = trainer.lr_scheduler = None
            trainer.train()

        return run

    makers: dict[str, Callable[[], Callable[[], object]]] = {
        "linear float32": lambda: ours("linear", False),
        "limit float32": lambda: limit(False),
        "stock float32": stock,
        "bilstm float32": lambda: ours("bilstm", False),
        "linear bf16": lambda: ours("linear", True),
        "limit bf16": lambda: limit(True),
        "quick limit float32": lambda: limit(False, quick=True),
        "quick limit bf16": lambda: limit(True, quick=True),
    }
    sides = {name: make() for name, make in makers.items() if wanted is None or name in wanted}
    order = np.random.default_rng(0).permutation(count)
    drawn = [order[begin : begin + BATCH] for begin in range(0, count, BATCH)]
    alike = [
        batch
        for step in shuffled_batches(data.lengths, BATCH, np.random.default_rng(0))
        for batch in step.reshape(2, -1)
    ]

    def places(batches: Sequence[np.ndarray]) -> int:
        return sum(len(batch) * int(data.lengths[batch].max()) for batch in batches)

    return sides, int(data.lengths.sum()), {"ours": places(alike), "stock": places(drawn)}


_HEADS = ("linear", "bilstm")

if __name__ == "__main__":
    what, sentences, turns = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    print(
        json.dumps(_measure(sentences, turns) if what == "speed" else _memory(what.removeprefix("memory-"), sentences))
    )
