"""The typed sections of a recipe: what a user may say, what it means, and what holds when nothing is said.

`nerc_trainer.recipe.load` reads them from YAML; from there on the program only sees these frozen objects.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from nerc_trainer.recipe.active import ActiveSection
from nerc_trainer.recipe.annotation import AnnotationSection, SweepSection
from nerc_trainer.recipe.cheap_test import CheapTestSection
from nerc_trainer.recipe.costs import CostsSection
from nerc_trainer.recipe.experiments import (
    CompareSection,
    MixingSection,
    OptimizerSection,
    ThresholdSection,
    TrainSection,
)
from nerc_trainer.recipe.report import ReportSection
from nerc_trainer.recipe.section import Section, is_hub_id, refuse
from nerc_trainer.recipe.simulate import SimulateSection

COLUMN_NAMES = ("tokens", "pos_tags", "chunk_tags", "ner_tags", "_")


class RunSection(Section):
    """Where a run lives and what makes it repeatable."""

    name: str = Field(
        default="run",
        pattern=r"^[^/\\.][^/\\]*$",
        description="Name of the run, shown in reports and model cards; the stem of the recipe's file when not given.",
    )
    dir: Path = Field(
        default_factory=lambda values: Path("runs") / values.get("name", "run"),
        description="Folder of the run, relative to the current folder; runs/<run.name> when not given.",
    )
    seed: int = Field(default=13, ge=0, lt=2**32, description="Seed of every random choice in the run.")
    batch_size: int | None = Field(
        default=None,
        ge=1,
        description="Sentences per optimizer step over all processes together, so that the result does not depend on "
        "their number. training.per_device_train_batch_size then only says how many are computed at a time.",
    )
    cpu_threads: int = Field(
        default=1,
        ge=1,
        description="Threads of each process on a machine without GPU. With one, the result is the same to the last "
        "bit on one process and on two.",
    )

    @field_validator("dir")
    @classmethod
    def _dir_may_start_at_home(cls, folder: Path) -> Path:
        return Path(os.path.expanduser(folder))


class DataSection(Section):
    """The corpus: files, or splits of a data set."""

    dataset: str | None = Field(
        default=None,
        min_length=1,
        description="Data set on the Hub (owner/name) or a folder saved by the datasets library; null for files.",
    )
    revision: str | None = Field(default=None, min_length=1, description="Branch, tag or commit of the data set.")
    config: str | None = Field(default=None, min_length=1, description="Configuration (subset) of the data set.")
    train: str = Field(
        min_length=1, description="Training sentences: a file, or the name of a split when data.dataset is given."
    )
    dev: str = Field(
        min_length=1, description="Sentences that stopping and comparisons look at: a file, or the name of a split."
    )
    test: str | None = Field(
        default=None, min_length=1, description="Sentences that are only reported on: a file, or the name of a split."
    )
    format: Literal["auto", "conll", "jsonl"] = Field(
        default="auto", description="Format of the files; auto decides by the file name and the first line."
    )
    columns: list[str] | None = Field(
        default=None,
        description="Columns of the CoNLL files, from tokens, pos_tags, chunk_tags, ner_tags and _ (skipped); null "
        "for tokens first and ner_tags last, with pos_tags and chunk_tags between when there are four.",
    )
    separator: str | None = Field(
        default=None, min_length=1, description="What stands between CoNLL columns; null for any white space."
    )
    scheme: Literal["auto", "bio", "iob1", "bioes"] = Field(
        default="auto", description="Tagging scheme of the corpus; auto reads it off the tags."
    )
    types: list[str] | None = Field(
        default=None, min_length=1, description="Entity types such as PER and LOC; null for those seen in train."
    )
    long_sentences: Literal["split", "refuse"] = Field(
        default="split", description="What to do with sentences that are longer than the encoder can read."
    )

    @field_validator("columns")
    @classmethod
    def _columns_are_known(cls, columns: list[str] | None) -> list[str] | None:
        if columns is None:
            return None
        unknown = [name for name in columns if name not in COLUMN_NAMES]
        named = [name for name in columns if name != "_"]
        if unknown:
            raise PydanticCustomError("columns", f"no such column: {unknown[0]}; there are {', '.join(COLUMN_NAMES)}")
        if len(set(named)) < len(named):
            raise PydanticCustomError("columns", "a column is named twice; write _ for a column to skip")
        if not {"tokens", "ner_tags"} <= set(named):
            raise PydanticCustomError("columns", "tokens and ner_tags must both be among the columns")
        return columns

    @model_validator(mode="after")
    def _keys_fit_the_source(self) -> "DataSection":
        for key in ("revision", "config"):
            if self.dataset is None and getattr(self, key) is not None:
                raise refuse(key, "only a data set has one; name it in data.dataset or remove this key")
        for key in ("columns", "separator"):
            if getattr(self, key) is not None and (self.dataset is not None or self.format == "jsonl"):
                raise refuse(key, "only CoNLL files have columns; remove this key")
        if self.dataset is not None and self.format != "auto":
            raise refuse("format", "a data set has a format of its own; remove this key")
        if self.revision is not None and os.path.isdir(str(self.dataset)):
            raise refuse("revision", "only a data set on the Hub has one; remove this key")
        return self


class LoraSection(Section):
    """Low-rank adapters (Hu et al. 2021): the encoder stays as it is, and a branch holds the adapters and the head."""

    rank: int = Field(default=16, ge=1, description="Rank of the adapters.")
    alpha: float = Field(default=32.0, gt=0, description="Scale of the adapters; they count alpha / rank.")
    dropout: float = Field(default=0.05, ge=0, lt=1, description="Share of the values dropped before an adapter.")
    layers: list[str] | None = Field(
        default=None,
        min_length=1,
        description="Names of the encoder's linear layers that get adapters, such as query and value; null for all.",
    )


class ModelSection(Section):
    """The encoder and the head that tags its words."""

    encoder: str = Field(
        min_length=1,
        description="Pre-trained encoder: a model on the Hub (owner/name), a local folder, or package:NAME for an "
        "installed Python package that ships one.",
    )
    revision: str | None = Field(default=None, min_length=1, description="Branch, tag or commit of the encoder.")
    sha256: str | None = Field(
        default=None,
        pattern=r"^[0-9a-f]{64}$",
        description="SHA-256 of the encoder's model.safetensors in lower-case hex; another file is refused.",
    )
    restore_case: bool = Field(
        default=False,
        description="Show capitals to an uncased WordPiece encoder: its vocabulary gets entries for the capitalised "
        "and the upper-case form of each sub-word, which begin as the lower-case one plus a direction that all share.",
    )
    random_weights: bool = Field(
        default=False, description="Start from random weights and use only the encoder's configuration (for tests)."
    )
    head: Literal["linear", "bilstm"] = Field(
        default="linear",
        description="What turns encoded words into tag scores: a linear layer, or a bidirectional LSTM over the words "
        "and a linear layer.",
    )
    lstm_hidden_size: int = Field(default=128, ge=1, description="Units of the LSTM in each direction.")
    head_dropout: float = Field(
        default=0.1, ge=0, lt=1, description="Share of the values that the bilstm head drops around the LSTM."
    )
    lora: LoraSection | None = Field(
        default=None, description="Train adapters and head alone; null to train the whole encoder."
    )
    max_length: int | None = Field(
        default=None, ge=8, description="Sub-words that the encoder reads at most; null for what it can."
    )
    context: int = Field(
        default=0,
        ge=0,
        description="Sub-words of the neighbouring sentences of a document that the encoder reads before a sentence, "
        "and as many after it, where model.max_length has room; they are not labelled. Needs documents in the corpus. "
        "40 make a sentence of ordinary length about five times as long, and training as much slower.",
    )
    trust_remote_code: bool = Field(
        default=False, description="Run Python code that comes with the encoder; only for sources that you trust."
    )

    @model_validator(mode="after")
    def _only_the_hub_has_revisions(self) -> "ModelSection":
        if self.revision is not None and (self.encoder.startswith("package:") or os.path.isdir(self.encoder)):
            raise refuse("revision", "only an encoder on the Hub has one; remove this key")
        return self

    @model_validator(mode="after")
    def _adapters_need_a_base(self) -> "ModelSection":
        if self.lora is not None and self.random_weights:
            raise refuse("lora", "adapters on random weights could never be loaded again; set model.lora to null")
        if self.lora is not None and self.restore_case:
            raise refuse("restore_case", "adapters need the encoder as it is; set it to false, or model.lora to null")
        return self


class HubSection(Section):
    """Where each round is published, a branch a round."""

    mode: Literal["off", "offline", "online"] = Field(
        default="off",
        description="off: publish nothing. offline: put each round into the local Hub cache, to be pushed later with "
        "`nerc-trainer hub sync`. online: push each round when it ends.",
    )
    repo: str | None = Field(default=None, description="Model repository, owner/name; needed unless hub.mode is off.")
    private: bool = Field(default=True, description="Whether a repository that does not exist yet is made private.")
    deadline_seconds: float = Field(
        default=600, gt=0, description="Seconds after which an unfinished push is left for `nerc-trainer hub sync`."
    )
    endpoint: str | None = Field(
        default=None, pattern=r"^https?://\S+$", description="Address of another Hub than the public one."
    )

    @field_validator("repo")
    @classmethod
    def _repo_is_owner_and_name(cls, repo: str | None) -> str | None:
        if repo is not None and not is_hub_id(repo, owner_needed=True):
            raise PydanticCustomError("repo", "must be owner/name in letters, digits, '.', '_' and '-'")
        return repo

    @model_validator(mode="after")
    def _publishing_needs_a_repo(self) -> "HubSection":
        if self.mode != "off" and self.repo is None:
            raise refuse("repo", f"needed because hub.mode is {self.mode}; give owner/name or set hub.mode to off")
        return self


class Recipe(Section):
    """One run, said whole."""

    run: RunSection = Field(default_factory=RunSection, description="Where the run lives and what makes it repeatable.")
    data: DataSection = Field(description="The corpus.")
    annotation: AnnotationSection = Field(default_factory=AnnotationSection, description="Labels from an LLM.")
    sweep: SweepSection = Field(default_factory=SweepSection, description="Prompts and models that are compared.")
    model: ModelSection = Field(description="The encoder and the head that tags its words.")
    training: dict[str, Any] = Field(
        default_factory=dict, description="Arguments of transformers.TrainingArguments, under their own names."
    )
    optimizer: OptimizerSection = Field(default_factory=OptimizerSection, description="Learning rates by depth.")
    active: ActiveSection = Field(default_factory=ActiveSection, description="The rounds of active learning.")
    simulate: SimulateSection = Field(
        default_factory=SimulateSection, description="Strategies that are compared before people are paid."
    )
    train: TrainSection = Field(default_factory=TrainSection, description="One tagger.")
    mixing: MixingSection = Field(default_factory=MixingSection, description="LLM and expert labels in one tagger.")
    compare: CompareSection = Field(default_factory=CompareSection, description="Truth against LLM labels.")
    threshold: ThresholdSection = Field(default_factory=ThresholdSection, description="How many expert labels pay.")
    cheap_test: CheapTestSection = Field(
        default_factory=CheapTestSection, description="A tagger measured with few expert labels."
    )
    hub: HubSection = Field(default_factory=HubSection, description="Where each round is published.")
    costs: CostsSection = Field(default_factory=CostsSection, description="What labels and machines cost.")
    report: ReportSection = Field(default_factory=ReportSection, description="The page about a run.")

    @model_validator(mode="after")
    def _servers_have_something_to_label(self) -> "Recipe":
        annotation, second = self.annotation, self.active.llm_relabel
        if second is None and annotation.labels is not None and annotation.endpoints:
            reason = "give either labels made elsewhere or endpoints that label; set the other to null"
            raise refuse("annotation.labels", reason)
        if second is not None and not annotation.endpoints_of(second.model):
            has_none = "none of annotation.endpoints has it in its models; add it there"
            raise refuse(
                "active.llm_relabel.model",
                has_none
                if annotation.endpoints
                else "annotation.endpoints is empty; name the server that has it, or set active.llm_relabel to null",
            )
        return self


def dump_recipe(recipe: Recipe) -> str:
    """The recipe as YAML with every default written out, in an order that never changes.

    The text is itself a recipe; `yaml.safe_load` gives it back as `recipe.model_dump(mode="json")`.
    """
    return yaml.safe_dump(recipe.model_dump(mode="json"), sort_keys=False, allow_unicode=True, width=120)


def changed_keys(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """What differs between two dumped recipes, one line a key: `active.query_size: 50 -> 20`.

    A key that one of them lacks counts as null there.
    """
    before, after = _flatten(old), _flatten(new)
    return [
        f"{key}: {_written(before, key)} -> {_written(after, key)}"
        for key in dict.fromkeys([*before, *after])
        if _written(before, key) != _written(after, key)
    ]


def flow_yaml(value: Any) -> str:
    """A value as one line of YAML, the way a user would write it behind a key."""
    line = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=10**6).strip()
    return line.removesuffix("\n...").strip()


def _written(leaves: Mapping[str, Any], key: str) -> str:
    return flow_yaml(leaves.get(key))


def _flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Dotted keys to leaves; an empty mapping has no leaves, as if nothing were said."""
    leaves: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            leaves |= _flatten(value, f"{prefix}{key}.")
        else:
            leaves[f"{prefix}{key}"] = value
    return leaves


def recipe_json_schema() -> dict[str, Any]:
    """JSON schema of a recipe's file, for completion and checks in editors.

    No key is required there, since `extends` may give any of them.
    """
    schema = Recipe.model_json_schema()
    for definition in [schema, *schema["$defs"].values()]:
        definition.pop("required", None)
    extends = {"type": "string", "description": "Recipe that this one starts from: a file beside it or a shipped name."}
    schema["properties"] = {"extends": extends} | schema["properties"]
    return schema
