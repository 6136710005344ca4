"""What labelling will cost, before anything is sent."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nerc_trainer.annotation.money import dollars
from nerc_trainer.annotation.request import estimate_tokens, most_tokens, request_keys

if TYPE_CHECKING:
    from nerc_trainer.annotation.labeller import Labeller, Sentence
    from nerc_trainer.annotation.ledger import Ledger
    from nerc_trainer.annotation.request import Endpoint, Request

_SENTENCES_AT_A_TIME = 200  # more of them alive at a time keep the garbage collector busy
_USUAL_SHARE = 0.25  # of the longest answer that is allowed; right answers seldom take more


@dataclass(frozen=True)
class Plan:
    """Calls that are needed and of them those that are known; tokens and dollars of the others.

    ``incomplete`` are the sentences that they are about, by their place. Tokens are estimates until the model has
    answered something; ``most_dollars`` is a bound: no prompt makes more tokens
    than bytes, and no answer more than it may.
    """

    model: str
    prompt: str
    sentences: int
    incomplete: list[int]
    calls: int
    known: int
    prompt_tokens: int
    answer_tokens: int
    dollars: float
    most_dollars: float


@dataclass(frozen=True)
class Missing:
    """A request that no endpoint has answered: whose it is among the sentences, and its key for each endpoint."""

    sentence: int
    keys: list[bytes]
    request: Request


def find_missing(
    labeller: Labeller, sentences: Sequence[Sentence], endpoints: Sequence[Endpoint], ledger: Ledger
) -> Iterator[tuple[int, list[Missing]]]:
    """A part of the sentences at a time: how many requests it makes, and those that are missing."""
    for start in range(0, len(sentences), _SENTENCES_AT_A_TIME):
        requests = [
            (index, request_keys(endpoints, request), request)
            for index, sentence in enumerate(sentences[start : start + _SENTENCES_AT_A_TIME], start)
            for request in labeller.requests(sentence)
        ]
        answered = ledger.known([key for _, keys, _ in requests for key in keys])
        yield len(requests), [Missing(*made) for made in requests if answered.isdisjoint(made[1])]


def make_plan(
    labeller: Labeller,
    sentences: Sequence[Sentence],
    endpoints: Sequence[Endpoint],
    ledger: Ledger,
    *,
    batch: bool = False,
) -> Plan:
    """Count calls, tokens and dollars of what is not in the ledger; those of the dearest server count."""
    ratio = ledger.tokens_per_character(labeller.model)
    calls = known = prompt_tokens = most_prompt = most_answer = 0
    incomplete: dict[int, None] = {}
    for count, missing in find_missing(labeller, sentences, endpoints, ledger):
        calls += count
        known += count - len(missing)
        prompt_tokens += sum(estimate_tokens(one.request, ratio) for one in missing)
        most_prompt += sum(most_tokens(one.request) for one in missing)
        most_answer += sum(one.request.max_tokens for one in missing)
        incomplete.update(dict.fromkeys(one.sentence for one in missing))
    answer = round(most_answer * _USUAL_SHARE)

    def most_expensive(prompt_tokens: int, answer_tokens: int) -> float:
        charges = (endpoint.price.charge(prompt_tokens, 0, answer_tokens, batch=batch) for endpoint in endpoints)
        return float(dollars(max(charges)))

    return Plan(
        model=labeller.model,
        prompt=labeller.prompt.name,
        sentences=len(sentences),
        incomplete=list(incomplete),
        calls=calls,
        known=known,
        prompt_tokens=prompt_tokens,
        answer_tokens=answer,
        dollars=most_expensive(prompt_tokens, answer),
        most_dollars=most_expensive(most_prompt, most_answer),
    )


def show_plan(plan: Plan) -> None:
    """Print the plan in two lines."""
    print(f"{plan.sentences:,} sentences, {plan.model} with {plan.prompt}: {plan.calls:,} calls, {plan.known:,} known")
    print(
        f"to ask: {plan.calls - plan.known:,} calls, about {plan.prompt_tokens:,} tokens of prompts and "
        f"{plan.answer_tokens:,} of answers, about {plan.dollars:.2f} dollars, {plan.most_dollars:.2f} at most",
        flush=True,
    )
