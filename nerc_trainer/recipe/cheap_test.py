"""The section of a recipe that says how a tagger is measured with few expert labels."""

from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator, model_validator

from nerc_trainer.recipe.section import Section, refuse


class CheapTestSection(Section):
    """A tagger measured on a test set of which the expert labels a part, and an LLM all.

    Its paths are relative to the current folder, as run.dir is: they name what runs have made.
    """

    model: str | None = Field(
        default=None, min_length=1, description="Tagger to measure: a folder, owner/name or owner/name@branch."
    )
    other: str | None = Field(
        default=None, min_length=1, description="Second tagger, whose figures are set against the first one's."
    )
    split: Literal["test", "dev"] = Field(default="test", description="Sentences to measure on, of those in data.")
    labels: Path | None = Field(
        default=None,
        description="The LLM's labels of that split: labels.jsonl of `nerc-trainer annotate` with data.train=SPLIT.",
    )
    labeller: str | None = Field(
        default=None,
        min_length=1,
        description="Tagger whose labels stand in for an LLM's: a folder, owner/name or owner/name@branch.",
    )
    answers: Path | None = Field(
        default=None,
        description="JSONL of the expert's labels. Where it lacks a chosen sentence, a row to fill in is added. Null "
        "simulates the expert by the split's own tags.",
    )
    sentences: int = Field(default=200, ge=20, description="Sentences that the expert labels.")
    choice: Literal["random", "stratified", "uncertain"] = Field(
        default="stratified",
        description="How they are chosen: random; stratified: as many from each of five groups, from sure to doubtful; "
        "uncertain: with a probability in proportion to the tagger's doubt. Weights make up for the choice.",
    )
    level: float = Field(default=0.95, gt=0.5, lt=1, description="Confidence of the intervals.")
    width: float = Field(
        default=0.05, gt=0, lt=1, description="Width of an interval, from bound to bound, that --plan finds labels for."
    )

    @field_validator("labels", "answers")
    @classmethod
    def _paths_may_start_at_home(cls, path: Path | None) -> Path | None:
        return None if path is None else path.expanduser()

    @model_validator(mode="after")
    def _one_labeller(self) -> "CheapTestSection":
        if self.labels is not None and self.labeller is not None:
            raise refuse("labeller", "cheap_test.labels is given too; set one of them to null")
        return self
