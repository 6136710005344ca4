"""What is in a corpus: its tags, sentence lengths, entities and their surface forms, split by split.

A surface form is the words of an entity as they are written, joined by spaces; case counts. A share lies in 0..1.
Everything here is a pure function of the columns of a loaded corpus.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy

from nerc_trainer.corpus.labels import tags_to_spans

if TYPE_CHECKING:
    from datasets import Dataset

    from nerc_trainer.corpus.load import Corpus

VERSION = 1
TAG_COLUMNS = ("pos_tags", "chunk_tags", "ner_tags")

_PERCENTILES = (5, 25, 75, 90, 95, 99)
_LISTED_FORMS = 20

Columns = Mapping[str, Sequence[Sequence[str]]]


class Entity(NamedTuple):
    """One entity of a sentence: its surface form, its type, and how many words it has."""

    surface_form: str
    type: str
    words: int


@dataclass(frozen=True)
class Frequency:
    """How many there are, and their share of all that there could be (0 of 0 is a share of 0)."""

    count: int
    share: float


NONE = Frequency(0, 0.0)


@dataclass(frozen=True)
class LengthCount:
    """How many sentences have this many words."""

    words: int
    sentences: int


@dataclass(frozen=True)
class SentenceLengths:
    """Words per sentence. A percentile is the smallest length that so many per cent do not exceed ("p95": 95 %)."""

    mean: float
    median: float
    minimum: int
    maximum: int
    percentiles: dict[str, int]
    histogram: list[LengthCount]


@dataclass(frozen=True)
class SurfaceForm:
    """A surface form and how many entities of one type have it."""

    surface_form: str
    count: int


@dataclass(frozen=True)
class AmbiguousForm:
    """A surface form of entities that does not always mean the same.

    ``readings`` counts the entities of each type that have it, and under "O" the places where the same words stand in
    no entity. ``minority`` counts the occurrences outside of the most frequent reading: what a list that knows one
    reading for each form would get wrong.
    """

    surface_form: str
    readings: dict[str, int]
    occurrences: int
    minority: int


@dataclass(frozen=True)
class EntityType:
    """The entities of one type; ``share`` is that of all entities, ``mean_words`` is None where there are none.

    ``unseen`` counts the entities whose surface form no entity of train has, whatever its type; None in train, and
    where train has no labels.
    """

    count: int
    share: float
    mean_words: float | None
    distinct_surface_forms: int
    unseen: Frequency | None
    most_frequent: list[SurfaceForm]


@dataclass(frozen=True)
class SplitAnalysis:
    """What is in one split.

    ``tags`` has an entry for each of pos_tags, chunk_tags and ner_tags that the split has. ``ambiguous`` counts the
    distinct surface forms with several readings, of which ``most_ambiguous`` lists those with the largest minority.
    What is said of entities is said of the sentences that someone has labelled, and ``unlabelled`` counts the others.
    """

    sentences: int
    unlabelled: int
    tokens: int
    entities: int
    sentences_without_entities: Frequency
    unseen_entities: Frequency | None
    sentence_lengths: SentenceLengths
    tags: dict[str, dict[str, Frequency]]
    entity_types: dict[str, EntityType]
    ambiguous: Frequency
    most_ambiguous: list[AmbiguousForm]


@dataclass(frozen=True)
class CorpusAnalysis:
    """What is in a corpus. ``duplicates`` and ``fingerprints`` are those of the loaded corpus, see ``Corpus``."""

    version: int
    duplicates: dict[str, int]
    fingerprints: dict[str, str]
    splits: dict[str, SplitAnalysis]


def analyze(corpus: "Corpus") -> CorpusAnalysis:
    """Analyze every split of a loaded corpus: train first, without the sentences that loading left out."""
    datasets = {"train": corpus.train, "dev": corpus.dev} | ({"test": corpus.test} if corpus.test is not None else {})
    splits: dict[str, SplitAnalysis] = {}
    train_forms: set[str] | None = None
    for split, dataset in datasets.items():
        columns = _read_columns(dataset)
        splits[split] = analyze_split(columns, corpus.labels.types, train_forms)
        if split == "train" and any(columns["ner_tags"]):
            entities = find_entities(columns["tokens"], columns["ner_tags"])
            train_forms = {entity.surface_form for sentence in entities for entity in sentence}
    return CorpusAnalysis(
        version=VERSION,
        duplicates=dict(sorted(corpus.duplicates.items())),
        fingerprints=dict(sorted(corpus.fingerprints.items())),
        splits=splits,
    )


def analyze_split(columns: Columns, types: Iterable[str], train_forms: Collection[str] | None = None) -> SplitAnalysis:
    """Analyze one split.

    Args:
        columns: ``tokens`` and ``ner_tags`` (BIO; empty where nobody has labelled), and ``pos_tags`` and
            ``chunk_tags`` where there are any; each a list of words or tags a sentence.
        types: the entity types, each of which gets an entry even if the split, being labelled, has none of it.
        train_forms: the surface forms of train's entities; None for train itself, and where nobody has labelled train.
    """
    everything = columns["tokens"]
    pairs = [(words, tags) for words, tags in zip(everything, columns["ner_tags"], strict=True) if tags]
    tokens, ner_tags = [words for words, _ in pairs], [tags for _, tags in pairs]
    by_sentence = find_entities(tokens, ner_tags)
    tag_columns = [column for column in TAG_COLUMNS if any(columns.get(column, ()))]
    entities = [entity for sentence in by_sentence for entity in sentence]
    ambiguous = _find_ambiguous(entities, tokens, ner_tags)
    return SplitAnalysis(
        sentences=len(everything),
        unlabelled=len(everything) - len(tokens),
        tokens=sum(map(len, everything)),
        entities=len(entities),
        sentences_without_entities=_frequency(sum(not sentence for sentence in by_sentence), len(tokens)),
        unseen_entities=_count_unseen(entities, train_forms),
        sentence_lengths=describe_lengths([len(words) for words in everything]),
        tags={column: count_tags(columns[column]) for column in tag_columns},
        entity_types={
            type_: _describe_type([entity for entity in entities if entity.type == type_], len(entities), train_forms)
            for type_ in sorted(types if tokens else ())
        },
        ambiguous=_frequency(len(ambiguous), len({entity.surface_form for entity in entities})),
        most_ambiguous=ambiguous[:_LISTED_FORMS],
    )


def count_tags(sentences: Iterable[Sequence[str]]) -> dict[str, Frequency]:
    """Count each tag and its share of all tokens, sorted by tag."""
    counts = Counter(tag for tags in sentences for tag in tags)
    total = counts.total()
    return {tag: _frequency(count, total) for tag, count in sorted(counts.items())}


def order_by_count(splits: Iterable[Mapping[str, Frequency]]) -> list[str]:
    """All names that any split counts, the one with the largest count in all splits together first."""
    totals: Counter[str] = Counter()
    for frequencies in splits:
        for name, frequency in frequencies.items():
            totals[name] += frequency.count
    return sorted(totals, key=lambda name: (-totals[name], name))


def describe_lengths(lengths: Sequence[int]) -> SentenceLengths:
    """Sum up the lengths of at least one sentence, in words."""
    values = numpy.percentile(lengths, _PERCENTILES, method="inverted_cdf")
    return SentenceLengths(
        mean=sum(lengths) / len(lengths),
        median=float(numpy.median(lengths)),
        minimum=min(lengths),
        maximum=max(lengths),
        percentiles={f"p{percentile}": int(value) for percentile, value in zip(_PERCENTILES, values, strict=True)},
        histogram=[LengthCount(words, sentences) for words, sentences in sorted(Counter(lengths).items())],
    )


def find_entities(tokens: Sequence[Sequence[str]], ner_tags: Sequence[Sequence[str]]) -> list[list[Entity]]:
    """Read the entities of each sentence off its BIO tags."""
    return [
        [Entity(" ".join(words[start:end]), type_, end - start) for start, end, type_ in tags_to_spans(tags)]
        for words, tags in zip(tokens, ner_tags, strict=True)
    ]


def _describe_type(entities: Sequence[Entity], total: int, train_forms: Collection[str] | None) -> EntityType:
    forms = Counter(entity.surface_form for entity in entities)
    ranked = sorted(forms.items(), key=lambda item: (-item[1], item[0]))
    return EntityType(
        count=len(entities),
        share=_frequency(len(entities), total).share,
        mean_words=sum(entity.words for entity in entities) / len(entities) if entities else None,
        distinct_surface_forms=len(forms),
        unseen=_count_unseen(entities, train_forms),
        most_frequent=[SurfaceForm(form, count) for form, count in ranked[:_LISTED_FORMS]],
    )


def _count_unseen(entities: Sequence[Entity], train_forms: Collection[str] | None) -> Frequency | None:
    if train_forms is None:
        return None
    return _frequency(sum(entity.surface_form not in train_forms for entity in entities), len(entities))


def _find_ambiguous(
    entities: Iterable[Entity], tokens: Sequence[Sequence[str]], ner_tags: Sequence[Sequence[str]]
) -> list[AmbiguousForm]:
    """All surface forms with several readings, the largest minority first."""
    readings: dict[str, Counter[str]] = {}
    for entity in entities:
        readings.setdefault(entity.surface_form, Counter())[entity.type] += 1
    for form, count in _count_outside(readings, tokens, ner_tags).items():
        readings[form]["O"] = count
    ambiguous = [
        AmbiguousForm(form, dict(sorted(counts.items())), counts.total(), counts.total() - max(counts.values()))
        for form, counts in readings.items()
        if len(counts) > 1
    ]
    return sorted(ambiguous, key=lambda form: (-form.minority, -form.occurrences, form.surface_form))


def _count_outside(
    forms: Collection[str], tokens: Sequence[Sequence[str]], ner_tags: Sequence[Sequence[str]]
) -> Counter[str]:
    """Count where the words of a surface form stand with no word of theirs in an entity."""
    # Only a word that begins a form can begin an occurrence, which spares nearly all of the windows over a sentence.
    lengths: dict[str, set[int]] = {}
    for words, tags in zip(tokens, ner_tags, strict=True):
        for start, end, _ in tags_to_spans(tags):
            lengths.setdefault(words[start], set()).add(end - start)
    outside: Counter[str] = Counter()
    for words, tags in zip(tokens, ner_tags, strict=True):
        for start, (word, tag) in enumerate(zip(words, tags, strict=True)):
            if tag != "O":
                continue
            for length in lengths.get(word, ()):
                form = " ".join(words[start : start + length])
                if form in forms and tags[start : start + length].count("O") == length:
                    outside[form] += 1
    return outside


def _frequency(count: int, total: int) -> Frequency:
    return Frequency(count, count / total if total else 0.0)


def _read_columns(dataset: "Dataset") -> dict[str, list[list[str]]]:
    table = dataset.with_format("arrow")[:]
    names = [name for name in ("tokens", *TAG_COLUMNS) if name in dataset.column_names]
    return {name: table.column(name).to_pylist() for name in names}
