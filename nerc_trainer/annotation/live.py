"""Puts sentences to live servers through the ledger, with a line that shows how far it is."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from nerc_trainer.annotation.answering import Answers, OnLabelled, ask_all, with_fallback
from nerc_trainer.annotation.batch import refuse_open_batches, spent_or_reserved
from nerc_trainer.annotation.client import Client
from nerc_trainer.annotation.money import Purse
from nerc_trainer.annotation.progress import LiveLine

if TYPE_CHECKING:
    from nerc_trainer.annotation.labeller import Labelled, Labeller, Sentence
    from nerc_trainer.annotation.ledger import Ledger, Reply
    from nerc_trainer.annotation.request import Endpoint
    from nerc_trainer.recipe.annotation import AnnotationSection


def ask_live(
    section: AnnotationSection,
    labellers: tuple[Labeller, Labeller | None],
    sentences: Sequence[Sentence],
    endpoints: Sequence[Endpoint],
    ledger: Ledger,
    title: str = "labelling",
    on_labelled: OnLabelled = lambda labelled, replies: None,
) -> Answers:
    """What the model says of the sentences, asked by the first of the ``labellers`` and, where its answer could not be
    used, by the second.

    ``on_labelled`` hears each result as it comes, a second try as another one for the same sentence. NercError where
    batches of the same questions are under way, or another process holds the ledger.
    """
    refuse_open_batches(endpoints, ledger)
    labeller, fallback = labellers

    async def run() -> Answers:
        purse = Purse(section.limit_dollars, spent_or_reserved(ledger, endpoints[0]))
        at_a_time = sum(endpoint.concurrency for endpoint in endpoints)
        async with Client(endpoints, ledger, purse, section.deadline_seconds, tell) as client:
            with LiveLine(title, len(sentences)) as line:

                def heard(labelled: Labelled, replies: Sequence[Reply]) -> None:
                    line.show(labelled, replies)
                    on_labelled(labelled, replies)

                async def ask(asked: Labeller, about: Sequence[Sentence]) -> Answers:
                    return await ask_all(asked, about, client, at_a_time, heard)

                return await with_fallback(labeller, fallback, sentences, ask)

    return asyncio.run(run())


def tell(line: str) -> None:
    """What the user should see of the servers, beside the results."""
    print(line, file=sys.stderr, flush=True)


def why_left(what: str, answers: Answers, section: AnnotationSection) -> str:
    """The line that ends a command where ``what`` is left without an answer, with the way out."""
    if answers.out_of_money:
        return (
            f"annotation.limit_dollars = {section.limit_dollars}: reached, and {what}; raise it, and the "
            "same command asks for them alone"
        )
    return f"{what}: {answers.reasons()}; the same command asks for them alone"
