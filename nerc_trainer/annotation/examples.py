"""Which worked examples a prompt shows: sentences with true labels that an expert has been paid for.

A choice hangs on the pool, the seed and the sentence alone, so a run that is started again asks the same questions and
finds their answers in the ledger. A sentence is never shown its own answer.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np

from nerc_trainer.annotation.prompts import Example
from nerc_trainer.errors import NercError

if TYPE_CHECKING:
    from nerc_trainer.recipe.sections import ModelSection

GOOD_LENGTHS = range(6, 26)  # words: enough to show a context, and few enough to cost little in every prompt


def stable_order(size: int, key: str) -> list[int]:
    """0..size-1 in a random order that ``key`` fixes for every version of Python."""
    # Only random() promises the same numbers in every version; shuffle and sample do not.
    stream = random.Random(key)
    return sorted(range(size), key=[stream.random() for _ in range(size)].__getitem__)


def choose_fixed(examples: Sequence[Example], count: int, key: str, excluded: Collection[int] = ()) -> list[int]:
    """Indices of up to ``count`` examples that together show as much as they can; the best teachers are last.

    Each type that an example has is covered as long as there is room, by sentences of 6 to 25 words if possible. One
    sentence without entities is among two or more, and comes first: the end of a prompt weighs most.
    """
    order = [index for index in stable_order(len(examples), key) if index not in excluded]
    order.sort(key=lambda index: len(examples[index].words) not in GOOD_LENGTHS)
    filled = [index for index in order if examples[index].spans]
    empty = [index for index in order if not examples[index].spans]
    types = {index: {span.type for span in examples[index].spans} for index in filled}

    first = empty[:1] if count > 1 or not filled else []
    chosen: list[int] = []
    missing = set().union(*types.values())
    while missing and len(chosen) < count - len(first):
        # max keeps the first of equals, so the order above decides between them.
        best = max(
            (index for index in filled if types[index] & missing),
            key=lambda index: (len(examples[index].words) in GOOD_LENGTHS, len(types[index] & missing)),
        )
        chosen.append(best)
        missing -= types[best]
    others = [index for index in (*filled, *empty[len(first) :]) if index not in chosen]
    return [*first, *others[: max(0, count - len(first) - len(chosen))], *chosen][:count]


def choose_random(size: int, count: int, key: str, excluded: Collection[int] = ()) -> list[int]:
    """Up to ``count`` different indices below ``size``, fixed by ``key`` for every version of Python."""
    stream = random.Random(key)
    chosen: list[int] = []
    while len(chosen) < min(count, size - len(excluded)):
        index = int(stream.random() * size)
        if index not in chosen and index not in excluded:
            chosen.append(index)
    return chosen


def choose_nearest(vectors: np.ndarray, vector: np.ndarray, count: int, excluded: Collection[int] = ()) -> list[int]:
    """Indices of up to ``count`` rows with the highest cosine similarity to ``vector``, the most similar last.

    ``vectors`` [P, H] and ``vector`` [H] have length 1. Of equally similar rows the earlier is the nearer.
    """
    order = np.argsort(-(vectors @ vector), kind="stable").tolist()
    return [index for index in order if index not in excluded][:count][::-1]


class ExamplePool:
    """The sentences that examples are taken from, repeats left out, and the way they are chosen.

    ``vectors`` float32 [P, H], the pool's rows of `embed`, are needed to choose the ``nearest``.
    """

    def __init__(
        self,
        examples: Sequence[Example],
        *,
        choose: Literal["fixed", "random", "nearest"],
        count: int,
        seed: int,
        vectors: np.ndarray | None = None,
    ) -> None:
        if choose == "nearest" and (vectors is None or len(vectors) != len(examples)):
            raise ValueError("choosing the nearest examples takes a vector for each of them")
        first: dict[tuple[str, ...], int] = {}
        for index, example in enumerate(examples):
            first.setdefault(_same_words(example.words), index)
        kept = list(first.values())
        if count > len(kept):
            raise NercError(
                f"annotation.examples.count = {count}: there are only {len(kept)} different sentences to take examples "
                "from; lower it, or raise annotation.examples.pool"
            )
        self._places = {words: place for place, words in enumerate(first)}
        self._examples = [examples[index] for index in kept]
        self._vectors = vectors[kept] if vectors is not None else None
        self._mode, self._count, self._seed = choose, count, seed
        self._standing = self._fixed(()) if choose == "fixed" else ()

    def choose(self, sentence_id: str, words: Sequence[str], vector: np.ndarray | None = None) -> tuple[Example, ...]:
        """The examples for a sentence, the same at every call.

        They are ``count``, or one fewer where the pool holds no more besides the sentence itself: one with the same
        words, in whatever case, is never among them. ``vector`` [H] is the sentence's row of `embed`.
        """
        own = self._places.get(_same_words(words))
        excluded = () if own is None else (own,)
        if self._mode == "fixed":
            return self._standing if own is None else self._fixed(excluded)
        if self._mode == "random":
            key = f"{self._seed} {sentence_id}"
            chosen = choose_random(len(self._examples), self._count, key, excluded)
        else:
            if vector is None or self._vectors is None:
                raise ValueError("choosing the nearest examples takes the sentence's vector")
            chosen = choose_nearest(self._vectors, vector, self._count, excluded)
        return tuple(self._examples[index] for index in chosen)

    def _fixed(self, excluded: Collection[int]) -> tuple[Example, ...]:
        chosen = choose_fixed(self._examples, self._count, str(self._seed), excluded)
        return tuple(self._examples[index] for index in chosen)


def _same_words(words: Sequence[str]) -> tuple[str, ...]:
    return tuple(word.casefold() for word in words)


def embed(sentences: Sequence[Sequence[str]], model: ModelSection, token_budget: int) -> np.ndarray:
    """A vector of length 1 for each sentence: the mean of its sub-words' last hidden states, float32 [N, H].

    Special tokens count, as in the models that are trained for this; a sentence longer than the encoder reads is the
    mean of its pieces. ``token_budget`` is the sub-words of a batch, padding included. The last bits of a vector hang
    on its batch, so embed the same sentences together to get the same examples again.
    """
    import torch

    from nerc_trainer.corpus.batches import collate, length_batches
    from nerc_trainer.corpus.encode import PieceDataset, encode_words
    from nerc_trainer.corpus.labels import LabelSet
    from nerc_trainer.modeling.build import build_tagger, load_tokenizer, piece_length

    model = model.model_copy(update={"restore_case": False})  # nearness is what the encoder has learnt, not more
    tokenizer = load_tokenizer(model)
    encoder = build_tagger(model, LabelSet(()), 0, tokenizer).base_model
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    encoder.to(device).eval()
    text = encode_words(sentences, tokenizer, piece_length(model.max_length, tokenizer, encoder))
    pieces = PieceDataset(text, np.arange(len(sentences)))

    sums = np.zeros((len(sentences), encoder.config.hidden_size), dtype=np.float32)
    for batch in length_batches(pieces.lengths, token_budget):
        inputs = collate([pieces[index] for index in batch], text.pad_id)
        mask = inputs["attention_mask"].to(device)
        with torch.inference_mode():
            states = encoder(input_ids=inputs["input_ids"].to(device), attention_mask=mask).last_hidden_state
        pooled = (states.float() * mask[..., None]).sum(dim=1)  # [B, T, H] -> [B, H]
        np.add.at(sums, text.piece_sentence[pieces.pieces[batch]], pooled.cpu().numpy())
    # The length of a mean is that of its sum but for a factor, so nothing needs to be divided by the sub-words.
    return sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), np.finfo(np.float32).tiny)
