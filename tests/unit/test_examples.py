"""Worked examples: what is chosen, that it stays the same, and that no sentence is ever shown its own answer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from datasets import Dataset
from hypothesis import given, settings
from hypothesis import strategies as st

from nerc_trainer.annotation.examples import (
    ExamplePool,
    choose_fixed,
    choose_nearest,
    choose_random,
    embed,
    stable_order,
)
from nerc_trainer.annotation.prompts import Example
from nerc_trainer.annotation.stage import Stage
from nerc_trainer.corpus.labels import LabelSet, Span
from nerc_trainer.corpus.load import Corpus
from nerc_trainer.errors import NercError
from nerc_trainer.experiments.compare import examples_pool
from nerc_trainer.recipe.sections import ModelSection, Recipe

MODES = ("fixed", "random", "nearest")
TINY_ENCODER = Path(__file__).parents[2] / "recipes" / "sample" / "tiny-encoder"


def example(number: int, types: str = "", length: int = 8) -> Example:
    """A sentence of its own with an entity of one word for each letter of ``types``."""
    words = tuple(f"s{number}w{place}" for place in range(length))
    return Example(words, tuple(Span(place, place + 1, letter) for place, letter in enumerate(types)))


POOL = [
    example(0),
    example(1, "P"),
    example(2, "P", length=40),
    example(3, "PO"),
    example(4, "R", length=3),
    example(5),
    example(6, "L"),
    example(7, "PL"),
    example(8, length=2),
    example(9, "O"),
]
VECTORS = np.random.default_rng(5).normal(size=(len(POOL), 4)).astype(np.float32)
VECTORS /= np.linalg.norm(VECTORS, axis=1, keepdims=True)


def pool_of(mode: str, count: int, examples: list[Example] = POOL, seed: int = 3) -> ExamplePool:
    vectors = VECTORS[: len(examples)] if mode == "nearest" else None
    return ExamplePool(examples, choose=mode, count=count, seed=seed, vectors=vectors)


def types_of(chosen: list[Example]) -> set[str]:
    return {span.type for one in chosen for span in one.spans}


# The same choice everywhere and always: it decides which answers have been paid for


def test_random_choices_are_the_same_in_every_version() -> None:
    assert stable_order(6, "13") == [4, 5, 0, 3, 1, 2]
    assert choose_random(100, 5, "13 train-7") == [14, 55, 71, 82, 49]


@pytest.mark.parametrize("mode", MODES)
def test_a_second_pool_chooses_the_same(mode: str) -> None:
    first, second = pool_of(mode, 4), pool_of(mode, 4)
    for number in range(20):
        vector = VECTORS[number % len(POOL)] if mode == "nearest" else None
        assert first.choose(f"id-{number}", ["new"], vector) == second.choose(f"id-{number}", ["new"], vector)


def test_fixed_examples_are_one_object_for_all_sentences() -> None:
    pool = pool_of("fixed", 4)
    assert pool.choose("a", ["some"]) is pool.choose("b", ["other"])


def test_seeds_and_sentences_change_random_examples() -> None:
    pool = pool_of("random", 4)
    assert len({pool.choose(f"id-{number}", ["new"]) for number in range(20)}) > 10
    others = pool_of("random", 4, seed=4)
    assert any(pool.choose(f"id-{number}", ["new"]) != others.choose(f"id-{number}", ["new"]) for number in range(5))


# What fixed examples show


@pytest.mark.parametrize("seed", range(10))
def test_fixed_examples_cover_each_type_and_the_absence_of_entities(seed: int) -> None:
    chosen = pool_of("fixed", 5, seed=seed).choose("a", ["new"])
    assert len(set(chosen)) == 5
    assert types_of(chosen) == set("PORL")
    assert [one for one in chosen if not one.spans] == [chosen[0]]
    assert len(chosen[0].words) == 8


@pytest.mark.parametrize("seed", range(10))
def test_fixed_examples_are_long_or_short_only_where_a_type_needs_it(seed: int) -> None:
    chosen = pool_of("fixed", 6, seed=seed).choose("a", ["new"])
    assert [one for one in chosen if len(one.words) != 8] == [POOL[4]]


def test_fixed_examples_cover_as_many_types_as_they_can() -> None:
    examples = [example(0, "ABC"), example(1, "A"), example(2, "BD"), example(3, "E"), example(4)]
    chosen = [examples[index] for index in choose_fixed(examples, 3, "0")]
    assert not chosen[0].spans
    assert len(types_of(chosen)) == 4
    assert choose_fixed(examples, 1, "0") == [0]


def test_a_pool_without_entities_or_with_nothing_else_still_gives_examples() -> None:
    assert len(choose_fixed([example(number) for number in range(4)], 3, "0")) == 3
    assert len(choose_fixed([example(number, "P") for number in range(4)], 3, "0")) == 3


letters = st.text("PLOM", max_size=3)


@settings(deadline=None, derandomize=True)
@given(st.lists(st.tuples(letters, st.integers(3, 40)), min_size=1, max_size=12), st.integers(0, 12), st.data())
def test_fixed_choice_never_repeats_and_covers_what_fits(
    drawn: list[tuple[str, int]], count: int, data: st.DataObject
) -> None:
    examples = [example(number, types, length) for number, (types, length) in enumerate(drawn)]
    excluded = data.draw(st.sets(st.sampled_from(range(len(examples)))))
    chosen = choose_fixed(examples, count, "7", excluded)
    left = [one for number, one in enumerate(examples) if number not in excluded]
    assert len(chosen) == len(set(chosen)) == min(count, len(left))
    assert not excluded.intersection(chosen)
    room = count - any(not one.spans for one in left)
    if room >= len(types_of(left)):
        assert types_of([examples[index] for index in chosen]) == types_of(left)
    if count > 1 and any(not one.spans for one in left):
        assert not examples[chosen[0]].spans


# Random and nearest


@settings(deadline=None, derandomize=True)
@given(st.integers(1, 30), st.integers(0, 30), st.text(), st.data())
def test_random_choice_is_of_different_places(size: int, count: int, key: str, data: st.DataObject) -> None:
    excluded = data.draw(st.sets(st.integers(0, size - 1)))
    chosen = choose_random(size, count, key, excluded)
    assert len(chosen) == len(set(chosen)) == min(count, size - len(excluded))
    assert set(chosen) <= set(range(size)) - excluded


def test_random_choice_is_even() -> None:
    counts = np.zeros(10)
    for number in range(4000):
        counts[choose_random(10, 3, f"13 {number}")] += 1
    assert np.abs(counts / 4000 - 0.3).max() < 0.03


def test_the_nearest_come_last_and_ties_go_to_the_earlier() -> None:
    vectors = np.array([[1, 0], [0, 1], [0.6, 0.8], [1, 0], [-1, 0]], dtype=np.float32)
    question = np.array([1, 0], dtype=np.float32)
    assert choose_nearest(vectors, question, 3) == [2, 3, 0]
    assert choose_nearest(vectors, question, 2, excluded=[0]) == [2, 3]
    assert choose_nearest(vectors, question, 0) == []


def test_nearest_examples_keep_their_vectors_when_repeats_are_left_out() -> None:
    repeated = [POOL[1], POOL[1], POOL[3], POOL[6]]
    vectors = np.eye(4, dtype=np.float32)
    pool = ExamplePool(repeated, choose="nearest", count=1, seed=0, vectors=vectors)
    assert pool.choose("a", ["new"], vectors[2]) == (POOL[3],)
    assert pool.choose("a", ["new"], vectors[3]) == (POOL[6],)


def test_nearest_needs_vectors() -> None:
    with pytest.raises(ValueError, match="vector"):
        ExamplePool(POOL, choose="nearest", count=1, seed=0)
    with pytest.raises(ValueError, match="vector"):
        pool_of("nearest", 1).choose("a", ["new"])


# Never the sentence itself


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("case", [str, str.upper])
def test_a_sentence_is_never_its_own_example(mode: str, case: type[str]) -> None:
    pool = pool_of(mode, len(POOL) - 1)
    for number, own in enumerate(POOL):
        vector = VECTORS[number] if mode == "nearest" else None
        chosen = pool.choose(f"another-id-{number}", [case(word) for word in own.words], vector)
        assert own not in chosen
        assert len(set(chosen)) == len(POOL) - 1


def test_the_whole_pool_is_one_short_for_a_sentence_in_it() -> None:
    pool = pool_of("fixed", len(POOL))
    assert len(pool.choose("a", ["new"])) == len(POOL)
    assert len(pool.choose("a", POOL[0].words)) == len(POOL) - 1


def test_repeats_of_a_sentence_are_one_example() -> None:
    shouted = Example(tuple(word.upper() for word in POOL[1].words), POOL[1].spans)
    pool = pool_of("random", 2, [POOL[1], shouted, POOL[3]])
    assert set(pool.choose("a", ["new"])) == {POOL[1], POOL[3]}
    assert pool.choose("a", shouted.words) == (POOL[3],)


def test_more_examples_than_the_pool_holds_are_refused() -> None:
    with pytest.raises(NercError, match=r"^annotation\.examples\.count = 3: there are only 2 .*pool"):
        pool_of("random", 3, [POOL[1], POOL[1], POOL[3]])


@pytest.mark.parametrize("mode", MODES)
def test_no_examples(mode: str) -> None:
    vector = VECTORS[0] if mode == "nearest" else None
    assert pool_of(mode, 0).choose("a", ["new"], vector) == ()


# Vectors

SENTENCES = [
    ["The", "tree"],
    ["Anna", "lives", "in", "the", "house", "on", "the", "hill"],
    ["tree"] * 5,
    ["The", "tree"],
]


@pytest.fixture(scope="module")
def model() -> ModelSection:
    return ModelSection(encoder=str(TINY_ENCODER), random_weights=True)


def test_vectors_have_length_one_and_the_order_of_the_sentences(model: ModelSection) -> None:
    vectors = embed(SENTENCES, model, 64)
    assert vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    assert vectors[0] @ vectors[3] == pytest.approx(1, abs=1e-6)
    assert max(vectors[0] @ vectors[1], vectors[0] @ vectors[2]) < 0.999
    turned = embed(SENTENCES[::-1], model, 64)
    assert np.allclose(turned[::-1], vectors, atol=1e-5)


def test_vectors_hang_neither_on_batches_nor_on_padding(model: ModelSection) -> None:
    together, alone = embed(SENTENCES, model, 10_000), embed(SENTENCES, model, 1)
    assert np.allclose(together, alone, atol=1e-5)
    assert np.array_equal(together, embed(SENTENCES, model, 10_000))


def test_vectors_are_the_mean_of_the_last_states(model: ModelSection) -> None:
    from nerc_trainer.corpus.labels import LabelSet
    from nerc_trainer.modeling.build import build_tagger, load_tokenizer

    tokenizer = load_tokenizer(model)
    encoder = build_tagger(model, LabelSet(()), 0, tokenizer).base_model.eval()
    inputs = tokenizer(SENTENCES[1], is_split_into_words=True, return_tensors="pt")
    with torch.no_grad():
        mean = encoder(input_ids=inputs["input_ids"]).last_hidden_state[0].mean(dim=0).numpy()
    assert np.allclose(embed(SENTENCES, model, 64)[1], mean / np.linalg.norm(mean), atol=1e-5)


def test_a_sentence_longer_than_the_encoder_reads_is_the_mean_of_its_pieces() -> None:
    short = ModelSection(encoder=str(TINY_ENCODER), random_weights=True, max_length=8)
    long_sentence = ["tree", "house"] * 20
    vectors = embed([long_sentence, ["tree", "house"]], short, 64)
    assert np.isfinite(vectors).all()
    assert vectors.shape[0] == 2


def test_no_sentences_have_no_vectors(model: ModelSection) -> None:
    assert embed([], model, 64).shape[0] == 0


def test_a_sentence_that_nobody_has_labelled_is_no_example_without_entities(
    make_recipe: Callable[..., Recipe],
) -> None:
    train = Dataset.from_dict({"id": ["a", "b"], "tokens": [["x"], ["y"]], "ner_tags": [["B-PER"], []]})
    corpus = Corpus(train, train.select([0]), None, LabelSet.from_types(["PER"]), {}, {}, [])
    with pytest.raises(NercError, match=r"annotation\.truth = train: some of its sentences have no labels"):
        Stage(make_recipe(annotation={"truth": "train"}), corpus)
    assert Stage(make_recipe(annotation={"truth": "dev"}), corpus).truth.pool == [0]
    assert Stage(make_recipe(annotation={"truth": "train", "examples": {"count": 0}}), corpus).truth.sample == []


@pytest.mark.parametrize(("truth", "pool", "sentences"), [("train", 200, 5), ("dev", 200, 2), ("train", 4, 4)])
def test_compare_counts_the_sentences_that_examples_come_from(
    make_recipe: Callable[..., Recipe], truth: str, pool: int, sentences: int
) -> None:
    columns = {"id": list("abcde"), "tokens": [[name] for name in "vwxyz"], "ner_tags": [["B-PER"]] * 5}
    train = Dataset.from_dict(columns)
    corpus = Corpus(train, train.select(range(2)), None, LabelSet.from_types(["PER"]), {}, {}, [])
    endpoints = [{"base_url": "http://127.0.0.1:1/v1"}]
    section = {"endpoints": endpoints, "truth": truth, "examples": {"count": 1, "pool": pool}}
    recipe = make_recipe(annotation=section)
    assert examples_pool(recipe, corpus) == len(Stage(recipe, corpus).truth.pool) == sentences
    # Endpoints beside given labels are the second LLM's.
    given = make_recipe(annotation={**section, "labels": "given.jsonl"}, active={"llm_relabel": {"model": "large"}})
    assert examples_pool(given, corpus) == 0
