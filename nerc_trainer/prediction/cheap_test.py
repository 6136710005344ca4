"""`nerc-trainer cheap-test`: how good a tagger is, from few expert labels and an LLM's labels for all sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nerc_trainer.annotation.result import label_dollars
from nerc_trainer.corpus.labels import LabelSet, Span, tags_to_spans
from nerc_trainer.corpus.llm_labels import read_llm_labels
from nerc_trainer.corpus.load import load_split
from nerc_trainer.corpus.source import Sentences
from nerc_trainer.costs import ExpertWork, expert_dollars, expert_seconds
from nerc_trainer.errors import NercError
from nerc_trainer.evaluation.cheap_test import (
    FIGURES,
    SIDES,
    Estimate,
    Judged,
    as_good_as,
    disputed,
    estimate,
    estimate_difference,
    labels_for_width,
    proxy_counts,
)
from nerc_trainer.evaluation.choose_test import Sample, choose, doubt
from nerc_trainer.evaluation.intervals import entity_counts
from nerc_trainer.files import write_json
from nerc_trainer.prediction.answers import ask_for, read_answers
from nerc_trainer.prediction.cheap_table import show_figures, show_plan
from nerc_trainer.prediction.tagger import Tagged, load_tagger, tag_all

if TYPE_CHECKING:
    from nerc_trainer.recipe.cheap_test import CheapTestSection
    from nerc_trainer.recipe.sections import Recipe

_STREAM = 5  # of the run's random numbers


@dataclass(frozen=True)
class _Tagging:
    """What a tagger says of every test sentence."""

    tagged: list[Tagged]
    types: list[str]

    @property
    def spans(self) -> list[list[Span]]:
        return [tags_to_spans(one.tags, "bio") for one in self.tagged]


def cheap_test(recipe: Recipe, only_plan: bool) -> None:
    """Measure as the recipe says, and write ``<run.dir>/cheap-test/cheap_test.json``; or print only how many labels
    the wanted width needs.

    Without all of the expert's labels it adds what is missing to the file of answers and says what to do next.
    """
    section = recipe.cheap_test
    if section.model is None:
        raise NercError("cheap_test.model: needed; name the tagger to measure, such as runs/my/models/init-12")
    sentences, notes = _read_test(recipe)
    count = len(sentences.tokens)
    if section.sentences > count:
        raise NercError(f"cheap_test.sentences = {section.sentences}: data.{section.split} has {count:,}; lower it")
    if only_plan and section.sentences == count:
        raise NercError(
            f"cheap_test.sentences = {count}: all of data.{section.split}; --plan judges by a part of them, so lower it"
        )
    llm_dollars = _proxy_dollars(recipe)
    first = _tag(section.model, sentences)
    second = None if section.other is None else _tag(section.other, sentences)
    types = {tag[2:] for tags in sentences.ner_tags for tag in tags if tag != "O"}
    if unknown := sorted(types - set(first.types)):
        notes.append(f"the tagger does not know {', '.join(unknown)}; it knows {', '.join(first.types)}")
    labels = LabelSet.from_types({*types, *first.types, *(second.types if second else ()), *(recipe.data.types or ())})
    proxy, who = _proxy_labels(section, sentences, labels)
    for note in notes:
        print(note)

    doubts = doubt([one.confidence for one in first.tagged])
    if second is not None:
        doubts = np.maximum(doubts, doubt([one.confidence for one in second.tagged]))
    generator = np.random.default_rng([recipe.run.seed, _STREAM])
    sample = choose(section.choice, doubts, section.sentences, generator)
    true = _expert_labels(recipe, sentences, labels, sample)
    if true is None:
        return
    judged = [_judge(one, true, proxy, sample) for one in (first, second) if one is not None]
    found: dict[str, Estimate] = {figure: estimate(judged[0], sample, figure, section.level) for figure in FIGURES}
    differences: dict[str, Estimate] = {}
    if second is not None:
        apart = disputed(first.spans, second.spans)
        differences = {
            figure: estimate_difference(judged[0], judged[1], apart, sample, figure, section.level)
            for figure in FIGURES
        }
    words = sum(len(sentences.tokens[index]) for index in sample.positions)
    if only_plan:
        plan = _plan(recipe, {**found, **_named(differences)}, words / len(sample))
        show_plan(plan, section, llm_dollars)
        return
    figures: dict[str, Any] = {
        "model": section.model,
        "other": section.other,
        "split": section.split,
        "proxy": who,
        "sentences": count,
        "proxy_sentences": sum(one is not None for one in proxy),
        "labelled": len(sample),
        "labelled_words": words,
        "expert_dollars": expert_dollars(ExpertWork(len(sample), words), recipe.costs),
        "llm_dollars": llm_dollars,
        "choice": section.choice,
        "level": section.level,
        "figures": {figure: _row(one, section.level) for figure, one in found.items()},
        "differences": {figure: _row(one, section.level) for figure, one in differences.items()},
        "truth": _truth(first, sentences) if section.answers is None else None,
    }
    path = recipe.run.dir / "cheap-test" / "cheap_test.json"
    write_json(path, figures)
    show_figures(figures)
    print(f"all figures are in {path}")


def _read_test(recipe: Recipe) -> tuple[Sentences, list[str]]:
    """The sentences to measure on; their tags are the truth of a simulation, and not looked at where an expert asks."""
    data, split = recipe.data, recipe.cheap_test.split
    name = getattr(data, split)
    if name is None:
        raise NercError(f"data.{split} is null; name a file, or choose another split in cheap_test.split")
    way_out = "or let an expert label the part that is needed, in the file that cheap_test.answers=FILE writes"
    return load_split(data, name, way_out, labelled=recipe.cheap_test.answers is None)


def _tag(model: str, sentences: Sentences) -> _Tagging:
    tagger = load_tagger(model)
    return _Tagging(tag_all(tagger, sentences.tokens, sentences.documents), tagger.types)


def _proxy_labels(
    section: CheapTestSection, sentences: Sentences, labels: LabelSet
) -> tuple[list[list[Span] | None], str]:
    """What an LLM or another tagger says of each sentence, None where it says nothing; and who that is."""
    if section.labeller is not None:
        return list(_tag(section.labeller, sentences).spans), section.labeller
    if section.labels is None:
        raise NercError(
            f"cheap_test.labels: needed; let an LLM label the sentences with `nerc-trainer annotate RECIPE "
            f"data.train=FILE data.test=null run.dir=runs/NAME`, FILE being data.{section.split}, and give its "
            "runs/NAME/annotation/labels.jsonl; or name another tagger in cheap_test.labeller"
        )
    if not section.labels.is_file():
        raise NercError(f"cheap_test.labels = {section.labels}: no such file; it is sought from the current folder")
    said = read_llm_labels(section.labels, sentences.ids, sentences.tokens, labels, section.split)
    spans = [tags_to_spans(tags, "bio") if tags else None for tags in said.tags]
    if not any(one is not None for one in spans):
        raise NercError(f"cheap_test.labels = {section.labels}: no label for a sentence of data.{section.split}")
    return spans, str(section.labels)


def _proxy_dollars(recipe: Recipe) -> float | None:
    """What the LLM's labels cost; None for another tagger's, and for labels that were made elsewhere."""
    section = recipe.cheap_test
    if section.labeller is not None or section.labels is None:
        return None
    return label_dollars(section.labels, recipe.run.dir)


def _expert_labels(recipe: Recipe, sentences: Sentences, labels: LabelSet, sample: Sample) -> list[list[Span]] | None:
    """The true entities of the sampled sentences, in their order; None where the expert has still to label some."""
    path = recipe.cheap_test.answers
    if path is None:
        return [tags_to_spans(sentences.ner_tags[index], "bio") for index in sample.positions]
    tokens = dict(zip(sentences.ids, sentences.tokens, strict=True))
    chosen = [sentences.ids[index] for index in sample.positions]
    answers = read_answers(path, tokens, labels)
    if left := ask_for(path, answers, tokens, chosen):
        words = sum(len(tokens[name]) for name in chosen if name not in answers.tags)
        dollars = expert_dollars(ExpertWork(left, words), recipe.costs)
        print(
            f"{left:,} of {len(chosen):,} chosen sentences wait for the expert ({words:,} words, about {dollars:,.2f} "
            f"dollars): where ner_tags is null in {path}, put a list with a tag for each token (O, B-TYPE, I-TYPE; "
            f"types {', '.join(labels.types)}), and run the same command again"
        )
        return None
    return [tags_to_spans(answers.tags[name], "bio") for name in chosen]


def _judge(
    tagging: _Tagging, true: Sequence[Sequence[Span]], proxy: Sequence[Sequence[Span] | None], sample: Sample
) -> Judged:
    spans = tagging.spans
    counts = [entity_counts(spans[index], one) for index, one in zip(sample.positions, true, strict=True)]
    return Judged(np.array(counts, dtype=np.float64), proxy_counts(spans, proxy))


def _named(differences: Mapping[str, Estimate]) -> dict[str, Estimate]:
    return {f"difference in {figure}": one for figure, one in differences.items()}


def _row(found: Estimate, level: float) -> dict[str, Any]:
    return {
        "alone": found.interval(found.alone, level)._asdict(),
        "with_proxy": found.interval(found.powered, level)._asdict(),
        "weight": found.weight,
        "as_good_as": as_good_as(found, level),
    }


def _truth(tagging: _Tagging, sentences: Sentences) -> dict[str, float]:
    """The figures that all labels of a simulated expert would give."""
    true = [tags_to_spans(tags, "bio") for tags in sentences.ner_tags]
    everything = Sample.of_all(len(true))
    judged = _judge(tagging, true, true, everything)
    return {figure: estimate(judged, everything, figure).alone.value for figure in FIGURES}


def _plan(recipe: Recipe, found: Mapping[str, Estimate], words: float) -> list[dict[str, Any]]:
    """Labels for the wanted width of each figure, and what they cost at so many ``words`` a sentence."""
    section, rows = recipe.cheap_test, []
    for name, one in found.items():
        needed: dict[str, int] = {side: labels_for_width(one, side, section.width, section.level) for side in SIDES}
        work = ExpertWork(needed["powered"], round(words * needed["powered"]))
        hours, dollars = expert_seconds(work, recipe.costs) / 3600, expert_dollars(work, recipe.costs)
        now = one.interval(one.powered, section.level)
        rows.append({"figure": name, "now": now.high - now.low, **needed, "hours": hours, "dollars": dollars})
    return rows
