"""Each strategy on sentences whose probabilities are written down: which must come first, and what never matters.

The toys are chosen so that a lost sign, or a sum where a mean belongs, puts another sentence first.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from nerc_trainer.active import strategies
from nerc_trainer.active.scoring import Measure
from nerc_trainer.active.strategies import MEASURES, top
from nerc_trainer.corpus.batches import IGNORED, collate
from nerc_trainer.corpus.encode import PieceDataset, encode_words
from nerc_trainer.modeling.words import word_logits
from nerc_trainer.training.scores import dropout_masks, head_of, thinned_heads

if TYPE_CHECKING:
    from transformers import BertForTokenClassification, PreTrainedTokenizerFast

# Probabilities of O, B-X and I-X.
SURE = (0.999, 0.0005, 0.0005)
SURE_ENTITY = (0.001, 0.998, 0.001)
LIKELY = (0.8, 0.1, 0.1)
TORN = (0.5, 0.5, 1e-9)  # between two tags, the third is out of the question
TORN_ENTITY = (1e-9, 0.5, 0.5)
SPREAD = (0.46, 0.27, 0.27)
UNIFORM = (1 / 3, 1 / 3, 1 / 3)

Sentence = list[tuple[float, float, float]]


def order(measure: Measure, sentences: dict[str, Sentence], llm_tags: dict[str, list[int]] | None = None) -> list[str]:
    """The names of the sentences, the most wanted first."""
    names = list(sentences)
    lengths = np.array([len(sentences[name]) for name in names])
    logits = torch.full((len(names), int(lengths.max()), 3), torch.nan)
    labels = torch.full(logits.shape[:2], IGNORED)
    for row, name in enumerate(names):
        logits[row, : lengths[row]] = torch.tensor(sentences[name]).log()
        if llm_tags is not None and llm_tags[name]:
            labels[row, : lengths[row]] = torch.tensor(llm_tags[name])
    batch = {"word_mask": torch.arange(int(lengths.max())) < torch.from_numpy(lengths)[:, None], "labels": labels}
    pieces = measure.of_pieces(logits, batch)
    assert pieces.dtype == torch.float32
    assert pieces.shape == (len(names),)
    priorities = measure.of_sentences(pieces.numpy(), np.arange(len(names)), lengths)
    return [names[index] for index in top(priorities, names, len(names))]


@pytest.mark.parametrize(
    ("name", "sentences"),
    [
        # Mean over the words: a sum would take the long sentence, a maximum the one with the single worst word.
        ("entropy", {"unsure": [SPREAD, SPREAD], "long": [LIKELY] * 9, "worst": [UNIFORM, SURE, SURE]}),
        # Sum: of a long sentence, though each of its words is likelier than those of the others.
        ("sum_entropy", {"long": [LIKELY] * 9, "unsure": [SPREAD, SPREAD], "worst": [UNIFORM, SURE, SURE]}),
        # Maximum: one uniform word beats any number of nearly uniform ones.
        ("max_entropy", {"worst": [UNIFORM, SURE, SURE], "unsure": [SPREAD, SPREAD], "long": [LIKELY] * 9}),
        # As much entropy, but the word is surely inside an entity.
        ("entity_entropy", {"inside": [TORN_ENTITY, SURE], "border": [TORN, SURE], "entity": [SURE_ENTITY] * 2}),
        ("mnlp", {"unsure": [SPREAD, SPREAD], "worst": [UNIFORM, SURE, SURE], "long": [LIKELY] * 9}),
        ("least_confidence", {"long": [LIKELY] * 9, "unsure": [SPREAD, SPREAD], "worst": [UNIFORM, SURE, SURE]}),
        ("lowest_probability", {"worst": [UNIFORM, SURE, SURE], "unsure": [SPREAD, SPREAD], "long": [LIKELY] * 9}),
        # Two tags alike and the third out: less entropy than SPREAD, but no lead of the first tag at all.
        ("margin", {"torn": [TORN, TORN], "spread": [SPREAD, SPREAD], "worst": [UNIFORM, SURE, SURE]}),
    ],
)
def test_which_sentence_comes_first(name: str, sentences: dict[str, Sentence]) -> None:
    assert order(MEASURES[name], sentences) == list(sentences)
    backwards = dict(reversed(sentences.items()))
    assert order(MEASURES[name], backwards) == list(sentences), "the order of the pool makes no difference"


def test_entropy_would_not_tell_inside_from_border() -> None:
    """So the toy of entity_entropy shows the weight."""
    pair = {"border": [TORN, SURE], "inside": [TORN_ENTITY, SURE]}
    assert order(MEASURES["entropy"], pair) == ["border", "inside"]  # a tie, by name
    assert order(MEASURES["entropy"], {"torn": [TORN], "spread": [SPREAD]}) == ["spread", "torn"]


def test_long_certain_sentences_differ_in_least_confidence() -> None:
    """1 - p is 1 for both to the last bit."""
    assert order(MEASURES["least_confidence"], {"short": [LIKELY] * 400, "long": [LIKELY] * 401}) == ["long", "short"]


def test_disagreement_is_with_the_label_of_the_llm() -> None:
    sentences = {"denied": [SURE, SURE], "doubtful": [UNIFORM, UNIFORM], "confirmed": [SURE_ENTITY, SURE]}
    llm_tags = {"denied": [1, 2], "doubtful": [0, 0], "confirmed": [1, 0]}
    assert order(MEASURES["disagreement"], sentences, llm_tags) == ["denied", "doubtful", "confirmed"]


def test_a_sentence_whose_reply_was_rejected_agrees_with_nothing() -> None:
    logits = torch.tensor([SURE, SURE_ENTITY]).log()
    result = strategies.disagreement(logits, torch.tensor([IGNORED, 1]))
    np.testing.assert_allclose(result.numpy(), [1.0, 0.002], atol=1e-6)


def members(*answers: tuple[float, float, float]) -> torch.Tensor:
    return torch.tensor(answers).log()[None]


def test_bald_wants_what_samples_differ_about_and_not_what_all_are_unsure_of() -> None:
    differ = strategies.mutual_information(members(SURE, SURE_ENTITY)).item()
    unsure = strategies.mutual_information(members(UNIFORM, UNIFORM)).item()
    agree = strategies.mutual_information(members(SURE, SURE)).item()
    assert differ == pytest.approx(np.log(2), abs=0.02)
    assert unsure == pytest.approx(0, abs=1e-6)
    assert agree == pytest.approx(0, abs=1e-6)


def test_committee_wants_what_its_members_differ_about_or_are_unsure_of() -> None:
    differ = strategies.consensus_entropy(members(SURE, SURE_ENTITY, SURE)).item()
    unsure = strategies.consensus_entropy(members(UNIFORM, UNIFORM, UNIFORM)).item()
    agree = strategies.consensus_entropy(members(SURE, SURE, SURE)).item()
    assert unsure == pytest.approx(np.log(3), abs=1e-6)
    assert unsure > differ > 0.5 > agree > 0


def test_a_committee_of_one_is_entropy() -> None:
    logits = torch.randn(7, 3, generator=torch.Generator().manual_seed(0))
    wanted = strategies.word_entropy(logits)
    np.testing.assert_allclose(strategies.consensus_entropy(logits[:, None]).numpy(), wanted.numpy(), atol=1e-6)


def test_longest() -> None:
    assert top(strategies.longest(np.array([3, 9, 1])), ["a", "b", "c"], 3).tolist() == [1, 0, 2]


# What never matters


class TableTagger(torch.nn.Module):
    """Logits that depend on the sub-word alone."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast, rows: dict[str, tuple[float, ...]]) -> None:
        super().__init__()
        self.table = torch.tensor(SURE).log().repeat(len(tokenizer), 1)
        for token, row in rows.items():
            self.table[tokenizer.convert_tokens_to_ids(token)] = torch.tensor(row).log()

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> SimpleNamespace:
        return SimpleNamespace(logits=self.table[input_ids])


NO_WORDS = ("[PAD]", "[CLS]", "[SEP]", "##house", "##the")
SENTENCES = [["treehouse", "the", "thethe"], ["on"], ["the", *["on", "a"] * 4]]


def table_scores(
    name: str, tokenizer: PreTrainedTokenizerFast, rows: dict[str, tuple[float, ...]], max_length: int = 32
) -> np.ndarray:
    text = encode_words(SENTENCES, tokenizer, max_length)
    labels = np.zeros(len(text.word_positions), dtype=np.int64)
    dataset = PieceDataset(text, np.arange(len(SENTENCES)), labels)
    batch = collate([dataset[index] for index in range(len(dataset))], text.pad_id)
    pieces = MEASURES[name].of_pieces(word_logits(TableTagger(tokenizer, rows), batch), batch)
    return MEASURES[name].of_sentences(pieces.numpy(), dataset.owners(), text.words())


@pytest.mark.parametrize("name", MEASURES)
def test_padding_special_tokens_and_later_sub_words_never_matter(name: str, wordpiece: PreTrainedTokenizerFast) -> None:
    words = {"on": SPREAD, "tree": LIKELY, "a": UNIFORM}
    clean = table_scores(name, wordpiece, words)
    dirty = table_scores(name, wordpiece, words | dict.fromkeys(NO_WORDS, UNIFORM))
    np.testing.assert_array_equal(dirty, clean)
    assert len(set(clean)) == 3


@pytest.mark.parametrize("name", MEASURES)
def test_a_sentence_in_pieces_has_the_score_of_the_whole(name: str, wordpiece: PreTrainedTokenizerFast) -> None:
    words = {"on": SPREAD, "a": LIKELY}
    whole = table_scores(name, wordpiece, words)
    np.testing.assert_allclose(table_scores(name, wordpiece, words, max_length=8), whole, rtol=1e-5)


@pytest.mark.parametrize("name", MEASURES)
def test_words_that_count_by_mistake_show(name: str) -> None:
    """So the two tests above can fail: with a mask that takes padding in, the short sentence scores otherwise."""
    logits = torch.tensor([[SURE, UNIFORM, UNIFORM]]).log()
    labels = torch.zeros(1, 3, dtype=torch.long)
    scores = [
        MEASURES[name].of_pieces(logits, {"word_mask": torch.tensor([mask]), "labels": labels}).item()
        for mask in ([True, False, False], [True, True, True])
    ]
    assert scores[1] > scores[0] + 0.1


@pytest.mark.parametrize("name", MEASURES)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_scored_in_float32(name: str, dtype: torch.dtype) -> None:
    logits = (torch.randn(40, 5, 7, generator=torch.Generator().manual_seed(0)) * 4).to(dtype)
    batch = {"word_mask": torch.ones(40, 5, dtype=torch.bool), "labels": torch.zeros(40, 5, dtype=torch.long)}
    result = MEASURES[name].of_pieces(logits, batch)
    assert result.dtype == torch.float32
    np.testing.assert_allclose(result.numpy(), MEASURES[name].of_pieces(logits.double(), batch).numpy(), atol=1e-5)


# Thinned heads


def test_masks_drop_a_share_and_keep_the_mean() -> None:
    masks = dropout_masks(200, 500, 0.1, (13, 2))
    assert masks.dtype == np.float32
    assert (masks == 0).mean() == pytest.approx(0.1, abs=0.01)
    assert masks.mean() == pytest.approx(1, abs=0.01)
    np.testing.assert_array_equal(masks, dropout_masks(200, 500, 0.1, (13, 2)))
    assert not np.array_equal(masks, dropout_masks(200, 500, 0.1, (13, 3)))


def test_thinned_heads_answer_behind_the_tagger_and_are_gone_afterwards(tagger: BertForTokenClassification) -> None:
    tagger.eval()
    inputs = {"input_ids": torch.tensor([[2, 7, 9, 3]]), "attention_mask": torch.ones(1, 4, dtype=torch.long)}
    state = torch.get_rng_state()
    with torch.no_grad():
        alone = tagger(**inputs).logits
        hidden = tagger.bert(**inputs).last_hidden_state
        with thinned_heads(tagger, 3, 0.5, (13, 1)):
            logits = tagger(**inputs).logits
        after = tagger(**inputs).logits
        masks = torch.from_numpy(dropout_masks(3, hidden.shape[-1], 0.5, (13, 1)))
        wanted = torch.cat([alone, *(tagger.classifier(hidden * mask) for mask in masks)], dim=-1)
    torch.testing.assert_close(logits, wanted)
    assert (logits[..., alone.shape[-1] :].unflatten(-1, (3, -1)).std(dim=-2) > 0).any()
    assert torch.equal(after, alone)
    assert torch.equal(torch.get_rng_state(), state)
    assert head_of(tagger) is tagger.classifier


# The doubt about an LLM's label


def test_ranks_are_shares_and_equals_have_the_same() -> None:
    np.testing.assert_allclose(strategies.ranks(np.array([7.0, 0.1, 7.0, 9.0])), [2.5 / 4, 1 / 4, 2.5 / 4, 1.0])


def test_doubt_about_the_llm_joins_the_strategy() -> None:
    names = ["unsure", "denied", "shaky", "plain"]
    priorities = np.array([0.9, 0.5, 0.3, 0.1])
    disagreements = np.array([0.2, 0.9, 0.1, 0.0])
    confidence = np.array([1.0, 1.0, 0.2, 1.0])

    def first(weight: float) -> str:
        mixed = strategies.with_llm_doubt(priorities, disagreements, confidence, weight)
        return names[top(mixed, names, 1)[0]]

    assert first(0.0) == "unsure"
    assert first(3.0) == "denied", "the tagger says otherwise"
    no_tagger = strategies.with_llm_doubt(priorities, np.zeros(4), confidence, 3.0)
    assert names[top(no_tagger, names, 1)[0]] == "shaky", "the LLM itself was not sure"


def test_a_weight_of_one_makes_both_count_alike_whatever_their_scale() -> None:
    mixed = strategies.with_llm_doubt(np.array([1000.0, 0.0]), np.array([0.0, 1e-3]), np.ones(2), 1.0)
    np.testing.assert_allclose(mixed, [1.5, 1.5])
