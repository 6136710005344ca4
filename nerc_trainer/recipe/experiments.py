"""The sections of a recipe that say how single taggers are trained and compared."""

from typing import Literal

from pydantic import Field, field_validator
from pydantic_core import PydanticCustomError

from nerc_trainer.recipe.section import Section, different_seeds


class TrainSection(Section):
    """One tagger: `train`, and every training of `compare` and `threshold`."""

    labels: Literal["truth", "llm", "expert", "mixed"] | None = Field(
        default=None,
        description="What `train` trains on: the truth of all train sentences, the LLM's labels, an expert's labels of "
        "a share of them, or LLM and expert mixed; null for mixed where there are LLM labels and truth where not.",
    )
    expert_share: float = Field(
        default=0.12,
        gt=0,
        le=1,
        description="Sentences that the expert labels, as a share of those that the LLM was asked about, or of all "
        "train sentences where there are no LLM labels. Drawn at random.",
    )
    epochs: float = Field(
        default=10.0,
        gt=0,
        description="Length of a training: its optimizer steps are those of so many epochs over all the sentences that "
        "the share is taken of, whoever labelled them, so that trainings can be compared.",
    )
    branch: str | None = Field(
        default=None,
        description="Branch of the tagger that `train` makes; null for model-primary (truth), llm-pure, expert-12 and "
        "init-12 (mixed, at 12 % expert).",
    )


class OptimizerSection(Section):
    """Learning rates by depth, in every training."""

    layer_decay: float = Field(
        default=1.0,
        gt=0,
        le=1,
        description="Learning rate of each of the encoder's layers as a share of that of the layer above; the last one "
        "has training.learning_rate.",
    )
    head_learning_rate: float | None = Field(
        default=None, gt=0, description="Learning rate of the head; null for training.learning_rate."
    )


MixingMode = Literal["concat", "llm_then_expert", "weighted", "small_loss", "self_train"]


class MixingSection(Section):
    """How the labels of the LLM and of the expert become one tagger."""

    mode: MixingMode | None = Field(
        default=None,
        description="concat: one heap. llm_then_expert: first the LLM's labels, then the expert's. weighted: one heap "
        "in which the LLM's count less. small_loss: LLM labels that the tagger finds hard to believe are taken for "
        "noise. self_train: taggers trained on both correct the LLM's labels where they are sure and label what nobody "
        "has labelled, for one that learns from that, at five times the steps. null for concat where the LLM's labels "
        "are good, by an entity F1 of 0.8 on those sentences that the expert has labelled too, with 20 entities or "
        "more in them, else self_train. From round 1 on a warm run trains on the expert's labels alone, but for concat "
        "and weighted; with active.start=cold every round mixes.",
    )
    expert_steps: float = Field(
        default=0.5,
        gt=0,
        lt=1,
        description="Share of the optimizer steps that train on the expert's labels alone, at the end "
        "(llm_then_expert, small_loss, the first taggers of self_train).",
    )
    llm_weight: float = Field(
        default=0.3,
        gt=0,
        le=1,
        description="Weight of a word that the LLM labelled beside 1 of the expert (weighted).",
    )
    by_confidence: bool = Field(
        default=False, description="Whether the LLM's own confidence scales its weight, where there is one (weighted)."
    )
    noisy: Literal["drop", "relabel"] = Field(
        default="relabel", description="What becomes of sentences taken for noise (small_loss)."
    )
    sure: float = Field(
        default=0.9,
        gt=0.5,
        lt=1,
        description="Probability from which the taggers' label stands against the LLM's (self_train).",
    )
    teachers: int = Field(default=3, ge=1, description="Taggers that correct the LLM's labels together (self_train).")
    expert_loss: float = Field(
        default=0.25,
        gt=0,
        lt=1,
        description="Share of the loss that the expert's words make up beside corrected labels; more where they are "
        "more than that share of the words (self_train).",
    )
    student_steps: float = Field(
        default=2.0,
        gt=0,
        description="Optimizer steps on corrected labels, as a multiple of those of train.epochs (self_train).",
    )
    unlabelled: bool = Field(
        default=True, description="Whether train sentences that nobody has labelled take part (self_train)."
    )


class CompareSection(Section):
    """Taggers that differ only in who labelled their training sentences."""

    seeds: list[int] = Field(
        default_factory=lambda: [13, 14, 15],
        min_length=1,
        description="Seeds of order, dropout, head and choice of the expert's sentences; a training of each a row.",
    )

    @field_validator("seeds")
    @classmethod
    def _seeds_differ(cls, seeds: list[int]) -> list[int]:
        return different_seeds(seeds)


class ThresholdSection(Section):
    """How many expert labels pay: F1 by the share of sentences that the expert labels, by cross-validation."""

    shares: list[float] = Field(
        default_factory=lambda: [0.01, 0.02, 0.03, 0.05, 0.07, 0.10, 0.12, 0.15, 0.20],
        min_length=2,
        description="Shares of the sentences that the LLM labelled, each between 0 and 1.",
    )
    folds: int = Field(default=5, ge=2, description="Parts that are held out in turn to measure on.")
    workers: int | None = Field(
        default=None,
        ge=1,
        description="Processes that train side by side, each a training of its own; null for one on each GPU. Under "
        "`accelerate launch` all processes share each training instead.",
    )

    @field_validator("shares")
    @classmethod
    def _shares_rise(cls, shares: list[float]) -> list[float]:
        if sorted(set(shares)) != shares or shares[0] <= 0 or shares[-1] > 1:
            raise PydanticCustomError("shares", "give rising shares above 0 and up to 1")
        return shares
