"""The section of a recipe that says how the rounds of active learning go."""

from typing import Literal

from pydantic import Field, model_validator

from nerc_trainer.recipe.section import Section, refuse

Strategy = Literal[
    "entropy",
    "sum_entropy",
    "max_entropy",
    "entity_entropy",
    "mnlp",
    "least_confidence",
    "lowest_probability",
    "margin",
    "bald",
    "committee",
    "disagreement",
    "random",
    "longest",
]
SCORES_NOTHING: tuple[Strategy, ...] = ("random", "longest")  # strategies that ask no tagger


class Budget(Section):
    """A limit on the expert's labels over the whole run, the initial ones included."""

    sentences: int | None = Field(default=None, ge=1, description="Sentences that the expert labels at most.")
    words: int | None = Field(default=None, ge=1, description="Words that the expert labels at most.")
    dollars: float | None = Field(
        default=None,
        gt=0,
        description="Dollars that the expert's time costs at most. "
        "Where costs.expert_by is seconds, what is left buys words at the pace seen so far, and labels that take "
        "longer go beyond it.",
    )

    @model_validator(mode="after")
    def _one_measure(self) -> "Budget":
        given = [key for key in type(self).model_fields if getattr(self, key) is not None]
        if len(given) != 1:
            key = given[-1] if given else "sentences"
            raise refuse(key, "give exactly one of sentences, words and dollars, and set the others to null")
        return self


class StopSection(Section):
    """Further reasons to end the rounds, off while null. Each waits for active.min_iterations, and any one will do."""

    sentences: int = Field(
        default=2000,
        ge=1,
        description="Size of the stop set: train sentences, drawn once, on which uncertainty, changed and kappa are "
        "measured. They stay in the pool.",
    )
    uncertainty: float | None = Field(
        default=None,
        gt=0,
        description="Mean token entropy, in nats, of those of the stop set that the expert has not labelled, below "
        "which the tagger is sure enough (Zhu et al. 2008); 0.01, say.",
    )
    changed: float | None = Field(
        default=None,
        ge=0,
        lt=1,
        description="Share of the stop set's words whose tag a round may change at most to count as the last "
        "(Zhu et al. 2008); 0.001, say.",
    )
    kappa: float | None = Field(
        default=None,
        gt=0,
        le=1,
        description="Agreement of each model with the one before, Cohen's kappa over the stop set's words and on "
        "average over three rounds, that ends the run (Bloodgood and Vijay-Shanker 2009, who advise 0.99).",
    )
    dollars_per_point: float | None = Field(
        default=None,
        gt=0,
        description="What a hundredth of dev F1 is worth, in dollars of the costs section: the run ends when the last "
        "three rounds have paid more for it.",
    )


class RelabelSection(Section):
    """A second, dearer LLM that is asked before the expert; its price is in annotation.prices or a public one."""

    model: str = Field(min_length=1, description="The second model; one of annotation.endpoints has it.")
    prompt: str | None = Field(
        default=None, min_length=1, description="Its prompt: a shipped name or a file; null for annotation.prompt."
    )
    reach: int = Field(
        default=4,
        ge=1,
        description="Sentences that it is asked about in a round at most, as a multiple of those that the round would "
        "ask the expert for without it. Where that is not enough to fill the expert's part, the round asks for less.",
    )


class ActiveSection(Section):
    """The rounds of active learning."""

    strategy: Strategy = Field(
        default="entropy",
        description="How the next sentences are chosen. By the entropy of the words' tags: entropy (mean), "
        "sum_entropy, max_entropy, entity_entropy (mean over what is likely inside entities). By the probability of "
        "the best tags: mnlp (mean logarithm), least_confidence (sum), lowest_probability (the worst word), margin "
        "(lead over the second tag). By what others say: bald (thinned copies of the last layer), committee (the "
        "models of earlier rounds), disagreement (the LLM's labels). By none: random, longest.",
    )
    committee: int = Field(
        default=3,
        ge=2,
        description="Models that the strategy committee asks: the last round's and those before it. Each scores the "
        "whole pool.",
    )
    llm_doubt: float = Field(
        default=0.0,
        ge=0,
        description="How much the doubt about the LLM's label of a sentence counts beside the strategy: what the "
        "product of the LLM's own confidence and the tagger's agreement lacks to 1. Ranks are added, so 1 is as much. "
        "It takes a second pass over the pool.",
    )
    diversity: Literal["kmeans", "coreset"] | None = Field(
        default=None,
        description="Makes the sentences of a round differ: of ten times as many as it asks for, the most wanted, one "
        "from each cluster (kmeans), or each the farthest from those before it (coreset), as the encoder sees them; "
        "and no two that are nearly the same. null for the most wanted alone.",
    )
    oracle: Literal["truth", "files"] = Field(
        default="truth",
        description="Who labels: truth takes the corpus's own labels, a simulation; files hands each batch out to "
        "people with `nerc-trainer label export`, and `nerc-trainer label import` takes their labels in.",
    )
    llm_relabel: RelabelSection | None = Field(
        default=None,
        description="A second, dearer LLM that answers before the expert, such as {model: gpt-4.1}. From round 1 on it "
        "is asked about what the strategy wants most. Where it sees the same entities as the tagger, its label stands "
        "and the expert is not asked; the others go to the expert, until the round has as many as it asks for. null "
        "for none.",
    )
    pool_fraction: float | None = Field(
        default=None,
        gt=0,
        lt=1,
        description="Share of the pool that a round scores: half of it what was most uncertain when last scored, half "
        "drawn at random, and at least ten times what the round asks for. The first and each fifth round after it "
        "score the whole pool and note which share of their sentences a part would have found. null for the whole "
        "pool; random and longest score none, unless llm_doubt asks for it.",
    )
    initial_expert: float = Field(
        default=0.12, gt=0, lt=1, description="Share of the training sentences that the expert labels beforehand."
    )
    query_size: int = Field(
        default=50,
        ge=1,
        description="Sentences that go to the expert in each round, unless query_words or query_dollars is given.",
    )
    query_words: int | None = Field(
        default=None,
        ge=1,
        description="Words that go to the expert in each round at most, but one sentence at least: so no strategy wins "
        "by long sentences. null for query_size.",
    )
    query_dollars: float | None = Field(
        default=None,
        gt=0,
        description="The same in dollars of the expert's time, as the costs section counts them; "
        "seconds at the pace seen so far.",
    )
    query_growth: float | None = Field(
        default=None,
        gt=1,
        le=4,
        description="How many times as much each round asks for as the one before. With 1.4, say, few rounds lead from "
        "1 % of the words to 30 %, and small ones show where a learning curve is steep. null for rounds of one size.",
    )
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
    budget: Budget | None = Field(
        default=None,
        description="Limit on the expert's labels; null for none. Late answers to a closed batch can go beyond it, if "
        "they come after the next batch was chosen.",
    )
    stop: StopSection = Field(default_factory=StopSection, description="Further reasons to end the rounds.")
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
        least, most = self.min_iterations, self.max_iterations
        if least > most and "min_iterations" not in self.model_fields_set:
            raise refuse("max_iterations", f"less than active.min_iterations ({least} by default); lower that too")
        if least > most:
            default = "" if "max_iterations" in self.model_fields_set else " by default"
            raise refuse(
                "min_iterations", f"more than active.max_iterations ({most}{default}); lower it, or raise that"
            )
        return self

    @model_validator(mode="after")
    def _one_size_of_a_round(self) -> "ActiveSection":
        if self.query_words is not None and self.query_dollars is not None:
            raise refuse("query_dollars", "active.query_words is given already; set one of the two to null")
        return self
