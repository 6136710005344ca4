"""What a recipe makes of true labels, beside stock code with no tuning: F1 on its dev split.

    python tests/benchmarks/measure_truth.py my.yaml [KEY=VALUE ...] --seeds 13 14 15 --rows stock linear --json FILE

``stock`` is AutoModelForTokenClassification's head on the recipe's encoder in the stock Trainer: three epochs, batches
of 32 of like lengths, learning rate 2e-4 falling to 0, whatever the recipe says. ``linear`` and ``bilstm`` are the
recipe with that head. Rows that stand in FILE are kept.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

ROWS = ("stock", "linear", "bilstm")


def table(
    recipe_name: str, overrides: Sequence[str], seeds: Sequence[int], names: Sequence[str], file: Path
) -> list[dict[str, Any]]:
    """A training for each row and seed; the figures of those that ``file`` has are taken from there."""
    from nerc_trainer.recipe.load import load_recipe
    from nerc_trainer.training.job import job

    rows = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
    for name in names:
        wanted = [seed for seed in seeds if (name, seed) not in {(row["name"], row["seed"]) for row in rows}]
        head = "linear" if name == "stock" else name
        recipe = load_recipe(recipe_name, [*overrides, "training.disable_tqdm=true", f"model.head={head}"])
        with job(recipe) as work:
            for seed in wanted:
                row = {"name": name, "seed": seed, **(_stock if name == "stock" else _ours)(work, recipe, seed)}
                rows.append(row)
                print(json.dumps(row), flush=True)
                with file.open("a", encoding="utf-8") as out:
                    out.write(json.dumps(row) + "\n")
    return rows


def _ours(work: Any, recipe: Any, seed: int) -> dict[str, float]:
    import numpy as np

    from nerc_trainer.experiments.cell import Cell, run_cell
    from nerc_trainer.training.arguments import step_size, steps_of
    from nerc_trainer.training.workbench import build_workbench

    bench = build_workbench(recipe, work.arguments, work.corpus)
    sentences = np.arange(len(work.corpus.train))
    steps = steps_of(recipe.train.epochs, len(sentences), step_size(work.arguments))
    found = run_cell(bench, Cell("truth", "truth", sentences, sentences[:0], steps, seed))
    return {
        **{key: found["scores"]["dev"][key] for key in ("f1", "precision", "recall", "accuracy", "loss")},
        "seconds": found["seconds"],
    }


def _stock(work: Any, recipe: Any, seed: int) -> dict[str, float]:
    import time

    import numpy as np
    from datasets import Dataset
    from stock import IGNORED, aligned, stock_trainer
    from transformers import set_seed

    from nerc_trainer.evaluation.metrics import entity_scores
    from nerc_trainer.modeling.build import build_tagger, load_tokenizer

    started = time.perf_counter()
    model_section = recipe.model.model_copy(update={"restore_case": False, "head": "linear"})
    labels, tokenizer = work.corpus.labels, load_tokenizer(model_section)
    set_seed(seed)
    rows = {
        name: aligned(split["tokens"], [labels.encode(tags) for tags in split["ner_tags"]], tokenizer)
        for name, split in (("train", work.corpus.train), ("dev", work.corpus.dev))
    }
    with tempfile.TemporaryDirectory() as folder:
        trainer = stock_trainer(
            build_tagger(model_section, labels, seed, tokenizer),
            tokenizer,
            folder,
            rows["train"],
            seed=seed,
            use_cpu=work.arguments.use_cpu,
            bf16=work.arguments.bf16,
            per_device_train_batch_size=32,
            per_device_eval_batch_size=64,
            num_train_epochs=3,
            learning_rate=2e-4,
            train_sampling_strategy="group_by_length",
        )
        trainer.train()
        trainer.args.train_sampling_strategy = "random"  # the other would also permute what is predicted
        told = trainer.predict(Dataset.from_list(rows["dev"]))
    said, true = [], []
    for logits, tag_ids in zip(told.predictions, told.label_ids, strict=True):
        places = np.flatnonzero(tag_ids != IGNORED)
        said.append([labels.tags[at] for at in logits[places].argmax(-1)])
        true.append([labels.tags[at] for at in tag_ids[places]])
    return {
        **{key: entity_scores(said, true)[key] for key in ("f1", "precision", "recall", "accuracy")},
        "seconds": round(time.perf_counter() - started, 3),
    }


def summary(rows: Sequence[dict[str, Any]]) -> dict[str, str]:
    """Mean F1 of each row over its seeds, and the deviation where there are several."""
    found: defaultdict[str, list[float]] = defaultdict(list)
    for row in rows:
        found[row["name"]].append(row["f1"])
    return {name: f"{mean(f1):.4f}" + (f" ± {stdev(f1):.4f}" if len(f1) > 1 else "") for name, f1 in found.items()}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe")
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE")
    parser.add_argument("--seeds", type=int, nargs="+", default=[13, 14, 15])
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=list(ROWS))
    parser.add_argument("--json", type=Path, required=True, help="file of rows, a line each")
    options = parser.parse_args()
    made = table(options.recipe, options.overrides, options.seeds, options.rows, options.json)
    print(json.dumps(summary(made), indent=2, ensure_ascii=False))
