"""Whether the intervals of cheap-test hold what they say, and how much narrower an LLM's labels make them.

    python tests/benchmarks/measure_cheap_test.py TRUTH SAID LLM [--other SAID] [--draws 500] [--json FILE]

TRUTH is a labelled file (CoNLL or JSONL). SAID is what `nerc-trainer predict MODEL TRUTH --to jsonl` wrote. LLM is
labels.jsonl of `nerc-trainer annotate` (of the sentences of TRUTH), or another file of predictions. Each draw lets an
expert label n of the sentences in each way of choosing, and looks whether the interval covers the figure of all of
them; the same with useless labels: those of other sentences (shuffled), and no entity anywhere (empty).
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

import numpy as np

from nerc_trainer.corpus.jsonl import read_rows
from nerc_trainer.corpus.labels import LabelSet, Span, tags_to_spans
from nerc_trainer.corpus.llm_labels import read_llm_labels
from nerc_trainer.corpus.load import load_split
from nerc_trainer.evaluation.cheap_test import (
    FIGURES,
    Judged,
    as_good_as,
    disputed,
    estimate,
    estimate_difference,
    proxy_counts,
)
from nerc_trainer.evaluation.choose_test import Choice, Sample, choose, doubt
from nerc_trainer.evaluation.intervals import entity_counts
from nerc_trainer.recipe.sections import DataSection

LEVEL = 0.95
NUMBERS = (100, 200, 400)


def measure(quick: bool) -> dict[str, Any]:
    """The sample corpus' train sentences with their real LLM labels; the tagger has learnt from its dev sentences."""
    from nerc_trainer.annotation.annotate import annotate_where_known
    from nerc_trainer.annotation.result import labels_file
    from nerc_trainer.experiments.train import train_tagger
    from nerc_trainer.prediction.predict import predict
    from nerc_trainer.recipe.load import load_recipe

    with tempfile.TemporaryDirectory() as folder:
        labelled = load_recipe("quickstart", [f"run.dir={folder}/labels", "hub.mode=off"])
        annotate_where_known(labelled)
        swapped = [f"data.train={labelled.data.dev}", f"data.dev={labelled.data.test}", "data.test=null"]
        trained = load_recipe(
            "quickstart",
            [
                *swapped,
                "annotation.endpoints=[]",
                "annotation.known_replies=null",
                f"run.dir={folder}/tagger",
                "hub.mode=off",
                f"train.epochs={1 if quick else 8}",
                "training.disable_tqdm=true",
            ],
        )
        train_tagger(trained)
        said = Path(folder, "said.jsonl")
        predict(f"{folder}/tagger/models/model-primary", Path(labelled.data.train), said, "conll", "jsonl")
        rows = table(Path(labelled.data.train), said, labels_file(labelled), None, 50 if quick else 500, NUMBERS)
    return {name: describe(row) for name, row in rows.items()}


def table(
    truth: Path, said: Path, llm: Path, other: Path | None, draws: int, numbers: Sequence[int]
) -> dict[str, dict[str, float]]:
    """For each figure, quality of labels, way of choosing and n what `simulate` finds."""
    sentences, _ = load_split(DataSection(train=str(truth), dev=str(truth)), str(truth), "name another file")
    true = [tags_to_spans(tags) for tags in sentences.ner_tags]
    first, confidence = read_said(said)
    if len(first) != len(true):
        raise SystemExit(f"{said}: {len(first)} sentences, but {truth} has {len(true)}")
    second = None if other is None else read_said(other)[0]
    found = llm_spans(llm, sentences.ids, sentences.tokens)
    shuffled = [found[index] for index in np.random.default_rng(0).permutation(len(found))]
    qualities = {"LLM": found, "shuffled": shuffled, "empty": [[] for _ in found]}
    rows = {}
    for quality, labels in qualities.items():
        judged = [
            Judged(np.array([entity_counts(*pair) for pair in zip(one, true, strict=True)]), proxy_counts(one, labels))
            for one in (first, second)
            if one is not None
        ]
        jobs = {figure: (judged[:1], figure) for figure in FIGURES}
        apart = np.zeros(len(true)) if second is None else disputed(first, second)
        if second is not None:
            jobs |= {"difference in f1": (judged, "f1")}
        for name, (sides, figure) in jobs.items():
            for how in get_args(Choice):
                for count in numbers:
                    row = simulate(sides, apart, figure, how, doubt(confidence), count, draws)
                    rows[f"{name}, {quality} labels, {how}, n = {count}"] = row
    return rows


def simulate(
    judged: Sequence[Judged],
    apart: np.ndarray,
    figure: Any,
    how: Choice,
    doubts: np.ndarray,
    count: int,
    draws: int,
) -> dict[str, float]:
    """Coverage, mean width and bias over ``draws`` samples of ``count``, and ``widest``, the largest ratio of the
    widths in one of them; ``true`` of each side counts all sentences."""
    truth = _found(judged, apart, figure, Sample.of_all(len(doubts))).alone.value
    rows = []
    for draw in range(draws):
        sample = choose(how, doubts, count, np.random.default_rng([draw, count]))
        found = _found(judged, apart, figure, sample)
        alone, powered = found.interval(found.alone, LEVEL), found.interval(found.powered, LEVEL)
        rows.append(
            [
                alone.low <= truth <= alone.high,
                powered.low <= truth <= powered.high,
                alone.high - alone.low,
                powered.high - powered.low,
                alone.value - truth,
                powered.value - truth,
                found.weight,
                as_good_as(found, LEVEL),
            ]
        )
    names = ("covered_alone", "covered", "width_alone", "width", "bias_alone", "bias", "weight", "as_good_as")
    widest = max((row[3] / row[2] for row in rows if row[2] > 0), default=1.0)
    return {"truth": truth, "widest": widest, **dict(zip(names, np.mean(rows, axis=0).tolist(), strict=True))}


def _found(judged: Sequence[Judged], apart: np.ndarray, figure: Any, sample: Sample) -> Any:
    seen = [Judged(one.true[sample.positions], one.proxy) for one in judged]
    return estimate(seen[0], sample, figure) if len(seen) == 1 else estimate_difference(*seen, apart, sample, figure)


def read_said(path: Path) -> tuple[list[list[Span]], list[np.ndarray]]:
    """Entities and confidences of words, as `predict` writes them."""
    rows = [row for _, row in read_rows(path)]
    return [tags_to_spans(row["ner_tags"]) for row in rows], [np.array(row["confidence"]) for row in rows]


def llm_spans(path: Path, ids: Sequence[str], tokens: Sequence[list[str]]) -> list[list[Span] | None]:
    """The entities by an LLM's labels, None for a sentence without, or by another tagger's predictions."""
    first = next(row for _, row in read_rows(path))
    if "llm_status" not in first and "confidence" in first:
        return list(read_said(path)[0])
    types = {tag[2:] for _, row in read_rows(path) for tag in row.get("llm_tags", []) if tag != "O"}
    said = read_llm_labels(path, ids, tokens, LabelSet.from_types(types), "TRUTH")
    return [tags_to_spans(tags) if tags else None for tags in said.tags]


def describe(row: dict[str, float]) -> str:
    ratio = row["width"] / row["width_alone"] if row["width_alone"] else 1.0
    return (
        f"covered {row['covered']:.3f} (alone {row['covered_alone']:.3f}), width {row['width']:.4f} "
        f"(alone {row['width_alone']:.4f}), ratio {ratio:.3f} (in a single draw {row['widest']:.3f} at most), "
        f"as good as {row['as_good_as']:.0f}"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("truth", "said", "llm"):
        parser.add_argument(name, type=Path, metavar=name.upper())
    parser.add_argument("--other", type=Path, metavar="SAID", help="predictions of a second tagger: paired differences")
    parser.add_argument("--draws", type=int, default=500)
    parser.add_argument("--numbers", type=int, nargs="+", default=list(NUMBERS), metavar="N")
    parser.add_argument("--json", type=Path, help="file to write the figures to")
    options = parser.parse_args()
    made = table(options.truth, options.said, options.llm, options.other, options.draws, options.numbers)
    for name, row in made.items():
        print(f"{name}: {describe(row)}")
    if options.json:
        options.json.write_text(json.dumps(made, indent=2) + "\n", encoding="utf-8")
