"""Who labelled each sentence of the training corpus, and the labels that training sees."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeVar

import numpy as np

from nerc_trainer.active.oracle import ExpertLabel
from nerc_trainer.active.second import SecondAnswer
from nerc_trainer.corpus.batches import IGNORED
from nerc_trainer.corpus.encode import EncodedText, PieceDataset
from nerc_trainer.corpus.labels import LabelSet, tags_to_spans
from nerc_trainer.errors import NercError

UNLABELLED, LLM, EXPERT, LEFT_OUT, SECOND = 0, 1, 2, 3, 4
BY_LLM = (LLM, SECOND)  # what is trained on as an LLM's labels
Answer = TypeVar("Answer", ExpertLabel, SecondAnswer)


class TrainingSet:
    """Every sentence of the training corpus once: unlabelled, with the labels of the LLM or of the expert, or left out.

    The pool is what the expert may be asked for and has not labelled, and of sentences with the same words only the
    first: the expert is asked once, and the answer holds for all of them. It replaces the LLM's labels and is final.
    What a second LLM and the tagger have agreed on replaces the first LLM's labels in the same way and leaves the pool,
    but is trained on as the LLM's labels are, never as the expert's: nobody who knows has looked at it.
    """

    def __init__(
        self,
        ids: Sequence[str],
        text: EncodedText,
        labels: LabelSet,
        llm_tags: Sequence[list[str]] | None = None,
        first_equal: np.ndarray | None = None,
        askable: np.ndarray | None = None,
    ) -> None:
        """``llm_tags`` holds BIO tags for each sentence, an empty list where the LLM gave none.

        ``first_equal`` [n] holds the index of the first sentence with the same words, as `first_of_equals` finds it;
        None where no sentence repeats another. ``askable`` bool [n] says what the expert may be asked for; None for
        all.
        """
        self.ids = ids
        self.text = text
        self.words = text.words()
        self.source = np.full(len(self.ids), UNLABELLED, dtype=np.int8)
        self._asked = np.zeros(len(self.ids), dtype=bool)
        self._seconds: dict[int, float] = {}  # of the expert, where they were noted
        self._first_equal = np.arange(len(self.ids)) if first_equal is None else first_equal
        # Of equal sentences the first stands for all, so it may be asked for if one of them may.
        self._askable = np.ones(len(self.ids), dtype=bool)
        if askable is not None:
            self._askable[:] = False
            self._askable[self._first_equal[askable]] = True
        self._equals: defaultdict[int, list[int]] = defaultdict(list)
        for index in np.flatnonzero(self._first_equal != np.arange(len(self.ids))).tolist():
            self._equals[int(self._first_equal[index])].append(index)
        self._labels = labels
        self._first_word = np.concatenate([[0], np.cumsum(self.words)])
        self._tag_ids = np.full(self._first_word[-1], IGNORED, dtype=np.int16)
        self._entities = np.zeros(len(self.ids), dtype=np.int32)
        for index, tags in enumerate(llm_tags or []):
            if tags:
                self._set(index, tags, LLM)

    def add_expert(self, answers: Iterable[ExpertLabel]) -> None:
        """Take the expert's answers in; a sentence that the expert has labelled already is refused."""
        for index, answer in self._places_of(list(answers), "expert"):
            self._asked[index] = True
            if answer.seconds is not None:
                self._seconds[index] = answer.seconds
            self._set_equals(index, answer.ner_tags, EXPERT)

    def add_second(self, answers: Iterable[SecondAnswer]) -> None:
        """Take in what the second LLM has settled; a sentence that the expert has labelled is refused."""
        for index, answer in self._places_of(list(answers), "second LLM's"):
            self._set_equals(index, answer.ner_tags, SECOND)

    def _places_of(self, told: Sequence[Answer], whose: str) -> Iterator[tuple[int, Answer]]:
        """Answers with the indices of their sentences, which the expert has not labelled."""
        names = {answer.id for answer in told}
        # Looked up when needed: a dictionary of a million ids would take a tenth of a gigabyte.
        places = {name: index for index, name in enumerate(self.ids) if name in names} if names else {}
        for answer in told:
            index = places.get(answer.id)
            if index is None:
                raise NercError(f"{whose} label for {answer.id}: no such sentence in the training corpus")
            if self.source[index] == EXPERT:
                raise NercError(f"{whose} label for {answer.id}: this sentence has an expert's label already")
            yield index, answer

    def _set_equals(self, index: int, tags: list[str], source: int) -> None:
        """Label a sentence and all that have the same words."""
        first = int(self._first_equal[index])
        for equal in [first, *self._equals.get(first, ())]:
            self._set(equal, tags, source)

    def leave_out(self, sentences: np.ndarray) -> None:
        """Take these sentences out of training, as text too, but for what neighbours read of them as context; who was
        asked for them does not change."""
        self.source[sentences] = LEFT_OUT
        self._tag_ids[self.words_of(sentences)] = IGNORED

    def _set(self, index: int, tags: list[str], source: int) -> None:
        if len(tags) != self.words[index]:
            raise NercError(f"labels for {self.ids[index]}: {len(tags)} tags for {self.words[index]} words")
        self._tag_ids[self._first_word[index] : self._first_word[index + 1]] = self._labels.encode(tags)
        self._entities[index] = len(tags_to_spans(tags, "bio"))
        self.source[index] = source

    def pool(self) -> np.ndarray:
        """Indices of the sentences that the expert could still be asked for."""
        firsts = self._first_equal == np.arange(len(self.ids))
        return np.flatnonzero(np.isin(self.source, (UNLABELLED, LLM)) & firsts & self._askable)

    def labelled(self) -> PieceDataset:
        """What the tagger trains on: every labelled sentence once."""
        return PieceDataset(self.text, np.flatnonzero(np.isin(self.source, (*BY_LLM, EXPERT))), self._tag_ids)

    def labelled_by(self, *sources: int) -> np.ndarray:
        """Indices of the sentences whose labels are an LLM's or the expert's, or that nobody has labelled."""
        return np.flatnonzero(np.isin(self.source, sources))

    def tag_ids(self) -> np.ndarray:
        """A copy of the labels that training sees, int16 [words of the text], IGNORED where there are none."""
        return self._tag_ids.copy()

    def words_of(self, sentences: np.ndarray) -> np.ndarray:
        """Places of the words of the given sentences in `tag_ids`, int64."""
        lengths = self.words[sentences]
        before = np.cumsum(lengths) - lengths
        return np.arange(lengths.sum()) + np.repeat(self._first_word[sentences] - before, lengths)

    def counts(self) -> dict[str, Any]:
        """Sentences, words and entities that the expert was asked for, and those that the LLM's labels stand for.

        Where a second LLM has labelled some, its sentences and words stand beside those of the first. Where the
        expert's seconds were noted, also their sum and the words that they were spent on.
        """
        llm, second = self.source == LLM, self.source == SECOND
        timed = sorted(self._seconds)
        noted = {
            "expert_seconds": round(sum(self._seconds[index] for index in timed), 3),
            "timed_words": int(self.words[timed].sum()),
        }
        return {
            "expert_sentences": int(self._asked.sum()),
            "expert_words": int(self.words[self._asked].sum()),
            "expert_entities": int(self._entities[self._asked].sum()),
            "llm_sentences": int(llm.sum()),
            "llm_words": int(self.words[llm].sum()),
            **(
                {"second_sentences": int(second.sum()), "second_words": int(self.words[second].sum())}
                if second.any()
                else {}
            ),
            "pool_left": len(self.pool()),
            **(noted if timed else {}),
        }

    def beside_expert(self, tags: Sequence[list[str]]) -> Iterator[tuple[list[str], list[str]]]:
        """Other BIO tags of these sentences, an empty list for none, and the expert's, of the sentences that have
        both."""
        for index in np.flatnonzero(self._asked).tolist():
            if said := tags[index]:
                yield said, self._labels.decode(self._tag_ids[self.words_of(np.array([index]))].tolist())

    def fingerprint(self) -> str:
        """sha256 of ids, sources and labels: what a training depends on besides its seed."""
        digest = hashlib.sha256()
        for number, name in enumerate(self.ids):
            digest.update(f"\n{name}".encode() if number else name.encode())
        digest.update(self.source.tobytes())
        digest.update(self._tag_ids.tobytes())
        return digest.hexdigest()


def first_of_equals(sentences: Iterable[Sequence[str]]) -> np.ndarray:
    """For each sentence the index of the first one with the same words, int64 [n]."""
    # Digests of 128 bits: a dictionary of a million sentences would take half a gigabyte.
    digests = bytearray()
    for words in sentences:
        digests += hashlib.blake2b("\x1f".join([str(len(words)), *words]).encode(), digest_size=16).digest()
    pairs = np.frombuffer(digests, dtype=np.uint64).reshape(-1, 2)
    order = np.lexsort((pairs[:, 1], pairs[:, 0]))  # stable, so the first of equals comes first
    begins = np.zeros(len(order), dtype=bool)
    begins[:1] = True
    for half in pairs.T:
        begins[1:] |= half[order[1:]] != half[order[:-1]]
    first = np.empty(len(order), dtype=np.int64)
    first[order] = order[np.flatnonzero(begins)][np.cumsum(begins) - 1]
    return first
