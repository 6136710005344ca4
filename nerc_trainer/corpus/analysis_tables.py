"""The tables of a corpus analysis for the terminal."""

from collections.abc import Callable, Iterator, Mapping

from rich.table import Table

from nerc_trainer.corpus.analyze import NONE, CorpusAnalysis, Frequency, SplitAnalysis, order_by_count

_TAG_TITLES = {"pos_tags": "Part-of-speech tags", "chunk_tags": "Chunk tags", "ner_tags": "NER tags"}
_LISTED_FORMS = 10


def analysis_tables(analysis: CorpusAnalysis) -> Iterator[Table]:
    """Yield the tables: an overview, the tags, the entities by type, and the surface forms."""
    yield _overview(analysis)
    for column, title in _TAG_TITLES.items():
        counts = {split: found.tags[column] for split, found in analysis.splits.items() if column in found.tags}
        if counts:
            yield _tag_table(title, counts)
    yield _type_table(analysis.splits)
    yield _frequent_forms(analysis.splits)
    yield _ambiguous_forms(analysis.splits)


def _overview(analysis: CorpusAnalysis) -> Table:
    splits, duplicates = analysis.splits, analysis.duplicates
    rows: dict[str, Callable[[SplitAnalysis], str]] = {
        "sentences": lambda split: f"{split.sentences:,}",
        "sentences without labels": lambda split: f"{split.unlabelled:,}",
        "tokens": lambda split: f"{split.tokens:,}",
        "entities": lambda split: f"{split.entities:,}" if _is_labelled(split) else "",
        "words a sentence: mean": lambda split: f"{split.sentence_lengths.mean:.1f}",
        "words a sentence: median": lambda split: f"{split.sentence_lengths.median:g}",
        "words a sentence: 95 % have at most": lambda split: f"{split.sentence_lengths.percentiles['p95']:,}",
        "words a sentence: longest": lambda split: f"{split.sentence_lengths.maximum:,}",
        "sentences without entities": lambda split: _cell_of_labels(split, split.sentences_without_entities),
        "entities that train never shows": lambda split: _cell(split.unseen_entities),
        "ambiguous surface forms of entities": lambda split: _cell_of_labels(split, split.ambiguous),
    }
    if not any(split.unlabelled for split in splits.values()):
        del rows["sentences without labels"]
    table = _table("Corpus", [""], list(splits))
    for name, show in rows.items():
        table.add_row(name, *map(show, splits.values()))
    # Counted while loading, before the sentences of train that stand in dev or test were left out.
    table.add_row("source: repeated sentences", *(f"{duplicates[split]:,}" for split in splits))
    for other in list(splits)[1:]:
        pairs = [f"{split}/{other}" for split in splits]
        table.add_row(
            f"source: also in {other}", *(f"{duplicates[pair]:,}" if pair in duplicates else "" for pair in pairs)
        )
    return table


def _tag_table(title: str, counts: Mapping[str, Mapping[str, Frequency]]) -> Table:
    table = _table(title, ["tag"], [heading for split in counts for heading in (split, "%")])
    for tag in order_by_count(counts.values()):
        found = [frequencies.get(tag, NONE) for frequencies in counts.values()]
        cells = [cell for frequency in found for cell in (f"{frequency.count:,}", f"{100 * frequency.share:.2f}")]
        table.add_row(_printable(tag), *cells)
    return table


def _type_table(splits: Mapping[str, SplitAnalysis]) -> Table:
    table = _table(
        "Entities by type",
        ["split", "type"],
        ["entities", "%", "mean words", "distinct surface forms", "never shown by train"],
    )
    for split, found in splits.items():
        for type_, entities in found.entity_types.items():
            table.add_row(
                split,
                _printable(type_),
                f"{entities.count:,}",
                f"{100 * entities.share:.1f}",
                "" if entities.mean_words is None else f"{entities.mean_words:.2f}",
                f"{entities.distinct_surface_forms:,}",
                _cell(entities.unseen),
            )
        table.add_section()
    return table


def _frequent_forms(splits: Mapping[str, SplitAnalysis]) -> Table:
    table = _table("Most frequent surface forms", ["split", "type", "surface forms"], [])
    for split, found in splits.items():
        for type_, entities in found.entity_types.items():
            forms = entities.most_frequent[:_LISTED_FORMS]
            table.add_row(
                split,
                _printable(type_),
                " · ".join(f"{_printable(form.surface_form)} {form.count:,}" for form in forms),
            )
        table.add_section()
    return table


def _ambiguous_forms(splits: Mapping[str, SplitAnalysis]) -> Table:
    table = _table(
        "Most ambiguous surface forms (O: outside of entities)",
        ["split", "surface form", "readings"],
        ["outside the main reading"],
    )
    for split, found in splits.items():
        for form in found.most_ambiguous[:_LISTED_FORMS]:
            readings = sorted(form.readings.items(), key=lambda item: (-item[1], item[0]))
            table.add_row(
                split,
                _printable(form.surface_form),
                " · ".join(f"{_printable(type_)} {count:,}" for type_, count in readings),
                f"{form.minority:,}",
            )
        table.add_section()
    return table


def _table(title: str, texts: list[str], numbers: list[str]) -> Table:
    table = Table(title=title, title_justify="left")
    for heading in texts:
        table.add_column(heading, overflow="fold")
    for heading in numbers:
        table.add_column(heading, justify="right")
    return table


def _cell(frequency: Frequency | None) -> str:
    return "" if frequency is None else f"{frequency.count:,} ({100 * frequency.share:.1f} %)"


def _is_labelled(split: SplitAnalysis) -> bool:
    return split.unlabelled < split.sentences


def _cell_of_labels(split: SplitAnalysis, frequency: Frequency) -> str:
    return _cell(frequency) if _is_labelled(split) else ""


def _printable(text: str) -> str:
    """Replace control characters, with which a word of the corpus could write anywhere on the terminal."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)
