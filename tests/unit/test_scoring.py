"""Mean token entropy: the right number, of words alone, and never one of the wrong ways to count it.

The tagger of these tests answers from a table with one row of logits for each sub-word, so that every score can be
worked out by hand: a sub-word is sure, unsure (uniform) or somewhere between, whatever stands around it.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax
from scipy.stats import entropy

from nerc_trainer.active.scoring import ENTROPY, Combine, over_pieces, over_words, word_entropy
from nerc_trainer.active.strategies import top
from nerc_trainer.corpus.batches import collate
from nerc_trainer.corpus.encode import PieceDataset, encode_words
from nerc_trainer.training.trainer import word_logits

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

LABELS = 5
MOST = float(np.log(LABELS))


class TableTagger(torch.nn.Module):
    """Logits that depend on the sub-word alone: ``unsure`` ones are uniform, all others as good as certain."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast, unsure: list[str]) -> None:
        super().__init__()
        self.table = torch.zeros(len(tokenizer), LABELS)
        self.table[:, 0] = 200.0
        self.table[tokenizer.convert_tokens_to_ids(unsure)] = 0.0

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> SimpleNamespace:
        return SimpleNamespace(logits=self.table[input_ids])


def scores(
    sentences: list[list[str]], tokenizer: PreTrainedTokenizerFast, unsure: list[str], max_length: int = 32
) -> np.ndarray:
    """Mean token entropy of each sentence, all of them in one padded batch."""
    text = encode_words(sentences, tokenizer, max_length)
    dataset = PieceDataset(text, np.arange(len(sentences)))
    batch = collate([dataset[index] for index in range(len(dataset))], text.pad_id)
    sums = ENTROPY.of_pieces(word_logits(TableTagger(tokenizer, unsure), batch), batch)
    return ENTROPY.of_sentences(sums.numpy(), text.piece_sentence, text.words())


logit_rows = st.lists(st.lists(st.floats(-30, 30, width=32), min_size=LABELS, max_size=LABELS), min_size=1, max_size=8)


@settings(deadline=None, derandomize=True)
@given(rows=logit_rows)
def test_word_entropy_is_that_of_scipy(rows: list[list[float]]) -> None:
    wanted = entropy(softmax(np.array(rows, dtype=np.float64), axis=-1), axis=-1)
    np.testing.assert_allclose(word_entropy(torch.tensor(rows)).numpy(), wanted, atol=1e-5)


def test_uniform_logits_have_the_highest_entropy_and_a_certain_answer_none() -> None:
    assert word_entropy(torch.full((1, LABELS), 3.0)).item() == pytest.approx(MOST, abs=1e-6)
    assert word_entropy(torch.tensor([500.0, 0, 0, 0, 0])).item() == 0.0
    assert word_entropy(torch.tensor([1e30, -1e30, 0, 0, 0])).item() == 0.0


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_logits_are_scored_in_float32(dtype: torch.dtype) -> None:
    logits = (torch.randn(64, LABELS, generator=torch.Generator().manual_seed(0)) * 4).to(dtype)
    result = word_entropy(logits)
    assert result.dtype == torch.float32
    wanted = entropy(softmax(logits.double().numpy(), axis=-1), axis=-1)
    np.testing.assert_allclose(result.numpy(), wanted, atol=1e-5)


def test_words_that_are_padding_do_not_count_even_when_they_are_no_numbers() -> None:
    logits = torch.zeros(2, 3, LABELS)
    logits[1, 1:] = torch.nan
    mask = torch.tensor([[True, True, True], [True, False, False]])
    entropies = word_entropy(logits)
    for combine in ("mean", "sum"):
        np.testing.assert_allclose(over_words(entropies, mask, combine).numpy(), [3 * MOST, MOST], rtol=1e-6)
    np.testing.assert_allclose(over_words(entropies, mask, "max").numpy(), [MOST, MOST], rtol=1e-6)


@pytest.mark.parametrize(
    ("combine", "wanted"), [("mean", [0.5, 2.0, 0.5]), ("sum", [1.0, 8.0, 0.5]), ("max", [1.0, 6.0, 0.5])]
)
def test_pieces_of_a_sentence_become_one_number(combine: Combine, wanted: list[float]) -> None:
    pieces = np.array([1.0, 2.0, 6.0, 0.5], dtype=np.float32)
    result = over_pieces(pieces, np.array([0, 1, 1, 2]), np.array([2, 4, 1]), combine)
    assert result.dtype == np.float64
    np.testing.assert_array_equal(result, wanted)


def test_special_tokens_do_not_count(wordpiece: PreTrainedTokenizerFast) -> None:
    result = scores([["on", "the"], ["on"]], wordpiece, unsure=["[CLS]", "[SEP]"])
    np.testing.assert_array_equal(result, [0.0, 0.0])


def test_special_tokens_do_not_share_in_the_mean(wordpiece: PreTrainedTokenizerFast) -> None:
    np.testing.assert_allclose(scores([["on"]], wordpiece, unsure=["on"]), [MOST], rtol=1e-6)


def test_later_sub_words_do_not_count(wordpiece: PreTrainedTokenizerFast) -> None:
    sentence = ["treehouse", "onthe"]
    assert wordpiece.tokenize(sentence, is_split_into_words=True) == ["tree", "##house", "on", "##the"]
    np.testing.assert_array_equal(scores([sentence], wordpiece, unsure=["##house", "##the"]), [0.0])
    np.testing.assert_allclose(scores([sentence], wordpiece, unsure=["tree", "on"]), [MOST], rtol=1e-6)
    np.testing.assert_allclose(scores([sentence], wordpiece, unsure=["tree"]), [MOST / 2], rtol=1e-6)


def test_padding_does_not_count(wordpiece: PreTrainedTokenizerFast) -> None:
    sentences = [["on"], ["on", *["the"] * 9]]
    together = scores(sentences, wordpiece, unsure=["on", "[PAD]", "[CLS]"])
    np.testing.assert_allclose(together, [MOST, MOST / 10], rtol=1e-6)
    alone = [scores([sentence], wordpiece, unsure=["on", "[PAD]", "[CLS]"])[0] for sentence in sentences]
    np.testing.assert_array_equal(together, alone)


def test_mean_is_weighted_by_words_not_by_pieces(wordpiece: PreTrainedTokenizerFast) -> None:
    sentence = ["on"] * 6 + ["the"]
    whole = scores([sentence], wordpiece, unsure=["on"])
    split = scores([sentence], wordpiece, unsure=["on"], max_length=8)
    np.testing.assert_allclose(whole, [MOST * 6 / 7], rtol=1e-6)
    np.testing.assert_allclose(split, whole, rtol=1e-6)


def test_length_alone_makes_no_sentence_uncertain(wordpiece: PreTrainedTokenizerFast) -> None:
    """A sum in place of the mean would put the long sentence, of which one word in ten is unsure, first."""
    long, short = ["on", *["the"] * 9] * 2, ["on", "the"]
    result = scores([long, short], wordpiece, unsure=["on"])
    np.testing.assert_allclose(result, [MOST / 10, MOST / 2], rtol=1e-6)
    assert result[0] * len(long) > result[1] * len(short), "the sums have the other order"
    assert top(result, ["long", "short"], 1).tolist() == [1]


def test_the_least_certain_sentence_comes_first(wordpiece: PreTrainedTokenizerFast) -> None:
    sentences = [["the", "the"], ["on", "on"], ["on", "the"]]
    result = scores(sentences, wordpiece, unsure=["on"])
    assert top(result, ["sure", "unsure", "half"], 3).tolist() == [1, 2, 0]
