"""The report of runs that are made by hand: what is collected, what it says, and what never gets onto the page."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path

import pytest
from matplotlib.figure import Figure
from run_folder import (
    SCRIPT,
    TOKENS,
    compared,
    point,
    reply,
    round_row,
    simulation,
    whole_run,
    write_ledger,
    write_recipe,
    write_rounds,
    write_stages,
)

from nerc_trainer.active.second import SecondAnswer
from nerc_trainer.annotation.ledger import Ledger
from nerc_trainer.cli import main
from nerc_trainer.corpus.load import load_corpus
from nerc_trainer.errors import NercError
from nerc_trainer.files import write_json
from nerc_trainer.plots import SIZE, bar_style, chart_style, render_chart
from nerc_trainer.recipe.sections import DataSection
from nerc_trainer.report.about import public_values
from nerc_trainer.report.alone import ExpertCurve, alone, expert_curve
from nerc_trainer.report.cheap import cheap_part
from nerc_trainer.report.collect import RunData, collect_run
from nerc_trainer.report.corpus import corpus_part
from nerc_trainer.report.costs import costs_part
from nerc_trainer.report.curves import apart, labels_of, rounds_part
from nerc_trainer.report.models import front, gains, models_of
from nerc_trainer.report.page import write_report
from nerc_trainer.report.parts import Part, money
from nerc_trainer.report.selected import words_of
from nerc_trainer.report.simulation import simulation_part
from nerc_trainer.report.uncertainty import histograms, uncertainty_part

VOID = {"meta", "link", "img", "br", "input", "hr"}
PARTS = ["rounds", "costs", "simulation", "threshold", "compare", "labels", "prompts", "selected"]
PARTS += ["uncertainty", "cheap-test", "corpus", "timings", "about"]


class Page(HTMLParser):
    """Reads a page and holds it to account: every tag closed in turn, every id once, and nothing loaded."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.loaded: list[str] = []
        self.text = ""
        self.alts: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in VOID:
            self.open.append(tag)
        for name, value in attributes:
            assert not name.startswith("on"), (tag, name)
            if name == "id":
                self.ids.append(value or "")
            if name in ("src", "href", "action", "data", "srcset", "poster"):
                self.loaded.append(value or "")
            if name == "alt":
                self.alts.append(value or "")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunData:
    return collect_run(whole_run(tmp_path_factory.mktemp("runs") / "made"))


@pytest.fixture(scope="module")
def page(run: RunData) -> str:
    return write_report([run.folder]).read_text(encoding="utf-8")


def part(run: RunData, maker: object) -> Part:
    made = maker(run)  # type: ignore[operator]
    assert made is not None
    return made


# The page


def test_the_page_is_well_formed_and_loads_nothing(run: RunData, page: str) -> None:
    read = Page(page)
    assert [name for name in read.ids if name != "main"] == PARTS
    assert len(set(read.ids)) == len(read.ids)
    assert all(address.startswith(("#", "data:")) for address in read.loaded)
    assert {f"#{name}" for name in PARTS} | {"#main"} <= set(read.loaded)
    assert "script" not in read.tags
    assert read.tags.count("img") == len(read.alts) == len(list((run.folder / "report").glob("*.svg")))
    assert all(len(alt) > 20 for alt in read.alts)
    assert read.tags.count("details") >= read.tags.count("img")  # the numbers of every chart
    assert len(page.encode()) < 3_000_000


def test_charts_lie_beside_the_page_as_png_and_svg(run: RunData, page: str) -> None:
    files = {path.name for path in (run.folder / "report").iterdir()}
    stems = {name.rpartition(".")[0] for name in files if name.endswith(".svg")}
    assert {
        "learning_curve",
        "f1_by_type",
        "pareto",
        "threshold",
        "simulated_words",
        "prompts_by_models",
        "uncertainty",
        "seconds",
    } <= stems
    assert files == {"index.html"} | {f"{stem}{suffix}" for stem in stems for suffix in (".png", ".svg")}


def test_words_of_the_corpus_can_run_nothing(page: str) -> None:
    assert SCRIPT not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert SCRIPT in Page(page).text  # but they are shown as they are
    assert "<img src=x" not in page.replace("&#39;", "'")


def test_folders_addresses_and_keys_stay_off_the_page(
    tmp_path: Path, page: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for private in ("alice", "/home", "10.1.2.3", str(tmp_path)):
        assert private not in page
    monkeypatch.setenv("OPENAI_API_KEY", "very-private-key")
    write_recipe(tmp_path, report={"source": "very-private-key and hf_" + "a" * 34})
    write_rounds(tmp_path)
    text = write_report([tmp_path]).read_text(encoding="utf-8")
    assert "very-private-key" not in text
    assert "hf_aaa" not in text
    assert "***" in text


def test_public_values() -> None:
    said = {"dir": "/home/alice/runs/x", "list": ["~/a/b.txt", "inline_1"], "base_url": "http://h/v1", "n": 1}
    assert public_values(said) == {"dir": "x", "list": ["b.txt", "inline_1"], "base_url": "(not shown)", "n": 1}
    assert public_values({"a": "../alice/c.txt", "b": "C:\\Users\\alice\\d"}) == {"a": "c.txt", "b": "d"}
    assert public_values("owner/name") == "owner/name"


def test_a_run_of_rounds_alone_has_a_page_without_the_other_parts(tmp_path: Path) -> None:
    write_rounds(tmp_path)
    text = write_report([tmp_path]).read_text(encoding="utf-8")
    read = Page(text)
    assert [name for name in read.ids if name != "main"] == ["rounds", "costs", "selected", "uncertainty", "timings"]
    assert "the run has no recipe that names its corpus" in read.text
    stale = tmp_path / "report" / "old.svg"
    stale.write_text("<svg/>")
    write_report([tmp_path])
    assert not stale.exists()


def test_rounds_that_scored_a_part_of_the_pool_say_so(tmp_path: Path) -> None:
    write_rounds(tmp_path)
    assert "scored a part" not in uncertainty_part(collect_run(tmp_path)).text[0]
    for number, scoring in ((1, {"scored": 20, "found": None}), (2, {"scored": 90, "found": 0.75})):
        path = tmp_path / "rounds" / f"round-0{number}" / "selection.json"
        write_json(path, {**json.loads(path.read_text()), "scoring": scoring})
    said = uncertainty_part(collect_run(tmp_path)).text[0]
    assert "scored a part of it, 110 sentences in all" in said
    assert said.endswith("a part would have found 75% in round 2.")


def test_a_run_with_only_a_sweep_has_a_page_too(tmp_path: Path, run: RunData) -> None:
    write_json(tmp_path / "sweep" / "leaderboard.json", run.sweep)
    assert [name for name in Page(write_report([tmp_path]).read_text()).ids if name != "main"] == ["prompts"]


def test_a_run_without_a_chart_has_a_page_too(tmp_path: Path, run: RunData) -> None:
    """What `annotate` leaves, before anything is trained."""
    write_recipe(tmp_path)
    write_json(tmp_path / "annotation" / "annotation.json", run.annotation)
    assert "labels" in Page(write_report([tmp_path]).read_text(encoding="utf-8")).ids


def test_the_selected_sentences_stand_as_llm_and_expert_saw_them(page: str) -> None:
    text = " ".join(Page(page).text.split())
    assert "sentence a, uncertainty 0.700 LLM ≠" in text
    assert "LLM In Rome LOC &amp; expert In Rome LOC &amp;" in text  # they agree


def test_the_selected_sentences_of_people_stand_in_a_corpus_without_labels(tmp_path: Path) -> None:
    train = [{"id": name, "tokens": words} for name, words in TOKENS.items()]
    dev = [{"tokens": ["Bo", "met", "Rome"], "ner_tags": ["B-PER", "O", "B-LOC"]}]
    for split, rows in (("train", train), ("dev", dev)):
        (tmp_path / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    data = {split: str(tmp_path / f"{split}.jsonl") for split in ("train", "dev")}
    write_recipe(tmp_path, data=data, active={"oracle": "files"}, annotation={})
    write_rounds(tmp_path)
    corpus = load_corpus(DataSection(**data), unlabelled_train=True)
    write_json(tmp_path / "state.json", {"corpus": corpus.fingerprints})
    text = " ".join(Page(write_report([tmp_path]).read_text(encoding="utf-8")).text.split())
    assert "expert In Rome LOC &amp;" in text
    assert "are not shown" not in text


@pytest.mark.parametrize("strategy", ["random", "longest"])
def test_what_no_tagger_has_scored_has_no_uncertainty(tmp_path: Path, strategy: str) -> None:
    write_recipe(tmp_path)
    write_rounds(tmp_path, strategy=strategy)
    write_stages(tmp_path)
    assert uncertainty_part(collect_run(tmp_path)) is None
    text = " ".join(Page(write_report([tmp_path]).read_text(encoding="utf-8")).text.split())
    assert "sentence a LLM ≠" in text
    assert "ncertain" not in text.partition("What was selected")[2].partition("The recipe, with")[0]


@pytest.mark.parametrize("strategy", ["entropy", "random"])
def test_the_ranks_of_a_doubt_about_the_llm_are_priorities(tmp_path: Path, strategy: str) -> None:
    write_recipe(tmp_path, active={"strategy": strategy, "llm_doubt": 1.0})
    write_rounds(tmp_path, strategy=strategy)
    write_stages(tmp_path)
    made = part(collect_run(tmp_path), uncertainty_part)
    assert (made.title, made.plots[0].numbers.caption) == (
        "How much the sentences were wanted",
        "Selected sentences by their priority",
    )
    assert "mean of the pool" not in made.plots[0].numbers.columns
    assert "The mean over" not in made.text[0]
    assert "priority of the selected sentences" in made.plots[0].chart.svg
    text = " ".join(Page(write_report([tmp_path]).read_text(encoding="utf-8")).text.split())
    assert "sentence a, priority 0.700" in text


def test_words_of_a_sentence() -> None:
    said = words_of(["a", "b", "c", "d"], ["B-X", "I-X", "O", "B-Y"])
    assert [(word.text, word.type) for word in said] == [("a b", "X"), ("c", None), ("d", "Y")]
    assert [(word.text, word.type) for word in words_of(["a"], ["O"])] == [("a", None)]


def test_what_a_simulation_has_found(run: RunData) -> None:
    made = part(run, simulation_part)
    assert "no expert was paid" in made.text[0]
    assert [list(row) for row in made.tables[0].rows] == [
        ["mnlp", "0.600 ± 0.010", "+0.0123 (-0.0100 to +0.0346)", "15.0%", "–", "–"],
        ["random", "0.600 ± 0.010", "–", "–", "–", "–"],
    ]
    assert list(made.plots[0].numbers.rows[1]) == ["mnlp", "1", "177", "10", "20", "1.00", "0.830 ± 0.010"]


def test_the_dollars_of_a_simulation_hold_the_llm_s(tmp_path: Path, run: RunData) -> None:
    assert "LLM's labels hold" not in part(run, simulation_part).text[0]
    write_json(tmp_path / "simulate" / "simulate.json", {**simulation(), "label_dollars": 3.0})
    said = part(collect_run(tmp_path), simulation_part).text[0]
    assert said.endswith("The dollars of runs with the LLM's labels hold the $3.00 that these cost.")


def test_published_figures_stand_beside_those_of_compare(page: str) -> None:
    text = " ".join(Page(page).text.split())
    assert "Beside published figures (a study)" in text
    assert "llm-pure 0.500 ± 0.020 0.47493 0.900 0.85185 0.900 0.53443" in text
    assert "expert-12 0.600 ± 0.020 – 0.900 – 0.900 –" in text


def test_a_second_run_joins_the_learning_curve(tmp_path: Path, run: RunData) -> None:
    write_recipe(tmp_path, active={"strategy": "random"})
    rows = [round_row(number, 0.5, strategy="random", llm_sentences=0, test=None) for number in range(2)]
    (tmp_path / "history.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    baseline = collect_run(tmp_path)
    assert labels_of([run, baseline]) == ["entropy, with the LLM, on test", "random, on dev"]
    assert labels_of([baseline, baseline])[0].startswith(f"{tmp_path.name}: random")
    text = " ".join(Page(write_report([run.folder, tmp_path]).read_text()).text.split())
    assert "random, on dev 1 20 200 0.500" in text


def test_a_run_of_one_round_chooses_as_its_recipe_says(tmp_path: Path) -> None:
    """Its only line says random, as that of every first round."""
    write_recipe(tmp_path, active={"strategy": "mnlp"})
    write_rounds(tmp_path, rounds=1)
    run = collect_run(tmp_path)
    assert labels_of([run]) == ["mnlp, with the LLM, on test"]
    assert part(run, lambda one: rounds_part([one])).text[0] == (
        "1 round, whose sentences were drawn at random; later ones choose by the strategy mnlp."
    )


def test_names_at_the_ends_of_lines_stand_apart() -> None:
    assert apart([0.5, 0.9, 0.51], 0.05) == pytest.approx([0.5, 0.9, 0.55])
    assert apart([0.5, 0.5, 0.5], 0.1) == pytest.approx([0.5, 0.6, 0.7])
    assert apart([], 0.1) == []


def test_bars_of_a_run_are_told_apart_and_lightly_drawn() -> None:
    """Hatches of dots made the chart of the seconds half a megabyte: each dot is a circle of its own."""
    styles = [bar_style(number) for number in range(8)]
    assert len({(style["color"], style["hatch"]) for style in styles}) == 8
    with chart_style():
        figure = Figure(figsize=SIZE)
        axes = figure.subplots()
        for number, style in enumerate(styles):
            axes.bar([number], [1], **style)
        assert len(render_chart("bars", figure).svg) < 50_000


def test_histograms_hold_every_value_once() -> None:
    edges, counts = histograms([[0.1, 0.2, 0.9], [0.5]])
    assert counts.sum(1).tolist() == [3, 1]
    assert (edges[0], edges[-1]) == (0.1, 0.9)
    assert histograms([[0.4, 0.4]])[1].sum() == 2


# Money


def test_every_model_has_its_money(run: RunData) -> None:
    models = {model.name: model for model in models_of(run)}
    assert list(models) == ["model-primary", "llm-pure", "expert-12", "init-12", "round 0", "round 1", "round 2"]
    assert {model.split for model in models.values()} == {"test"}
    assert (float(models["llm-pure"].llm), float(models["llm-pure"].expert)) == (3.0, 0.0)
    assert (float(models["expert-12"].llm), float(models["expert-12"].expert)) == (0.0, pytest.approx(1.2))
    assert float(models["init-12"].dollars) == pytest.approx(4.2)
    # A cent a second for the machine: ten a round, the hundred that a person took left out.
    assert float(models["round 1"].machine or 0) == pytest.approx(0.2)
    assert float(models["round 1"].dollars) == pytest.approx(3.0 + 2.0 + 0.2)
    best = {models_of(run)[position].name for position in front(models_of(run))}
    assert best == {"expert-12", "init-12", "round 2", "model-primary"}
    gain = dict(zip(models, gains(models_of(run)), strict=True))
    assert gain["expert-12"] is None  # the cheapest
    assert gain["init-12"] == pytest.approx(10 / 3.0)  # ten points for three dollars more


def test_a_ledger_that_others_may_share_is_counted_whole_and_said_to_be(tmp_path: Path) -> None:
    write_ledger(tmp_path)
    for name in ("one", "other"):
        annotation = {"endpoints": [{"base_url": "http://10.1.2.3/v1"}], "ledger": str(tmp_path / "ledger.sqlite")}
        write_recipe(tmp_path / name, annotation=annotation)
        write_rounds(tmp_path / name)
        run = collect_run(tmp_path / name)
        assert float(run.account.llm) == 3.0
        said = " ".join(part(run, costs_part).text)
        assert "The ledger ledger.sqlite lies outside of the run's folder: all replies in it are counted" in said
        assert str(tmp_path) not in said


@pytest.mark.parametrize("ledger", [None, "replies.sqlite"])
def test_a_ledger_in_the_run_s_folder_is_its_own(tmp_path: Path, ledger: str | None) -> None:
    path = tmp_path / (ledger or "ledger.sqlite")
    endpoints = [{"base_url": "http://10.1.2.3/v1"}]
    write_recipe(tmp_path, annotation={"endpoints": endpoints, **({"ledger": str(path)} if ledger else {})})
    write_rounds(tmp_path)
    write_ledger(tmp_path)
    (tmp_path / "ledger.sqlite").rename(path)
    run = collect_run(tmp_path)
    assert float(run.account.llm) == 3.0
    assert "lies outside" not in " ".join(part(run, costs_part).text)


def test_only_rounds_pay_for_a_second_llm(tmp_path: Path) -> None:
    whole_run(tmp_path)
    rows = [round_row(number, 0.6 + 0.1 * number, llm_dollars=paid) for number, paid in enumerate((0.0, 0.6, 1.2))]
    (tmp_path / "history.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    run = collect_run(tmp_path)
    llm = {model.name: float(model.llm) for model in models_of(run)}
    # Of the three dollars in the ledger 1.80 are for the second LLM.
    assert [llm[name] for name in ("model-primary", "llm-pure", "init-12")] == pytest.approx([0.0, 1.2, 1.2])
    assert [llm[f"round {number}"] for number in range(3)] == pytest.approx([1.2, 1.8, 3.0])
    made = part(run, costs_part)
    (table,) = [table for table in made.tables if table.caption.startswith("The same F1 with")]
    assert [row[2] for row in table.rows] == ["1.00", "2.00", "3.00"]  # a dollar is for the replies behind the labels
    assert any("a second LLM's in the rounds since it was asked" in line for line in made.text)
    labels = {model.name: float(model.label_dollars or 0) for model in models_of(run)}
    assert labels["llm-pure"] == pytest.approx(1.0)
    assert [labels[f"round {number}"] for number in range(3)] == pytest.approx([2.0, 3.6, 5.8])  # and the expert's


def test_no_earlier_model_pays_for_what_a_second_llm_says_now(tmp_path: Path) -> None:
    """The round under way has asked it already, and waits for the expert."""
    write_recipe(tmp_path)
    write_ledger(tmp_path)
    rows = [round_row(number, 0.6, llm_dollars=paid) for number, paid in enumerate((0.0, 0.5))]
    (tmp_path / "history.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    said = [SecondAnswer("a", ["O"], "ok", agrees=True, dollars=dollars).as_row() for dollars in (0.3, 0.4)]
    path = tmp_path / "rounds" / "round-02.partial" / "second.jsonl"
    path.parent.mkdir(parents=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in said))
    run = collect_run(tmp_path)
    assert float(run.account.llm) == pytest.approx(3.0)
    assert [float(model.llm) for model in models_of(run)] == pytest.approx([1.8, 2.3])


def test_models_that_train_made_are_counted_once(tmp_path: Path, run: RunData) -> None:
    record = {
        "labels": "mixed",
        "dev": {"f1": 0.8},
        "test": None,
        "expert_sentences": 5,
        "expert_words": 50,
        "data": {"train": {"sha256": "ab" * 32}},
        "versions": {"python": "3"},
    }
    write_recipe(tmp_path)
    write_json(tmp_path / "models" / "init-5" / "round.json", record)
    (model,) = models_of(collect_run(tmp_path))
    assert (model.name, model.f1, model.split, float(model.expert)) == ("init-5", 0.8, "dev", pytest.approx(0.5))
    write_json(run.folder / "models" / "init-12" / "round.json", {**record, "test": {"f1": 0.1}})
    assert [one.name for one in models_of(collect_run(run.folder))].count("init-12") == 1


def test_what_experts_alone_would_have_cost() -> None:
    curve = ExpertCurve([1.0, 2.0, 4.0], [[0.4, 0.2], [0.6, 0.4], [0.6, 0.8]], "threshold", is_coarse=False)
    found = alone(curve, 0.5)
    assert found.dollars == pytest.approx(2.0)  # the mean curve is 0.3 0.5 0.7
    assert not found.at_most
    # t(1) = 12.7062 and both folds lie 0.1 from their mean, so the upper bound is at 1.57062 after a dollar.
    assert (found.low, found.high) == (pytest.approx(0.5 / 1.57062, rel=1e-5), None)
    beyond = alone(curve, 0.7)
    assert (beyond.dollars, beyond.low, beyond.high) == (pytest.approx(4.0), pytest.approx(0.7 / 1.57062), None)
    assert alone(curve, 0.9).dollars is None
    before = alone(curve, 0.15)
    assert (before.dollars, before.at_most) == (pytest.approx(0.5), True)  # half of the way to the first point
    falling = ExpertCurve([1.0, 2.0, 3.0], [[0.4], [0.2], [0.6]], "threshold", is_coarse=False)
    assert alone(falling, 0.5).dollars == pytest.approx(2.5)


def test_the_interval_of_what_experts_alone_would_have_cost_is_student_s() -> None:
    f1 = [[0.40, 0.42, 0.44], [0.60, 0.62, 0.64]]
    found = alone(ExpertCurve([1.0, 2.0], f1, "threshold", is_coarse=False), 0.52)
    assert found.dollars == pytest.approx(1.5)
    # t(2) = 4.30265 times 0.02 / sqrt(3) are 0.0496828, and 0.2 is what a dollar brings.
    assert (found.low, found.high) == (pytest.approx(1.5 - 0.0496828 / 0.2), pytest.approx(1.5 + 0.0496828 / 0.2))
    # In pairs the folds agree: each is 0.1 below at one dollar, and 0.1 above at two.
    paired = alone(ExpertCurve([1.0, 2.0], f1, "threshold", is_coarse=False), [0.50, 0.52, 0.54])
    assert (paired.low, paired.dollars, paired.high) == pytest.approx((1.5, 1.5, 1.5))
    single = alone(ExpertCurve([1.0, 2.0], [[0.4], [0.6]], "simulate", is_coarse=False), 0.5)
    assert (single.dollars, single.has_interval, single.low, single.high) == (pytest.approx(1.5), False, None, None)


@pytest.mark.parametrize(
    ("seeds", "strategy", "arm", "dollars", "interval"),
    [
        # From 0.5 at 100 words to 0.83 at 177; t(1) times the error of two seeds is 0.127.
        (2, "entropy", "entropy", "1.23", "The 95 % interval, 0.96 to 1.53, is over 2 seeds of the curve"),
        (1, "mnlp", "random", "1.39", "There is no interval, since the curve has 1 seed:"),
    ],
)
def test_a_simulation_without_the_llm_says_what_experts_alone_would_have_cost(
    tmp_path: Path, seeds: int, strategy: str, arm: str, dollars: str, interval: str
) -> None:
    """A run of `annotate` and `active`; the curve is that of its strategy, or else of random choice."""
    write_recipe(tmp_path)
    rows = [round_row(number, f1, test=None) for number, f1 in enumerate((0.5, 0.6))]
    (tmp_path / "history.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert expert_curve(collect_run(tmp_path)) is None
    write_json(tmp_path / "simulate" / "simulate.json", simulation(seeds, strategy))
    run = collect_run(tmp_path)
    said = " ".join(part(run, costs_part).text)
    assert (
        f"would have cost ${dollars}: read off the simulated curve of {arm} without the LLM's labels. {interval}"
        in said
    )


def test_simulated_runs_with_the_llm_are_no_curve_of_experts(tmp_path: Path) -> None:
    write_recipe(tmp_path)
    write_rounds(tmp_path)
    found = simulation()
    for curve in found["curves"].values():
        curve["with_llm"] = True
    write_json(tmp_path / "simulate" / "simulate.json", found)
    assert expert_curve(collect_run(tmp_path)) is None


def test_the_curve_of_experts_is_that_of_threshold_or_else_coarse(tmp_path: Path, run: RunData) -> None:
    curve = expert_curve(run)
    assert curve is not None
    assert (curve.source, list(curve.dollars)) == ("threshold", [pytest.approx(1.0), pytest.approx(2.0)])
    write_recipe(tmp_path)
    rows = {"model-primary": compared(0.9, 100, 0, words=1000), "llm-pure": compared(0.5, 0, 100)}
    write_json(tmp_path / "compare" / "comparison.json", {"dev": {"rows": rows, "differences": []}})
    write_json(tmp_path / "annotation" / "annotation.json", run.annotation)
    coarse = expert_curve(collect_run(tmp_path))
    assert coarse is not None
    assert coarse.is_coarse
    assert list(coarse.dollars) == [pytest.approx(10.0)]
    text = " ".join(part(collect_run(tmp_path), costs_part).text)
    # A straight line from nothing to 0.9 at ten dollars.
    assert "for the expert. The same F1 from experts alone would have cost at most $5.56" in text
    assert "That is a bound and no estimate" in text
    assert "95 % interval" not in text


def test_the_page_says_what_experts_alone_would_have_cost(run: RunData) -> None:
    made = part(run, costs_part)
    assert any("would have cost more than $2.00, where the curve of expert labels ends" in line for line in made.text)
    (table,) = [table for table in made.tables if table.caption.startswith("The same F1 with")]
    # With the LLM alone F1 0.5; without, 1.5 dollars: in each fold 0.1 less at one dollar, and 0.1 more at two.
    assert table.rows[0] == ["0%", "0.500", "1.00", "1.50 (1.50 to 1.50)"]
    assert table.caption.endswith("on the same 2 folds (95 % in brackets)")


def test_labels_alone_stand_on_both_sides_whoever_paid_and_however_dear_the_machine(tmp_path: Path) -> None:
    """The replies behind the labels are another ledger's, and the machine works for a dollar a second."""
    write_recipe(tmp_path, costs={"expert_wage": 36.0, "expert_seconds_per_word": 1.0, "gpu_dollars_per_hour": 3600.0})
    write_rounds(tmp_path)
    write_stages(tmp_path)
    path = tmp_path / "annotation" / "annotation.json"
    found = json.loads(path.read_text())
    found["replies"]["dollars"] = 50.0
    write_json(path, found)
    made = part(collect_run(tmp_path), costs_part)
    (models,) = [table for table in made.tables if table.caption.startswith("Models by money")]
    rows = {row[0].removesuffix(" *"): dict(zip(models.columns, row, strict=True)) for row in models.rows}
    # The ledger holds nothing; three rounds of ten seconds.
    names = ("LLM $", "expert $", "machine $", "all $", "its labels $")
    assert [rows["round 2"][name] for name in names] == ["0.00", "3.00", "30.00", "33.00", "53.00"]
    assert rows["expert-12"]["its labels $"] == "1.20"
    assert rows["llm-pure"]["its labels $"] == "50.00"
    text = " ".join(made.text)
    assert (
        "F1 0.750 (round 2) took labels of $53.00: $50.00 for the replies behind the LLM's labels, whoever paid "
        "for them, and $3.00 for the expert. The same F1 from experts alone"
    ) in text
    assert "The replies behind the LLM's labels cost $50.00. Others paid for some of them" in text
    (table,) = [table for table in made.tables if table.caption.startswith("The same F1 with")]
    assert [row[2] for row in table.rows] == ["50.00", "51.00", "52.00"]


def test_nobody_else_has_paid_for_what_the_ledger_holds_to_the_picodollar(tmp_path: Path) -> None:
    """0.1 in binary is a little more than a tenth."""
    write_rounds(tmp_path)
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        ledger.put(reply(1, price=10**11))
    write_json(tmp_path / "annotation" / "annotation.json", {"model": "small", "replies": {"calls": 1, "dollars": 0.1}})
    assert "Others paid" not in " ".join(part(collect_run(tmp_path), costs_part).text)


def test_a_file_beside_labels_from_elsewhere_is_not_annotate_s(tmp_path: Path) -> None:
    write_rounds(tmp_path / "run")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "labels.jsonl").write_text('{"tokens": ["a"], "llm_tags": ["O"]}\n')
    (tmp_path / "data" / "annotation.json").write_text('{"images": []}')
    write_recipe(tmp_path / "run", annotation={"labels": str(tmp_path / "data" / "labels.jsonl")})
    assert collect_run(tmp_path / "run").replies_dollars is None
    write_json(tmp_path / "run" / "annotation" / "annotation.json", {"images": []})
    (tmp_path / "run" / "annotation" / "labels.jsonl").write_text("")
    write_recipe(tmp_path / "run")
    with pytest.raises(NercError, match=r"annotation\.json: damaged \('replies'\)"):
        collect_run(tmp_path / "run")


def test_labels_that_were_made_elsewhere_have_no_price(tmp_path: Path) -> None:
    write_recipe(tmp_path, annotation={"labels": str(tmp_path / "given.jsonl")})
    write_rounds(tmp_path)
    write_stages(tmp_path)
    made = part(collect_run(tmp_path), costs_part)
    assert "took labels of $3.00 from the expert, and of an LLM whose price is not known." in " ".join(made.text)
    (table,) = [table for table in made.tables if table.caption.startswith("The same F1 with")]
    assert table.columns[2] == "with the LLM, its price unknown, $"
    # Those of another run of annotate have theirs beside them.
    write_recipe(tmp_path, annotation={"labels": str(tmp_path / "annotation" / "labels.jsonl")})
    assert collect_run(tmp_path).replies_dollars == 1.0


@pytest.mark.parametrize(
    ("dollars", "price"), [(0.4, "all of them for $0.40."), (None, "at a price that is not known.")]
)
def test_a_cheap_test_says_what_its_llm_cost(tmp_path: Path, dollars: float | None, price: str) -> None:
    write_stages(tmp_path)
    path = tmp_path / "cheap-test" / "cheap_test.json"
    write_json(path, {**json.loads(path.read_text()), "llm_dollars": dollars})
    said = part(collect_run(tmp_path), cheap_part).text[0]
    assert "20 of 200 sentences of test for $1.50; the LLM, or another tagger, " in said
    assert price in said


def test_other_prices_are_counted_with_no_new_calls(run: RunData) -> None:
    (table,) = [table for table in part(run, costs_part).tables if "other prices" in table.caption]
    rows = {row[0]: row[1:] for row in table.rows}
    # LLM, all replies behind the labels, expert, machine, all.
    assert rows["as it was"] == ["3.00", "1.00", "3.00", "0.30", "6.30"]
    assert rows["senior"] == ["3.00", "1.00", "6.00", "0.30", "9.30"]
    assert rows["dear LLM"] == ["6.00", "200.00", "3.00", "0.30", "9.30"]


def test_replies_of_batches_stay_at_half_price_at_other_prices(tmp_path: Path) -> None:
    path = whole_run(tmp_path / "made") / "annotation" / "annotation.json"
    found = json.loads(path.read_text())
    found["replies"]["tokens"] = {"live": [0, 0, 0], "batch": [10**6, 0, 10**5]}
    write_json(path, found)
    made = part(collect_run(path.parents[1]), costs_part)
    (table,) = [table for table in made.tables if "other prices" in table.caption]
    assert {row[0]: row[2] for row in table.rows}["dear LLM"] == "100.00"


def test_the_account_says_what_broken_calls_may_have_cost(run: RunData) -> None:
    made = part(run, costs_part)
    assert any("may have cost up to $0.05 more" in line for line in made.text)
    assert ("$6.30", "all in all") in made.facts
    assert any("How long model-primary, llm-pure, expert-12, init-12 took" in line for line in made.text)


def test_the_machine_that_trained_for_compare_is_counted_by_its_seconds(tmp_path: Path) -> None:
    whole_run(tmp_path)
    for seed, seconds in ((1, 100.0), (2, 300.0)):
        write_json(tmp_path / "cells" / f"compare-init-12-seed-{seed}.json", {"seconds": seconds})
    (model,) = [model for model in models_of(collect_run(tmp_path)) if model.name == "init-12"]
    assert float(model.machine or 0) == pytest.approx(2.0)  # 200 seconds on average


def test_trainings_beside_the_rounds_are_in_the_account_of_the_machine(tmp_path: Path) -> None:
    whole_run(tmp_path)
    for path, seconds in (("cells/a", 100.0), ("cells/b", 50.0), ("simulate/cells/full-seed-1", 1000.0)):
        write_json(tmp_path / f"{path}.json", {"seconds": seconds, **({"workers": 2} if path == "cells/b" else {})})
    run = collect_run(tmp_path)
    # A cent a second: thirty of the rounds, a hundred, and half of fifty. What is simulated is no cost of the run.
    assert float(run.account.machine or 0) == pytest.approx(0.3 + 1.0 + 0.25)
    made = part(run, costs_part)
    account, prices = (
        {row[0]: row for row in table.rows}
        for table in made.tables
        if "account" in table.caption or "other prices" in table.caption
    )
    assert account["machine"][1:] == ["the rounds and 2 trainings, at $36 an hour", "1.55"]
    assert (prices["as it was"][4], prices["senior"][4]) == ("1.55", "1.55")


@pytest.mark.parametrize(("value", "shown"), [(0, "0.00"), (0.001234, "0.0012"), (1234.5, "1,234.50"), (None, "–")])
def test_money(value: float | None, shown: str) -> None:
    assert money(value) == shown


# What the user can mend


def main_status(*arguments: str) -> object:
    with pytest.raises(SystemExit) as exit_:
        main(list(arguments))
    return exit_.value.code


def failed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main_status("report", *arguments) == 1
    return capsys.readouterr().err


def test_a_folder_that_is_no_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert f"error: {tmp_path}: not a run's folder" in failed(capsys, str(tmp_path))
    assert "no such folder" in failed(capsys, str(tmp_path / "nowhere"))


def test_a_run_that_has_not_begun(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "state.json").write_text("{}")
    write_json(tmp_path / "sweep" / "leaderboard.json", {})
    assert "not a run's folder" in failed(capsys, str(tmp_path))


def test_damaged_files_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_rounds(tmp_path)
    with (tmp_path / "history.jsonl").open("a") as lines:
        lines.write('{"round": 3,\n')
    assert "history.jsonl, line 4: damaged" in failed(capsys, str(tmp_path))
    write_rounds(tmp_path)
    (tmp_path / "recipe.resolved.yaml").write_text("run: {}\n")
    assert "recipe.resolved.yaml: not a recipe that this version reads" in failed(capsys, str(tmp_path))


def test_only_prices_and_the_page_may_be_said_otherwise(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_recipe(tmp_path)
    write_rounds(tmp_path)
    assert "other prices go into costs.what_if" in failed(capsys, str(tmp_path), "costs.expert_wage=1")
    said = failed(capsys, str(tmp_path), "report.sentences=many", "costs.what_if.x.prices.small.input=3")
    assert "error: command line: costs.what_if.x.prices.small.output: missing (dollars for a million" in said
    assert "command line: report.sentences = many: should be a valid integer" in said
    assert "report.sentencs = 5: unknown key; did you mean report.sentences?" in " ".join(
        failed(capsys, str(tmp_path), "report.sentencs=5").split()
    )
    assert "no such folder" in failed(capsys, "x" * 300)
    assert "report.sentences = xxx" in failed(capsys, str(tmp_path), "report.sentences=" + "x" * 300)
    said = failed(capsys, str(tmp_path), "costs.what_if.senior.expert_wag=90")
    wrong = "command line: costs.what_if.senior.expert_wag = 90"
    assert f"{wrong}: unknown key; did you mean costs.what_if.senior.expert_wage?" in " ".join(said.split())
    words = ["costs.what_if.senior.expert_wage=72", "costs.gpu_dollars_per_hour=36"]
    run = collect_run(tmp_path, words)
    assert run.costs.what_if["senior"].expert_wage == 72
    assert float(run.account.machine or 0) == pytest.approx(0.3)


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ("hub.token", "HF_TOKEN"),
        ("report.token", "remove it"),
        ("report.source", "remove it"),
        ("costs.what_if.a.api_key", "secret"),
        ("report.sentences.x", "sentences"),
        ("run.name", "a finished run is only told"),
    ],
)
def test_a_secret_on_the_command_line_is_not_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], key: str, reason: str
) -> None:
    write_recipe(tmp_path)
    write_rounds(tmp_path)
    secret = "hf_" + "a1B2" * 8 if key == "report.source" else "s3cr3t-value"
    said = failed(capsys, str(tmp_path), f"{key}={secret}")
    assert f"command line: {key}" in said
    assert reason in said
    assert secret not in said


def test_a_price_in_the_recipe_that_counts_for_nothing_is_said_to(tmp_path: Path) -> None:
    """A recipe may be the base of runs with other models, so it takes no page away."""
    what_if = {"dear": {"prices": {"other": {"input": 1.0, "output": 2.0}}}}
    write_recipe(tmp_path, costs={"what_if": what_if})
    write_rounds(tmp_path)
    write_ledger(tmp_path)
    page = Page(write_report([tmp_path]).read_text(encoding="utf-8"))
    said = "The price of other in costs.what_if.dear counts for nothing: the run has not asked this model; it has asked"
    assert said in " ".join(page.text.split())


def test_prices_of_a_model_that_was_not_asked_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_recipe(tmp_path, sweep={"models": ["large"]})
    write_rounds(tmp_path)
    write_ledger(tmp_path)
    said = failed(capsys, str(tmp_path), "costs.what_if.x.prices={smal: {input: 1, output: 2}}")
    assert "costs.what_if.x.prices: smal: the run has not asked this model; it has asked small" in " ".join(
        said.split()
    )
    for model in ("small", "large"):
        run = collect_run(tmp_path, [f"costs.what_if.x.prices={{{model}: {{input: 1, output: 2}}}}"])
        assert costs_part(run) is not None


def test_the_dots_of_a_model_s_name_nest_nothing(tmp_path: Path) -> None:
    words = ["costs.what_if.x.prices.gpt-4.1.input=3", "costs.what_if.x.prices.gpt-4.1.output=4"]
    whole = ["costs.what_if.y.prices.gpt-4.1={input: 5, output: 6}"]
    write_recipe(tmp_path)
    write_rounds(tmp_path)
    what_if = collect_run(tmp_path, [*words, *whole]).costs.what_if
    assert what_if["x"].prices["gpt-4.1"].model_dump() == {"input": 3.0, "cached_input": None, "output": 4.0}
    assert what_if["y"].prices["gpt-4.1"].output == 6.0
    assert costs_part(collect_run(tmp_path, whole)) is not None  # nobody was asked yet, so any price will do


def test_a_page_that_is_too_large_says_why(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = whole_run(tmp_path / "run")
    write_report([folder])
    page = (folder / "report" / "index.html").read_bytes()
    chart = folder / "analysis" / "ner_tags.svg"
    drawn = chart.read_text()
    chart.write_text(drawn.replace("/>", f"><desc>{'x' * 3_000_000}</desc></svg>"))
    said = " ".join(failed(capsys, str(folder), "report.sentences=0").split())
    assert "the page would have 3," in said
    assert "more than 3,000,000; 3," in said
    assert said.endswith("are those of 'What is in the corpus'")
    assert (folder / "report" / "index.html").read_bytes() == page  # the one that is there stays

    chart.write_text(drawn)
    rows = [json.loads(line) for line in (folder / "annotation" / "labels.jsonl").read_text().splitlines()]
    for row in rows:
        row["tokens"][0] = "x" * 300_000
    (folder / "annotation" / "labels.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    said = " ".join(failed(capsys, str(folder)).split())
    assert "are those of 'What was selected': lower report.sentences" in said
    assert main_status("report", str(folder), "report.sentences=1") == 0
    assert (folder / "report" / "index.html").stat().st_size < 3_000_000


def test_of_what_nobody_has_labelled_nothing_is_said(tmp_path: Path) -> None:
    write_rounds(tmp_path)
    write_stages(tmp_path)
    path = tmp_path / "analysis" / "analysis.json"
    found = json.loads(path.read_text())
    dev = found["splits"]["dev"]
    nothing = {"count": 0, "share": 0.0}
    train = {**dev, "unlabelled": 100, "entities": 0, "tags": {}, "entity_types": {}}
    train |= {"sentences_without_entities": nothing, "unseen_entities": None}
    found["splits"] = {"train": train, "dev": {**dev, "unlabelled": 40, "unseen_entities": None}}
    write_json(path, found)
    part = corpus_part(collect_run(tmp_path))
    assert part is not None
    (table,) = part.tables
    assert table.columns[:4] == ["split", "sentences", "without labels", "tokens"]
    assert table.rows[0] == ["train", "100", "100", "1,000", "–", "–", "–"]
    assert table.rows[1] == ["dev", "100", "40", "1,000", "150", "20.0%", "–"]
    plots = {plot.chart.name: plot for plot in part.plots}
    for name in ("corpus_ner_tags", "corpus_entity_types"):
        assert " in dev, as" in plots[name].alt
        assert plots[name].numbers.columns == ["name", "dev"]
    assert " in train, dev, as" in plots["corpus_sentence_lengths"].alt


def test_a_ledger_that_is_something_else(tmp_path: Path) -> None:
    write_rounds(tmp_path)
    (tmp_path / "ledger.sqlite").write_text("no database" * 100)
    with pytest.raises(NercError, match=r"ledger\.sqlite: file is not a database"):
        collect_run(tmp_path)
    write_ledger(tmp_path / "other")
    assert point(0.1, 1, 0.5)["expert_words"] == 10
