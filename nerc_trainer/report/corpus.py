"""What is in the corpus: the charts that `analyze` has drawn, with their numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from nerc_trainer.plots import Chart
from nerc_trainer.report.collect import RunData
from nerc_trainer.report.parts import Part, Plot, Table, count

_TITLES = {
    "ner_tags": "NER tags",
    "entity_types": "Entity types",
    "pos_tags": "Part-of-speech tags",
    "chunk_tags": "Chunk tags",
    "sentence_lengths": "Sentence lengths",
}


def corpus_part(run: RunData) -> Part | None:
    """Tag distributions, entity types and sentence lengths by split; None before `analyze`."""
    if run.analysis is None:
        return None
    splits: Mapping[str, Any] = run.analysis["splits"]
    overview = Table(
        "The splits",
        ["split", "sentences", "tokens", "entities", "without entities", "new to train"],
        [
            [
                name,
                count(split["sentences"]),
                count(split["tokens"]),
                count(split["entities"]),
                f"{split['sentences_without_entities']['share']:.1%}",
                f"{split['unseen_entities']['share']:.1%}" if split["unseen_entities"] else "–",
            ]
            for name, split in splits.items()
        ],
    )
    return Part("corpus", "What is in the corpus", tables=[overview], plots=list(_plots(run, splits)))


def _plots(run: RunData, splits: Mapping[str, Any]) -> Iterator[Plot]:
    for name, title in _TITLES.items():
        drawn = run.folder / "analysis" / name
        png, svg = drawn.with_suffix(".png"), drawn.with_suffix(".svg")
        if png.is_file() and svg.is_file():
            chart = Chart(f"corpus_{name}", png.read_bytes(), svg.read_text(encoding="utf-8"))
            alt = f"Bars: {title.lower()} in {', '.join(splits)}, as shares of each split."
            yield Plot(chart, alt, _numbers(name, title, splits))


def _numbers(name: str, title: str, splits: Mapping[str, Any]) -> Table:
    if name == "entity_types":
        counts = {split: _counts(found["entity_types"]) for split, found in splits.items()}
    elif name == "sentence_lengths":
        counts = {
            split: {str(row["words"]): int(row["sentences"]) for row in found["sentence_lengths"]["histogram"]}
            for split, found in splits.items()
        }
    else:
        counts = {split: _counts(found["tags"][name]) for split, found in splits.items() if name in found["tags"]}
    rows = sorted({row for split in counts.values() for row in split})
    if name == "sentence_lengths":
        rows.sort(key=int)
    else:
        rows.sort(key=lambda row: -sum(split.get(row, 0) for split in counts.values()))
    first = "words" if name == "sentence_lengths" else "name"
    return Table(
        title, [first, *counts], [[row, *(count(split.get(row, 0)) for split in counts.values())] for row in rows]
    )


def _counts(found: Mapping[str, Mapping[str, Any]]) -> dict[str, int]:
    return {name: int(figures["count"]) for name, figures in found.items()}
