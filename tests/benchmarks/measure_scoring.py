"""Scoring a pool by mean token entropy: beside the stock Trainer, beside the bare encoder, and in memory.

The sides take turns in one process on the same sentences and threads; every ratio is a median over turns. The bare
limit is the tagger's forward pass over the same sub-words in batches of equal lengths that lie ready on the device; the
quick limit is the same with the layers that ours has on a CPU (`quicken_layers`).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

ROOT = Path(__file__).parents[2]
POOL = 4_000


def measure(quick: bool) -> dict[str, Any]:
    """Speeds, their ratios in float32 and bfloat16, agreement of the two, and megabytes that a pool adds."""
    figures = _child("speed", 200 if quick else 2_000, 1 if quick else 5)
    for side in ("ours", "stock"):
        figures |= _child(f"memory-{side}", 200 if quick else POOL, 1)
    return figures


def _child(what: str, count: int, turns: int) -> dict[str, Any]:
    words = [sys.executable, __file__, what, str(count), str(turns)]
    done = subprocess.run(words, capture_output=True, text=True, cwd=ROOT, check=False)
    if done.returncode:
        raise RuntimeError(f"{what} failed:\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def _speed(count: int, turns: int) -> dict[str, Any]:
    import numpy as np
    import torch
    from sentences import labelled_sentences
    from stock import aligned, mean_entropies, peer_query, stock_trainer
    from transformers import TrainingArguments

    from nerc_trainer.corpus.batches import collate, length_batches
    from nerc_trainer.corpus.encode import PieceDataset, encode_words
    from nerc_trainer.corpus.labels import LabelSet
    from nerc_trainer.modeling.build import build_tagger, load_tokenizer, quiet_transformers
    from nerc_trainer.ranks import settle_cpu
    from nerc_trainer.recipe.load import load_recipe
    from nerc_trainer.training.arguments import token_budget
    from nerc_trainer.training.trainer import NercTrainer

    quiet_transformers()
    settle_cpu(threads=os.cpu_count() or 1)
    recipe = load_recipe(ROOT / "recipes" / "quickstart.yaml")
    tokenizer = load_tokenizer(recipe.model)
    tokens, tags = labelled_sentences(count)
    labels = LabelSet.from_types({tag[2:] for row in tags for tag in row if tag != "O"})
    text = encode_words(tokens, tokenizer, 512)
    pool = PieceDataset(text, np.arange(count))
    rows = aligned(tokens, [labels.encode(row) for row in tags], tokenizer)
    sides: dict[str, Callable[[], np.ndarray]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for precision in ("float32", "bf16"):
            bf16 = precision == "bf16"
            model = build_tagger(recipe.model, labels, 13, tokenizer).eval()
            arguments = TrainingArguments(
                output_dir=folder,
                use_cpu=True,
                report_to="none",
                disable_tqdm=True,
                bf16=bf16,
                remove_unused_columns=False,
            )
            ours = NercTrainer(
                model, arguments, labels, batch_size=16, token_budget=token_budget(recipe.active, arguments)
            )
            plain = build_tagger(recipe.model, labels, 13, tokenizer).eval()  # ours has layers of its own on a CPU
            stock = stock_trainer(
                plain, tokenizer, folder, rows, use_cpu=True, per_device_eval_batch_size=64, bf16=bf16
            )
            batches = [
                collate([pool[index] for index in batch], text.pad_id)
                for batch in length_batches(pool.lengths, ours.token_budget)
            ]

            def limit(model: Any = model, batches: Any = batches, bf16: bool = bf16) -> np.ndarray:
                with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16):
                    for batch in batches:
                        model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"])
                return np.zeros(0)

            def by_stock(stock: Any = stock) -> np.ndarray:
                answer = stock.predict(stock.train_dataset)
                return mean_entropies(answer.predictions, answer.label_ids)

            sides[f"ours {precision}"] = lambda ours=ours: ours.uncertainty(pool)
            sides[f"limit {precision}"] = lambda limit=limit, plain=plain: limit(plain)
            sides[f"quick limit {precision}"] = limit
            if not bf16:  # what people run who say nothing of precision
                sides["stock float32"] = by_stock
                query = peer_query(plain, rows, text.pad_id, count // 10)
                if query is not None:
                    sides["peer float32"] = lambda query=query: np.array(query())
        seconds: dict[str, list[float]] = {name: [] for name in sides}
        scores: dict[str, np.ndarray] = {}
        for turn in range(turns + 1):
            for name, side in sides.items():
                started = time.perf_counter()
                scores[name] = side()
                if turn:  # the first turn sets up buffers
                    seconds[name].append(time.perf_counter() - started)
    top = min(100, count // 10)

    def ratio(name: str, other: str) -> float:
        return round(median(b / a for a, b in zip(seconds[name], seconds[other], strict=True)), 3)

    def overlap(name: str) -> float:
        first, second = (set(np.argsort(-scores[one])[:top].tolist()) for one in (name, "ours float32"))
        return len(first & second) / top

    sub_words = int(pool.lengths.sum())
    in_order = [pool.lengths[begin : begin + 64] for begin in range(0, count, 64)]
    stock_padded = sum(len(part) * int(part.max()) for part in in_order)
    padded = sum(batch["input_ids"].numel() for batch in batches)
    return {
        "vs_stock": ratio("ours float32", "stock float32"),
        **({"vs_peer": ratio("ours float32", "peer float32")} if "peer float32" in sides else {}),
        "vs_limit": ratio("ours float32", "limit float32"),
        "bf16_vs_stock": ratio("ours bf16", "stock float32"),
        "vs_quick_limit": ratio("ours float32", "quick limit float32"),
        "bf16_vs_limit": ratio("ours bf16", "limit bf16"),
        "bf16_vs_quick_limit": ratio("ours bf16", "quick limit bf16"),
        "bf16_top_overlap": overlap("ours bf16"),
        "stock_top_overlap": overlap("stock float32"),
        "threads": torch.get_num_threads(),
        "sentences": count,
        "padding_share": round(1 - sub_words / padded, 4),
        "stock_padding_share": round(1 - sub_words / stock_padded, 4),
        **{
            f"{name.replace(' ', '_')}_sentences_a_second": round(count / median(taken), 1)
            for name, taken in seconds.items()
        },
        **{
            f"{name.replace(' ', '_')}_sub_words_a_second": round(sub_words / median(taken))
            for name, taken in seconds.items()
        },
    }


def _memory(side: str, count: int) -> dict[str, Any]:
    import numpy as np
    from sentences import labelled_sentences
    from stock import aligned, mean_entropies, stock_trainer
    from transformers import TrainingArguments

    from nerc_trainer.corpus.encode import PieceDataset, encode_words
    from nerc_trainer.corpus.labels import LabelSet
    from nerc_trainer.modeling.build import build_tagger, load_tokenizer
    from nerc_trainer.ranks import settle_cpu
    from nerc_trainer.recipe.load import load_recipe
    from nerc_trainer.training.arguments import token_budget
    from nerc_trainer.training.trainer import NercTrainer

    settle_cpu(threads=1)
    recipe = load_recipe(ROOT / "recipes" / "quickstart.yaml")
    tokenizer = load_tokenizer(recipe.model)
    tokens, tags = labelled_sentences(count)
    labels = LabelSet.from_types({tag[2:] for row in tags for tag in row if tag != "O"})
    model = build_tagger(recipe.model, labels, 13, tokenizer).eval()
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(output_dir=folder, use_cpu=True, report_to="none", disable_tqdm=True)
        if side == "ours":
            pool = PieceDataset(encode_words(tokens, tokenizer, 512), np.arange(count))
            trainer = NercTrainer(
                model, arguments, labels, batch_size=16, token_budget=token_budget(recipe.active, arguments)
            )
        else:
            rows = aligned(tokens, [labels.encode(row) for row in tags], tokenizer)
            trainer = stock_trainer(model, tokenizer, folder, rows, use_cpu=True, per_device_eval_batch_size=64)
        sum(float(weights.sum()) for weights in model.parameters())  # they are read from disk when first touched
        before = resident("VmRSS")
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak starts again from here
        if side == "ours":
            trainer.uncertainty(pool)
        else:
            answer = trainer.predict(trainer.train_dataset)
            mean_entropies(answer.predictions, answer.label_ids)
    return {
        "memory_sentences": count,
        f"{side}_peak_above_model_mb": round(resident("VmHWM") - before, 1),
        "model_mb": round(sum(p.numel() * p.element_size() for p in model.parameters()) / 2**20, 1),
    }


def resident(field: str) -> float:
    """A figure of /proc/self/status in megabytes (2**20 bytes)."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(field))


if __name__ == "__main__":
    what, sentences, turns = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    print(json.dumps(_speed(sentences, turns) if what == "speed" else _memory(what.removeprefix("memory-"), sentences)))
