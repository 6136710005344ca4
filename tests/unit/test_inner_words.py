"""Parts of words that a tokenizer takes for words: which they are, and what training says of them."""

from __future__ import annotations

import numpy as np
import pytest
from transformers import PreTrainedTokenizerFast

from nerc_trainer.corpus.batches import IGNORED
from nerc_trainer.corpus.encode import PieceDataset, encode_words, flatten_tags
from nerc_trainer.corpus.inner_words import InnerWords
from nerc_trainer.corpus.labels import LabelSet
from nerc_trainer.modeling.word_starts import word_starts

SENTENCES = [["the", "un-the", "treehouse", "a.b."], ["tree"], ["be-on"]]
TAGS = [["O", "B-PER", "I-PER", "O"], ["B-LOC"], ["B-LOC"]]


def test_they_go_on_with_the_entity_of_their_word(wordpiece: PreTrainedTokenizerFast, labels: LabelSet) -> None:
    text = encode_words(SENTENCES, wordpiece, 64)
    given = flatten_tags([labels.encode(tags) for tags in TAGS])
    given[3] = given[4] = IGNORED  # of "a.b." and "tree"
    weights = np.arange(len(given), dtype=np.float32)
    plain = PieceDataset(text, np.arange(3), given, weights)
    made = InnerWords(plain, word_starts(wordpiece, len(wordpiece)), labels)
    assert len(made) == 3

    item = made[0]
    said = wordpiece.convert_ids_to_tokens(item["input_ids"][item["word_positions"]])
    assert said == ["the", "un", "-", "the", "tree", "a", ".", "b", "."]
    assert labels.decode(item["labels"][:5]) == ["O", "B-PER", "I-PER", "I-PER", "I-PER"]
    assert item["labels"][5:].tolist() == [IGNORED] * 4
    assert item["weights"].tolist() == [0, 1, 1, 1, 2, 3, 3, 3, 3]
    assert made[1]["labels"].tolist() == [IGNORED]
    assert labels.decode(made[2]["labels"]) == ["B-LOC", "I-LOC", "I-LOC"]
    # What is scored stays as it was.
    assert plain[0]["word_positions"].tolist() == [1, 2, 5, 7]


@pytest.mark.parametrize("name", ["byte_level", "unigram"])
def test_tokenizers_that_do_not_cut_words_have_none(
    name: str, labels: LabelSet, request: pytest.FixtureRequest
) -> None:
    tokenizer = request.getfixturevalue(name)
    text = encode_words(SENTENCES, tokenizer, 64)
    plain = PieceDataset(text, np.arange(3), flatten_tags([labels.encode(tags) for tags in TAGS]))
    made = InnerWords(plain, word_starts(tokenizer, len(tokenizer)), labels)
    for index in range(3):
        assert made[index]["word_positions"].tolist() == plain[index]["word_positions"].tolist()
