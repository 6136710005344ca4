"""What scoring a pool of the size of CoNLL-2003's train adds to the resident memory of the model."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
POOL = 14_041


def measure(quick: bool) -> dict[str, Any]:
    """Sentences a second, and megabytes that scoring adds at its peak, in a fresh process."""
    count = 1_000 if quick else POOL
    done = subprocess.run([sys.executable, __file__, str(count)], capture_output=True, text=True, check=True, cwd=ROOT)
    return json.loads(done.stdout.splitlines()[-1])


def _score(count: int) -> dict[str, Any]:
    import tempfile
    import time

    import numpy as np
    from transformers import TrainingArguments

    from nerc_trainer.corpus.encode import PieceDataset, encode_words
    from nerc_trainer.corpus.labels import LabelSet
    from nerc_trainer.modeling.build import build_tagger, load_tokenizer
    from nerc_trainer.ranks import settle_cpu
    from nerc_trainer.recipe.load import load_recipe
    from nerc_trainer.training.arguments import token_budget
    from nerc_trainer.training.trainer import NercTrainer

    settle_cpu(threads=1)
    sys.path.insert(0, str(ROOT / "recipes" / "sample"))
    from make_corpus import generate

    recipe = load_recipe(ROOT / "recipes" / "quickstart.yaml")
    labels = LabelSet.from_types(["LOC", "MISC", "ORG", "PER"])
    model = build_tagger(recipe.model, labels, 13, load_tokenizer(recipe.model))
    sentences = [list(sentence.tokens) for sentence in generate("train", count, 13)]
    text = encode_words(sentences, load_tokenizer(recipe.model), 256)
    pool = PieceDataset(text, np.arange(count))
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(output_dir=folder, use_cpu=True, report_to="none", disable_tqdm=True)
        trainer = NercTrainer(
            model, arguments, labels, batch_size=16, token_budget=token_budget(recipe.active, arguments)
        )
        sum(float(weights.sum()) for weights in model.parameters())  # they are read from disk when first touched
        before = _resident("VmRSS")
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak starts again from here
        started = time.perf_counter()
        trainer.uncertainty(pool)
        seconds = time.perf_counter() - started
    return {
        "sentences": count,
        "added_mb": round(_resident("VmHWM") - before, 1),
        "model_mb": round(sum(p.numel() * p.element_size() for p in model.parameters()) / 2**20, 1),
        "sentences_per_second": round(count / seconds, 1),
    }


def _resident(field: str) -> float:
    """A figure of /proc/self/status in megabytes (2**20 bytes)."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(field))


if __name__ == "__main__":
    print(json.dumps(_score(int(sys.argv[1]))))
