"""`nerc-trainer evaluate`: how good a tagger is on labelled text."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nerc_trainer.corpus.labels import tags_to_spans
from nerc_trainer.corpus.load import NO_ENTITY, load_split
from nerc_trainer.evaluation.intervals import entity_counts, f1_interval
from nerc_trainer.evaluation.metrics import entity_scores
from nerc_trainer.files import write_json
from nerc_trainer.prediction.tagger import load_tagger, tag_all

if TYPE_CHECKING:
    from nerc_trainer.recipe.sections import DataSection

_SEED = 0  # of the bootstrap: the same tagger on the same text has the same interval


def evaluate(
    model: str,
    data: DataSection,
    split: str,
    output: Path | None = None,
    encoder: str | None = None,
    trust_remote_code: bool = False,
) -> dict[str, Any]:
    """Figures of `entity_scores` with the 95 % interval of F1, printed as a table and written as JSON if asked.

    ``split`` is a file or the name of a split of the data set in ``data``.
    """
    sentences, notes = load_split(data, split, "`nerc-trainer predict` tags text without labels")
    tagger = load_tagger(model, encoder, trust_remote_code)
    true_types = {tag[2:] for tags in sentences.ner_tags for tag in tags if tag != "O"}
    if not true_types:
        notes.append(f"{split}: {NO_ENTITY}")
    if unknown := sorted(true_types - set(tagger.types)):
        notes.append(f"the tagger does not know {', '.join(unknown)}; it knows {', '.join(tagger.types)}")
    if tagger.context and not sentences.documents:
        notes.append(f"{split}: tells of no documents, so the tagger, trained with context, reads each sentence alone")
    predicted = [tagged.tags for tagged in tag_all(tagger, sentences.tokens, sentences.documents)]
    counts = np.array(
        [
            entity_counts(tags_to_spans(said, "bio"), tags_to_spans(true, "bio"))
            for said, true in zip(predicted, sentences.ner_tags, strict=True)
        ]
    )
    interval = f1_interval(counts, np.random.default_rng(_SEED))
    figures = {
        "model": model,
        "sentences": len(predicted),
        "words": sum(map(len, predicted)),
        **entity_scores(predicted, sentences.ner_tags),
        "f1_low": interval.low,
        "f1_high": interval.high,
    }
    for note in notes:
        print(note)
    _show(figures)
    if output is not None:
        write_json(output, figures)
    return figures


def _show(figures: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"{figures['sentences']:,} sentences, {figures['words']:,} words", title_justify="left")
    for name in ("", "F1", "precision", "recall", "entities"):
        table.add_column(name, justify="right" if name else "left")
    rows = {"all": {**figures, "support": sum(row["support"] for row in figures["by_type"].values())}}
    for name, row in {**rows, **figures["by_type"]}.items():
        figures_of_row = (f"{row[key]:.4f}" for key in ("f1", "precision", "recall"))
        table.add_row(name, *figures_of_row, f"{row['support']:,}")
    Console().print(table)
    interval = (
        f"F1 lies between {figures['f1_low']:.4f} and {figures['f1_high']:.4f} (95 %, bootstrap over sentences); "
    )
    print(f"{interval if rows['all']['support'] else ''}word accuracy {figures['accuracy']:.4f}")
