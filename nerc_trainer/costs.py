"""What labels cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nerc_trainer.recipe.active import Budget
    from nerc_trainer.recipe.sections import CostsSection


def expert_dollars(words: int, costs: CostsSection) -> float:
    """Money for an expert's labels. Words are billed, not sentences: selected sentences are longer than others."""
    return words * costs.expert_seconds_per_word / 3600 * costs.expert_wage


def budget_left(budget: Budget | None, sentences: int, words: int, costs: CostsSection) -> tuple[float, float]:
    """Sentences and words that the expert may still label, after so many; infinite where the budget sets no limit."""
    unlimited = float("inf")
    if budget is None:
        return unlimited, unlimited
    if budget.sentences is not None:
        return budget.sentences - sentences, unlimited
    if budget.words is not None:
        return unlimited, budget.words - words
    price = expert_dollars(1, costs)
    return unlimited, (budget.dollars or 0.0) / price - words if price > 0 else unlimited
