"""The section of a recipe that says how the rounds of active learning go."""

from typing import Literal

from pydantic import Field, model_validator

from nerc_trainer.recipe.section import Section, refuse


class Budget(Section):
    """A limit on the expert's labels over the whole run, the initial ones included."""

    sentences: int | None = Field(default=None, ge=1, description="Sentences that the expert labels at most.")
    words: int | None = Field(default=None, ge=1, description="Words that the expert labels at most.")
    dollars: float | None = Field(default=None, gt=0, description="Dollars that the expert's time costs at most.")

    @model_validator(mode="after")
    def _one_measure(self) -> "Budget":
        given = [key for key in type(self).model_fields if getattr(self, key) is not None]
        if len(given) != 1:
            key = given[-1] if given else "sentences"
            raise refuse(key, "give exactly one of sentences, words and dollars, and set the others to null")
        return self


class ActiveSection(Section):
    """The rounds of active learning."""

    strategy: Literal["entropy", "random"] = Field(
        default="entropy", description="How the next sentences are chosen: highest mean token entropy, or at random."
    )
    oracle: Literal["truth", "files"] = Field(
        default="truth",
        description="Who labels: truth takes the corpus's own labels, a simulation; files hands each batch out to "
        "people with `nerc-trainer label export`, and `nerc-trainer label import` takes their labels in.",
    )
    initial_expert: float = Field(
        default=0.12, gt=0, lt=1, description="Share of the training sentences that the expert labels beforehand."
    )
    query_size: int = Field(default=50, ge=1, description="Sentences that go to the expert in each round.")
    start: Literal["warm", "cold"] = Field(
        default="warm", description="Whether a round goes on from the last model (warm) or from the encoder (cold)."
    )
    initial_epochs: float = Field(default=5.0, gt=0, description="Epochs of the first training.")
    fine_tune_epochs: float = Field(default=2.0, gt=0, description="Epochs of each later round.")
    improvement_threshold: float = Field(
        default=0.00005, ge=0, description="Gain in dev F1 below which a round counts as no better."
    )
    min_iterations: int = Field(default=10, ge=0, description="Rounds before the run may stop for lack of gain.")
    max_iterations: int = Field(default=15, ge=0, description="Rounds after which the run stops in any case.")
    patience: int = Field(default=1, ge=1, description="Rounds in a row without a gain that stop the run.")
    budget: Budget | None = Field(default=None, description="Limit on the expert's labels; null for none.")
    token_budget: int | None = Field(
        default=None,
        ge=1,
        description="Sub-words in a batch when sentences are scored or evaluated; null for 1,024 on a CPU, which is as "
        "fast as more and keeps memory small, and 16,384 on a GPU.",
    )
    score_in: Literal["float32", "bfloat16"] | None = Field(
        default=None,
        description="Precision that the pool is scored in; null for that of training where `training` names one, else "
        "bfloat16 on hardware that multiplies matrices of it, and float32 elsewhere. The first start of a run decides, "
        "and each round notes how the ranks of a sample agree with those in float32.",
    )

    @model_validator(mode="after")
    def _iterations_are_in_order(self) -> "ActiveSection":
        if self.min_iterations > self.max_iterations:
            raise refuse("min_iterations", f"more than active.max_iterations, which is {self.max_iterations}")
        return self
