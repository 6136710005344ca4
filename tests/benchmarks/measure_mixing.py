"""Which mixing mode pays at which quality of the LLM's labels: real ones, cleaner and noisier.

    python tests/benchmarks/measure_mixing.py my.yaml [KEY=VALUE ...] --seeds 13 14 15 --noise 0.5 1 1.5 --json FILE

Trains on the corpus of a recipe that is annotated, and measures on its dev split. Rows that stand in FILE are kept.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import mean, stdev
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

ROWS = ("llm", "expert", "concat", "llm_then_expert", "weighted", "small_loss", "self_train")
NOISE = (0.0, 0.5, 1.0, 1.5)


def measure(quick: bool) -> dict[str, Any]:
    """F1 on dev by noise and mode on the quickstart's corpus and its real labels: mean and deviation over seeds."""
    with tempfile.TemporaryDirectory() as folder:
        overrides = [f"run.dir={folder}", "train.epochs=1" if quick else "train.epochs=5"]
        rows = table("quickstart", overrides, (13,) if quick else (13, 14, 15), (1.0,) if quick else NOISE, ROWS, None)
    return summary(rows)


def summary(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Rows of `table` by noise, F1 of the labels, and mode: mean F1, and deviation where there are several seeds."""
    found: defaultdict[str, list[float]] = defaultdict(list)
    for row in rows:
        found[f"noise {row['noise']:g} (labels' F1 {row['labels_f1']:.3f}), {row['name']}"].append(row["f1"])
    return {
        name: f"{mean(f1):.4f}" + (f" ± {stdev(f1):.4f}" if len(f1) > 1 else "") for name, f1 in sorted(found.items())
    }


def table(
    recipe_name: str,
    overrides: Sequence[str],
    seeds: Sequence[int],
    noises: Sequence[float],
    names: Sequence[str],
    file: Path | None,
) -> list[dict[str, Any]]:
    """A training for each row, noise and seed; the figures of those that ``file`` has are taken from there."""
    import numpy as np

    from nerc_trainer.experiments.cell import Cell, candidates, draw_expert, run_cell
    from nerc_trainer.recipe.load import load_recipe
    from nerc_trainer.training.arguments import step_size, steps_of
    from nerc_trainer.training.job import job
    from nerc_trainer.training.training_set import first_of_equals
    from nerc_trainer.training.workbench import build_workbench

    recipe = load_recipe(recipe_name, [*overrides, "training.disable_tqdm=true"])
    rows = [json.loads(line) for line in file.read_text().splitlines()] if file and file.exists() else []
    done = {(row["name"], row["noise"], row["seed"]) for row in rows}
    with job(recipe) as work:
        bench = build_workbench(recipe, work.arguments, work.corpus)
        sentences = candidates(work.corpus)
        first_equal = first_of_equals(work.corpus.train["tokens"])
        steps = steps_of(recipe.train.epochs, len(sentences), step_size(work.arguments))
        for noise in noises:
            tags, labels_f1 = _labels(work.corpus, sentences, noise)
            train = work.corpus.train.remove_columns("llm_tags").add_column("llm_tags", tags)
            for seed in seeds:
                expert = draw_expert(sentences, first_equal, recipe.train.expert_share, seed)
                for name in names:
                    if (name, noise, seed) in done or (name == "expert" and noise != noises[0]):
                        continue
                    kind = name if name in ("llm", "expert", "truth") else "mixed"
                    mode = name if kind == "mixed" else recipe.mixing.mode or "concat"
                    mixing = recipe.mixing.model_copy(update={"mode": mode})
                    own = replace(
                        bench,
                        corpus=replace(work.corpus, train=train),
                        recipe=recipe.model_copy(update={"mixing": mixing}),
                    )
                    allowed = np.array([], dtype=np.int64) if kind in ("llm", "truth") else expert
                    found = run_cell(own, Cell(name, kind, sentences, allowed, steps, seed))
                    row = {"name": name, "noise": noise, "labels_f1": labels_f1, "seed": seed}
                    row |= {
                        key: found["scores"]["dev"][key] for key in ("f1", "precision", "recall", "accuracy", "loss")
                    }
                    row["mixing"] = found["mixing"]
                    rows.append(row)
                    print(json.dumps(row), flush=True)
                    if file:
                        with file.open("a", encoding="utf-8") as out:
                            out.write(json.dumps(row) + "\n")
    return rows


def _labels(corpus: Any, sentences: Any, noise: float) -> tuple[list[list[str]], float]:
    """The LLM's tags of all train sentences with more or fewer mistakes, and their F1 on those it was asked about."""
    import numpy as np
    from label_noise import error_profile, vary

    from nerc_trainer.corpus.labels import spans_to_tags, tags_to_spans
    from nerc_trainer.evaluation.intervals import entity_counts

    train = corpus.train
    tags, truth = list(train["llm_tags"]), list(train["ner_tags"])
    labelled = [index for index in sentences.tolist() if tags[index]]
    said = {index: tags_to_spans(tags[index], "bio") for index in labelled}
    true = {index: tags_to_spans(truth[index], "bio") for index in labelled}
    words = {index: len(truth[index]) for index in labelled}
    profile = error_profile(*([column[index] for index in labelled] for column in (said, true, words)))
    generator = np.random.default_rng(0)
    for index in labelled:
        said[index] = vary(said[index], true[index], words[index], noise, profile, generator)
        tags[index] = spans_to_tags(said[index], words[index])
    counts = np.sum([entity_counts(said[index], true[index]) for index in labelled], axis=0)
    return tags, float(2 * counts[0] / (counts[1] + counts[2]))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe")
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE")
    parser.add_argument("--seeds", type=int, nargs="+", default=[13, 14, 15])
    parser.add_argument("--noise", type=float, nargs="+", default=list(NOISE))
    parser.add_argument("--rows", nargs="+", choices=[*ROWS, "truth"], default=list(ROWS))
    parser.add_argument("--json", type=Path, required=True, help="file of rows, a line each")
    options = parser.parse_args()
    made = table(options.recipe, options.overrides, options.seeds, options.noise, options.rows, options.json)
    print(json.dumps(summary(made), indent=2, ensure_ascii=False))
