"""Batches: each piece once, the same steps on any number of ranks, padding that says that it is padding."""

from __future__ import annotations

import pickle
from collections import Counter
from itertools import chain, pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nerc_trainer.corpus.batches import (
    IGNORED,
    RankBatches,
    TrainingLoader,
    collate,
    length_batches,
    share_batches,
    shuffled_batches,
)
from nerc_trainer.corpus.encode import PieceDataset, encode_words

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

LENGTHS = np.random.default_rng(5).integers(3, 60, size=43)

piece_lengths = st.lists(st.integers(1, 40), max_size=60).map(lambda lengths: np.array(lengths, dtype=np.int64))


@settings(deadline=None, derandomize=True)
@given(lengths=piece_lengths, budget=st.integers(1, 120))
def test_length_batches_hold_each_piece_once_within_the_budget(lengths: np.ndarray, budget: int) -> None:
    batches = length_batches(lengths, budget)
    assert sorted(index for batch in batches for index in batch) == list(range(len(lengths)))
    for batch in batches:
        assert len(batch) == 1 or len(batch) * lengths[batch].max() <= budget
    for batch, following in pairwise(batches):
        longest = lengths[following[0]]
        assert lengths[batch].max() <= longest
        assert (len(batch) + 1) * longest > budget, "the next piece would have fit"


@settings(deadline=None, derandomize=True)
@given(lengths=piece_lengths, budget=st.integers(1, 120), ranks=st.integers(1, 5))
def test_ranks_share_all_batches_and_none_has_more_than_a_batch_above_another(
    lengths: np.ndarray, budget: int, ranks: int
) -> None:
    batches = length_batches(lengths, budget)
    shares = share_batches(batches, lengths, ranks)
    shared = [batch.tolist() for share in shares for batch in share]
    assert sorted(shared) == sorted(batch.tolist() for batch in batches)
    loads = [sum(len(batch) * int(lengths[batch].max()) for batch in share) for share in shares]
    assert max(loads) - min(loads) <= max([len(batch) * int(lengths[batch].max()) for batch in batches], default=0)


@pytest.mark.parametrize(("sentences", "budget", "ranks"), [(1_500, 1_024, 2), (14_041, 1_024, 2), (100_000, 1_024, 8)])
def test_ranks_read_nearly_the_same_number_of_sub_words(sentences: int, budget: int, ranks: int) -> None:
    rng = np.random.default_rng(1)
    lengths = np.clip(rng.lognormal(2.7, 0.7, sentences).astype(np.int64), 3, 200)
    shares = share_batches(length_batches(lengths, budget), lengths, ranks)
    read = np.array([lengths[np.concatenate(share)].sum() for share in shares])
    assert read.max() / read.mean() < 1.02


def test_length_batches_are_the_same_every_time() -> None:
    first = [batch.tolist() for batch in length_batches(LENGTHS, 128)]
    np.random.seed(1)
    assert [batch.tolist() for batch in length_batches(LENGTHS.copy(), 128)] == first


@settings(deadline=None, derandomize=True)
@given(lengths=piece_lengths.filter(len), batch_size=st.integers(1, 70), seed=st.integers(0, 9))
def test_shuffled_batches_hold_all_pieces_and_fill_up_the_last_step(
    lengths: np.ndarray, batch_size: int, seed: int
) -> None:
    batches = shuffled_batches(lengths, batch_size, np.random.default_rng(seed))
    steps = -(-len(lengths) // batch_size)
    assert batches.shape == (steps, batch_size)
    counts = Counter(batches.ravel().tolist())
    assert set(counts) == set(range(len(lengths)))
    if batch_size <= len(lengths):
        assert max(counts.values()) <= 2, "a piece was drawn twice to fill up the last step"


def test_shuffled_batches_are_seeded_and_blind_to_global_random_state() -> None:
    def drawn(seed: int) -> list[list[int]]:
        return shuffled_batches(LENGTHS, 8, np.random.default_rng(seed)).tolist()

    np.random.seed(1)
    first = drawn(3)
    np.random.seed(2)
    assert drawn(3) == first
    assert drawn(4) != first


def test_shuffled_batches_save_most_padding_and_stay_random() -> None:
    lengths = np.random.default_rng(0).integers(1, 100, size=800)
    batches = shuffled_batches(lengths, 8, np.random.default_rng(1))
    padding = (lengths[batches].max(axis=1, keepdims=True) - lengths[batches]).sum()
    unsorted = np.random.default_rng(1).permutation(800).reshape(-1, 8)
    assert padding < 0.2 * (lengths[unsorted].max(axis=1, keepdims=True) - lengths[unsorted]).sum()
    longest = lengths[batches].max(axis=1)
    assert not (np.diff(longest) >= 0).all()
    assert not (np.diff(longest) <= 0).all()


def steps(ranks: int, micro_batch: int, epoch: int = 0, batch_size: int = 8, seed: int = 7) -> list[list[list[int]]]:
    """The micro-batches of each step over all ranks, in the order in which one rank would compute them."""
    per_rank = []
    for rank in range(ranks):
        batches = RankBatches(
            LENGTHS, batch_size=batch_size, micro_batch=micro_batch, rank=rank, ranks=ranks, seed=seed
        )
        batches.epoch = epoch
        drawn = list(batches)
        assert len(drawn) == len(batches)
        assert all(len(batch) == micro_batch for batch in drawn)
        per_rank.append(drawn)
    in_turn = [batch for turn in zip(*per_rank, strict=True) for batch in turn]
    a_step = batch_size // micro_batch
    return [in_turn[begin : begin + a_step] for begin in range(0, len(in_turn), a_step)]


@pytest.mark.parametrize(("ranks", "micro_batch"), [(1, 4), (1, 1), (2, 4), (2, 2), (4, 2), (8, 1)])
def test_a_step_holds_the_same_pieces_however_it_is_shared(ranks: int, micro_batch: int) -> None:
    whole = [sorted(step[0]) for step in steps(ranks=1, micro_batch=8)]
    assert [sorted(chain.from_iterable(step)) for step in steps(ranks, micro_batch)] == whole


def test_two_micro_batches_of_one_rank_are_one_of_each_of_two_ranks() -> None:
    assert steps(ranks=2, micro_batch=4) == steps(ranks=1, micro_batch=4)
    assert steps(ranks=2, micro_batch=2) == steps(ranks=1, micro_batch=2)


def test_epochs_and_seeds_differ_and_repeat() -> None:
    first = steps(2, 4, epoch=0)
    assert steps(2, 4, epoch=0) == first
    assert steps(2, 4, epoch=1) != first
    assert steps(2, 4, epoch=0, seed=8) != first


def test_a_step_that_ranks_cannot_share_is_refused() -> None:
    with pytest.raises(ValueError, match="8 sentences a step can't be shared as 3 x 2"):
        RankBatches(LENGTHS, batch_size=8, micro_batch=2, rank=0, ranks=3, seed=0)


def test_collate_pads_on_the_right() -> None:
    items = [
        {"input_ids": np.array([2, 5, 6, 3]), "word_positions": np.array([1, 2]), "labels": np.array([0, 4])},
        {"input_ids": np.array([2, 7, 3]), "word_positions": np.array([1]), "labels": np.array([3])},
    ]
    batch = collate(items, pad_id=9)
    assert {name: tensor.tolist() for name, tensor in batch.items()} == {
        "input_ids": [[2, 5, 6, 3], [2, 7, 3, 9]],
        "attention_mask": [[1, 1, 1, 1], [1, 1, 1, 0]],
        "word_positions": [[1, 2], [1, 0]],
        "word_mask": [[True, True], [True, False]],
        "labels": [[0, 4], [3, IGNORED]],
    }
    assert {tensor.dtype for name, tensor in batch.items() if name != "word_mask"} == {torch.int64}
    assert batch["word_mask"].dtype == torch.bool


def test_pieces_without_labels_make_a_batch_without_labels() -> None:
    assert "labels" not in collate([{"input_ids": np.array([2, 3]), "word_positions": np.array([1])}], pad_id=0)


def test_loader_gives_the_micro_batches_of_its_epoch(wordpiece: PreTrainedTokenizerFast) -> None:
    text = encode_words([["tree"] * (1 + index % 5) for index in range(20)], wordpiece, 16)
    dataset = PieceDataset(text, np.arange(20), np.zeros(len(text.word_positions), dtype=np.int64))

    def drawn() -> RankBatches:
        return RankBatches(dataset.lengths, batch_size=4, micro_batch=2, rank=0, ranks=1, seed=1)

    loader = TrainingLoader(dataset, drawn())
    for epoch in (0, 1):
        loader.set_epoch(epoch)
        reference = drawn()
        reference.epoch = epoch
        wanted = [collate([dataset[index] for index in batch], text.pad_id) for batch in reference]
        given = list(loader)
        assert len(given) == len(loader) == 10
        for batch, want in zip(given, wanted, strict=True):
            assert all(torch.equal(batch[name], want[name]) for name in want)


def test_workers_of_a_loader_can_be_given_its_collate_function(wordpiece: PreTrainedTokenizerFast) -> None:
    text = encode_words([["on"], ["on", "the"]], wordpiece, 8)
    dataset = PieceDataset(text, np.arange(2))
    batches = RankBatches(dataset.lengths, batch_size=2, micro_batch=2, rank=0, ranks=1, seed=1)
    pad = pickle.loads(pickle.dumps(TrainingLoader(dataset, batches).collate_fn))
    assert torch.equal(
        pad([dataset[0], dataset[1]])["input_ids"], collate([dataset[0], dataset[1]], text.pad_id)["input_ids"]
    )
