"""Batches of pieces: how they are padded, and which rank computes which.

Neither the composition of a batch nor its padding hangs on the number of ranks, so one rank and two see the same bits.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader

from nerc_trainer.corpus.encode import PieceDataset
from nerc_trainer.corpus.inner_words import InnerWords

IGNORED = -100  # the label of padding; Trainer counts the labels that differ from it
STRETCH = 50  # batches that are sorted by length together: long enough to save padding, short enough to stay random


def collate(items: Sequence[dict[str, np.ndarray]], pad_id: int) -> dict[str, torch.Tensor]:
    """Pad B pieces to the longest of them (T sub-words, W words).

    input_ids, attention_mask  int64 [B, T]
    word_positions             int64 [B, W]   0 where there is no word
    word_mask                  bool  [B, W]
    labels                     int64 [B, W]   IGNORED where there is no word; only for labelled pieces
    weights                    float32 [B, W] only for pieces whose labels have weights
    """
    input_ids, attention_mask = _pad([item["input_ids"] for item in items], pad_id)
    word_positions, word_mask = _pad([item["word_positions"] for item in items], 0)
    batch = {
        "input_ids": torch.from_numpy(input_ids),
        "attention_mask": torch.from_numpy(attention_mask.astype(np.int64)),
        "word_positions": torch.from_numpy(word_positions),
        "word_mask": torch.from_numpy(word_mask),
    }
    if "labels" in items[0]:
        batch["labels"] = torch.from_numpy(_pad([item["labels"] for item in items], IGNORED)[0])
    if "weights" in items[0]:
        batch["weights"] = torch.from_numpy(_pad([item["weights"] for item in items], 0)[0])
    return batch


def _pad(rows: Sequence[np.ndarray], value: int) -> tuple[np.ndarray, np.ndarray]:
    lengths = np.array([len(row) for row in rows])
    mask = np.arange(lengths.max())[None, :] < lengths[:, None]
    dtype = np.float32 if rows[0].dtype.kind == "f" else np.int64
    padded = np.full(mask.shape, value, dtype=dtype)
    padded[mask] = np.concatenate(rows)
    return padded, mask


def length_batches(lengths: np.ndarray, token_budget: int) -> list[np.ndarray]:
    """Batches of indices in order of length, each of at most ``token_budget`` positions, its padding included.

    A piece longer than the budget makes a batch of its own.
    """
    order = np.argsort(lengths, kind="stable")
    batches: list[np.ndarray] = []
    begin = 0
    for end in range(1, len(order) + 1):
        if end == len(order) or (end + 1 - begin) * lengths[order[end]] > token_budget:
            batches.append(order[begin:end])
            begin = end
    return batches


def share_batches(batches: Sequence[np.ndarray], lengths: np.ndarray, ranks: int) -> list[list[np.ndarray]]:
    """The batches of each rank, so that all ranks compute about as many positions, padding included.

    The largest batches are dealt first, each to the rank that has the least so far (Graham 1969).
    """
    positions = np.array([len(batch) * lengths[batch].max() for batch in batches])
    shares: list[list[np.ndarray]] = [[] for _ in range(ranks)]
    loads = [(0, rank) for rank in range(ranks)]
    for number in np.argsort(-positions, kind="stable"):
        load, rank = heapq.heappop(loads)
        shares[rank].append(batches[number])
        heapq.heappush(loads, (load + int(positions[number]), rank))
    return shares


def shuffled_batches(lengths: np.ndarray, batch_size: int, rng: np.random.Generator) -> np.ndarray:
    """All indices in a random order in which neighbours have like lengths, int64 [steps, batch_size].

    Shuffles, sorts each stretch of batches by length, then shuffles the batches. The last batch is filled up with
    indices drawn again, so that every optimizer step has the same size however many ranks share it.
    """
    order = rng.permutation(len(lengths))
    missing = -len(order) % batch_size
    if missing:
        order = np.concatenate([order, rng.choice(len(lengths), missing, replace=missing > len(lengths))])
    for begin in range(0, len(order), STRETCH * batch_size):
        part = order[begin : begin + STRETCH * batch_size]
        order[begin : begin + STRETCH * batch_size] = part[np.argsort(-lengths[part], kind="stable")]
    batches = order.reshape(-1, batch_size)
    return batches[rng.permutation(len(batches))]


class RankBatches:
    """The micro-batches of one rank: number m of every step goes to rank m modulo the number of ranks."""

    def __init__(
        self, lengths: np.ndarray, *, batch_size: int, micro_batch: int, rank: int, ranks: int, seed: int
    ) -> None:
        if batch_size % (micro_batch * ranks):
            raise ValueError(f"{batch_size} sentences a step can't be shared as {ranks} x {micro_batch}")
        self._lengths = lengths
        self._batch_size, self._micro_batch = batch_size, micro_batch
        self._rank, self._ranks = rank, ranks
        self._seed = seed
        self.epoch = 0

    def __len__(self) -> int:
        return -(-len(self._lengths) // self._batch_size) * (self._batch_size // self._micro_batch // self._ranks)

    def __iter__(self) -> Iterator[list[int]]:
        rng = np.random.default_rng((self._seed, self.epoch))
        for batch in shuffled_batches(self._lengths, self._batch_size, rng):
            yield from batch.reshape(-1, self._micro_batch)[self._rank :: self._ranks].tolist()


class TrainingLoader(DataLoader):
    """A rank's micro-batches of a training set.

    Not passed through ``accelerator.prepare``: that shards by counting batches and fills up the last one from the
    front, which would make the content of a step depend on the number of ranks.
    """

    def __init__(self, dataset: PieceDataset | InnerWords, batches: RankBatches, **options: Any) -> None:
        pad_id = dataset.text.pad_id
        super().__init__(dataset, batch_sampler=batches, collate_fn=_Collate(pad_id), **options)

    def set_epoch(self, epoch: int) -> None:
        """Called by Trainer at the start of each epoch."""
        self.batch_sampler.epoch = epoch  # type: ignore[union-attr]


class _Collate:
    """`collate` with its padding id; a class because workers of a loader must be able to pickle it."""

    def __init__(self, pad_id: int) -> None:
        self._pad_id = pad_id

    def __call__(self, items: Sequence[dict[str, np.ndarray]]) -> dict[str, torch.Tensor]:
        return collate(items, self._pad_id)
