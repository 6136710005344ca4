"""Entity scores: the cases worked out by hand, seqeval's figures, and no need of a network."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from seqeval.metrics import accuracy_score, f1_score, precision_score, recall_score

from nerc_trainer.corpus.labels import Span, tags_to_spans
from nerc_trainer.evaluation.metrics import EntityMetric, entity_scores

TAGS = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]


def scores(predicted: str, truth: str) -> dict[str, Any]:
    """Scores of sentences that are written as ``"B-PER I-PER | O"``."""
    return entity_scores(*([part.split() for part in text.split("|")] for text in (predicted, truth)))


def test_all_right() -> None:
    assert scores("B-PER I-PER O | B-LOC", "B-PER I-PER O | B-LOC") == {
        "precision": 1.0,
        "recall": 1.0,
        "f1": 1.0,
        "accuracy": 1.0,
        "by_type": {
            "LOC": {"precision": 1.0, "recall": 1.0, "f1": 1.0, "support": 1},
            "PER": {"precision": 1.0, "recall": 1.0, "f1": 1.0, "support": 1},
        },
    }


def test_worked_out_by_hand() -> None:
    """Three entities are predicted and four are there; two of them agree."""
    result = scores("B-PER I-PER O B-LOC | B-LOC O O", "B-PER I-PER O B-PER | B-LOC O B-LOC")
    assert result["precision"] == pytest.approx(2 / 3)
    assert result["recall"] == pytest.approx(2 / 4)
    assert result["f1"] == pytest.approx(4 / 7)
    assert result["accuracy"] == pytest.approx(5 / 7)
    assert result["by_type"]["PER"] == {"precision": 1.0, "recall": 0.5, "f1": pytest.approx(2 / 3), "support": 2}
    assert result["by_type"]["LOC"] == {"precision": 0.5, "recall": 0.5, "f1": 0.5, "support": 2}


@pytest.mark.parametrize("predicted", ["B-PER O O", "B-PER I-PER I-PER", "O I-PER O", "B-LOC I-LOC O", "B-PER B-PER O"])
def test_entity_with_a_wrong_end_or_type_does_not_count(predicted: str) -> None:
    assert scores(predicted, "B-PER I-PER O")["f1"] == 0.0


def test_entity_is_found_once_whatever_its_length() -> None:
    """Counting words in place of entities would give 5/6."""
    result = scores("B-PER I-PER I-PER I-PER I-PER O", "B-PER I-PER I-PER I-PER I-PER B-LOC")
    assert result["recall"] == 0.5


def test_type_that_is_only_predicted_has_no_support() -> None:
    result = scores("B-LOC B-PER", "O B-PER")
    assert result["by_type"]["LOC"] == {"precision": 0.0, "recall": 0.0, "f1": 0.0, "support": 0}
    assert result["precision"] == 0.5
    assert result["recall"] == 1.0


def test_type_that_is_nowhere_has_no_row() -> None:
    assert list(scores("O B-PER", "O B-PER")["by_type"]) == ["PER"]


@pytest.mark.filterwarnings("error")
def test_no_entity_at_all() -> None:
    assert scores("O O | O", "O O | O") == {"precision": 0.0, "recall": 0.0, "f1": 0.0, "accuracy": 1.0, "by_type": {}}


@pytest.mark.filterwarnings("error")
def test_nothing_predicted() -> None:
    result = scores("O O", "B-PER O")
    assert (result["precision"], result["recall"], result["f1"], result["accuracy"]) == (0.0, 0.0, 0.0, 0.5)


def test_stray_inside_tags_open_entities() -> None:
    assert scores("I-PER I-PER O", "B-PER I-PER O")["f1"] == 1.0
    assert scores("B-LOC I-PER O", "B-LOC B-PER O")["f1"] == 1.0
    assert scores("I-PER B-PER O", "B-PER I-PER O")["f1"] == 0.0


def test_entities_end_with_their_sentence() -> None:
    assert scores("B-PER | I-PER", "B-PER | B-PER")["f1"] == 1.0


def test_types_with_hyphens() -> None:
    result = scores("B-creative-work I-creative-work", "B-creative-work I-creative-work")
    assert list(result["by_type"]) == ["creative-work"]


tagged = st.lists(
    st.integers(1, 8).flatmap(
        lambda length: st.tuples(*[st.lists(st.sampled_from(TAGS), min_size=length, max_size=length)] * 2)
    ),
    min_size=1,
    max_size=6,
)


@settings(deadline=None, derandomize=True)
@given(sentences=tagged.filter(lambda rows: any(tag != "O" for pair in rows for tags in pair for tag in tags)))
def test_scores_are_those_of_seqeval_and_of_a_count_of_spans(sentences: list[tuple[list[str], list[str]]]) -> None:
    predicted, truth = [list(side) for side in zip(*sentences, strict=True)]
    result = entity_scores(predicted, truth)
    for name, reference in (("precision", precision_score), ("recall", recall_score), ("f1", f1_score)):
        assert result[name] == pytest.approx(reference(truth, predicted, zero_division=0))
    assert result["accuracy"] == pytest.approx(accuracy_score(truth, predicted))

    def spans(side: list[list[str]]) -> set[tuple[int, Span]]:
        return {(index, span) for index, tags in enumerate(side) for span in tags_to_spans(tags)}

    agreed = len(spans(predicted) & spans(truth))
    assert result["f1"] == pytest.approx(2 * agreed / (len(spans(predicted)) + len(spans(truth))))
    assert sum(row["support"] for row in result["by_type"].values()) == len(spans(truth))


def test_figures_are_plain_numbers() -> None:
    result = scores("B-PER O", "B-PER O")
    assert {type(result[name]) for name in ("precision", "recall", "f1", "accuracy")} == {float}
    assert not isinstance(result["by_type"]["PER"]["support"], np.integer)


OFFLINE = """
import socket

def refuse(*arguments):
    raise AssertionError(f"the metric wants the network: {arguments}")

socket.socket.connect = refuse
socket.getaddrinfo = refuse
import evaluate
from nerc_trainer.evaluation.metrics import EntityMetric

metric = EntityMetric()
assert isinstance(metric, evaluate.Metric)
print(metric.compute(predictions=[["B-PER", "O"]], references=[["B-PER", "B-LOC"]])["recall"])
metric.add_batch(predictions=[["B-PER"]], references=[["B-PER"]])
metric.add(prediction=["O"], reference=["O"])
print(metric.compute()["f1"])
"""


def test_is_a_metric_of_evaluate_without_a_network(tmp_path: Path) -> None:
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path), "OMP_NUM_THREADS": "1"}
    result = subprocess.run(
        [sys.executable, "-c", OFFLINE],
        env=environment,
        cwd=Path(__file__).resolve().parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.split() == ["0.5", "1.0"]


def test_metric_gives_the_same_as_the_function() -> None:
    predicted, truth = [["B-PER", "O"], ["O"]], [["B-PER", "B-LOC"], ["O"]]
    assert EntityMetric().compute(predictions=predicted, references=truth) == entity_scores(predicted, truth)
