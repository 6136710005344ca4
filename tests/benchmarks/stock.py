"""The same work done with the stock Trainer and nothing else, as its documentation shows it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

IGNORED = -100
PEER = "NERC_BENCHMARK_PEER"


def aligned(
    tokens: Sequence[Sequence[str]], tag_ids: Sequence[Sequence[int]], tokenizer: Any, max_length: int = 512
) -> list[dict[str, Any]]:
    """Features with labels at first sub-words, as the token-classification examples of transformers make them."""
    encoded = tokenizer(
        [list(words) for words in tokens], is_split_into_words=True, truncation=True, max_length=max_length
    )
    rows = []
    for number, tags in enumerate(tag_ids):
        before, labels = None, []
        for word in encoded.word_ids(number):
            labels.append(IGNORED if word is None or word == before else tags[word])
            before = word
        rows.append(
            {
                "input_ids": encoded["input_ids"][number],
                "attention_mask": encoded["attention_mask"][number],
                "labels": labels,
            }
        )
    return rows


def stock_trainer(model: Any, tokenizer: Any, folder: str, rows: list[dict[str, Any]], **arguments: Any) -> Any:
    """A Trainer with the collator for token classification."""
    from datasets import Dataset
    from transformers import DataCollatorForTokenClassification, Trainer, TrainingArguments

    return Trainer(
        model=model,
        args=TrainingArguments(
            output_dir=folder,
            report_to="none",
            disable_tqdm=True,
            save_strategy="no",
            logging_strategy="no",
            **arguments,
        ),
        train_dataset=Dataset.from_list(rows),
        data_collator=DataCollatorForTokenClassification(tokenizer),
    )


def mean_entropies(predictions: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Mean token entropy of each sentence from padded logits [N, T, L], at the places that have a label."""
    logits = predictions.astype(np.float64)
    shifted = logits - logits.max(-1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
    entropy = -(np.exp(log_p) * log_p).sum(-1)
    counted = labels != IGNORED
    return (entropy * counted).sum(1) / np.maximum(counted.sum(1), 1)


def peer_query(model: Any, rows: list[dict[str, Any]], pad_id: int, query_size: int) -> Callable[[], list[int]] | None:
    """The entropy query of active-transformers 0.2.1 in batches of 64; None where it is not given (`run.py --peer`).

    Its strategies want rows of one length, so they are padded to the longest, as its own data processing does. It
    counts special tokens and later sub-words as words, so it is compared in speed alone.
    """
    if PEER not in os.environ:
        return None
    import scipy.integrate

    sys.path.append(os.environ[PEER])
    scipy.integrate.trapz = scipy.integrate.trapezoid  # it imports the name that scipy 1.14 has taken away
    from active.core.strategies.uncertainty import PredictionEntropy

    longest = max(len(row["input_ids"]) for row in rows)

    def padded(row: dict[str, Any], key: str, value: int) -> np.ndarray:
        return np.array(row[key] + [value] * (longest - len(row[key])))

    pool = [
        {"input_ids": padded(row, "input_ids", pad_id), "attention_mask": padded(row, "attention_mask", 0)}
        for row in rows
    ]
    strategy = PredictionEntropy(model)
    return lambda: list(strategy.query(pool=pool, query_size=query_size, batch_size=64))
