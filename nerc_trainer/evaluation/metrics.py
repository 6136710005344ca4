"""Entity-level scores: a prediction counts when its type and both its ends are right (seqeval, conlleval's reading)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import datasets
import evaluate

Tags = Sequence[Sequence[str]]

_DESCRIPTION = "Entity precision, recall and F1 overall and by type, and word accuracy, as conlleval counts them."
_CITATION = "Tjong Kim Sang and De Meulder, 2003: Introduction to the CoNLL-2003 Shared Task."


class EntityMetric(evaluate.Metric):
    """An `evaluate.Metric` that needs no network; ``compute(predictions=..., references=...)`` takes BIO tags."""

    def _info(self) -> evaluate.MetricInfo:
        tags = datasets.Sequence(datasets.Value("string"))
        return evaluate.MetricInfo(
            description=_DESCRIPTION,
            citation=_CITATION,
            inputs_description="predictions, references: a list of BIO tags for each sentence",
            features=datasets.Features({"predictions": tags, "references": tags}),
        )

    def _compute(self, predictions: Tags, references: Tags) -> dict[str, Any]:
        return entity_scores(predictions, references)


def entity_scores(predictions: Tags, references: Tags) -> dict[str, Any]:
    """Scores between 0 and 1: precision, recall, f1, accuracy, and ``by_type``: type -> the same and its support.

    A type that is neither predicted nor in the references has no row; without any entity, F1 is 0.
    """
    from seqeval.metrics import accuracy_score, classification_report

    predicted, truth = [list(tags) for tags in predictions], [list(tags) for tags in references]
    report: dict[str, dict[str, float]] = {}
    if any(tag != "O" for tags in (*truth, *predicted) for tag in tags):  # seqeval averages over no type otherwise
        report = classification_report(truth, predicted, output_dict=True, zero_division=0)
    overall = report.pop("micro avg", {"precision": 0.0, "recall": 0.0, "f1-score": 0.0})
    return {
        **_row(overall),
        "accuracy": float(accuracy_score(truth, predicted)),
        "by_type": {
            name: {**_row(row), "support": int(row["support"])}
            for name, row in sorted(report.items())
            if not name.endswith(" avg")
        },
    }


def _row(row: dict[str, float]) -> dict[str, float]:
    return {"precision": float(row["precision"]), "recall": float(row["recall"]), "f1": float(row["f1-score"])}
