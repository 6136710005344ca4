"""The section of a recipe about money, and the other prices that a finished run is counted at."""

from typing import Literal

from pydantic import Field, model_validator

from nerc_trainer.recipe.annotation import ModelPrice
from nerc_trainer.recipe.section import Section, refuse

Measure = Literal["words", "sentences", "seconds"]


class WhatIfSection(Section):
    """Other prices for the same run; what is left out stays as it was."""

    expert_wage: float | None = Field(default=None, ge=0, description="Dollars an hour of another expert.")
    expert_by: Measure | None = Field(default=None, description="What the expert is paid by.")
    expert_seconds_per_word: float | None = Field(default=None, gt=0, description="Seconds for a word.")
    expert_seconds_per_sentence: float | None = Field(default=None, gt=0, description="Seconds for a sentence.")
    gpu_dollars_per_hour: float | None = Field(default=None, ge=0, description="Dollars an hour of the machine.")
    prices: dict[str, ModelPrice] = Field(
        default_factory=dict, description="Prices of LLMs by the model that was asked, as in annotation.prices."
    )


class CostsSection(Section):
    """What labels and machines cost."""

    expert_wage: float = Field(default=40.0, ge=0, description="Dollars an hour.")
    expert_by: Measure = Field(
        default="words",
        description="What the expert is paid by: words, sentences (actively chosen ones are longer than others), or "
        "the seconds that came with the labels, where words count for labels without.",
    )
    expert_seconds_per_word: float = Field(
        default=0.85, gt=0, description="Seconds that an expert needs for a word (0.85 was measured in PMC6798575)."
    )
    expert_seconds_per_sentence: float | None = Field(
        default=None, gt=0, description="Seconds that an expert needs for a sentence; needed to pay by sentences."
    )
    gpu_dollars_per_hour: float | None = Field(
        default=None,
        ge=0,
        description="Dollars an hour of all that a run trains on together; null where machines are not counted.",
    )
    what_if: dict[str, WhatIfSection] = Field(
        default_factory=dict,
        description="Other prices by a name of your own: `nerc-trainer report` counts the finished run at them too.",
    )

    @model_validator(mode="after")
    def _paying_by_sentences_needs_their_seconds(self) -> "CostsSection":
        if self.expert_by == "sentences" and self.expert_seconds_per_sentence is None:
            raise refuse("expert_seconds_per_sentence", "needed because costs.expert_by is sentences; give it")
        for name, other in self.what_if.items():
            seconds = other.expert_seconds_per_sentence or self.expert_seconds_per_sentence
            if other.expert_by == "sentences" and seconds is None:
                raise refuse("what_if", f"{name} pays by sentences; give it expert_seconds_per_sentence as well")
        return self

    def at(self, other: WhatIfSection) -> "CostsSection":
        """These costs with the expert's and the machine's prices of a what-if."""
        said = {key: value for key, value in other.model_dump(exclude={"prices"}).items() if value is not None}
        return self.model_copy(update=said)
