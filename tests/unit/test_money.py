"""Prices are exact, never guessed, and a purse is never overdrawn."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nerc_trainer.annotation.money import ModelPrice, OverBudget, Purse, dollars, find_price
from nerc_trainer.errors import NercError
from nerc_trainer.recipe.annotation import ModelPrice as PriceSection

MINI = ModelPrice(Decimal("0.15"), Decimal("0.075"), Decimal("0.6"), "here")


def test_a_call_costs_what_its_tokens_cost() -> None:
    assert dollars(MINI.charge(1_000_000, 0, 0)) == Decimal("0.15")
    assert dollars(MINI.charge(1_000_000, 1_000_000, 0)) == Decimal("0.075")
    assert dollars(MINI.charge(1000, 400, 50)) == Decimal("0.00015")  # 600 new, 400 kept, 50 answered
    assert MINI.charge(1000, 400, 50, batch=True) * 2 == MINI.charge(1000, 400, 50)


def test_more_cached_tokens_than_tokens_cost_no_less_than_nothing() -> None:
    assert MINI.charge(10, 1000, 0) == MINI.charge(10, 10, 0)


@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 10**6)), max_size=50))
def test_a_sum_of_many_calls_is_exact(calls: list[tuple[int, int]]) -> None:
    total = sum(MINI.charge(prompt, 0, completion) for prompt, completion in calls)
    prompts, completions = sum(prompt for prompt, _ in calls), sum(completion for _, completion in calls)
    assert dollars(total) == (prompts * Decimal("0.15") + completions * Decimal("0.6")) / 10**6


def test_the_price_of_a_recipe_comes_first() -> None:
    prices = {"gpt-4o-mini": PriceSection(input=0.1, output=0.2)}
    price = find_price("gpt-4o-mini", prices)
    assert (price.input, price.cached_input, price.output) == (Decimal("0.1"), Decimal("0.1"), Decimal("0.2"))
    assert price.source == "annotation.prices.gpt-4o-mini"


def test_a_public_model_has_its_public_price() -> None:
    price = find_price("gpt-4o-mini", {}, "https://api.openai.com/v1")
    assert (price.input, price.cached_input, price.output) == (Decimal("0.15"), Decimal("0.075"), Decimal("0.6"))
    assert price.source == "genai-prices openai/gpt-4o-mini"


def test_a_public_model_behind_another_address_has_its_public_price() -> None:
    assert find_price("gpt-4o-mini", {}, "https://gateway.example/v1").output == Decimal("0.6")


@pytest.mark.parametrize("url", [None, "http://127.0.0.1:8077/v1"])
def test_an_unknown_model_is_an_error_that_names_the_key(url: str | None) -> None:
    with pytest.raises(NercError, match=r"model qwen2\.5-coder:1\.5b: .*annotation\.prices\.qwen2\.5-coder:1\.5b"):
        find_price("qwen2.5-coder:1.5b", {}, url)


@pytest.mark.parametrize("model", ["text-embedding-3-small", "deepseek/deepseek-r1:free"])
def test_a_gap_in_the_table_is_not_a_price_of_zero(model: str) -> None:
    with pytest.raises(NercError, match="no price is known"):
        find_price(model, {}, "https://openrouter.ai/api/v1")


def test_a_server_of_ones_own_costs_nothing_by_saying_so() -> None:
    free = find_price("qwen2.5-coder:1.5b", {"qwen2.5-coder:1.5b": PriceSection(input=0, output=0)})
    assert free.charge(10**6, 0, 10**6) == 0


def test_a_purse_counts_what_is_in_flight() -> None:
    purse = Purse(0.000_000_1)  # 100,000 picodollars
    assert purse.reserve(60_000)
    assert not purse.reserve(50_000)
    purse.settle(60_000, 20_000)
    assert (purse.spent, purse.in_flight) == (20_000, 0)
    assert purse.reserve(50_000)


def test_a_purse_without_limit_takes_everything() -> None:
    purse = Purse(None, spent=5)
    assert purse.reserve(10**30)
    purse.settle(10**30, 7)
    assert purse.spent == 12


def test_a_limit_of_zero_lets_free_calls_pass() -> None:
    assert Purse(0).reserve(0)
    assert not Purse(0).reserve(1)


def test_calls_wait_for_money_that_others_may_give_back() -> None:
    async def scenario() -> list[str]:
        purse = Purse(Decimal(100).scaleb(-12))
        log = []

        async def call(name: str) -> None:
            await purse.reserve_when_free(60)
            log.append(f"{name} sent")
            await asyncio.sleep(0)
            purse.settle(60, 10)

        await asyncio.gather(*(call(name) for name in "abcd"))
        with pytest.raises(OverBudget, match=r"annotation\.limit_dollars = 0\.0000000001: "):
            await purse.reserve_when_free(61)
        assert purse.spent == 40
        return log

    assert asyncio.run(scenario()) == ["a sent", "b sent", "c sent", "d sent"]


def test_whoever_waits_in_vain_is_told() -> None:
    async def scenario() -> None:
        purse = Purse(Decimal(100).scaleb(-12))
        await purse.reserve_when_free(90)
        waiting = asyncio.create_task(purse.reserve_when_free(20))
        await asyncio.sleep(0)
        assert not waiting.done()
        purse.settle(90, 90)
        with pytest.raises(OverBudget):
            await waiting

    asyncio.run(scenario())
