"""Recipes: types, precedence, paths, errors, and the shipped files."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from nerc_trainer.errors import NercError
from nerc_trainer.recipe.copy import copy_recipe
from nerc_trainer.recipe.load import load_recipe
from nerc_trainer.recipe.section import is_hub_id
from nerc_trainer.recipe.sections import Recipe, changed_keys, dump_recipe, recipe_json_schema
from nerc_trainer.recipe.shipped import describe_recipe, find_recipe, recipes_folder, shipped_recipes
from nerc_trainer.recipe.yaml_text import read_yaml

MINIMAL = "data: {train: train.conll, dev: dev.conll}\nmodel: {encoder: owner/encoder}\n"

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Writes a recipe into a folder that is not the current one and has the data files."""
    folder, elsewhere = tmp_path / "recipes", tmp_path / "elsewhere"
    folder.mkdir()
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    for split in ("train", "dev"):
        (folder / f"{split}.conll").write_text("a NN B-NP O\n")

    def write_recipe(text: str, name: str = "mine.yaml") -> Path:
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return path

    return write_recipe


def errors_of(path: Path | str, *overrides: str) -> list[str]:
    with pytest.raises(NercError) as caught:
        load_recipe(path, overrides)
    return str(caught.value).splitlines()


# Types


def test_scalars_take_the_type_of_their_field(write: Write) -> None:
    recipe = load_recipe(
        write(
            "data: {train: train.conll, dev: dev.conll}\n"
            "model: {encoder: owner/encoder, revision: 1.10, trust_remote_code: off}\n"
            "active: {improvement_threshold: 1e-5, query_size: '20', budget: {dollars: 1e2}}\n"
            "hub: {mode: off, private: no}\n"
        )
    )
    assert recipe.model.revision == "1.10"
    assert recipe.model.trust_remote_code is False
    assert recipe.active.improvement_threshold == 1e-5
    assert recipe.active.query_size == 20
    assert recipe.active.budget is not None
    assert recipe.active.budget.dollars == 100.0
    assert recipe.hub.mode == "off"
    assert recipe.hub.private is False


@pytest.mark.parametrize("revision", ["12e4567", "0012345", "0x1f", "off", "2024-01-01", "1_000", "12:30"])
def test_a_revision_keeps_its_spelling(write: Write, revision: str) -> None:
    recipe = load_recipe(write(MINIMAL), [f"model.revision={revision}"])
    assert recipe.model.revision == revision


def test_training_arguments_take_their_types_from_transformers(write: Write) -> None:
    training = (
        "training: {learning_rate: 3e-4, lr_scheduler_type: cosine, warmup_steps: 0.1, bf16: off, logging_strategy: no,"
        " lr_scheduler_kwargs: {num_cycles: 0.5}, report_to: [tensorboard], debug: '', optim_args: null}\n"
    )
    assert load_recipe(write(MINIMAL + training)).training == {
        "learning_rate": 3e-4,
        "lr_scheduler_type": "cosine",
        "warmup_steps": 0.1,
        "bf16": False,
        "logging_strategy": "no",
        "lr_scheduler_kwargs": {"num_cycles": 0.5},
        "report_to": ["tensorboard"],
        "debug": "",
        "optim_args": None,
    }


def test_a_recipe_is_frozen(write: Write) -> None:
    recipe = load_recipe(write(MINIMAL))
    with pytest.raises(ValidationError):
        recipe.run.seed = 3  # type: ignore[misc]


# Names, precedence and what is said where


def test_the_run_is_named_after_the_file_and_lives_under_the_current_folder(write: Write) -> None:
    path = write(MINIMAL, "small-corpus.yaml")
    assert load_recipe(path).run.name == "small-corpus"
    assert load_recipe(path).run.dir == Path("runs/small-corpus")
    assert load_recipe(path, ["run.name=other"]).run.dir == Path("runs/other")
    assert load_recipe(path, ["run.dir=here"]).run.dir == Path("here")
    assert load_recipe(path, ["run.dir=~/here"]).run.dir == Path.home() / "here"


def test_precedence_is_defaults_extends_recipe_command_line(write: Write) -> None:
    write(MINIMAL + "active: {query_size: 1, patience: 2, initial_epochs: 3}\nrun: {seed: 1}\n", "base.yaml")
    path = write("extends: base.yaml\nactive: {query_size: 4, patience: 5}\nrun:\n")
    active = load_recipe(path, ["active.query_size=7", "active.query_size=6"]).active
    assert (active.query_size, active.patience, active.initial_epochs, active.fine_tune_epochs) == (6, 5, 3.0, 2.0)
    assert load_recipe(path).run.seed == 1, "an empty section takes nothing back"
    assert load_recipe(path).run.name == "mine", "the run is named after the recipe, not after what it extends"


def test_mappings_merge_and_lists_replace(write: Write) -> None:
    write(MINIMAL + "training: {weight_decay: 0.1, report_to: [a, b]}\nactive: {budget: {words: 3}}\n", "base.yaml")
    path = write("extends: base.yaml\ntraining: {learning_rate: 1e-3, report_to: [c]}\n")
    assert load_recipe(path).training == {"weight_decay": 0.1, "learning_rate": 1e-3, "report_to": ["c"]}
    assert load_recipe(path, ["training={adam_beta1: 0.8}"]).training["weight_decay"] == 0.1
    assert load_recipe(path, ["active.budget=null"]).active.budget is None
    assert load_recipe(path, ["active.budget="]).active.budget is None


def test_extends_chains_and_takes_shipped_names(write: Write) -> None:
    write("extends: quickstart\nactive: {query_size: 3}\n", "middle.yaml")
    recipe = load_recipe(write("extends: middle.yaml\nactive: {patience: 4}\n"))
    assert (recipe.active.query_size, recipe.active.patience) == (3, 4)
    assert recipe.data.train == str(recipes_folder() / "sample/train.conll")


def test_a_circle_of_extends_is_refused(write: Write) -> None:
    write("extends: mine.yaml\n", "other.yaml")
    (line,) = errors_of(write("extends: other.yaml\n"))
    assert "goes round in a circle" in line
    assert "other.yaml" in line
    assert "mine.yaml" in line


def test_extends_names_the_nearest_recipe(write: Write) -> None:
    (line,) = errors_of(write("extends: quikstart\n"))
    assert "extends = quikstart" in line
    assert "did you mean quickstart?" in line
    assert "should be one file" in errors_of(write("extends: [a, b]\n"))[0]
    assert "belongs in a recipe's file" in errors_of(write(MINIMAL), "extends=tiny")[0]


# Paths


def test_paths_are_found_beside_the_recipe_first(write: Write, tmp_path: Path) -> None:
    path = write("data: {train: train.conll, dev: only_here.conll}\nmodel: {encoder: encoder}\n")
    for name in ("train.conll", "only_here.conll"):
        (tmp_path / "elsewhere" / name).write_text("b NN B-NP O\n")
    (tmp_path / "recipes" / "encoder").mkdir()
    recipe = load_recipe(path)
    assert recipe.data.train == str(tmp_path / "recipes/train.conll")
    assert recipe.data.dev == str(tmp_path / "elsewhere/only_here.conll")
    assert recipe.model.encoder == str(tmp_path / "recipes/encoder")
    assert load_recipe(path, ["data.train=train.conll"]).data.train == str(tmp_path / "elsewhere/train.conll")


def test_a_missing_file_names_key_value_and_places(write: Write, tmp_path: Path) -> None:
    text = "data: {train: nope.conll, dev: dev.conll}\nmodel: {encoder: ./nope}\nannotation: {labels: l.jsonl}\n"
    lines = errors_of(write(text), "data.dev=gone.conll")
    here, elsewhere = tmp_path / "recipes", tmp_path / "elsewhere"
    assert f"data.train = nope.conll: no such file; tried {here}/nope.conll and {elsewhere}/nope.conll" in lines[0]
    assert lines[1] == f"command line: data.dev = gone.conll: no such file; tried {elsewhere}/gone.conll"
    assert "annotation.labels = l.jsonl" in lines[2]
    assert "model.encoder = ./nope: no such folder, and not a name on the Hub (owner/name)" in lines[3]


def test_a_path_in_a_base_is_relative_to_the_base(write: Write, tmp_path: Path) -> None:
    write(MINIMAL, "base.yaml")
    path = tmp_path / "mine.yaml"
    path.write_text("extends: recipes/base.yaml\n")
    assert load_recipe(path).data.train == str(tmp_path / "recipes/train.conll")


def test_splits_of_a_data_set_are_no_files(write: Write, tmp_path: Path) -> None:
    text = "data: {dataset: owner/set, train: train, dev: validation}\nmodel: {encoder: 'package:anything'}\n"
    recipe = load_recipe(write(text))
    assert (recipe.data.dataset, recipe.data.train, recipe.model.encoder) == ("owner/set", "train", "package:anything")
    (tmp_path / "recipes" / "saved").mkdir()
    assert load_recipe(write(text.replace("owner/set", "saved"))).data.dataset == str(tmp_path / "recipes/saved")


# Errors


def test_every_error_is_reported_at_once_with_file_key_and_value(write: Write) -> None:
    write(MINIMAL + "costs: {expert_wage: -1}\n", "base.yaml")
    path = write(
        "extends: base.yaml\n"
        "active: {query_siz: 10, strategy: entropi}\n"
        "run: {seed: x}\n"
        "training: {lerning_rate: 1, logging_steps: often}\n"
        "hub: {mode: online}\n"
    )
    lines = errors_of(path, "active.patience=0", "no-equals-sign", "wibble.x=1")
    expected = [
        ("command line: no-equals-sign", "should be dotted.key=value"),
        ("mine.yaml: training.lerning_rate = 1", "did you mean training.learning_rate?"),
        ("mine.yaml: training.logging_steps = often", "should be a valid number"),
        ("mine.yaml: run.seed = x", "should be a valid integer"),
        ("mine.yaml: active.strategy = entropi", "did you mean entropy?"),
        ("command line: active.patience = 0", "greater than or equal to 1"),
        ("mine.yaml: active.query_siz = 10", "unknown key; did you mean active.query_size?"),
        ("mine.yaml: hub.repo = null", "needed because hub.mode is online"),
        ("base.yaml: costs.expert_wage = -1", "greater than or equal to 0"),
        ("command line: wibble = {x: 1}", "unknown key; there are run, data"),
    ]
    assert len(lines) == len(expected)
    for line, (start, reason) in zip(lines, expected, strict=True):
        assert start in line
        assert reason in line


@pytest.mark.parametrize(
    ("override", "reason"),
    [
        ("seed=3", "did you mean run.seed?"),
        ("data.encoder=x", "did you mean model.encoder?"),
        ("model.learning_rate=1", "did you mean training.learning_rate?"),
        ("active=5", "should be a mapping of keys to values"),
        ("run.seed.deep=5", "run.seed = {deep: 5}: should be a valid integer"),
        ("active.initial_expert=1", "should be less than 1"),
        ("active.improvement_threshold=.nan", "should be a"),
        ("active.improvement_threshold=inf", "should be a finite number"),
        ("active.min_iterations=16", "more than active.max_iterations (15 by default)"),
        ("active.max_iterations=3", "max_iterations = 3: less than active.min_iterations (10 by default); lower that"),
        ("active.budget={words: 1, dollars: 2}", "give exactly one of sentences, words and dollars"),
        ("active.budget={}", "give exactly one of sentences, words and dollars"),
        ("data.columns=[tokens, ner]", "no such column: ner"),
        ("data.columns=[tokens, tokens, ner_tags]", "named twice"),
        ("data.columns=[ner_tags]", "must both be among"),
        ("data.revision=x", "only a data set has one"),
        ("data={dataset: owner/news, columns: [tokens, ner_tags]}", "data.columns = [tokens, ner_tags]: only CoNLL"),
        ("data={dataset: owner/news, separator: tab}", "data.separator = tab: only CoNLL"),
        ("data={dataset: owner/news, format: conll}", "data.format = conll: a data set has a format of its own"),
        ("data={format: jsonl, columns: [tokens, ner_tags]}", "only CoNLL files have columns"),
        ("data={format: jsonl, separator: tab}", "only CoNLL files have columns"),
        ("data={dataset: ., revision: main}", "data.revision = main: only a data set on the Hub has one"),
        ("model={encoder: ., revision: main}", "model.revision = main: only an encoder on the Hub has one"),
        ("model={encoder: 'package:encoder', revision: main}", "only an encoder on the Hub has one"),
        ("hub.repo=justname", "must be owner/name"),
        ("hub.endpoint=localhost", "should match"),
        ("model.sha256=ABC", "should match"),
        ("run.name=a/b", "should match"),
        ("model.trust_remote_code=maybe", "should be a valid boolean"),
        ("active.query_size=[1", "expected ',' or ']'"),
        ("=3", "should be dotted.key=value"),
        ("active..query_size=3", "should be dotted.key=value"),
    ],
)
def test_a_wrong_override(write: Write, override: str, reason: str) -> None:
    (line,) = errors_of(write(MINIMAL), override)
    assert line.startswith("command line: ")
    assert reason in line


def test_the_dots_of_a_model_s_name_nest_nothing(write: Write) -> None:
    words = ["annotation.prices.qwen2.5-coder:1.5b.input=1", "annotation.prices.qwen2.5-coder:1.5b.output=2"]
    recipe = load_recipe(write(MINIMAL), [*words, "costs.what_if.x.prices.gpt-4.1={input: 3, output: 4}"])
    assert recipe.annotation.prices["qwen2.5-coder:1.5b"].output == 2
    assert recipe.costs.what_if["x"].prices["gpt-4.1"].input == 3
    named_so = load_recipe(write(MINIMAL), ["costs.what_if.prices.prices.gpt-4.1={input: 3, output: 4}"])
    assert named_so.costs.what_if["prices"].prices["gpt-4.1"].input == 3


def test_a_dotted_key_in_a_file_is_explained(write: Write) -> None:
    assert "a dot does not nest in a file" in errors_of(write(MINIMAL + "active.query_size: 3\n"))[0]


def test_missing_keys_are_said_with_their_meaning(write: Write) -> None:
    lines = errors_of(write("data: {train: train.conll}\n"))
    assert "mine.yaml: data.dev: missing (sentences that stopping" in lines[0]
    assert "mine.yaml: model: missing (the encoder" in lines[1]


@pytest.mark.parametrize(
    ("override", "reason"),
    [
        ("costs.what_if.x.prices.gpt-4.1.input=3", "prices.gpt-4.1.output: missing (dollars for a million tokens of"),
        ("annotation.prices={mine: {output: 3}}", "annotation.prices.mine.input: missing (dollars for a million"),
        ("annotation.endpoints=[{concurrency: 2}]", "annotation.endpoints.0.base_url: missing ("),
    ],
)
def test_what_is_missing_below_a_name_of_the_user_s_own(write: Write, override: str, reason: str) -> None:
    (line,) = errors_of(write(MINIMAL), override)
    assert reason in line


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty"),
        ("# only a comment\n", "empty"),
        ("- a\n- b\n", "not a mapping of keys to values but a list"),
        ("words\n", "not a mapping of keys to values but a text"),
        ("run:\n  seed: [1\n", "line 3, column 1"),
        ("run:\n  seed: 1\n  seed: 2\n", "line 3, column 3: seed stands here twice"),
        ("run: &anchor {seed: 1}\nhub: *anchor\n", "line 2, column 6: *anchor: a recipe has no aliases"),
        ("~: 1\n", "line 1, column 1: a key must be a word"),
        ("a: 1\n---\nb: 1\n", "line 2"),
        ("a: !!python/object:os.system {}\n", "line 1"),
        ("a: \x07\n", "not YAML"),
    ],
)
def test_broken_yaml_is_one_clear_line(write: Write, text: str, reason: str) -> None:
    (line,) = errors_of(write(text))
    assert "mine.yaml" in line
    assert reason in line


def test_text_that_is_not_utf8(write: Write) -> None:
    path = write("")
    path.write_bytes(b"run: {name: caf\xe9}\n")
    assert "not UTF-8" in errors_of(path)[0]


def test_a_byte_order_mark_is_allowed(write: Write) -> None:
    path = write("")
    path.write_bytes(b"\xef\xbb\xbf" + MINIMAL.encode())
    assert load_recipe(path).run.name == "mine"


def test_a_missing_recipe_names_the_nearest(tmp_path: Path) -> None:
    assert "did you mean quickstart?" in errors_of("quikstart")[0]
    assert "did you mean quickstart?" in errors_of("nowhere/quickstart.yaml")[0]
    assert "this is a folder" in errors_of(tmp_path)[0]
    (line,) = errors_of("data.test=null")
    assert line.endswith("what overrides one stands behind it, as in `nerc-trainer VERB RECIPE data.test=...`")


def test_the_rule_of_two_keys_names_the_one_that_was_written(write: Write) -> None:
    write(MINIMAL, "base.yaml")
    (line,) = errors_of(write("extends: base.yaml\nactive: {max_iterations: 3}\n"))
    assert line.endswith(
        "mine.yaml: active.max_iterations = 3: less than active.min_iterations (10 by default); lower that too"
    )
    (line,) = errors_of(write("extends: base.yaml\nactive: {min_iterations: 4, max_iterations: 3}\n"))
    assert "mine.yaml: active.min_iterations = 4: more than active.max_iterations (3);" in line


OF_LLM = "did you mean api_key_env of a server in annotation.endpoints"
OF_HUB = "remove it and set HF_TOKEN in the environment"
LLM_KEY, HUB_TOKEN = "sk-proj-" + "a1B2" * 8, "hf_" + "a1B2" * 8


@pytest.mark.parametrize(
    ("override", "secret", "advice"),
    [
        ("hub.token={}", "s3cr3t-value", OF_HUB),
        ("hub.hf_token={}", "s3cr3t-value", OF_HUB),
        ("hub.token={{value: {}}}", "s3cr3t-value", OF_HUB),
        ("hub.tokne={}", HUB_TOKEN, OF_HUB),
        ("training.hub_token={}", "s3cr3t-value", OF_HUB),
        ("data.types=[DRUG, {}]", HUB_TOKEN, OF_HUB),
        ("api_key={}", "s3cr3t-value", OF_LLM),
        ("annotation.apiKey={}", "s3cr3t-value", OF_LLM),
        ("annotation.endpoints=[{{base_url: 'http://h/v1', api_key: {}}}]", "s3cr3t-value", OF_LLM),
        ("annotation.endpoints=[{{base_url: 'http://h/v1', headers: {{Authorization: {}}}}}]", "Basic xyz", OF_LLM),
        ("annotation.endpoints=[{{base_url: 'http://h/v1', kye: {}}}]", LLM_KEY, OF_LLM),
        (
            "annotation.endpoints=[{{base_url: 'http://h/v1', kye: {}}}]",
            "s3cr3t-value",
            "unknown key; there are base_url",
        ),
        ("annotation.endpoints=[{{base_url: 'http://me:{}@h/v1'}}]", "s3cr3t-value", OF_LLM),
        ("annotation.endpoints=[{{base_url: 'http://h/v1?key={}'}}]", "s3cr3t-value", OF_LLM),
        ("annotation.endpoints=[{}]", LLM_KEY, OF_LLM),
        ("annotation.types.DRUG.api_key={}", "s3cr3t-value", OF_LLM),
        ("annotation.types={{DRUG: {{title: {}}}}}", LLM_KEY, OF_LLM),
        ("annotation.prices={{{}: {{input: 1, output: 1}}}}", LLM_KEY, OF_LLM),
        ("annotation.prices.X.api_key={}", "s3cr3t-value", OF_LLM),
        ("annotation.prices.X.api_key.y={}", "s3cr3t-value", OF_LLM),
        ("annotation.types.api_key={}", "s3cr3t-value", OF_LLM),
        ("costs.what_if.senior.prices.X.secret={}", "s3cr3t-value", "a recipe holds none; remove it"),
        ("costs.what_if.secret={}", "s3cr3t-value", "a recipe holds none; remove it"),
        ("report.reference.token={}", "s3cr3t-value", "a recipe holds none; remove it"),
        ("costs.what_if.senior.secret={}", "s3cr3t-value", "a recipe holds none; remove it"),
        ("run.password={}", "s3cr3t-value", "a recipe holds none; remove it"),
        ("annotation.endpoints=[{{base_url: 'http://h/v1', api_key_env: {}}}]", LLM_KEY, "such as OPENAI_API_KEY"),
        ("annotation.endpoints=[{{base_url: 'http://h/v1', api_key_env: {}}}]", "s3cr3t", "such as OPENAI_API_KEY"),
        (
            "annotation.endpoints=[{{base_url: 'http://h/v1', api_key_env: {}}}]",
            "AKIA0123456789ABCDEF",
            "such as OPENAI",
        ),
        *(
            (f"annotation.endpoints=[{{{{base_url: 'http://h/v1?{name}={{}}'}}}}]", "s3cr3t-value", OF_LLM)
            for name in ("access_token", "api-key", "subscription-key", "X-Amz-Signature", "SharedSecret", "sig")
        ),
        ("annotation.endpoints=[{{base_url: 'http://h/v1#{}'}}]", "s3cr3t-value", "should match the pattern"),
        ("annotation.endpoints=http://h/{}/v1", "s3cr3t-value", "should be a valid list"),
        ("annotation.endpoints=[{{base_url: 'http://h/v1', api_key_env: [{}]}}]", "s3cr3t", "such as OPENAI_API_KEY"),
        ("hub.endpoint=h/{}", "s3cr3t-value", "should match the pattern"),
        ("annotation.model={}", "sk-" + "0a1b2c3d" * 4, OF_LLM),
        ("annotation.types.PER.description=as in {}", LLM_KEY, OF_LLM),
        ("hub..token={}", "s3cr3t-value", "should be dotted.key=value"),
        ("{}", HUB_TOKEN, "should be dotted.key=value"),
        ("hub.token:{}", "s3cr3t-value", "hub.token: should be dotted.key=value"),
        ("{}..x=1", HUB_TOKEN, "should be dotted.key=value"),
        ("extends={}", "s3cr3t-value", "extends belongs in a recipe's file"),
        ("hub.token=[{}", "s3cr3t-value", "expected ',' or ']'"),
    ],
)
def test_a_secret_is_refused_and_never_shown(write: Write, override: str, secret: str, advice: str) -> None:
    lines = errors_of(write(MINIMAL), override.format(secret))
    assert lines[0].startswith("command line: ")
    assert advice in lines[0]
    assert not any(secret in line for line in lines)


def test_what_is_called_like_a_secret_but_is_none(write: Write) -> None:
    server = "annotation.endpoints=[{base_url: 'http://h/v1', api_key_env: AZURE_OPENAI_GPT4_API_KEY_2}]"
    types = ["annotation.types.PASSWORD.title=password", "annotation.aliases.token=PASSWORD"]
    address = "ftp://bob@host or http://host/?key=1"
    (write(MINIMAL).parent / "sk-wikipedia-named-entities.jsonl").write_text("{}")
    file = MINIMAL.replace("train.conll", "sk-wikipedia-named-entities.jsonl")
    texts = [f"annotation.types.WEB.description={address}", f"annotation.types.WEB.title={address}"]
    recipe = load_recipe(write(file), [server, *types, *texts, "annotation.max_tokens=256"])
    assert recipe.annotation.types["WEB"].description == recipe.annotation.types["WEB"].title == address
    assert recipe.annotation.max_tokens == 256
    assert recipe.annotation.endpoints[0].api_key_env == "AZURE_OPENAI_GPT4_API_KEY_2"
    assert recipe.annotation.aliases == {"token": "PASSWORD"}


def test_a_variable_that_may_be_a_key_is_told_why(write: Write) -> None:
    server = "annotation.endpoints=[{base_url: 'http://h/v1', api_key_env: AZUREOPENAIKEY2024}]"
    (line,) = errors_of(write(MINIMAL), server)
    assert "so many capitals and digits in one word may be the key itself" in line


def test_no_secret_is_shown_of_what_a_recipe_extends_or_where_one_should_stand(write: Write) -> None:
    for extends in (HUB_TOKEN, "{token: s3cr3t-value}", "x" * 300):
        (line,) = errors_of(write(f"extends: {extends}\n{MINIMAL}"))
        assert "mine.yaml: extends" in line
        assert HUB_TOKEN not in line
        assert "s3cr3t-value" not in line
    assert HUB_TOKEN not in errors_of(HUB_TOKEN)[0]


def test_what_a_secret_leaves_behind_is_no_second_error(write: Write) -> None:
    servers = f"[{LLM_KEY}, {{base_url: nope}}, {{base_url: 'http://h/v1', concurrency: 0}}]"
    lines = errors_of(write(MINIMAL), f"annotation.endpoints={servers}")
    assert [line.split(": ")[1].split(" = ")[0] for line in lines] == [
        "annotation.endpoints.0",
        "annotation.endpoints.1.base_url",
        "annotation.endpoints.2.concurrency",
    ]
    (line,) = errors_of(write(MINIMAL), "hub.mode=online", "hub.repo=x/y?key=1")
    assert "hub.repo: this looks like a secret" in line
    (line,) = errors_of(write(MINIMAL), f"training.report_to=[{HUB_TOKEN}]")
    assert "training.report_to.0: this looks like a secret" in line


@pytest.mark.parametrize("key", ["data.train", "annotation.prompt", "model.encoder", "run.sed"])
def test_a_text_too_long_for_a_name_is_no_crash(write: Write, key: str) -> None:
    if key == "annotation.prompt":
        assert load_recipe(write(MINIMAL), [f"{key}={'x' * 300}"]).annotation.prompt == "x" * 300
    else:
        (line,) = errors_of(write(MINIMAL), f"{key}={'x' * 300}")
        assert line.startswith(f"command line: {key} = xxx")
    assert "no such file or shipped recipe" in errors_of("x" * 300)[0]


@pytest.mark.parametrize(
    ("override", "reason"),
    [
        ("annotation.types.DRUG.titel=x", "did you mean annotation.types.DRUG.title?"),
        ("annotation.prices.gpt-4.1={inptu: 1, input: 1, output: 1}", "did you mean annotation.prices.gpt-4.1.input?"),
        ("costs.what_if.a.expert_wag=9", "did you mean costs.what_if.a.expert_wage?"),
        ("annotation.types.title.xyz=x", "unknown key; there are title, description"),
        ("annotation.endpoints=[{base_url: 'http://h/v1', zzz: 1}]", "unknown key; there are base_url, models"),
    ],
)
def test_an_unknown_key_below_a_list_or_a_name_of_the_user_s_own(write: Write, override: str, reason: str) -> None:
    (line,) = errors_of(write(MINIMAL), override)
    assert reason in line


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("output_dir", "run.dir"),
        ("seed", "run.seed"),
        ("data_seed", "run.seed"),
        ("push_to_hub", "hub section"),
        ("hub_model_id", "hub section"),
        ("hub_strategy", "hub section"),
        ("num_train_epochs", "active.initial_epochs"),
        ("max_steps", "active.fine_tune_epochs"),
        ("remove_unused_columns", "columns"),
        ("label_names", "columns"),
        ("eval_strategy", "evaluated once"),
        ("load_best_model_at_end", "evaluated once"),
        ("save_steps", "saved once"),
        ("do_train", "command"),
        ("resume_from_checkpoint", "carries on"),
        ("warmup_ratio", "use warmup_steps"),
        ("group_by_length", "like length"),
        ("train_sampling_strategy", "like length"),
        ("average_tokens_across_devices", "words of all processes"),
        ("per_device_eval_batch_size", "active.token_budget"),
        ("evaluation_strategy", "evaluated once"),
        ("no_cuda", "use use_cpu"),
    ],
)
def test_training_arguments_that_have_no_place_here(write: Write, name: str, reason: str) -> None:
    (line,) = errors_of(write(MINIMAL), f"training.{name}=1")
    assert f"training.{name} = 1" in line
    assert reason in line


def test_a_choice_of_training_arguments_is_checked(write: Write) -> None:
    assert "did you mean linear?" in errors_of(write(MINIMAL), "training.lr_scheduler_type=lineer")[0]


def test_batch_size_and_accumulation_exclude_each_other(write: Write) -> None:
    text = MINIMAL + "training: {gradient_accumulation_steps: 2}\n"
    assert load_recipe(write(text)).training == {"gradient_accumulation_steps": 2}
    assert "run.batch_size already says" in errors_of(write(text), "run.batch_size=16")[0]


# Dump, compare, schema


def test_a_dump_has_every_default_and_loads_to_the_same_recipe(write: Write, tmp_path: Path) -> None:
    path = write(
        MINIMAL + "training: {weight_decay: 1e-2, learning_rate: 3e-4}\nmodel: {}\n".replace("model: {}\n", "")
    )
    recipe = load_recipe(path, ["model.revision=12e4567", "active.budget.words=9", "hub.mode=off"])
    text = dump_recipe(recipe)
    assert yaml.safe_load(text) == recipe.model_dump(mode="json")
    assert list(yaml.safe_load(text)) == list(Recipe.model_fields)
    (tmp_path / "resolved.yaml").write_text(text)
    again = load_recipe(tmp_path / "resolved.yaml")
    assert again == recipe
    assert dump_recipe(again) == text


@settings(deadline=None)
@given(st.text(min_size=1, max_size=20).filter(lambda text: text.isprintable()))
def test_dumped_text_reads_back_as_the_same_text(text: str) -> None:
    base: dict[str, Any] = {"data": {"train": "a", "dev": "b"}, "model": {"encoder": "owner/encoder", "revision": text}}
    dumped = dump_recipe(Recipe.model_validate(base))
    assert read_yaml(dumped, "dump")["model"]["revision"] == text


def test_changed_keys(write: Write) -> None:
    path = write(MINIMAL + "training: {learning_rate: 3e-4}\n")
    old = load_recipe(path).model_dump(mode="json")
    assert changed_keys(old, old) == []
    new = load_recipe(path, ["active.query_size=20", "hub.mode=off", "active.budget.words=9", "training.bf16=true"])
    assert changed_keys(old, new.model_dump(mode="json")) == [
        "active.query_size: 50 -> 20",
        "training.bf16: null -> true",
        "active.budget.words: null -> 9",
    ]
    assert changed_keys(yaml.safe_load(dump_recipe(new)), new.model_dump(mode="json")) == []


def test_the_json_schema_describes_every_key() -> None:
    schema = recipe_json_schema()
    json.dumps(schema)
    assert {"extends", *Recipe.model_fields} == set(schema["properties"])
    for definition in schema["$defs"].values():
        assert "required" not in definition
        assert definition["additionalProperties"] is False
        for key, value in definition["properties"].items():
            assert value.get("description"), f"{definition['title']}.{key} has no description"


@pytest.mark.parametrize(
    ("text", "valid"),
    [("owner/name", True), ("a/b-c.d_e", True), ("name", False), ("a/b/c", False), ("./a", False), ("a/b--c", False)],
)
def test_hub_ids(text: str, valid: bool) -> None:
    assert is_hub_id(text, owner_needed=True) is valid


# Shipped recipes


@pytest.mark.parametrize("name", sorted(shipped_recipes()))
def test_every_shipped_recipe_loads_and_says_what_it_is(name: str) -> None:
    load_recipe(name)
    path = shipped_recipes()[name]
    assert describe_recipe(path).endswith(".")
    said = path.read_text(encoding="utf-8")
    assert re.search(rf"nerc-trainer (active|annotate) {name}", said), "its launch command stands on top"


def test_the_tiny_encoder_is_what_its_script_makes(tmp_path: Path) -> None:
    sample = recipes_folder() / "sample"
    command = [sys.executable, str(sample / "make_tiny_encoder.py"), "--out", str(tmp_path)]
    subprocess.run(command, check=True, env={**os.environ, "PYTHONHASHSEED": "1"})
    for made in sorted(tmp_path.iterdir()):
        assert made.read_bytes() == (sample / "tiny-encoder" / made.name).read_bytes(), f"run {command[1]} again"


def test_shipped_names_are_paths_below_the_folder() -> None:
    assert {"quickstart", "tiny", "conll2003/active"} <= set(shipped_recipes())
    assert not any(name.startswith("accelerate/") for name in shipped_recipes())


def test_a_file_goes_before_a_shipped_name(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(MINIMAL, "tiny")
    monkeypatch.chdir(path.parent)
    assert find_recipe("tiny") == Path("tiny")
    assert find_recipe("quickstart") == shipped_recipes()["quickstart"]


@pytest.mark.parametrize("name", sorted(shipped_recipes()))
def test_a_copy_loads_to_the_same_recipe(name: str, tmp_path: Path) -> None:
    original = load_recipe(name, ["run.name=x"])
    (tmp_path / "sub").mkdir()
    copy = copy_recipe(name, tmp_path / "sub")
    assert copy.parent == tmp_path / "sub"
    assert load_recipe(copy, ["run.name=x"]) == original
    assert describe_recipe(copy) == describe_recipe(shipped_recipes()[name])


def test_a_copy_overwrites_nothing(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("precious\n")
    with pytest.raises(NercError, match="exists already"):
        copy_recipe("quickstart", tmp_path / "mine.yaml")
    assert (tmp_path / "mine.yaml").read_text() == "precious\n"


def test_a_copy_of_an_own_recipe_finds_its_base(write: Write, tmp_path: Path) -> None:
    write(MINIMAL, "my base.yaml")
    path = write("extends: 'my base.yaml' # quoted\nactive: {query_size: 3}\n")
    copy = copy_recipe(path, tmp_path / "new" / "copy.yaml")
    assert load_recipe(copy).active.query_size == 3
    assert "# quoted" in copy.read_text()


# A second LLM

SERVER = "annotation.endpoints=[{base_url: 'http://127.0.0.1:9/v1', models: [cheap, dear]}]"


def test_a_second_llm_needs_a_server(write: Write, tmp_path: Path) -> None:
    path = write(MINIMAL)
    (line,) = errors_of(path, "active.llm_relabel={model: dear}")
    assert line.startswith("command line: active.llm_relabel.model = dear: annotation.endpoints is empty;")
    (line,) = errors_of(path, "active.llm_relabel={model: daer}", SERVER)
    assert line.startswith("command line: active.llm_relabel.model = daer: none of annotation.endpoints has it")
    recipe = load_recipe(path, ["active.llm_relabel={model: dear}", SERVER])
    assert recipe.active.llm_relabel is not None
    assert (recipe.active.llm_relabel.model, recipe.active.llm_relabel.reach) == ("dear", 4)


def test_labels_made_elsewhere_and_servers_are_for_a_second_llm_alone(write: Write, tmp_path: Path) -> None:
    path = write(MINIMAL)
    (tmp_path / "recipes" / "llm.jsonl").write_text("{}\n")
    labels = f"annotation.labels={tmp_path / 'recipes' / 'llm.jsonl'}"
    (line,) = errors_of(path, labels, SERVER)
    assert line.startswith(
        f"command line: {labels.replace('=', ' = ')}: give either labels made elsewhere or endpoints"
    )
    assert load_recipe(path, [labels, SERVER, "active.llm_relabel={model: dear}"]).annotation.labels is not None


def test_the_prompt_of_a_second_llm_is_found_beside_the_recipe(write: Write, tmp_path: Path) -> None:
    prompt = write("name: mine\n", "mine_prompt.yaml")
    text = f"{MINIMAL}active: {{llm_relabel: {{model: dear, prompt: mine_prompt.yaml}}}}\n"
    recipe = load_recipe(write(text), [SERVER])
    assert recipe.active.llm_relabel is not None
    assert recipe.active.llm_relabel.prompt == str(prompt)
