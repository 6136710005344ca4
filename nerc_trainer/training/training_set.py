"""Who labelled each sentence of the training corpus, and the labels that training sees."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

import numpy as np

from nerc_trainer.active.oracle import ExpertLabel
from nerc_trainer.corpus.batches import IGNORED
from nerc_trainer.corpus.encode import EncodedText, PieceDataset
from nerc_trainer.corpus.labels import LabelSet, tags_to_spans
from nerc_trainer.errors import NercError

UNLABELLED, LLM, EXPERT = 0, 1, 2


class TrainingSet:
    """Every sentence of the training corpus once, unlabelled or with the labels of the LLM or of the expert.

    The pool is what the expert has not labelled. An expert's label replaces the LLM's and is final.
    """

    def __init__(
        self, ids: Sequence[str], text: EncodedText, labels: LabelSet, llm_tags: Sequence[list[str]] | None = None
    ) -> None:
        """``llm_tags`` holds BIO tags for each sentence, an empty list where the LLM gave none."""
        self.ids = list(ids)
        self.text = text
        self.words = text.words()
        self.source = np.full(len(self.ids), UNLABELLED, dtype=np.int8)
        self._labels = labels
        self._index = {name: index for index, name in enumerate(self.ids)}
        self._first_word = np.concatenate([[0], np.cumsum(self.words)])
        self._tag_ids = np.full(self._first_word[-1], IGNORED, dtype=np.int64)
        self._entities = np.zeros(len(self.ids), dtype=np.int64)
        for index, tags in enumerate(llm_tags or []):
            if tags:
                self._set(index, tags, LLM)

    def add_expert(self, answers: Iterable[ExpertLabel]) -> None:
        """Take the expert's answers in; a sentence that the expert has labelled already is refused."""
        for answer in answers:
            index = self._index.get(answer.id)
            if index is None:
                raise NercError(f"expert label for {answer.id}: no such sentence in the training corpus")
            if self.source[index] == EXPERT:
                raise NercError(f"expert label for {answer.id}: this sentence has an expert's label already")
            self._set(index, answer.ner_tags, EXPERT)

    def _set(self, index: int, tags: list[str], source: int) -> None:
        if len(tags) != self.words[index]:
            raise NercError(f"labels for {self.ids[index]}: {len(tags)} tags for {self.words[index]} words")
        self._tag_ids[self._first_word[index] : self._first_word[index + 1]] = self._labels.encode(tags)
        self._entities[index] = len(tags_to_spans(tags, "bio"))
        self.source[index] = source

    def pool(self) -> np.ndarray:
        """Indices of the sentences that the expert could still label."""
        return np.flatnonzero(self.source != EXPERT)

    def labelled(self) -> PieceDataset:
        """What the tagger trains on: every labelled sentence once."""
        return PieceDataset(self.text, np.flatnonzero(self.source != UNLABELLED), self._tag_ids)

    def counts(self) -> dict[str, int]:
        """Sentences by source, and the words and entities that the expert has labelled."""
        expert = self.source == EXPERT
        return {
            "expert_sentences": int(expert.sum()),
            "expert_words": int(self.words[expert].sum()),
            "expert_entities": int(self._entities[expert].sum()),
            "llm_sentences": int((self.source == LLM).sum()),
            "pool_left": int((~expert).sum()),
        }

    def fingerprint(self) -> str:
        """sha256 of ids, sources and labels: what a training depends on besides its seed."""
        digest = hashlib.sha256("\n".join(self.ids).encode())
        digest.update(self.source.tobytes())
        digest.update(self._tag_ids.tobytes())
        return digest.hexdigest()
