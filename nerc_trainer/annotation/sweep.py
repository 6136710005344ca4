"""`nerc-trainer sweep`: every prompt with every model on sentences with true labels, and which pair is worth it."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nerc_trainer.annotation.annotate import score
from nerc_trainer.annotation.answering import Answers, ask_all
from nerc_trainer.annotation.batch import spent_or_reserved
from nerc_trainer.annotation.client import Client
from nerc_trainer.annotation.leaderboard import show_leaderboard, write_leaderboard
from nerc_trainer.annotation.money import Purse, dollars
from nerc_trainer.annotation.plan import make_plan, show_plan
from nerc_trainer.annotation.progress import LiveLine
from nerc_trainer.annotation.prompts import shipped_prompts
from nerc_trainer.annotation.reading import READER_VERSION
from nerc_trainer.annotation.request import request_key, request_keys
from nerc_trainer.annotation.result import sweep_folder
from nerc_trainer.annotation.stage import Stage, endpoints_for, open_ledger
from nerc_trainer.corpus.load import load_corpus
from nerc_trainer.errors import NercError
from nerc_trainer.files import write_json
from nerc_trainer.run_recipe import keep_recipe

if TYPE_CHECKING:
    from nerc_trainer.annotation.labeller import Labelled, Labeller, Sentence
    from nerc_trainer.annotation.ledger import Ledger, Reply
    from nerc_trainer.annotation.request import Endpoint
    from nerc_trainer.recipe.sections import Recipe


class IncompleteCell(Exception):
    """A few sentences of a cell have no answer, which need not keep the other cells from being measured."""


def sweep_prompts(recipe: Recipe, only_plan: bool) -> None:
    """Measure each pair of prompt and model on the same sentences, or print what that would cost.

    Cells, leaderboard, heat map and winner are written to ``<run.dir>/sweep``; cells that are there are not made again.
    """
    models = recipe.sweep.models or ([recipe.annotation.model] if recipe.annotation.model else [])
    if not models:
        raise NercError("sweep.models: name at least one model, or give annotation.model")
    prompts = recipe.sweep.prompts or sorted(shipped_prompts())
    from_dev = recipe.annotation.truth == "dev"
    corpus = load_corpus(recipe.data, unlabelled_train=from_dev, way_out="or set annotation.truth to dev")
    stage = Stage(recipe, corpus, measured=recipe.sweep.sentences)
    split = stage.truth.split
    sentences = stage.sentences(split, stage.truth.sample)
    true_tags = {split["id"][index]: split["ner_tags"][index] for index in stage.truth.sample}
    ledger = open_ledger(recipe)
    keep_recipe(recipe)
    cells: list[dict[str, Any]] = []
    incomplete: list[str] = []
    try:
        for model in models:
            endpoints = endpoints_for(recipe, model)
            for prompt in prompts:
                labeller = stage.labeller(prompt, model)
                if only_plan:
                    show_plan(make_plan(labeller, sentences, endpoints, ledger))
                    continue
                path = sweep_folder(recipe) / "cells" / _file_name(labeller.prompt.name, model)
                cell = _known_cell(path, _digest(recipe, labeller, sentences, endpoints, true_tags))
                if cell is None:
                    try:
                        cell = _measure(recipe, labeller, prompt, sentences, endpoints, true_tags, ledger)
                    except IncompleteCell as missing:
                        incomplete.append(str(missing))
                        continue
                    write_json(path, cell)
                cells.append(cell)
    finally:
        ledger.close()
    if only_plan:
        return
    if incomplete:
        raise NercError(f"{'; '.join(incomplete)}; the same command asks for these alone, and then names the winner")
    winner = write_leaderboard(sweep_folder(recipe), cells)
    show_leaderboard(cells)
    print(f"the winner is {winner['model']} with {winner['prompt']}; annotate takes it where the recipe names none")
    print(f"leaderboard and heat map are in {sweep_folder(recipe)}")


def _file_name(prompt: str, model: str) -> str:
    """A name for every pair; the digest keeps two models apart whose names differ in other signs alone."""
    said = f"{prompt}--{model}"
    return f"{re.sub(r'[^A-Za-z0-9._-]+', '-', said)}-{hashlib.sha256(said.encode()).hexdigest()[:8]}.json"


def _digest(
    recipe: Recipe,
    labeller: Labeller,
    sentences: Sequence[Sentence],
    endpoints: Sequence[Endpoint],
    true_tags: Mapping[str, list[str]],
) -> str:
    """Names all that a cell hangs on: every request that it makes, how replies are read, and the truth."""
    read = [READER_VERSION, sorted(recipe.annotation.aliases.items()), recipe.run.seed]
    digest = hashlib.sha256(json.dumps(read).encode())
    for sentence in sentences:
        digest.update(json.dumps([sentence.id, true_tags[sentence.id]]).encode())
        for request in labeller.requests(sentence):
            digest.update(request_key(endpoints[0], request))
    return digest.hexdigest()


def _known_cell(path: Path, digest: str) -> dict[str, Any] | None:
    try:
        cell = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise NercError(f"{path}: damaged ({error}); delete it, and the cell is made again from the ledger") from error
    return cell if cell.get("digest") == digest else None


def _measure(
    recipe: Recipe,
    labeller: Labeller,
    prompt: str,
    sentences: Sequence[Sentence],
    endpoints: Sequence[Endpoint],
    true_tags: Mapping[str, list[str]],
    ledger: Ledger,
) -> dict[str, Any]:
    answers = _ask(recipe, labeller, sentences, endpoints, ledger)
    labelled = [one for one in answers.labelled if one is not None]
    if len(labelled) < len(sentences):
        _refuse_incomplete(labeller, len(sentences) - len(labelled), answers, recipe)
    replies = [reply for sentence in sentences for reply in _replies(labeller, sentence, endpoints, ledger)]
    return {
        "version": 1,
        "digest": _digest(recipe, labeller, sentences, endpoints, true_tags),
        "prompt": prompt,
        "prompt_name": labeller.prompt.name,
        "prompt_version": labeller.prompt.version,
        "format": labeller.prompt.format,
        "model": labeller.model,
        "sentences": len(sentences),
        **_quality(labelled, true_tags, recipe.run.seed),
        **_effort(replies, len(sentences)),
    }


def _ask(
    recipe: Recipe, labeller: Labeller, sentences: Sequence[Sentence], endpoints: Sequence[Endpoint], ledger: Ledger
) -> Answers:
    section = recipe.annotation

    async def run() -> Answers:
        purse = Purse(section.limit_dollars, spent_or_reserved(ledger, endpoints[0]))
        async with Client(endpoints, ledger, purse, deadline_seconds=section.deadline_seconds) as client:
            with LiveLine(f"{labeller.prompt.name} x {labeller.model}", len(sentences)) as line:
                at_a_time = sum(endpoint.concurrency for endpoint in endpoints)
                return await ask_all(labeller, sentences, client, at_a_time, line.show)

    return asyncio.run(run())


def _replies(labeller: Labeller, sentence: Sentence, endpoints: Sequence[Endpoint], ledger: Ledger) -> list[Reply]:
    found = []
    for request in labeller.requests(sentence):
        known = map(ledger.get, request_keys(endpoints, request))
        found.append(next(reply for reply in known if reply is not None))
    return found


def _quality(labelled: Sequence[Labelled], true_tags: Mapping[str, list[str]], seed: int) -> dict[str, Any]:
    interval, by_type, counts = score(labelled, true_tags, seed)
    found, predicted, true = counts.sum(0).tolist()
    status = Counter(one.status for one in labelled)
    return {
        "f1": interval.value,
        "f1_low": interval.low,
        "f1_high": interval.high,
        "precision": found / predicted if predicted else 0.0,
        "recall": found / true if true else 0.0,
        "by_type": by_type,
        "coverage": 1 - status["rejected"] / len(labelled),
        "repaired": status["repaired"],
        "rejected": status["rejected"],
        "reasons": dict(Counter(one.reason.partition(":")[0] for one in labelled if one.is_rejected).most_common()),
    }


def _effort(replies: Sequence[Reply], sentences: int) -> dict[str, Any]:
    price = float(dollars(sum(reply.price for reply in replies)))
    return {
        "calls": len(replies),
        "prompt_tokens": sum(reply.prompt_tokens for reply in replies),
        "output_tokens": sum(reply.completion_tokens for reply in replies),
        "dollars": price,
        "dollars_per_1000": 1000 * price / sentences,
        "seconds": round(sum(reply.seconds for reply in replies), 3),
    }


def _refuse_incomplete(labeller: Labeller, left: int, answers: Answers, recipe: Recipe) -> None:
    """Raises IncompleteCell where single sentences were left out, NercError where going on makes no sense."""
    pair = f"{labeller.model} with {labeller.prompt.name}"
    if answers.out_of_money:
        raise NercError(
            f"annotation.limit_dollars = {recipe.annotation.limit_dollars}: reached at {pair}, {left} sentences before "
            "its end; raise it, and the same command goes on there"
        )
    missing = f"{pair}: {left} sentences without an answer: {answers.reasons()}"
    if answers.given_up:
        raise NercError(f"{missing}; the same command goes on there")
    raise IncompleteCell(missing)
