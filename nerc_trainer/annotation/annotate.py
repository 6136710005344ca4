"""`nerc-trainer annotate`: let an LLM label the training sentences, and never pay for an answer twice."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from decimal import Decimal
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nerc_trainer.annotation.answering import Answers, read_all, with_fallback
from nerc_trainer.annotation.batch import BatchRun
from nerc_trainer.annotation.choice import choose, labels_digest
from nerc_trainer.annotation.dataset import push_dataset, save_dataset
from nerc_trainer.annotation.live import ask_live, tell, why_left
from nerc_trainer.annotation.money import dollars
from nerc_trainer.annotation.plan import Plan, make_plan, show_plan
from nerc_trainer.annotation.result import annotation_folder, labels_file, made_with
from nerc_trainer.annotation.stage import Stage, endpoints_for, ledger_file, open_ledger
from nerc_trainer.corpus.labels import tags_to_spans
from nerc_trainer.corpus.load import load_corpus
from nerc_trainer.errors import NercError
from nerc_trainer.evaluation.intervals import Interval, entity_counts, f1_interval
from nerc_trainer.files import write_json, write_text
from nerc_trainer.public_names import split_name
from nerc_trainer.run_recipe import keep_recipe

if TYPE_CHECKING:
    from nerc_trainer.annotation.labeller import Labelled, Labeller, Sentence
    from nerc_trainer.annotation.ledger import Ledger
    from nerc_trainer.annotation.request import Endpoint
    from nerc_trainer.corpus.load import Corpus
    from nerc_trainer.recipe.sections import Recipe


@dataclass(frozen=True)
class _Work:
    """What is to be labelled, by which prompts, and who is asked. Closing the ledger is for whoever has made it."""

    corpus: Corpus
    stage: Stage
    sentences: list[Sentence]
    labeller: Labeller
    fallback: Labeller | None
    endpoints: list[Endpoint]
    ledger: Ledger


def annotate_corpus(recipe: Recipe, only_plan: bool) -> None:
    """Label the training sentences as the recipe says, or print what that would cost.

    Labels, status and figures are written to ``<run.dir>/annotation``. The same call again asks only for what is
    missing. NercError at the end if sentences are left without an answer.
    """
    if not recipe.annotation.endpoints:
        raise NercError(
            "annotation.endpoints: needed to label; give a server, such as [{base_url: 'http://127.0.0.1:8077/v1'}]"
        )
    if recipe.annotation.labels is not None:
        raise NercError(
            f"annotation.labels = {recipe.annotation.labels}: training takes these labels, and the endpoints are for "
            "active.llm_relabel alone; set annotation.labels to null to label the corpus"
        )
    with _set_up(recipe) as work:
        plan = make_plan(
            work.labeller, work.sentences, work.endpoints, work.ledger, batch=recipe.annotation.mode == "batch"
        )
        show_plan(plan)
        if only_plan:
            _plan_second_tries(work, plan, batch=recipe.annotation.mode == "batch")
            return
        # What is missing comes first: the known replies of a large corpus take minutes to read.
        missing = set(plan.incomplete)
        order = [*plan.incomplete, *(index for index in range(len(work.sentences)) if index not in missing)]
        answers = _ask(recipe, work, [work.sentences[index] for index in order])
        labelled = [one for _, one in sorted(zip(order, answers.labelled, strict=True), key=itemgetter(0)) if one]
        if labelled:
            folder = _write(recipe, work, labelled, answers)
    if left := len(work.sentences) - len(labelled):
        raise NercError(why_left(f"{left:,} sentences are not labelled", answers, recipe.annotation))
    if left := answers.second_tries_left:
        raise NercError(why_left(f"{left:,} rejected sentences wait for their second try", answers, recipe.annotation))
    if repo := recipe.annotation.repo:
        print(f"pushed to {repo}: commit {push_dataset(folder, repo, recipe)}")


def _plan_second_tries(work: _Work, plan: Plan, batch: bool) -> None:
    """Print what second tries will cost: of the known replies that can't be read, and at most of those to come."""
    if work.fallback is None:
        return
    missing = set(plan.incomplete)
    known = [sentence for index, sentence in enumerate(work.sentences) if index not in missing]
    read = read_all(work.labeller, known, work.endpoints, work.ledger, lambda key: "not asked yet")
    rejected = [one.sentence for one in read.labelled if one is not None and one.is_rejected]
    print("second tries, for replies that could not be read:")
    show_plan(make_plan(work.fallback, rejected, work.endpoints, work.ledger, batch=batch))
    if missing:
        print("second tries, if no reply to come could be read:")
        to_come = [work.sentences[index] for index in missing]
        show_plan(make_plan(work.fallback, to_come, work.endpoints, work.ledger, batch=batch))


def annotate_where_known(recipe: Recipe) -> None:
    """Label the training sentences where that asks nobody anything: every answer that it takes is in a ledger.

    Else nothing is written, and `labels_to_train_on` says what to do. Labels that are there already stay, unless other
    settings have made them.
    """
    section = recipe.annotation
    if section.labels is not None or not section.endpoints or made_with(recipe) == labels_digest(recipe):
        return
    if section.known_replies is None and not ledger_file(recipe).is_file():
        return
    with _set_up(recipe, asking=False) as work:

        async def look_up(asked: Labeller, about: Sequence[Sentence]) -> Answers:
            return read_all(asked, about, work.endpoints, work.ledger, lambda key: "not asked yet")

        answers = asyncio.run(with_fallback(work.labeller, work.fallback, work.sentences, look_up))
        if not answers.unanswered and work.sentences:
            _write(recipe, work, [one for one in answers.labelled if one], answers)


@contextmanager
def _set_up(recipe: Recipe, asking: bool = True) -> Iterator[_Work]:
    """The work that a recipe describes; without ``asking`` no key and no price is needed."""
    choice = choose(recipe)
    from_dev = recipe.annotation.truth == "dev"
    corpus = load_corpus(recipe.data, unlabelled_train=from_dev, way_out="or set annotation.truth to dev")
    stage = Stage(recipe, corpus)
    sentences = stage.sentences(corpus.train, _chosen_sentences(recipe, len(corpus.train)))
    labeller = stage.labeller(choice.prompt, choice.model)
    fallback = stage.labeller(choice.fallback, choice.model) if choice.fallback else None
    endpoints = endpoints_for(recipe, choice.model, asking)
    with open_ledger(recipe) as ledger:
        yield _Work(corpus, stage, sentences, labeller, fallback, endpoints, ledger)


def _write(recipe: Recipe, work: _Work, labelled: Sequence[Labelled], answers: Answers) -> Path:
    """Write labels and figures, show them, and return the folder of the data set."""
    figures = _figures(recipe, work, labelled, answers)
    rows = [one.as_row() for one in labelled]
    # What says with which settings labels were made goes first and comes last, so it never stands beside others.
    about = annotation_folder(recipe) / "annotation.json"
    about.unlink(missing_ok=True)
    keep_recipe(recipe)
    dataset_folder = annotation_folder(recipe) / "dataset"
    save_dataset(dataset_folder, rows, figures, split_name(recipe.data, recipe.data.train))
    write_text(labels_file(recipe), "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    write_json(about, figures)
    show_figures(figures, _ledger_named(recipe))
    print(f"the labels are in {labels_file(recipe)}, and as a data set in {dataset_folder}")
    return dataset_folder


def _chosen_sentences(recipe: Recipe, available: int) -> list[int]:
    wanted = recipe.annotation.sentences
    if wanted is None or wanted >= available:
        return list(range(available))
    generator = np.random.default_rng([recipe.run.seed, 1])
    # The first of one order, so that a larger number keeps what a smaller one has labelled.
    return sorted(generator.permutation(available)[:wanted].tolist())


def _ask(recipe: Recipe, work: _Work, sentences: Sequence[Sentence]) -> Answers:
    section, endpoints, ledger = recipe.annotation, work.endpoints, work.ledger
    if section.mode == "batch":
        batches = BatchRun(endpoints, ledger, section, tell)
        return asyncio.run(with_fallback(work.labeller, work.fallback, sentences, batches.answer))
    return ask_live(section, (work.labeller, work.fallback), sentences, endpoints, ledger)


def score(
    labelled: Sequence[Labelled], true_tags: Mapping[str, list[str]], seed: int
) -> tuple[Interval, dict[str, float], np.ndarray]:
    """F1 of the labels with its interval, F1 by type, and the counts of each sentence.

    A rejected sentence counts as one in which nothing was found.
    """
    rows: list[tuple[int, int, int]] = []
    by_type: dict[str, np.ndarray] = {}
    for one in labelled:
        true = tags_to_spans(true_tags[one.sentence.id], "bio")
        rows.append(entity_counts(one.spans, true))
        for type_ in {span.type for span in (*one.spans, *true)}:
            found = entity_counts(
                [span for span in one.spans if span.type == type_], [span for span in true if span.type == type_]
            )
            by_type[type_] = by_type.get(type_, np.zeros(3, dtype=int)) + found
    counts = np.array(rows)
    f1 = {type_: float(2 * row[0] / max(row[1] + row[2], 1)) for type_, row in sorted(by_type.items())}
    return f1_interval(counts, np.random.default_rng(seed)), f1, counts


def _figures(recipe: Recipe, work: _Work, labelled: Sequence[Labelled], answers: Answers) -> dict[str, Any]:
    """What is known of the labels: how many, how good against the truth, what they cost."""
    labeller, stage, corpus = work.labeller, work.stage, work.corpus
    seen = {stage.truth.split["id"][index] for index in stage.truth.pool} if stage.section.truth == "train" else set()
    true_tags = dict(zip(corpus.train["id"], corpus.train["ner_tags"], strict=True))
    fair = [one for one in labelled if one.sentence.id not in seen and true_tags[one.sentence.id]]
    figures: dict[str, Any] = {
        "version": 2,
        "digest": labels_digest(recipe),
        "prompt": labeller.prompt.name,
        "model": labeller.model,
        "sentences": len(labelled),
        "status": dict(Counter(one.status for one in labelled)),
        "reasons": dict(Counter(_kind(one.reason) for one in labelled if one.reason).most_common()),
        "truth": None,
        "replies": {
            "calls": answers.used.calls,
            "prompt_tokens": answers.used.prompt_tokens,
            "completion_tokens": answers.used.completion_tokens,
            "dollars": float(dollars(answers.used.price)),
            "tokens": {"live": answers.used.by_batch[False], "batch": answers.used.by_batch[True]},
        },
        "ledger": {
            name: float(value) if isinstance(value, Decimal) else value
            for name, value in asdict(work.ledger.totals()).items()
        },
    }
    if fair:
        interval, by_type, _ = score(fair, true_tags, recipe.run.seed)
        figures["truth"] = {"sentences": len(fair), "f1": interval._asdict(), "by_type": by_type}
    return figures


def _kind(reason: str) -> str:
    return reason.partition(":")[0]


def _ledger_named(recipe: Recipe) -> str:
    """What to call the ledger, and whose replies it holds."""
    path = ledger_file(recipe)
    is_own = path.resolve().is_relative_to(recipe.run.dir.resolve())
    return "the run's own ledger" if is_own else f"{path.name}, other runs' too"


def show_figures(figures: Mapping[str, Any], ledger_named: str) -> None:
    """A table of what the labels are and what they cost; ``ledger_named`` says where its replies are."""
    from rich.console import Console
    from rich.table import Table

    table = Table(show_header=False)
    table.add_column()
    table.add_column(justify="right")
    table.add_row("sentences", f"{figures['sentences']:,}")
    for status, count in sorted(figures["status"].items()):
        table.add_row(f"  {status}", f"{count:,}")
    for reason, count in figures["reasons"].items():
        table.add_row(f"    {reason}", f"{count:,}")
    if (truth := figures["truth"]) is not None:
        f1 = truth["f1"]
        table.add_row("entity F1 against the truth", f"{f1['value']:.3f} ({f1['low']:.3f} to {f1['high']:.3f})")
        for type_, value in truth["by_type"].items():
            table.add_row(f"  {type_}", f"{value:.3f}")
    replies, ledger = figures["replies"], figures["ledger"]
    table.add_row("replies that the labels come from", f"{replies['calls']:,}")
    table.add_row("  tokens of prompts", f"{replies['prompt_tokens']:,}")
    table.add_row("  tokens of answers", f"{replies['completion_tokens']:,}")
    table.add_row("  dollars", f"{replies['dollars']:,.4f}")
    table.add_row(f"all replies in {ledger_named}", f"{ledger['calls']:,}")
    table.add_row("  dollars", f"{ledger['dollars']:,.4f}")
    if ledger["perhaps_dollars"]:
        table.add_row("  dollars at most for calls that broke off", f"{ledger['perhaps_dollars']:,.4f}")
    if ledger["failures"]:
        table.add_row("  calls without an answer", f"{sum(ledger['failures'].values()):,}")
    console = Console()
    console.print(f"{figures['model']} with {figures['prompt']}", highlight=False, markup=False)
    console.print(table)
