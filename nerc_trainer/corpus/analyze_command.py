"""What ``nerc-trainer analyze`` does: read a recipe's corpus, print tables about it, write JSON and charts."""

import sys
from dataclasses import asdict
from pathlib import Path

from rich.console import Console

from nerc_trainer.corpus.analysis_tables import analysis_tables
from nerc_trainer.corpus.analyze import CorpusAnalysis, analyze
from nerc_trainer.corpus.charts import CHART_NAMES, draw_charts
from nerc_trainer.corpus.load import load_corpus
from nerc_trainer.errors import NercError
from nerc_trainer.files import write_json
from nerc_trainer.recipe.sections import Recipe


def analyze_corpus(recipe: Recipe, out: Path | None) -> None:
    """Analyze the corpus of a recipe.

    Tables are printed; ``analysis.json`` and the charts, each as PNG and SVG, are written into the folder ``out``,
    or ``analysis`` in the run's folder when that is None. What an earlier analysis left there is replaced. A corpus
    that cannot be read, or a folder that cannot be written, raises NercError.
    """
    folder = _make_folder(recipe, out)
    progress = Console(stderr=True)
    with progress.status("Reading the corpus") as status:
        corpus = load_corpus(recipe.data, unlabelled_train=True, context=recipe.model.context)
        status.update("Counting tags and entities")
        analysis = analyze(corpus)
    # Outside a terminal rich assumes 80 columns, and would break the lines that another program reads. Words of the
    # corpus may look like rich's markup or like the names of emoji.
    console = Console(markup=False, highlight=False, emoji=False, width=None if sys.stdout.isatty() else 200)
    for line in [*corpus.notes, *_missing_columns(analysis)]:
        console.print(line, soft_wrap=True)
    for table in analysis_tables(analysis):
        console.print(table)
    with progress.status("Drawing charts") as status:
        write_json(folder / "analysis.json", asdict(analysis))
        missing = set(CHART_NAMES)
        for chart in draw_charts(analysis):
            status.update(f"Drawing charts: {chart.name} is done")
            chart.write(folder)
            missing.remove(chart.name)
        # A chart of another corpus must not pass for one of this.
        for name in missing:
            for suffix in ("png", "svg"):
                (folder / f"{name}.{suffix}").unlink(missing_ok=True)
    written = ", ".join(name for name in CHART_NAMES if name not in missing)
    console.print(f"wrote {folder}: analysis.json and, as PNG and SVG, {written}", soft_wrap=True)


def _make_folder(recipe: Recipe, out: Path | None) -> Path:
    """Make the folder first, so that nobody waits for an analysis that has nowhere to go."""
    folder = out if out is not None else recipe.run.dir / "analysis"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        asked_for = f"run.dir = {recipe.run.dir}" if out is None else f"--out {out}"
        raise NercError(f"{asked_for}: can't be written ({error.strerror}); choose another") from error
    return folder


def _missing_columns(analysis: CorpusAnalysis) -> list[str]:
    """A line for each kind of tags that splits do not have."""
    lines = []
    kinds = (("pos_tags", "part-of-speech tags"), ("chunk_tags", "chunk tags"), ("ner_tags", "labels"))
    for column, name in kinds:
        without = [split for split, found in analysis.splits.items() if column not in found.tags]
        if without:
            lines.append(f"{', '.join(without)}: no {name} (column {column}); left out of the tables and charts")
    return lines
