"""What an expert's labels cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nerc_trainer.recipe.active import Budget
    from nerc_trainer.recipe.costs import CostsSection


@dataclass(frozen=True)
class ExpertWork:
    """What an expert has labelled.

    ``seconds`` were noted with some of the labels, which have ``timed_words`` of the words.
    """

    sentences: int
    words: int
    seconds: float = 0.0
    timed_words: int = 0

    @staticmethod
    def of(counts: Mapping[str, Any]) -> ExpertWork:
        """From the counts of a training set, or figures that were made of them."""
        return ExpertWork(
            counts["expert_sentences"],
            counts["expert_words"],
            counts.get("expert_seconds", 0.0),
            counts.get("timed_words", 0),
        )

    def __add__(self, other: ExpertWork) -> ExpertWork:
        return ExpertWork(
            self.sentences + other.sentences,
            self.words + other.words,
            self.seconds + other.seconds,
            self.timed_words + other.timed_words,
        )


def expert_dollars(work: ExpertWork, costs: CostsSection) -> float:
    """Money for an expert's labels, by words, sentences or seconds as `costs.expert_by` says.

    Words are the default: sentences that were chosen for their uncertainty are longer than others.
    """
    return expert_seconds(work, costs) / 3600 * costs.expert_wage


def expert_seconds(work: ExpertWork, costs: CostsSection) -> float:
    """Seconds that are paid for; those of labels that came without are told by their words."""
    if costs.expert_by == "sentences":
        assert costs.expert_seconds_per_sentence is not None  # the recipe makes sure of it
        return work.sentences * costs.expert_seconds_per_sentence
    timed = work if costs.expert_by == "seconds" else ExpertWork(0, 0)
    return timed.seconds + (work.words - timed.timed_words) * costs.expert_seconds_per_word


def at_pace(costs: CostsSection, work: ExpertWork) -> CostsSection:
    """These costs as a round is planned with them: where seconds are paid, which nobody knows beforehand, a word takes
    as many as it has in the work so far."""
    paid = expert_seconds(work, costs)
    if costs.expert_by != "seconds" or not paid:
        return costs
    return costs.model_copy(update={"expert_seconds_per_word": paid / work.words})


def budget_left(budget: Budget | None, work: ExpertWork, costs: CostsSection) -> tuple[float, float]:
    """Sentences and words that the expert may still label, after so much; infinite where the budget sets no limit."""
    unlimited = float("inf")
    if budget is None:
        return unlimited, unlimited
    if budget.sentences is not None:
        return budget.sentences - work.sentences, unlimited
    if budget.words is not None:
        return unlimited, budget.words - work.words
    return bought_by((budget.dollars or 0.0) - expert_dollars(work, costs), at_pace(costs, work))


def bought_by(dollars: float, costs: CostsSection) -> tuple[float, float]:
    """Sentences and words that money pays for; one of them is infinite, or both where an expert costs nothing."""
    unlimited = float("inf")
    by_sentence = costs.expert_by == "sentences"
    price = expert_dollars(ExpertWork(1, 0) if by_sentence else ExpertWork(0, 1), costs)
    # Rounded, because 0.3 dollars at 0.1 each are 2.9999999999999996.
    bought = round(dollars / price, 6) if price > 0 else unlimited
    return (bought, unlimited) if by_sentence else (unlimited, bought)
