"""The section of a recipe that says which runs of active learning are simulated before people are paid."""

from typing import Literal, TypeVar

from pydantic import Field, field_validator
from pydantic_core import PydanticCustomError

from nerc_trainer.recipe.active import Strategy
from nerc_trainer.recipe.section import Section, different_seeds

Item = TypeVar("Item")


class SimulateSection(Section):
    """`active --simulate`: strategies that label the same corpus, whose true labels stand in for the expert's.

    How the rounds go, the active section says, but for its strategy, oracle, min_iterations, improvement_threshold,
    patience and stop: a simulated run ends with its rounds, its pool or its budget.
    """

    strategies: list[Strategy] = Field(
        default=["entropy", "mnlp", "random"],
        min_length=1,
        description="Values of active.strategy that are compared; random runs in any case, as what all have to beat.",
    )
    seeds: list[int] = Field(
        default_factory=lambda: [13, 14, 15],
        min_length=1,
        description="Values of run.seed; a run of each strategy with each. An interval takes two, and gets much "
        "narrower with every seed up to five.",
    )
    with_llm: list[bool] | None = Field(
        default=None,
        min_length=1,
        description="Whether the LLM's labels take part: [true, false] for runs with them and runs without on the same "
        "pool; null for with them where there are any.",
    )
    measure: Literal["dev", "test"] = Field(
        default="dev",
        description="Split whose F1 is drawn and compared. Choose a strategy by dev; test is for reporting it.",
    )
    workers: int | None = Field(
        default=None,
        ge=1,
        description="Processes that work side by side, each on a run of its own; null for one on each GPU. Under "
        "`accelerate launch` all processes share each run instead.",
    )

    @field_validator("strategies", "with_llm")
    @classmethod
    def _named_once(cls, values: list[Item] | None) -> list[Item] | None:
        if values is not None and len(set(values)) < len(values):
            raise PydanticCustomError("twice", "a value is named twice; name it once")
        return values

    @field_validator("seeds")
    @classmethod
    def _seeds_differ(cls, seeds: list[int]) -> list[int]:
        return different_seeds(seeds)
