"""The section of a recipe about its report."""

from pydantic import Field

from nerc_trainer.recipe.section import Section


class ReferenceSection(Section):
    """A published result that stands beside a row of `compare`."""

    f1: float = Field(ge=0, le=1, description="Entity F1 between 0 and 1.")
    accuracy: float | None = Field(default=None, ge=0, le=1, description="Word accuracy between 0 and 1.")
    loss: float | None = Field(default=None, ge=0, description="Loss in nats a word.")


class ReportSection(Section):
    """What `nerc-trainer report` shows besides what the run has found."""

    source: str | None = Field(
        default=None, min_length=1, description="Where the figures of report.reference come from, for its caption."
    )
    reference: dict[str, ReferenceSection] = Field(
        default_factory=dict,
        description="Published figures by the row of `compare` that they stand beside, such as llm-pure.",
    )
    sentences: int = Field(
        default=5, ge=0, le=50, description="Selected sentences shown for each round, the first that it chose."
    )
