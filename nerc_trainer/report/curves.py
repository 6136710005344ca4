"""How good the tagger became: F1 by the expert's words, beside other runs, and by type over the rounds."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from nerc_trainer.plots import SIZE, chart_style, line_style, render_chart
from nerc_trainer.report.collect import RunData, scores_of
from nerc_trainer.report.parts import Part, Plot, Table, count, money, score


def rounds_part(runs: Sequence[RunData]) -> Part | None:
    """Learning curves of all runs that have rounds, the first one's figures, and its F1 by type."""
    run = runs[0]
    shown = [one for one in runs if one.history]
    if not run.history:
        return None
    last = scores_of(run.history[-1], run.split)
    if len(run.history) == 1:
        chosen = f"1 round, whose sentences were drawn at random; later ones choose by the strategy {run.strategy}."
    else:
        chosen = (
            f"{count(len(run.history))} rounds; the sentences of the first were drawn at random, those of the others "
            f"by the strategy {run.strategy}."
        )
    text = [
        chosen + (f" The run ended because {run.state['reason']}." if run.state and run.state.get("reason") else "")
    ]
    if run.history[0]["llm_sentences"]:
        text.append(
            f"The LLM's labels stood for {count(run.history[0]['llm_sentences'])} sentences at first and for "
            f"{count(run.history[-1]['llm_sentences'])} at the end."
        )
    if "second_sentences" in run.history[-1]:
        text.append(
            f"A second LLM was asked before the expert; {count(run.history[-1]['second_sentences'])} sentences were "
            "settled by its seeing what the tagger saw."
        )
    facts = [
        (score(last["f1"]), f"entity F1 on {run.split} in the last round"),
        (count(run.history[-1]["expert_sentences"]), "sentences labelled by the expert"),
        (count(run.history[-1]["tokens"]), "words that they have"),
    ]
    plots = [learning_plot(shown), types_plot(run)]
    return Part("rounds", "How good the tagger became", text, facts=facts, plots=plots, tables=[_rounds_table(run)])


def learning_plot(runs: Sequence[RunData]) -> Plot:
    """F1 by the words that the expert has labelled, a line for each run; the first run's on dev as well."""
    from matplotlib.figure import Figure

    names = labels_of(runs)
    with chart_style():
        figure = Figure(figsize=SIZE)
        axes = figure.subplots()
        for number, (run, name) in enumerate(zip(runs, names, strict=True)):
            words = [row["tokens"] for row in run.history]
            axes.plot(words, [scores_of(row, run.split)["f1"] for row in run.history], label=name, **line_style(number))
        if runs[0].split == "test":
            first = runs[0].history
            name = names[0].removesuffix("test") + "dev"
            dev = {**line_style(0), "linestyle": ":", "marker": "", "linewidth": 1}
            axes.plot(
                [row["tokens"] for row in first],
                [row["f1"] for row in first],
                label=name,
                **dev,
            )
        axes.set_xlabel("words labelled by the expert")
        axes.set_ylabel("entity F1")
        axes.set_title("F1 by expert words")
        axes.legend(loc="lower right")
        chart = render_chart("learning_curve", figure)
    rows = [
        [
            name,
            str(row["round"]),
            count(row["expert_sentences"]),
            count(row["tokens"]),
            score(scores_of(row, run.split)["f1"]),
        ]
        for run, name in zip(runs, names, strict=True)
        for row in run.history
    ]
    ends = "; ".join(
        f"{name}: from {score(scores_of(run.history[0], run.split)['f1'])} to "
        f"{score(scores_of(run.history[-1], run.split)['f1'])}"
        for run, name in zip(runs, names, strict=True)
    )
    numbers = Table("F1 by round", ["run", "round", "expert sentences", "expert words", "F1"], rows)
    return Plot(chart, f"Lines of entity F1 against words labelled by the expert. {ends}.", numbers)


def labels_of(runs: Sequence[RunData]) -> list[str]:
    """What a legend calls each run: how it chose, with the LLM's labels or not, and its folder where that is needed."""
    said = [
        f"{run.strategy}{', with the LLM' if run.history[0]['llm_sentences'] else ''}, on {run.split}" for run in runs
    ]
    return [f"{run.name}: {one}" if said.count(one) > 1 else one for run, one in zip(runs, said, strict=True)]


def types_plot(run: RunData) -> Plot:
    """F1 of each type over the rounds."""
    from matplotlib.figure import Figure

    by_round = [scores_of(row, run.split)["by_type"] for row in run.history]
    types = sorted({type_ for found in by_round for type_ in found})
    rounds = [row["round"] for row in run.history]
    with chart_style():
        figure = Figure(figsize=SIZE)
        axes = figure.subplots()
        lines = [[found[type_]["f1"] if type_ in found else 0.0 for found in by_round] for type_ in types]
        for number, (type_, values) in enumerate(zip(types, lines, strict=True)):
            axes.plot(rounds, values, label=type_, **line_style(number))
        # The name at the end of its line can be read without the legend and without colours.
        gap = 0.045 * (max(map(max, lines), default=1.0) - min(map(min, lines), default=0.0))
        for type_, height in zip(types, apart([values[-1] for values in lines], gap), strict=True):
            axes.annotate(type_, (rounds[-1], height), xytext=(7, -3), textcoords="offset points", fontsize=8)
        axes.set_xticks(rounds)
        axes.margins(x=0.12)
        axes.set_xlabel("round")
        axes.set_ylabel(f"F1 on {run.split}")
        axes.set_title("F1 by type over the rounds")
        axes.legend(loc="lower right", ncols=2)
        chart = render_chart("f1_by_type", figure)
    rows = [
        [str(number), *(score(found[type_]["f1"] if type_ in found else 0.0) for type_ in types)]
        for number, found in zip(rounds, by_round, strict=True)
    ]
    numbers = Table(f"F1 by type on {run.split}", ["round", *types], rows)
    ends = ", ".join(f"{type_} {rows[-1][position]}" for position, type_ in enumerate(types, start=1))
    return Plot(chart, f"A line for each type of entity over the rounds; in the last one {ends}.", numbers)


def apart(heights: Sequence[float], gap: float) -> list[float]:
    """Heights of names that are to stand at ``heights``: the upper ones moved up until no two are closer than a gap."""
    moved = list(heights)
    order = sorted(range(len(heights)), key=lambda index: heights[index])
    for below, index in pairwise(order):
        moved[index] = max(moved[index], moved[below] + gap)
    return moved


def _rounds_table(run: RunData) -> Table:
    columns = [
        "round",
        "branch",
        "sentences",
        "words",
        "dollars",
        "F1 dev",
        "F1 test",
        "precision",
        "recall",
        "accuracy",
        "loss",
    ]
    rows = []
    for row in run.history:
        shown = scores_of(row, run.split)
        figures = [score(shown[name]) for name in ("precision", "recall", "accuracy", "loss")]
        test = score(row["test"]["f1"]) if row["test"] else score(None)
        rows.append(
            [
                str(row["round"]),
                row["branch"],
                count(row["expert_sentences"]),
                count(row["tokens"]),
                money(row["dollars"]),
                score(row["f1"]),
                test,
                *figures,
            ]
        )
    return Table(f"All rounds; precision, recall, accuracy and loss on {run.split}", columns, rows, texts=2)
