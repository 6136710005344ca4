"""`nerc-trainer cheap-test` on a small tagger: a simulated expert, a real one with a file, two taggers, bad input."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from transformers import BertForTokenClassification, PreTrainedTokenizerFast

from nerc_trainer.cli import main
from nerc_trainer.corpus.labels import LabelSet, tags_to_spans
from nerc_trainer.prediction.tagger import load_tagger, tag_all

SYLLABLES = ("ar", "be", "ing", "on", "the", "un", "tree", "house")
SENTENCES = 150

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def folder(
    tmp_path: Path, tagger: BertForTokenClassification, wordpiece: PreTrainedTokenizerFast, labels: LabelSet
) -> Path:
    """A tagger, a test set whose truth differs from what it says now and then, and an LLM's labels of it."""
    tagger.config.id2label = dict(enumerate(labels.tags))
    tagger.config.label2id = labels.tag_ids
    for name in ("model", "other"):
        tagger.save_pretrained(tmp_path / name)
        wordpiece.save_pretrained(tmp_path / name)
        tagger.classifier.bias.data[0] += 2.0  # the second tagger finds fewer entities
    generator = np.random.default_rng(0)
    tokens = [
        ["".join(generator.choice(SYLLABLES, 2)) for _ in range(generator.integers(3, 9))] for _ in range(SENTENCES)
    ]
    said = [one.tags for one in tag_all(load_tagger(str(tmp_path / "model")), tokens)]

    def spoil(tags: list[str], rate: float) -> list[str]:
        kept = [tag if generator.random() > rate else str(generator.choice(["O", "B-PER", "B-LOC"])) for tag in tags]
        return [tag if tag[0] != "I" or (at and kept[at - 1][2:] == tag[2:]) else "O" for at, tag in enumerate(kept)]

    truth = [spoil(tags, 0.2) for tags in said]
    llm = [spoil(tags, 0.05) for tags in truth]
    for name, count in (("test", SENTENCES), ("train", 5)):
        rows = zip(range(count), tokens, truth, strict=False)
        write_rows(
            tmp_path / f"{name}.jsonl",
            [{"id": f"s{number}", "tokens": words, "ner_tags": tags} for number, words, tags in rows],
        )
    write_rows(
        tmp_path / "llm.jsonl",
        [
            {"id": f"s{number}", "tokens": words, "llm_tags": tags}
            if number % 30
            else {"id": f"s{number}", "llm_status": "rejected: no JSON"}
            for number, (words, tags) in enumerate(zip(tokens, llm, strict=True))
        ],
    )
    (tmp_path / "my.yaml").write_text(
        "extends: tiny\nrun: {dir: run}\n"
        "data: {train: train.jsonl, dev: train.jsonl, test: test.jsonl}\n"
        "cheap_test: {model: model, labels: llm.jsonl, sentences: 60}\n"
    )
    return tmp_path


@pytest.fixture
def run(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the command in the folder: exit status, what it says, and its errors."""
    monkeypatch.chdir(folder)

    def run_command(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as exit_:
            main(["cheap-test", "my.yaml", *arguments])
        captured = capsys.readouterr()
        assert isinstance(exit_.value.code, int)
        return exit_.value.code, captured.out, captured.err

    return run_command


def write_rows(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def read_rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def figures_of(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "run/cheap-test/cheap_test.json").read_text())
    return found


def test_a_simulated_expert(run: Run, folder: Path) -> None:
    status, out, err = run()
    assert status == 0, err
    figures = figures_of(folder)
    assert (figures["sentences"], figures["labelled"], figures["proxy_sentences"]) == (150, 60, 145)
    assert 0.3 < figures["truth"]["f1"] < 0.95
    for name, row in figures["figures"].items():
        for side in ("alone", "with_proxy"):
            assert row[side]["low"] < row[side]["value"] < row[side]["high"], name
        assert f"{row['with_proxy']['value']:.3f} ({row['with_proxy']['low']:.3f} to" in out
    f1 = figures["figures"]["f1"]
    assert f1["weight"] > 0.3
    assert f1["with_proxy"]["high"] - f1["with_proxy"]["low"] < f1["alone"]["high"] - f1["alone"]["low"]
    assert f"60 expert labels are as good as {f1['as_good_as']:,.0f} alone" in out
    assert "5 sentences have no label of the LLM" in out
    assert max(len(line) for line in out.splitlines() if line[:1] in "┏┃┡│└") <= 80
    first = (folder / "run/cheap-test/cheap_test.json").read_bytes()
    run()
    assert (folder / "run/cheap-test/cheap_test.json").read_bytes() == first


def test_a_test_set_without_labels_names_the_file_for_the_expert(run: Run, folder: Path) -> None:
    rows = read_rows(folder / "test.jsonl")
    write_rows(folder / "test.jsonl", [{key: row[key] for key in ("id", "tokens")} for row in rows])
    status, _, err = run()
    assert status == 1
    assert "test.jsonl:1: no ner_tags or tags in the row; give one of them; or let an expert label" in err
    assert "cheap_test.answers=FILE" in err
    assert run("cheap_test.answers=answers.jsonl")[0] == 0


def test_the_truth_is_what_evaluate_says(run: Run, folder: Path) -> None:
    assert run("cheap_test.sentences=150")[0] == 0
    figures = figures_of(folder)
    with pytest.raises(SystemExit):
        main(["evaluate", "model", "test.jsonl", "--output", "evaluated.json"])
    evaluated = json.loads((folder / "evaluated.json").read_text())
    for name in ("f1", "precision", "recall"):
        assert figures["truth"][name] == pytest.approx(evaluated[name])
        row = figures["figures"][name]["with_proxy"]
        assert [row[key] for key in ("value", "low", "high")] == pytest.approx([evaluated[name]] * 3)


def test_useless_labels_are_said_to_be_useless(run: Run, folder: Path) -> None:
    rows = read_rows(folder / "llm.jsonl")
    write_rows(
        folder / "llm.jsonl",
        [{"id": row["id"], "llm_tags": ["O"] * len(row["tokens"])} for row in rows if "tokens" in row],
    )
    status, out, _ = run("cheap_test.choice=random")
    assert status == 0
    assert "the LLM's labels say next to nothing about this tagger's mistakes" in out
    f1 = figures_of(folder)["figures"]["f1"]
    assert f1["with_proxy"]["high"] - f1["with_proxy"]["low"] <= 1.03 * (f1["alone"]["high"] - f1["alone"]["low"])


def test_the_llm_s_labels_widen_no_interval_of_the_level_that_is_asked_for(run: Run, folder: Path) -> None:
    """Of this sample they narrow the intervals of 0.95, and would double one of 0.999."""
    words = ["run.seed=3", "cheap_test.choice=random", "cheap_test.other=other"]
    for level in (0.95, 0.999):
        assert run(*words, f"cheap_test.level={level}")[0] == 0
        figures = figures_of(folder)
        for row in [*figures["figures"].values(), *figures["differences"].values()]:
            alone, powered = (row[side]["high"] - row[side]["low"] for side in ("alone", "with_proxy"))
            assert powered <= 1.03 * alone
            assert (row["weight"] > 0) == (powered < alone)


def test_two_taggers_and_a_tagger_in_the_place_of_an_llm(run: Run, folder: Path) -> None:
    status, out, err = run("cheap_test.other=other", "cheap_test.labels=null", "cheap_test.labeller=other")
    assert status == 0, err
    figures = figures_of(folder)
    assert figures["proxy"] == "other"
    assert set(figures["differences"]) == {"f1", "precision", "recall"}
    row = figures["differences"]["f1"]["alone"]
    assert row["low"] < row["value"] < row["high"]
    assert "difference in F1" in out


def test_the_plan_needs_no_more_labels_than_are_there(run: Run, folder: Path) -> None:
    status, out, _ = run("--plan", "cheap_test.width=0.08")
    assert status == 0
    assert not (folder / "run").exists()
    rows = [line.replace("│", " ").split() for line in out.splitlines() if line.startswith("│")]
    needed = {
        row[0]: (float(row[1]), int(row[2]), int(row[3])) for row in rows if row[0] in ("F1", "precision", "recall")
    }
    assert set(needed) == {"F1", "precision", "recall"}
    for now, alone, powered in needed.values():
        assert (60 < powered <= 150) == (now > 0.08)
        assert powered <= alone


def test_what_the_llm_cost_is_said_where_it_was_noted(run: Run, folder: Path) -> None:
    assert "what the others cost is not known" in run()[1]
    assert figures_of(folder)["llm_dollars"] is None
    assert "the LLM's labels of all sentences come on top: an amount that is not known" in run("--plan")[1]
    (folder / "annotation").mkdir()
    (folder / "llm.jsonl").rename(folder / "annotation" / "labels.jsonl")
    (folder / "annotation" / "annotation.json").write_text('{"replies": {"dollars": 0.75}}')
    labels = "cheap_test.labels=annotation/labels.jsonl"
    status, out, err = run(labels)
    assert status == 0, err
    figures = figures_of(folder)
    assert figures["llm_dollars"] == 0.75
    assert f"the expert's labels cost {figures['expert_dollars']:.2f} dollars; the LLM's of all sentences 0.75" in out
    assert "the LLM's labels of all sentences come on top: 0.75 dollars" in run(labels, "--plan")[1]
    for elsewhere in ('{"images": [], "categories": []}', "[]", "no JSON", '{"replies": {}}'):
        (folder / "annotation" / "annotation.json").write_text(elsewhere)
        status, out, err = run(labels)
        assert status == 0, err
        assert "what the others cost is not known" in out


def test_a_damaged_price_of_the_run_s_own_labels_shows_before_the_work(run: Run, folder: Path) -> None:
    (folder / "run" / "annotation").mkdir(parents=True)
    (folder / "llm.jsonl").rename(folder / "run" / "annotation" / "labels.jsonl")
    (folder / "run" / "annotation" / "annotation.json").write_text("{}")
    words = ["cheap_test.labels=run/annotation/labels.jsonl", "cheap_test.answers=answers.jsonl"]
    assert "annotation.json: damaged" in run(*words)[2]
    assert not (folder / "answers.jsonl").exists(), "nobody was asked for anything"


def test_a_plan_needs_a_part_to_judge_by(run: Run) -> None:
    status, _, err = run("--plan", "cheap_test.sentences=150")
    assert status == 1
    assert "cheap_test.sentences = 150: all of data.test; --plan judges by a part of them" in err


def test_a_real_expert_fills_in_a_file(run: Run, folder: Path) -> None:
    assert run()[0] == 0
    simulated = figures_of(folder)
    (folder / "run/cheap-test/cheap_test.json").unlink()
    truth = {row["id"]: row for row in read_rows(folder / "test.jsonl")}
    write_rows(folder / "test.jsonl", [{"id": name, "tokens": row["tokens"]} for name, row in truth.items()])
    answers = folder / "answers.jsonl"

    status, out, _ = run("cheap_test.answers=answers.jsonl")
    assert status == 0
    assert "60 of 60 chosen sentences wait for the expert" in out
    assert "run the same command again" in out.replace("\n", " ")
    rows = read_rows(answers)
    assert [set(row) for row in rows] == [{"id", "tokens", "ner_tags"}] * 60
    for row in rows[:59]:
        row["ner_tags"] = truth[row["id"]]["ner_tags"]
    write_rows(answers, rows)
    assert "1 of 60 chosen sentences wait" in run("cheap_test.answers=answers.jsonl")[1]
    assert not (folder / "run/cheap-test/cheap_test.json").exists()
    assert read_rows(answers) == rows

    rows[59]["ner_tags"] = truth[rows[59]["id"]]["ner_tags"]
    write_rows(answers, rows)
    assert run("cheap_test.answers=answers.jsonl")[0] == 0
    asked = figures_of(folder)
    assert asked["figures"] == simulated["figures"]
    assert asked["truth"] is None

    assert "20 of 80" in run("cheap_test.answers=answers.jsonl", "cheap_test.sentences=80")[1]
    assert read_rows(answers)[:60] == rows, "what is paid for stays"


def test_a_real_expert_is_shown_the_words_of_the_recipe_s_columns(run: Run, folder: Path) -> None:
    truth = {tuple(row["tokens"]): row["ner_tags"] for row in read_rows(folder / "test.jsonl")}
    sentences = (
        "".join(f"{at}\t{word}\t{tag}\n" for at, (word, tag) in enumerate(zip(words, tags, strict=True)))
        for words, tags in truth.items()
    )
    (folder / "test.conll").write_text("\n".join(sentences))
    words = ["data.test=test.conll", "data.columns=[_,tokens,ner_tags]", "data.separator=tab"]
    words += ["cheap_test.labels=null", "cheap_test.labeller=other"]
    assert run(*words)[0] == 0
    simulated = figures_of(folder)

    words.append("cheap_test.answers=answers.jsonl")
    assert "60 of 60 chosen sentences wait" in run(*words)[1]
    rows = read_rows(folder / "answers.jsonl")
    write_rows(folder / "answers.jsonl", [{**row, "ner_tags": truth[tuple(row["tokens"])]} for row in rows])
    words_alone = "\n\n".join("\n".join(sentence) for sentence in truth)
    no_tags = "\n".join("".join(f"{at}\t{word}\tNN\n" for at, word in enumerate(sentence)) for sentence in truth)
    for text in ((folder / "test.conll").read_text(), words_alone, no_tags):
        (folder / "test.conll").write_text(text)
        assert run(*words)[0] == 0
        assert figures_of(folder)["figures"] == simulated["figures"]
        (folder / "run/cheap-test/cheap_test.json").unlink()


@pytest.mark.parametrize("empty", [{}, {"ner_tags": None}])
def test_a_real_expert_is_asked_by_the_ids_of_the_file(run: Run, folder: Path, empty: dict[str, Any]) -> None:
    write_rows(folder / "test.jsonl", [{"id": at, "tokens": ["bear", str(at)], **empty} for at in range(20)])
    others = ["cheap_test.sentences=20", "cheap_test.labels=null", "cheap_test.labeller=other"]
    status, _, err = run(*others, "cheap_test.answers=answers.jsonl")
    assert status == 0, err
    assert {row["id"] for row in read_rows(folder / "answers.jsonl")} == {str(number) for number in range(20)}


def test_a_plan_asks_a_real_expert_for_a_pilot_first_and_says_so(run: Run, folder: Path) -> None:
    words = ["cheap_test.answers=answers.jsonl", "--plan"]
    _, asks, _ = run(*words)
    assert "60 of 60 chosen sentences wait for the expert" in asks
    assert "for an interval" not in asks
    truth = {row["id"]: row["ner_tags"] for row in read_rows(folder / "test.jsonl")}
    rows = [{**row, "ner_tags": truth[row["id"]]} for row in read_rows(folder / "answers.jsonl")]
    write_rows(folder / "answers.jsonl", rows)
    _, plans, _ = run(*words)
    assert "for an interval 0.05 wide" in " ".join(plans.split())
    page = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    for text in (run("--help")[1], page):
        assert "judged by the labels that are there: a pilot of" in " ".join(text.split())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ner_tags": ["O"]}, "answers.jsonl:1: 1 ner_tags for"),
        ({"ner_tags": ["B-PERS"]}, "unknown entity type 'PERS'; did you mean 'PER'?"),
        ({"id": "s999"}, "answers.jsonl:1: no test sentence has the id 's999'"),
        ({"tokens": ["changed"]}, "answers.jsonl:1: the tokens are not those of sentence"),
        ({"ner_tag": ["O"]}, "answers.jsonl:1: ner_tag: unknown key, and the row has no answer; did you mean ner_"),
        ({"spans": [{"start": 0, "end": 1, "type": "PERS"}]}, "answers.jsonl:1: sentence"),
    ],
)
def test_a_wrong_answer_is_named(run: Run, folder: Path, change: dict[str, Any], message: str) -> None:
    run("cheap_test.answers=answers.jsonl")
    rows = read_rows(folder / "answers.jsonl")
    if change.get("ner_tags") == ["B-PERS"]:
        change = {"ner_tags": ["B-PERS"] * len(rows[0]["tokens"])}
    rows[0] |= change
    write_rows(folder / "answers.jsonl", rows)
    status, _, err = run("cheap_test.answers=answers.jsonl")
    assert status == 1
    assert message in err
    assert read_rows(folder / "answers.jsonl") == rows


def test_an_expert_may_give_spans(run: Run, folder: Path) -> None:
    assert run()[0] == 0
    simulated = figures_of(folder)
    (folder / "run/cheap-test/cheap_test.json").unlink()
    truth = {row["id"]: row["ner_tags"] for row in read_rows(folder / "test.jsonl")}
    run("cheap_test.answers=answers.jsonl")
    rows = read_rows(folder / "answers.jsonl")
    for row in rows:
        spans = tags_to_spans(truth[row["id"]], "bio")
        row["spans"] = [{"start": one.start, "end": one.end, "type": one.type} for one in spans]
    del rows[0]["ner_tags"], rows[0]["tokens"]
    write_rows(folder / "answers.jsonl", rows)
    assert run("cheap_test.answers=answers.jsonl")[0] == 0
    assert figures_of(folder)["figures"] == simulated["figures"]


def test_an_answer_given_twice_is_named(run: Run, folder: Path) -> None:
    run("cheap_test.answers=answers.jsonl")
    rows = read_rows(folder / "answers.jsonl")
    write_rows(folder / "answers.jsonl", [*rows, rows[3]])
    assert "answers.jsonl:61: id" in run("cheap_test.answers=answers.jsonl")[2]


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["cheap_test.model=null"], "cheap_test.model: needed"),
        (["cheap_test.model=nowhere"], "nowhere: can't be loaded as a tagger"),
        (["cheap_test.labels=null"], "cheap_test.labels: needed; let an LLM label the sentences"),
        (["cheap_test.labels=gone.jsonl"], "cheap_test.labels = gone.jsonl: no such file"),
        (["cheap_test.labeller=other"], "cheap_test.labels is given too"),
        (["cheap_test.sentences=151"], "cheap_test.sentences = 151: data.test has 150; lower it"),
        (["cheap_test.sentences=5"], "should be greater than or equal to 20"),
        (["data.test=null"], "data.test is null; name a file, or choose another split"),
        (["cheap_test.choice=sure"], "cheap_test.choice = sure"),
    ],
)
def test_what_is_missing_is_said(run: Run, overrides: list[str], message: str) -> None:
    status, _, err = run(*overrides)
    assert status == 1
    assert message in err
    assert [line.startswith("error: ") for line in err.splitlines()].count(True) == 1


def test_labels_of_other_sentences_are_refused(run: Run, folder: Path) -> None:
    write_rows(folder / "llm.jsonl", [{"id": "elsewhere", "llm_tags": ["O"]}])
    assert "no test sentence has the id 'elsewhere'; label the corpus that data.test names" in run()[2]
    write_rows(folder / "llm.jsonl", [{"id": "s1", "llm_status": "rejected"}])
    assert "no label for a sentence of data.test" in run()[2]
