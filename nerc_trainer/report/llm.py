"""What the LLM's labels are worth: prompts and models compared, and its labels against the truth."""

from __future__ import annotations

from nerc_trainer.public_names import without_folders
from nerc_trainer.report.collect import RunData
from nerc_trainer.report.parts import Part, Plot, Table, count, money, score


def sweep_part(run: RunData) -> Part | None:
    """F1 of each prompt with each model; None before `sweep`."""
    if run.sweep is None:
        return None
    from nerc_trainer.annotation.leaderboard import heat_map
    from nerc_trainer.plots import chart_style, render_chart

    cells = [{**cell, "model": without_folders(cell["model"])} for cell in run.sweep["cells"]]
    with chart_style():
        chart = render_chart("prompts_by_models", heat_map(cells))
    best = cells[0]
    numbers = Table(
        "Leaderboard; * is on the Pareto front of F1 and price",
        ["prompt", "model", "F1", "95 %", "coverage", "rejected", "tokens out", "$ for 1,000"],
        [
            [
                str(cell["prompt_name"]),
                str(cell["model"]),
                score(cell["f1"]) + ("*" if cell.get("pareto") else ""),
                f"{cell['f1_low']:.2f} to {cell['f1_high']:.2f}",
                f"{cell['coverage']:.0%}",
                count(cell["rejected"]),
                count(cell["output_tokens"] / cell["sentences"]),
                money(cell["dollars_per_1000"]),
            ]
            for cell in cells
        ],
        texts=2,
    )
    text = (
        f"Each prompt labelled the same {best['sentences']} sentences with each model. The best pair is "
        f"{best['prompt_name']} with {best['model']}, F1 {score(best['f1'])}."
    )
    alt = f"Heat map of entity F1 by prompt and model; the best is {score(best['f1'])}."
    return Part("prompts", "Prompts and models", [text], plots=[Plot(chart, alt, numbers)])


def labels_part(run: RunData) -> Part | None:
    """The LLM's labels against the truth; None before `annotate`."""
    if run.annotation is None:
        return None
    found = run.annotation
    status = ", ".join(f"{count(number)} {name}" for name, number in sorted(found["status"].items()))
    reasons = ", ".join(f"{name.replace('_', ' ')} {count(number)}" for name, number in found["reasons"].items())
    text = [
        f"{without_folders(found['model'])} with the prompt {found['prompt']} was asked about "
        f"{count(found['sentences'])} sentences: {status}."
        + (f" What was repaired or rejected, and why: {reasons}." if reasons else "")
    ]
    truth, tables = found["truth"], []
    facts = []
    if truth is not None:
        f1 = truth["f1"]
        facts.append((score(f1["value"]), "entity F1 against the truth"))
        overall = ["all types", score(f1["value"]), f"{f1['low']:.3f} to {f1['high']:.3f}"]
        rows = [overall, *([name, score(value), "–"] for name, value in truth["by_type"].items())]
        caption = f"Truth against LLM, on {count(truth['sentences'])} sentences"
        tables.append(Table(caption, ["type", "F1", "95 %"], rows))
    return Part("labels", "The LLM's labels", text, facts=facts, tables=tables)
