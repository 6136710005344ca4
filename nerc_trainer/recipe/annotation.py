"""The sections of a recipe about labels from large language models: `annotation` and `sweep`."""

import ipaddress
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from nerc_trainer.recipe.section import Section, is_hub_id, refuse

VARIABLE = r"^[A-Z_][A-Z0-9_]*$"  # in capitals, so that a key in its place is told from it


class EntityType(Section):
    """How a type of entity is explained to an LLM."""

    title: str | None = Field(
        default=None, min_length=1, description="What the type is called in a prompt, such as person."
    )
    description: str | None = Field(
        default=None, min_length=1, description="What counts as such an entity and what does not, in a sentence."
    )


class EndpointSection(Section):
    """A server with an OpenAI-compatible API."""

    base_url: str = Field(pattern=r"^https?://[^\s@?#]+$", description="Address up to and with /v1.")
    models: list[str] | None = Field(
        default=None, min_length=1, description="Models that it is asked for; null for every model of the recipe."
    )
    api_key_env: str | None = Field(
        default=None,
        pattern=VARIABLE,
        description="Name of the environment variable, or of the line in a .env file, that holds the key, in capitals; "
        "null for a server that asks for none.",
    )
    concurrency: int = Field(default=8, ge=1, le=1024, description="Calls in flight at most.")
    requests_per_minute: float | None = Field(default=None, gt=0, description="Calls a minute at most; null for any.")
    tokens_per_minute: float | None = Field(default=None, gt=0, description="Tokens a minute at most; null for any.")

    @property
    def is_local(self) -> bool:
        """Whether the address is one of this machine."""
        host = urlsplit(self.base_url).hostname or ""
        try:
            return ipaddress.ip_address(host).is_loopback
        except ValueError:
            return host == "localhost"


NO_PROMPT = "none"


class ExamplesSection(Section):
    """The worked examples that a prompt shows."""

    choose: Literal["fixed", "random", "nearest"] = Field(
        default="fixed",
        description="The same ones for every sentence (a server can keep their prefix), others at random for each, "
        "or those that the encoder finds nearest to it.",
    )
    count: int = Field(default=5, ge=0, le=100, description="Examples in a prompt.")
    pool: int = Field(
        default=200, ge=1, description="Sentences of annotation.truth that examples are taken from; all cost an expert."
    )


class ModelPrice(Section):
    """What a model costs, in dollars for a million tokens."""

    input: float = Field(ge=0, description="Dollars for a million tokens of the prompt.")
    cached_input: float | None = Field(
        default=None, ge=0, description="Dollars for a million tokens that the server had kept; null: as input."
    )
    output: float = Field(ge=0, description="Dollars for a million tokens of the answer.")


class AnnotationSection(Section):
    """Labels from a large language model."""

    labels: Path | None = Field(
        default=None,
        description="JSON Lines file with labels of the training sentences that were made elsewhere, in rows of id or "
        "tokens, and llm_tags, or llm_spans in words, or an llm_status that begins with rejected; null for those "
        "that `nerc-trainer annotate` makes where annotation.endpoints are given, else for none.",
    )
    model: str | None = Field(
        default=None, min_length=1, description="Model that labels; null for the winner of `nerc-trainer sweep`."
    )
    prompt: str | None = Field(
        default=None,
        min_length=1,
        description="Prompt: the name of a shipped one or a file; null for the winner of `nerc-trainer sweep`.",
    )
    fallback_prompt: str | None = Field(
        default=None,
        min_length=1,
        description="Prompt that is asked once where a reply could not be used; null for the best in another format "
        "that the sweep has found, or else a shipped one; none for no second try.",
    )
    endpoints: list[EndpointSection] = Field(
        default_factory=list, description="Servers; several that have the model share the work."
    )
    sentences: int | None = Field(
        default=None, ge=1, description="Training sentences to label, chosen at random; null for all."
    )
    types: dict[str, EntityType] = Field(
        default_factory=dict, description="How the corpus's types are explained; a type left out is shown by its name."
    )
    aliases: dict[str, str | None] = Field(
        default_factory=dict,
        description="Other names for types that an LLM may use; null leaves such an entity out.",
    )
    language: str = Field(default="English", min_length=1, description="Language of the text, as a prompt names it.")
    genre: str = Field(default="text", min_length=1, description="What the text is, as a prompt names it.")
    truth: Literal["train", "dev"] = Field(
        default="dev", description="Split whose true labels give examples and measure prompts in a sweep."
    )
    examples: ExamplesSection = Field(
        default_factory=ExamplesSection, description="Which worked examples a prompt shows."
    )
    samples: int = Field(default=1, ge=1, le=50, description="Answers for each sentence, whose tags are put to a vote.")
    temperature: float = Field(default=0.0, ge=0, le=2, description="Sampling temperature.")
    top_p: float | None = Field(default=None, gt=0, le=1, description="Nucleus of sampling; null for the server's own.")
    max_tokens: int | None = Field(
        default=None, ge=16, description="Tokens of an answer at most; null for what the format and sentence need."
    )
    log_probabilities: bool = Field(
        default=False, description="Ask for the probability of each token of an answer, where the server gives it."
    )
    deadline_seconds: float = Field(
        default=600, gt=0, description="Seconds after which a sentence is given up for this start, retries included."
    )
    mode: Literal["live", "batch"] = Field(
        default="live", description="live: calls one by one. batch: the Batch API, half the price within a day."
    )
    limit_dollars: float | None = Field(
        default=None, ge=0, description="Dollars that all replies in the ledger may cost; null for no limit."
    )
    prices: dict[str, ModelPrice] = Field(
        default_factory=dict, description="Prices by model; those of public models are known without."
    )
    ledger: Path | None = Field(
        default=None,
        description="File of all replies; <run.dir>/ledger.sqlite when not given. Runs that share one count all of it.",
    )
    known_replies: Path | None = Field(
        default=None, description="A ledger that is only read: replies that someone has paid for already."
    )
    repo: str | None = Field(
        default=None, description="Data set on the Hub (owner/name) that the labels are pushed to; null for none."
    )

    @field_validator("repo")
    @classmethod
    def _repo_is_owner_and_name(cls, repo: str | None) -> str | None:
        if repo is not None and not is_hub_id(repo, owner_needed=True):
            raise PydanticCustomError("repo", "must be owner/name in letters, digits, '.', '_' and '-'")
        return repo

    @model_validator(mode="after")
    def _keys_agree(self) -> "AnnotationSection":
        if self.samples > 1 and self.temperature == 0:
            raise refuse(
                "samples", "at temperature 0 all answers are the same; set annotation.temperature to 0.7 or so"
            )
        asks = self.labels is None and bool(self.endpoints)
        if self.model is not None and asks and not self.endpoints_of(self.model):
            raise refuse("model", "none of annotation.endpoints has it in its models; add it there")
        return self

    def endpoints_of(self, model: str) -> list[EndpointSection]:
        """The servers that are asked for a model."""
        return [endpoint for endpoint in self.endpoints if endpoint.models is None or model in endpoint.models]


class SweepSection(Section):
    """Prompts and models that are compared on sentences with true labels."""

    prompts: list[str] = Field(default_factory=list, description="Shipped names or files; empty for all shipped ones.")
    models: list[str] = Field(default_factory=list, description="Models; empty for annotation.model alone.")
    sentences: int = Field(
        default=100, ge=2, description="Sentences of annotation.truth that each pair of prompt and model labels."
    )
