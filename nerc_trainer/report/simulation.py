"""What strategies would have cost, where a simulation was made."""

from __future__ import annotations

from nerc_trainer.report.collect import Row, RunData
from nerc_trainer.report.parts import MISSING, Part, Plot, Table, count, mean_and_spread, money, score


def simulation_part(run: RunData) -> Part | None:
    """Learning curves of the simulated strategies, areas, and words to a share of full-data F1; None without any."""
    found = run.simulation
    if found is None:
        return None
    from nerc_trainer.experiments.simulation_charts import simulation_chart
    from nerc_trainer.experiments.simulation_summary import share_shown

    numbers = Table(
        f"F1 on {found['split']} by round, mean ± standard deviation over seeds",
        ["strategy", "round", "words", "sentences", "entities", "dollars", "F1"],
        [
            [
                name,
                str(point["round"]),
                *(count(point[key]) for key in ("words", "sentences", "entities")),
                money(point["dollars"]),
                mean_and_spread(point["f1"]),
            ]
            for name, curve in found["curves"].items()
            for point in curve["points"]
        ],
    )
    shares = list(next(iter(found["curves"].values()))["reach"])
    table = Table(
        "Area under the curve over words, and words to a share of full-data F1, in percent of all",
        ["strategy", "area", "over random", *(f"{float(share):.0%}" for share in shares)],
        [
            [
                name,
                MISSING if curve["area"] is None else mean_and_spread(curve["area"]),
                _over_random(curve["over_random"]),
                *(share_shown(curve["reach"][share]) or MISSING for share in shares),
            ]
            for name, curve in found["curves"].items()
        ],
    )
    seeds = len(found["seeds"])
    text = (
        f"Simulated with {count(seeds)} seed{'s' if seeds > 1 else ''} on sentences of known labels: no expert was "
        f"paid. With all {count(found['words'])} words labelled, F1 is {mean_and_spread(found['full']['f1'])}."
    )
    if found.get("label_dollars"):  # which older simulations lack
        text += f" The dollars of runs with the LLM's labels hold the ${money(found['label_dollars'])} that these cost."
    ends = "; ".join(f"{name} to {score(curve['points'][-1]['f1']['mean'])}" for name, curve in found["curves"].items())
    alt = f"Lines of F1 by words labelled by the expert, one for each strategy: {ends}."
    plots = [Plot(simulation_chart(found, "words"), alt, numbers)]
    return Part("simulation", "What strategies would have cost", [text], plots=plots, tables=[table])


def _over_random(difference: Row | None) -> str:
    if difference is None:
        return MISSING
    if difference["low"] is None:
        return f"{difference['value']:+.4f}"
    return f"{difference['value']:+.4f} ({difference['low']:+.4f} to {difference['high']:+.4f})"
