"""Puts sentences to an LLM, many at a time, and collects what its answers say."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from nerc_trainer.annotation.client import OverBudget, Unanswered, request_keys

if TYPE_CHECKING:
    from nerc_trainer.annotation.client import Client
    from nerc_trainer.annotation.labeller import Labelled, Labeller, Sentence
    from nerc_trainer.annotation.ledger import Ledger, Reply
    from nerc_trainer.annotation.request import Endpoint

OnLabelled: TypeAlias = "Callable[[Labelled, Sequence[Reply]], None]"

# Sentences in a row that servers have read and refused, after which the fault is taken to be with all of them.
_MOST_REFUSED = 100


@dataclass
class Usage:
    """The replies that labels come from, each counted once; price in picodollars.

    ``by_batch`` holds the tokens of prompts, those of them that were cached, and of answers, for live replies and for
    those of batches, which cost half.
    """

    calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    by_batch: dict[bool, list[int]] = field(default_factory=lambda: {False: [0, 0, 0], True: [0, 0, 0]})
    price: int = 0
    _seen: set[bytes] = field(default_factory=set, repr=False)

    def add(self, replies: Sequence[Reply]) -> None:
        for reply in replies:
            if reply.key not in self._seen:
                self._seen.add(reply.key)
                self.calls += 1
                self.prompt_tokens += reply.prompt_tokens
                self.completion_tokens += reply.completion_tokens
                self.price += reply.price
                self._count(reply.batch, (reply.prompt_tokens, reply.cached_tokens, reply.completion_tokens))

    def merge(self, other: Usage) -> None:
        """Add what another prompt has used: no reply is one to both."""
        self.calls += other.calls
        self.prompt_tokens += other.prompt_tokens
        self.completion_tokens += other.completion_tokens
        self.price += other.price
        for batch, tokens in other.by_batch.items():
            self._count(batch, tokens)

    def _count(self, batch: bool, tokens: Sequence[int]) -> None:
        self.by_batch[batch] = [mine + more for mine, more in zip(self.by_batch[batch], tokens, strict=True)]


@dataclass
class Answers:
    """What came of the sentences that were put to a model.

    ``labelled`` has one place for each sentence in their order, None where no answer came; ``unanswered`` counts those
    by reason, and ``second_tries_left`` those whose answer could not be used and whose second try has none.
    ``refused`` counts sentences that a server has read and said no to; asking again is in vain.
    ``out_of_money`` says whether the limit ended the asking, ``given_up`` whether silent servers did.
    """

    labelled: list[Labelled | None]
    unanswered: Counter[str] = field(default_factory=Counter)
    second_tries_left: int = 0
    refused: int = 0
    out_of_money: bool = False
    given_up: bool = False
    used: Usage = field(default_factory=Usage)

    def reasons(self) -> str:
        """The most frequent reasons why sentences have no answer, each with its number where there are several."""
        most = self.unanswered.most_common(3)
        return "; ".join(
            f"{reason} ({count:,} times)" if len(self.unanswered) > 1 else reason for reason, count in most
        )


async def ask_all(
    labeller: Labeller,
    sentences: Sequence[Sentence],
    client: Client,
    at_a_time: int,
    on_labelled: OnLabelled,
) -> Answers:
    """Ask about every sentence; ``on_labelled`` hears each result as it comes.

    A sentence that nobody answers in time is left out and does not stop the others, unless as many in a row are left
    out as are asked at a time: then the servers are taken to be gone. Sentences that a server refuses, for their length
    or content, stop the others only where 100 in a row are. Once the limit of dollars is reached nothing new is asked,
    and the calls in flight are waited for.
    """
    answers = Answers([None] * len(sentences))
    waiting = iter(range(len(sentences)))
    in_a_row = refused = 0

    async def work() -> None:
        nonlocal in_a_row, refused
        for index in waiting:
            if answers.out_of_money or answers.given_up:
                return
            sentence = sentences[index]
            try:
                replies = [await client.ask(request) for request in labeller.requests(sentence)]
            except OverBudget:
                answers.out_of_money = True
                return
            except Unanswered as failure:
                answers.unanswered[str(failure)] += 1
                refused += failure.refused
                answers.refused += failure.refused
                in_a_row += not failure.refused
                if in_a_row >= at_a_time or refused >= _MOST_REFUSED:
                    answers.given_up = True
                continue
            in_a_row = refused = 0
            labelled = labeller.read(sentence, replies)
            answers.labelled[index] = labelled
            answers.used.add(replies)
            on_labelled(labelled, replies)

    tasks = [asyncio.create_task(work()) for _ in range(min(at_a_time, len(sentences)))]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return answers


def read_all(
    labeller: Labeller,
    sentences: Sequence[Sentence],
    endpoints: Sequence[Endpoint],
    ledger: Ledger,
    why_not: Callable[[bytes], str],
) -> Answers:
    """What the replies in the ledger say; `why_not` tells why there is none to a request with a certain key."""
    answers = Answers([None] * len(sentences))
    for index, sentence in enumerate(sentences):
        replies: list[Reply] = []
        for request in labeller.requests(sentence):
            keys = request_keys(endpoints, request)
            reply = next((found for found in map(ledger.get, keys) if found is not None), None)
            if reply is None:
                answers.unanswered[why_not(keys[0])] += 1
                break
            replies.append(reply)
        else:
            answers.labelled[index] = labeller.read(sentence, replies)
            answers.used.add(replies)
    return answers


async def with_fallback(
    labeller: Labeller,
    fallback: Labeller | None,
    sentences: Sequence[Sentence],
    ask: Callable[[Labeller, Sequence[Sentence]], Awaitable[Answers]],
) -> Answers:
    """What ``ask`` gets, and where an answer could not be used, what it gets by the ``fallback``, best in another
    format."""
    answers = await ask(labeller, sentences)
    rejected = [
        index for index, labelled in enumerate(answers.labelled) if labelled is not None and labelled.is_rejected
    ]
    if fallback is None or not rejected:
        return answers
    if answers.out_of_money:
        answers.second_tries_left = len(rejected)
        return answers
    again = await ask(fallback, [sentences[index] for index in rejected])
    answers.used.merge(again.used)
    # A second try that a server refuses is over: the first rejection stands.
    answers.second_tries_left = again.labelled.count(None) - again.refused
    for index, labelled in zip(rejected, again.labelled, strict=True):
        # Where the second answer fails too, the first rejection stands: it names the prompt that the recipe means.
        if labelled is not None and not labelled.is_rejected:
            answers.labelled[index] = labelled
    answers.unanswered += again.unanswered
    answers.out_of_money, answers.given_up = again.out_of_money, again.given_up
    return answers
