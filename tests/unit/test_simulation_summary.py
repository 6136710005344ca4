"""The summary of simulated runs that are made by hand, its table and its charts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len

from nerc_trainer.experiments.simulated_run import SimulatedRun
from nerc_trainer.experiments.simulation_charts import simulation_charts
from nerc_trainer.experiments.simulation_summary import explain, summarize
from nerc_trainer.experiments.tables import show_simulation
from nerc_trainer.recipe.active import ActiveSection

STRATEGIES = ActiveSection.model_json_schema()["properties"]["strategy"]["enum"]


def history(*points: tuple[int, float]) -> list[dict[str, Any]]:
    """Rounds with so many words and such an F1 on dev; on test it is 0.1 less. A word is a cent, ten are a sentence."""
    return [
        {
            "round": number,
            "tokens": words,
            "expert_sentences": words // 10,
            "entities": words // 5,
            "dollars": words / 100,
            "f1": f1,
            "test": {"f1": f1 - 0.1},
        }
        for number, (words, f1) in enumerate(points)
    ]


def full(f1: float) -> dict[str, Any]:
    return {"steps": 50, "expert_words": 1000, "scores": {"dev": {"f1": f1}, "test": {"f1": f1 - 0.1}}}


RUNS = [SimulatedRun(strategy, False, seed) for seed in (1, 2) for strategy in ("mnlp", "random")]
HISTORIES = [
    history((100, 0.4), (200, 0.8), (300, 0.9)),
    history((100, 0.4), (200, 0.5), (400, 0.8)),
    history((120, 0.5), (220, 0.7), (320, 0.9)),
    history((120, 0.5), (220, 0.6), (320, 0.7), (420, 0.8)),
]


def made(split: str = "dev") -> dict[str, Any]:
    return summarize(RUNS, HISTORIES, [full(0.78), full(0.82)], 1000, split)


def test_areas_are_over_the_words_that_all_runs_of_a_seed_have() -> None:
    summary = made()
    assert summary["area_over"] == [(100, 300), (120, 320)]
    mnlp, random = (summary["curves"][name] for name in ("mnlp", "random"))
    # Random of seed 1 stands at 0.65 after 300 words: (0.45 + 0.575) / 2.
    assert mnlp["area"]["seeds"] == pytest.approx([(0.6 + 0.85) / 2, 0.7])
    assert random["area"]["seeds"] == pytest.approx([0.5125, 0.6])
    assert mnlp["over_random"]["value"] == pytest.approx((0.2125 + 0.1) / 2)
    # t(1) = 12.7062; the differences lie 0.05625 on either side of their mean, so their deviation / sqrt(2) is 0.05625.
    assert mnlp["over_random"]["high"] == pytest.approx(0.15625 + 12.7062 * 0.05625, abs=1e-4)
    assert random["over_random"] is None


def test_words_to_a_share_of_full_data_f1() -> None:
    summary = made()
    assert summary["full"]["f1"]["mean"] == pytest.approx(0.8)
    mnlp, random = (summary["curves"][name]["reach"] for name in ("mnlp", "random"))
    # 0.72: seed 1 at 100 + 0.32 / 0.4 * 100, seed 2 at 220 + 0.02 / 0.2 * 100.
    assert mnlp["0.9"]["seeds"] == pytest.approx([180, 230])
    assert mnlp["0.9"]["words"] == pytest.approx(205)
    assert mnlp["0.9"]["share"] == pytest.approx(0.205)
    assert mnlp["0.99"]["seeds"] == pytest.approx([100 + 0.392 / 0.4 * 100, 220 + 0.092 / 0.2 * 100])
    assert random["0.99"]["seeds"] == pytest.approx([200 + 0.292 / 0.3 * 200, 320 + 0.092 / 0.1 * 100])


def test_a_share_that_one_seed_never_reaches_has_no_mean() -> None:
    summary = summarize(RUNS, HISTORIES, [full(0.9), full(0.9)], 1000, "dev")
    reach = summary["curves"]["random"]["reach"]["0.9"]
    assert reach["seeds"] == [None, None]
    assert summary["curves"]["mnlp"]["reach"]["0.99"]["share"] == pytest.approx((291 + 315.5) / 2 / 1000)
    low = [*HISTORIES[:2], history((120, 0.5), (320, 0.6)), HISTORIES[3]]
    reach = summarize(RUNS, low, [full(0.8), full(0.8)], 1000, "dev")["curves"]["mnlp"]["reach"]["0.9"]
    assert reach["seeds"] == [pytest.approx(180), None]
    assert reach["words"] is reach["share"] is None


def test_a_share_that_is_reached_in_the_first_round_is_an_upper_bound(capsys: pytest.CaptureFixture[str]) -> None:
    summary = summarize(RUNS, HISTORIES, [full(0.5), full(0.5)], 1000, "dev")
    reach = summary["curves"]["mnlp"]["reach"]["0.95"]  # 0.475: seed 2 begins at 0.5
    assert reach["seeds"] == [pytest.approx(100 + 0.075 / 0.4 * 100), 120]
    assert reach["at_most"]
    assert not made()["curves"]["mnlp"]["reach"]["0.9"]["at_most"]
    show_simulation(summary)
    assert "≤11.9%" in capsys.readouterr().out
    show_simulation(made())
    assert "≤" not in capsys.readouterr().out


def test_a_full_training_that_learnt_nothing_is_no_aim() -> None:
    reach = summarize(RUNS, HISTORIES, [full(0.0), full(0.0)], 1000, "dev")["curves"]["mnlp"]["reach"]
    assert reach["0.9"]["seeds"] == [None, None]


def test_curves_are_means_as_far_as_every_seed_went() -> None:
    curve = made()["curves"]["random"]
    assert [point["round"] for point in curve["points"]] == [0, 1, 2]
    last = curve["points"][-1]
    assert (last["words"], last["sentences"], last["entities"], last["dollars"]) == (360, 36, 72, pytest.approx(3.6))
    assert last["f1"]["seeds"] == [0.8, 0.7]
    assert len(curve["runs"][1]["f1"]) == 4


def test_arms_with_the_llm_s_labels_pay_for_them() -> None:
    runs = [SimulatedRun("random", with_llm, 1) for with_llm in (True, False)]
    histories = [history((100, 0.6), (200, 0.8)), history((100, 0.4), (200, 0.7))]
    summary = summarize(runs, histories, [full(0.8)], 1000, "dev", label_dollars=5.0)
    with_llm, without = summary["curves"]["random-llm"], summary["curves"]["random"]
    assert [point["dollars"] for point in with_llm["points"]] == [6.0, 7.0]
    assert with_llm["runs"][0]["dollars"] == [6.0, 7.0]
    assert [point["dollars"] for point in without["points"]] == [1.0, 2.0]
    assert [point["words"] for point in with_llm["points"]] == [100, 200]
    assert "arms with the LLM's labels also pay the $5.00 that these cost" in " ".join(explain(summary))
    (chart,) = [chart for chart in simulation_charts(summary) if chart.name == "simulated_dollars"]
    assert "dollars for the expert, and $5.00 for the LLM where it takes part" in chart.svg
    alone = summarize(runs[1:], histories[1:], [full(0.8)], 1000, "dev", label_dollars=5.0)
    assert alone["label_dollars"] is None
    assert "LLM" not in " ".join(explain(alone))
    unknown = summarize(runs, histories, [full(0.8)], 1000, "dev")
    assert [point["dollars"] for point in unknown["curves"]["random-llm"]["points"]] == [1.0, 2.0]
    assert "dollars are the expert's alone: what the LLM's labels cost is not known here" in explain(unknown)


def test_test_is_measured_where_that_is_asked_for() -> None:
    summary = made("test")
    assert summary["full"]["f1"]["mean"] == pytest.approx(0.7)
    assert summary["curves"]["mnlp"]["area"]["seeds"] == pytest.approx([0.625, 0.6])


def test_runs_with_the_llm_are_held_against_random_with_the_llm() -> None:
    runs = [SimulatedRun(strategy, llm, 1) for llm in (True, False) for strategy in ("mnlp", "random")]
    runs += [SimulatedRun(strategy, llm, 2) for llm in (True, False) for strategy in ("mnlp", "random")]
    flat = [history((100, f1), (300, f1)) for f1 in (0.9, 0.6, 0.5, 0.4)]
    curves = summarize(runs, [*flat, *flat], [full(0.9)], 1000, "dev")["curves"]
    assert list(curves) == ["mnlp-llm", "random-llm", "mnlp", "random"]
    assert curves["mnlp-llm"]["over_random"]["value"] == pytest.approx(0.3)
    assert curves["mnlp"]["over_random"]["value"] == pytest.approx(0.1)


def test_one_round_and_one_seed_are_said_to_be_too_few() -> None:
    runs = [SimulatedRun("random", False, 1)]
    summary = summarize(runs, [history((100, 0.9))], [full(0.8)], 1000, "dev")
    assert summary["curves"]["random"]["area"] is None
    lines = explain(summary)
    assert any(line.startswith("no areas: ") for line in lines)
    assert any("one seed" in line for line in lines)
    assert any("above full-data F1" in line for line in lines)


@pytest.mark.parametrize("with_llm", [False, True])
def test_the_table_has_room_for_every_strategy(
    with_llm: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    runs = [SimulatedRun(strategy, with_llm, seed) for seed in (1, 2) for strategy in STRATEGIES]
    histories = [HISTORIES[run.seed - 1] for run in runs]
    summary = summarize(runs, histories, [full(0.78), full(0.82)], 1000, "dev")
    show_simulation(summary)
    lines = capsys.readouterr().out.splitlines()
    assert max(cell_len(line) for line in lines) <= 80
    said = "\n".join(lines)
    assert "…" not in said
    for curve in summary["curves"].values():
        assert curve["strategy"] in said
    assert "+0.0000 ±0.0000" in said


def test_the_summary_is_json_and_every_count_has_a_chart(tmp_path: Path) -> None:
    summary = made()
    assert json.loads(json.dumps(summary, allow_nan=False))["curves"].keys() == summary["curves"].keys()
    charts = simulation_charts(json.loads(json.dumps(summary)))
    assert [chart.name for chart in charts] == [
        f"simulated_{count}" for count in ("words", "sentences", "entities", "dollars")
    ]
    for chart in charts:
        assert "mnlp" in chart.svg
        assert "all labels" in chart.svg
        chart.write(tmp_path)
        assert (tmp_path / f"{chart.name}.png").stat().st_size > 5000
