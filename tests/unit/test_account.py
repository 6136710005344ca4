"""The account of a run is the sum of its ledger's rows and of its history, whatever they hold."""

from __future__ import annotations

import sqlite3
import tempfile
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from run_folder import reply, round_row

from nerc_trainer.account import account_at, account_of
from nerc_trainer.annotation.answering import Usage
from nerc_trainer.annotation.ledger import Ledger
from nerc_trainer.annotation.spending import LedgerSums, read_sums
from nerc_trainer.recipe.annotation import ModelPrice
from nerc_trainer.recipe.costs import CostsSection, WhatIfSection

CENT = Decimal("0.01")

replies = st.lists(
    st.tuples(st.sampled_from(["small", "large"]), st.integers(0, 10**13), st.booleans()), min_size=0, max_size=8
)
broken = st.lists(st.integers(0, 10**12), max_size=3)
rounds = st.lists(
    st.tuples(st.integers(1, 5000), st.floats(0, 10_000), st.floats(0, 10_000), st.floats(0, 10_000)), max_size=5
)


@settings(max_examples=40, deadline=None)
@given(replies, broken, rounds, st.one_of(st.none(), st.floats(0, 50)), st.lists(st.floats(0, 10_000), max_size=4))
def test_the_account_is_the_sum_of_ledger_and_history(
    paid: list[tuple[str, int, bool]],
    lost: list[int],
    phases: list[tuple[int, float, float, float]],
    wage: float | None,
    trainings: list[float],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ledger.sqlite"
        with Ledger(path) as ledger:
            for number, (model, price, batch) in enumerate(paid):
                ledger.put(reply(number, model, price, batch))
            for price in lost:
                ledger.note_failure(b"k" * 32, "http://h/v1", "cut", "", price)
        with sqlite3.connect(path) as database:
            rows = [price for (price,) in database.execute("SELECT price FROM reply")]
        database.close()
        sums = read_sums(path)
    words = 0
    history = []
    for number, (more, score, ask, train) in enumerate(phases):
        words += more
        seconds = {"score": round(score, 3), "ask": round(ask, 3), "train": round(train, 3)}
        history.append(round_row(number, 0.5, tokens=words, dollars=round(words * 0.0123, 6), seconds=seconds))
    costs = CostsSection(gpu_dollars_per_hour=wage)
    account = account_of(sums, history, costs, sum(trainings))

    assert account.llm == sum(Decimal(price) for price in rows) / 10**12
    assert account.perhaps == sum(map(Decimal, lost)) / 10**12
    assert account.expert == (Decimal(str(history[-1]["dollars"])) if history else 0)
    hours = (sum(row["seconds"]["score"] + row["seconds"]["train"] for row in history) + sum(trainings)) / 3600
    machine = hours * wage if wage is not None else 0.0
    assert (account.machine is None) == (wage is None)
    assert abs(account.total - (account.llm + account.expert + Decimal(machine))) < CENT
    # The same prices, said as other ones, change nothing.
    assert account_at(sums, [], costs, WhatIfSection()).llm == account.llm


def test_a_ledger_in_use_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    with Ledger(path) as ledger:
        ledger.put(reply(1, price=7))
        assert [one.price for one in read_sums(path).spending] == [7]


def test_batches_stay_at_half_price_when_tokens_are_priced_anew(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    with Ledger(path) as ledger:
        ledger.put(reply(1, "small"))
        ledger.put(reply(2, "small", batch=True))
        ledger.put(reply(3, "large", price=5))
    prices = {"small": ModelPrice(input=10, output=100)}  # 100 + 10 tokens: 0.002 dollars
    other = WhatIfSection(prices=prices)
    account = account_at(read_sums(path), [], CostsSection(), other)
    assert account.llm == Decimal("0.003") + Decimal(5).scaleb(-12)


def test_what_if_prices_the_expert_anew() -> None:
    history = [round_row(0, 0.5, tokens=360, expert_sentences=10, expert_seconds=100.0, timed_words=60, dollars=99.0)]
    costs = CostsSection(expert_wage=36.0, expert_seconds_per_word=1.0)
    nothing = LedgerSums()

    def expert(**said: object) -> float:
        return float(account_at(nothing, history, costs, WhatIfSection(**said)).expert)  # type: ignore[arg-type]

    assert float(account_of(nothing, history, costs).expert) == 99.0  # what history.jsonl says
    assert expert() == pytest.approx(3.6)
    assert expert(expert_wage=72) == pytest.approx(7.2)
    assert expert(expert_by="sentences", expert_seconds_per_sentence=60) == pytest.approx(6.0)
    assert expert(expert_by="seconds") == pytest.approx(4.0)


def test_replies_behind_labels_are_counted_once_live_and_in_batches() -> None:
    used, second = Usage(), Usage()
    used.add([reply(1), replace(reply(2, batch=True), cached_tokens=40), reply(1)])
    second.add([reply(3)])
    used.merge(second)
    assert used.calls == 3
    assert used.by_batch == {False: [200, 0, 20], True: [100, 40, 10]}
