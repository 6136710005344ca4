"""What single taggers are worth: truth against LLM labels, and how many expert labels pay."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from nerc_trainer.report.collect import RunData
from nerc_trainer.report.parts import MISSING, Part, Plot, Table, count, mean_and_spread, score

if TYPE_CHECKING:
    from nerc_trainer.recipe.report import ReferenceSection

_FIGURES = {"f1": "F1", "precision": "precision", "recall": "recall", "accuracy": "accuracy", "loss": "loss"}


def compare_part(run: RunData) -> Part | None:
    """The rows of `compare`, published figures beside them, and how sure their differences are."""
    if run.comparison is None:
        return None
    found = run.comparison
    split = "test" if "test" in found else "dev"
    rows: Mapping[str, Any] = found[split]["rows"]
    seeds = len(next(iter(rows.values()))["seeds"])
    measured = f"mean ± standard deviation over {seeds} seeds" if seeds > 1 else "of one seed"
    caption = f"Figures on {split}, {measured}"
    figures = [
        [name, count(row["expert_sentences"]), count(row["llm_sentences"])]
        + [mean_and_spread(row[key]) for key in _FIGURES]
        for name, row in rows.items()
    ]
    tables = [Table(caption, ["labels", "expert sentences", "LLM sentences", *_FIGURES.values()], figures)]
    if run.report.reference:
        tables.append(reference_table(rows, run.report.reference, run.report.source))
    types = list(next(iter(rows.values()))["f1_by_type"])
    by_type = [[name, *(mean_and_spread(row["f1_by_type"][type_]) for type_ in types)] for name, row in rows.items()]
    tables.append(Table(f"F1 by type on {split}", ["labels", *types], by_type))
    differences = [
        [
            f"{one['higher']} over {one['lower']}",
            f"{one['value']:+.4f}",
            f"{one['low']:+.3f} to {one['high']:+.3f}",
            f"{one['p']:.4f}",
        ]
        for one in found[split]["differences"]
    ]
    tables.append(
        Table("Differences in F1 (paired bootstrap over sentences)", ["pair", "difference", "95 %", "p"], differences)
    )
    text = ["The same tagger; only who labelled the training sentences differs."]
    made = {name: row["steps_made"] for name, row in rows.items()}
    if len(set(made.values())) > 1:
        steps = ", ".join(f"{name} {count(value)}" for name, value in made.items())
        text.append(f"Optimizer steps by row, teachers of self_train included: {steps}.")
    if found.get("examples_pool"):
        text.append(
            f"The LLM's prompts took their examples from {count(found['examples_pool'])} sentences with true labels, "
            "which no row counts among the expert's."
        )
    return Part("compare", "Truth, LLM and expert labels", text, tables=tables)


def reference_table(rows: Mapping[str, Any], reference: Mapping[str, ReferenceSection], source: str | None) -> Table:
    """A run's rows beside published ones; a row that only one side has is shown all the same."""
    names = [*rows, *(name for name in reference if name not in rows)]
    cells = []
    for name in names:
        here, there = rows.get(name), reference.get(name)
        row = [name]
        for key in ("f1", "accuracy", "loss"):
            row.append(mean_and_spread(here[key]) if here is not None else MISSING)
            published = None if there is None else getattr(there, key)
            row.append(MISSING if published is None else f"{published:.5f}".rstrip("0"))
        cells.append(row)
    columns = ["labels"]
    for title in ("F1", "accuracy", "loss"):
        columns += [f"{title} here", f"{title} published"]
    return Table(f"Beside published figures{f' ({source})' if source else ''}", columns, cells)


def threshold_part(run: RunData) -> Part | None:
    """F1 by the expert's share, with the LLM's labels and without; None before `threshold`."""
    if run.threshold is None:
        return None
    from nerc_trainer.experiments.threshold_chart import threshold_chart

    curves: Mapping[str, Sequence[Mapping[str, Any]]] = run.threshold["curves"]
    without = {point["share"]: point for point in curves["without_llm"]}
    rows = []
    for point in curves["with_llm"]:
        alone = without.get(point["share"])
        rows.append(
            [
                f"{point['share']:.0%}",
                count(point["expert_sentences"]),
                mean_and_spread(point["f1"]),
                mean_and_spread(alone["f1"]) if alone else MISSING,
                mean_and_spread(point["accuracy"]),
                mean_and_spread(point["loss"]),
            ]
        )
    numbers = Table(
        "Figures on the held-out folds: mean ± standard deviation",
        ["share", "expert sentences", "F1 with LLM", "F1 without", "accuracy with LLM", "loss with LLM"],
        rows,
    )
    knee = run.threshold["knee"]
    text = "No knee: F1 rises about evenly, or not at all, over these shares."
    if knee is not None:
        at = curves["with_llm"][knee["position"]]
        text = (
            f"The knee is at {at['share']:.0%}, {count(at['expert_sentences'])} expert sentences, with F1 "
            f"{score(at['f1']['mean'])}: after it a sentence of the expert brings less."
        )
    alt = f"Two curves of F1 by expert sentences: with the LLM's labels and with expert labels alone. {text}"
    return Part(
        "threshold", "How many expert labels pay", [text], plots=[Plot(threshold_chart(run.threshold), alt, numbers)]
    )
