"""What is in the corpus: the charts that `analyze` has drawn, with their numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from nerc_trainer.plots import Chart
from nerc_trainer.report.collect import RunData
from nerc_trainer.report.parts import MISSING, Part, Plot, Table, count

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
    columns = ["split", "sentences", "tokens", "entities", "without entities", "new to train"]
    rows = [
        [name, count(split["sentences"]), count(split["tokens"]), *_labelled(split)] for name, split in splits.items()
    ]
    if any(map(_unlabelled, splits.values())):
        columns.insert(2, "without labels")
        for row, split in zip(rows, splits.values(), strict=True):
            row.insert(2, count(_unlabelled(split)))
    overview = Table("The splits", columns, rows)
    return Part("corpus", "What is in the corpus", tables=[overview], plots=list(_plots(run, splits)))


def _unlabelled(split: Mapping[str, Any]) -> int:
    return int(split.get("unlabelled", 0))


def _labelled(split: Mapping[str, Any]) -> list[str]:
    """What is said of entities: it stands for the sentences that someone has labelled; nothing where there are none."""
    if _unlabelled(split) == split["sentences"]:
        return [MISSING] * 3
    unseen = split["unseen_entities"]
    return [
        count(split["entities"]),
        f"{split['sentences_without_entities']['share']:.1%}",
        f"{unseen['share']:.1%}" if unseen else MISSING,
    ]


def _plots(run: RunData, splits: Mapping[str, Any]) -> Iterator[Plot]:
    for name, title in _TITLES.items():
        drawn = run.folder / "analysis" / name
        png, svg = drawn.with_suffix(".png"), drawn.with_suffix(".svg")
        if png.is_file() and svg.is_file():
            chart = Chart(f"corpus_{name}", png.read_bytes(), svg.read_text(encoding="utf-8"))
            counts = _drawn(name, splits)
            alt = f"Bars: {title.lower()} in {', '.join(counts)}, as shares of each split."
            yield Plot(chart, alt, _numbers(name, title, counts))


def _drawn(name: str, splits: Mapping[str, Any]) -> dict[str, dict[str, int]]:
    """What a chart counts in each split that it shows: those where nobody has labelled have no tags and no types."""
    if name == "sentence_lengths":
        return {
            split: {str(row["words"]): int(row["sentences"]) for row in found["sentence_lengths"]["histogram"]}
            for split, found in splits.items()
        }
    found_in = {
        split: found["entity_types"] if name == "entity_types" else found["tags"].get(name)
        for split, found in splits.items()
    }
    return {split: _counts(found) for split, found in found_in.items() if found}


def _numbers(name: str, title: str, counts: Mapping[str, Mapping[str, int]]) -> Table:
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
