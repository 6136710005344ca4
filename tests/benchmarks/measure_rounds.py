"""A whole run, 12 % at first and ten rounds of 50, beside the same rounds written with calls of the stock Trainer.

Ours is `nerc-trainer active` as a user starts it, from the start of the process to its end, in float32 and with
training.bf16, each in one process with all cores and on two ranks of one thread. The stock side is one process with
all cores: it tokenises once, keeps its model from round to round, asks `predict` for the pool at batch 64, takes the
entropies with numpy, trains with random batches of 16, and predicts dev and test. All start from the same first
sentences of the same files and save each round's model. A run is too long for turns, so each side runs once; what is
compared is a ratio of minutes.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

ROOT = Path(__file__).parents[2]
TRAIN, HELD_OUT = 3_000, 400  # sentences, so that the stock side takes a quarter of an hour on two cores
INITIAL, QUERY, ROUNDS = 0.12, 50, 10
EPOCHS, LATER_EPOCHS, RATE, BATCH = 5, 2, 3e-4, 16
SIDES = {"float32": (1, False), "bf16": (1, True), "two_ranks": (2, False), "two_ranks_bf16": (2, True)}


def measure(quick: bool) -> dict[str, Any]:
    """Seconds of the runs, their ratios, and F1 on test of the last round."""
    train, held_out, rounds = (120, 30, 1) if quick else (TRAIN, HELD_OUT, ROUNDS)
    figures: dict[str, Any] = {"train_sentences": train, "rounds": rounds}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _write_corpus(folder, train, held_out)
        seconds = {side: _ours(folder, side, rounds, ranks, bf16) for side, (ranks, bf16) in SIDES.items()}
        first = folder / "first.json"
        history = folder / "float32" / "history.jsonl"
        first.write_text(json.dumps(json.loads(history.read_text(encoding="utf-8").splitlines()[0])["ids"]))
        stock = _timed([sys.executable, __file__, str(folder), str(rounds)])
        figures["stock_seconds"] = round(stock, 1)
        for side, taken in seconds.items():
            rows = [json.loads(line) for line in (folder / side / "history.jsonl").read_text().splitlines()]
            figures |= {f"{side}_vs_stock": round(stock / taken, 3), f"{side}_seconds": round(taken, 1)}
            figures[f"{side}_test_f1"] = [round(row["test"]["f1"], 4) for row in rows]
            phases = {phase for row in rows for phase in row["seconds"]}
            figures[f"{side}_phases"] = {
                phase: round(sum(row["seconds"].get(phase, 0.0) for row in rows), 2) for phase in sorted(phases)
            }
        figures["vs_stock"] = figures.pop("float32_vs_stock")
        figures["stock_test_f1"] = json.loads((folder / "stock.json").read_text())
    return figures


def _write_corpus(folder: Path, train: int, held_out: int) -> None:
    from sentences import labelled_sentences

    tokens, tags = labelled_sentences(train + 2 * held_out)
    begin = 0
    for split, count in (("train", train), ("dev", held_out), ("test", held_out)):
        rows = zip(tokens[begin : begin + count], tags[begin : begin + count], strict=True)
        text = "\n".join("".join(f"{word} {tag}\n" for word, tag in zip(*row, strict=True)) for row in rows)
        (folder / f"{split}.conll").write_text(text, encoding="utf-8")
        begin += count


def _ours(folder: Path, name: str, rounds: int, ranks: int, bf16: bool) -> float:
    settings: dict[str, Any] = {f"data.{split}": folder / f"{split}.conll" for split in ("train", "dev", "test")}
    settings |= {
        "run.dir": folder / name,
        "run.batch_size": BATCH,
        "annotation.endpoints": "[]",
        "training.learning_rate": RATE,
        "active.initial_expert": INITIAL,
        "active.query_size": QUERY,
        "active.initial_epochs": EPOCHS,
        "active.fine_tune_epochs": LATER_EPOCHS,
        "active.min_iterations": rounds,
        "active.max_iterations": rounds,
        "training.bf16": str(bf16).lower(),
        "hub.mode": "off",
    }
    words = [sys.executable]
    if ranks == 1:
        settings |= {"run.cpu_threads": os.cpu_count() or 1, "training.per_device_train_batch_size": BATCH}
    else:
        words += ["-m", "accelerate.commands.accelerate_cli", "launch", "--main_process_port", "0"]
        words += ["--config_file", str(ROOT / "recipes" / "accelerate" / "cpu-2.yaml")]
    words += ["-m", "nerc_trainer", "active", str(ROOT / "recipes" / "quickstart.yaml")]
    return _timed([*words, *(f"{key}={value}" for key, value in settings.items())])


def _timed(words: list[str]) -> float:
    started = time.perf_counter()
    done = subprocess.run(words, capture_output=True, text=True, cwd=ROOT, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(words[:8])} failed:\n{done.stdout[-1500:]}\n{done.stderr[-3000:]}")
    return time.perf_counter() - started


def _stock(folder: Path, rounds: int) -> None:
    import numpy as np
    import torch
    from datasets import Dataset
    from seqeval.metrics import f1_score
    from stock import IGNORED, aligned, mean_entropies, stock_trainer

    from nerc_trainer.corpus.load import load_corpus
    from nerc_trainer.modeling.build import build_tagger, load_tokenizer, quiet_transformers
    from nerc_trainer.recipe.load import load_recipe

    quiet_transformers()
    torch.set_num_threads(os.cpu_count() or 1)
    files = [f"data.{split}={folder / split}.conll" for split in ("train", "dev", "test")]
    recipe = load_recipe(ROOT / "recipes" / "quickstart.yaml", files)
    corpus = load_corpus(recipe.data)
    tokenizer = load_tokenizer(recipe.model)
    rows = {
        split: aligned(part["tokens"][:], [corpus.labels.encode(tags) for tags in part["ner_tags"][:]], tokenizer)
        for split, part in (("train", corpus.train), ("dev", corpus.dev), ("test", corpus.test))
    }
    first = set(json.loads((folder / "first.json").read_text()))
    labelled = [index for index, name in enumerate(corpus.train["id"][:]) if name in first]
    trainer = stock_trainer(
        build_tagger(recipe.model, corpus.labels, 13, tokenizer),
        tokenizer,
        str(folder / "stock"),
        rows["train"],
        use_cpu=True,
        per_device_train_batch_size=BATCH,
        per_device_eval_batch_size=64,
        learning_rate=RATE,
        warmup_steps=0.1,
        weight_decay=0.01,
        num_train_epochs=EPOCHS,
    )
    held_out = {split: Dataset.from_list(rows[split]) for split in ("dev", "test")}
    scores = []
    for number in range(rounds + 1):
        if number:
            pool = sorted(set(range(len(rows["train"]))) - set(labelled))
            answer = trainer.predict(Dataset.from_list([rows["train"][index] for index in pool]))
            order = np.argsort(-mean_entropies(answer.predictions, answer.label_ids))[:QUERY]
            labelled += [pool[index] for index in order]
            trainer.args.num_train_epochs = LATER_EPOCHS
        trainer.train_dataset = Dataset.from_list([rows["train"][index] for index in labelled])
        trainer.optimizer = trainer.lr_scheduler = None
        trainer.train()
        trainer.save_model(str(folder / "stock" / f"round-{number}"))
        for part in held_out.values():
            answer = trainer.predict(part)
            best, true = answer.predictions.argmax(-1), answer.label_ids
            tags = [
                [corpus.labels.decode(side[row][true[row] != IGNORED].tolist()) for row in range(len(true))]
                for side in (true, best)
            ]
        scores.append(round(float(f1_score(*tags)), 4))
    (folder / "stock.json").write_text(json.dumps(scores))


if __name__ == "__main__":
    _stock(Path(sys.argv[1]), int(sys.argv[2]))
