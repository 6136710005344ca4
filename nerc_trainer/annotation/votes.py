"""Several answers for the same sentence, put to a vote word by word."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from nerc_trainer.corpus.labels import Span, spans_to_tags, tags_to_spans


@dataclass(frozen=True)
class Vote:
    """What most answers say: the spans, and for each word the share of answers (0 to 1) that agree with it."""

    spans: tuple[Span, ...]
    shares: tuple[float, ...]

    @property
    def agreement(self) -> float:
        """Mean share over the words: 1 where all answers say the same, the sentence's confidence."""
        return sum(self.shares) / len(self.shares) if self.shares else 1.0


def put_to_vote(answers: Sequence[Sequence[Span]], length: int) -> Vote:
    """The majority tag of each word over the answers' spans, as in self-consistency (Wang et al. 2023).

    ``length`` is the words of the sentence. Of tags with as many votes, that of the earliest answer wins, so the first
    answer decides between two. A word whose majority goes on with no entity opens one.
    """
    if not answers:
        raise ValueError("there is nothing to vote on")
    tags: list[str] = []
    shares: list[float] = []
    for votes in zip(*(spans_to_tags(spans, length) for spans in answers), strict=True):
        # Counter keeps the order of the answers, and max the first of equals.
        counts = Counter(votes)
        winner = max(counts, key=counts.__getitem__)
        tags.append(winner)
        shares.append(counts[winner] / len(answers))
    return Vote(tuple(tags_to_spans(tags, "bio")), tuple(shares))
