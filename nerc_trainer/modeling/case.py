"""Capitals for an encoder that was trained without them.

An uncased tokenizer turns `Apple` into `apple`, and half of what tells a name is gone. Here its vocabulary gets entries
of their own for the capitalised (`Apple`) and the upper-case (`APPLE`) form of each sub-word. Their vectors begin as
that of the lower-case form plus a direction that all capitalised, or all upper-case, forms share: the encoder reads
what it has learnt, and training shows it what the direction means. Tokenizer and model stay of the stock classes.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

# Length of the shared direction beside the mean length of a vector; the whole of it did no better on CoNLL-2003.
_DIRECTION = 0.5


def keep_case(tokenizer: PreTrainedTokenizerBase) -> PreTrainedTokenizerBase:
    """An uncased WordPiece tokenizer with entries for capitalised and upper-case sub-words behind its own.

    A word is cut where its lower-case form would be, but before a capital inside it. Accents go, as before. ValueError
    where the tokenizer is no WordPiece or does not turn text into lower case.
    """
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerFast

    said: dict[str, Any] = json.loads(tokenizer.backend_tokenizer.to_str())
    normalizer = said["normalizer"] or {}
    if said["model"]["type"] != "WordPiece" or not normalizer.get("lowercase"):
        raise ValueError("its tokenizer is not an uncased WordPiece")
    if normalizer["strip_accents"] is None:  # which means: as lowercase
        normalizer["strip_accents"] = True
    normalizer["lowercase"] = False
    vocabulary = said["model"]["vocab"]
    vocabulary |= _capital_forms(vocabulary, said["model"]["continuing_subword_prefix"])
    # Of no model's own class: those make their normalizer anew when they are loaded.
    return PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(json.dumps(said)),
        model_max_length=tokenizer.model_max_length,
        model_input_names=tokenizer.model_input_names,
        padding_side=tokenizer.padding_side,
        **tokenizer.special_tokens_map,
    )


def _capital_forms(vocabulary: dict[str, int], prefix: str) -> dict[str, int]:
    """The new entries with their ids. What goes on with a word has no capitalised form: `##apple` gives `##APPLE`."""
    made: dict[str, int] = {}
    following = max(vocabulary.values()) + 1
    for entry in sorted(vocabulary, key=vocabulary.__getitem__):
        body = entry.removeprefix(prefix)
        opening = entry[: len(entry) - len(body)]
        forms = [body.upper()] if opening else [body[:1].upper() + body[1:], body.upper()]
        for form in dict.fromkeys(forms):
            # Letters without a capital of the same length (ß) stay as they are; so do [CLS] and its like.
            if form != body and form.lower() == body and opening + form not in vocabulary:
                made[opening + form] = following + len(made)
    return made


def grow_embeddings(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:
    """Give ``model`` vectors for the entries that `keep_case` has added to its tokenizer."""
    import torch

    vocabulary = tokenizer.get_vocab()
    pairs = sorted(  # a tokenizer gives its vocabulary in another order in every process, and sums of floats would too
        (index, vocabulary[entry.lower()], entry == entry.upper() and len(entry) > 1)
        for entry, index in vocabulary.items()
        if entry != entry.lower() and entry.lower() in vocabulary
    )
    own, plain, is_upper = (torch.tensor(column) for column in zip(*pairs, strict=True))
    model.resize_token_embeddings(max(vocabulary.values()) + 1, mean_resizing=False)
    weight = model.get_input_embeddings().weight
    generator = torch.Generator().manual_seed(0)  # the same directions in every run
    directions = torch.randn(2, weight.shape[1], generator=generator)
    with torch.no_grad():
        length = weight[plain].norm(dim=1).mean() * _DIRECTION
        directions *= length / directions.norm(dim=1, keepdim=True)
        weight[own] = weight[plain] + directions[is_upper.long()]
