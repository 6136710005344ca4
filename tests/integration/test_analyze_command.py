"""`nerc-trainer analyze` from the recipe to the files."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

import pytest

from nerc_trainer.cli import main
from nerc_trainer.corpus.charts import CHART_NAMES

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = ROOT / "recipes" / "sample"
SVG_TEXT = "{http://www.w3.org/2000/svg}text"
COLUMN_OF_CHART = {"pos_tags": 1, "chunk_tags": 2, "ner_tags": 3}


def run(*arguments: str) -> int:
    """Exit status of a command in this process."""
    with pytest.raises(SystemExit) as exit_:
        main(arguments)
    assert isinstance(exit_.value.code, int)
    return exit_.value.code


def count_column(path: Path, column: int) -> Counter[str]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return Counter(line.split()[column] for line in lines if line.strip() and not line.startswith("-DOCSTART-"))


def texts(svg: Path) -> set[str]:
    return {"".join(element.itertext()) for element in ElementTree.parse(svg).iter(SVG_TEXT)}


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The analysis of the sample corpus, at its usual place in the run's folder."""
    folder = tmp_path_factory.mktemp("sample")
    assert run("analyze", "quickstart", f"run.dir={folder}") == 0
    return folder / "analysis"


def test_every_file_is_there_and_no_other(sample: Path) -> None:
    charts = [f"{name}.{suffix}" for name in CHART_NAMES for suffix in ("png", "svg")]
    assert sorted(os.listdir(sample)) == sorted(["analysis.json", *charts])


def test_the_json_agrees_with_the_files_of_the_corpus(sample: Path) -> None:
    found = json.loads((sample / "analysis.json").read_text(encoding="utf-8"))
    assert found["version"] == 1
    assert list(found["splits"]) == ["train", "dev", "test"]
    for split in ("dev", "test"):
        counts = count_column(SAMPLE / f"{split}.conll", 3)
        in_split = found["splits"][split]
        assert {tag: tags["count"] for tag, tags in in_split["tags"]["ner_tags"].items()} == counts
        assert in_split["tokens"] == counts.total()
        assert in_split["entities"] == sum(count for tag, count in counts.items() if tag.startswith("B-"))
        for name, type_ in in_split["entity_types"].items():
            assert type_["count"] == counts[f"B-{name}"]


def test_the_svg_is_xml_with_the_name_of_every_tag(sample: Path) -> None:
    for name, column in COLUMN_OF_CHART.items():
        tags = set().union(*(count_column(SAMPLE / f"{split}.conll", column) for split in ("train", "dev", "test")))
        missing = tags - texts(sample / f"{name}.svg") - ({"O"} if name == "ner_tags" else set())
        assert not missing, name
    assert {"LOC", "MISC", "ORG", "PER"} <= texts(sample / "entity_types.svg")


def test_the_png_opens_and_is_not_blank(sample: Path) -> None:
    from matplotlib.image import imread

    for name in CHART_NAMES:
        pixels = imread(sample / f"{name}.png")
        assert pixels.shape[0] > 300
        assert pixels.shape[1] > 900
        assert pixels.std() > 0.05


def test_a_second_analysis_writes_the_same_bytes(sample: Path, tmp_path: Path) -> None:
    assert run("analyze", "quickstart", "--out", str(tmp_path / "again")) == 0
    for path in sample.iterdir():
        assert (tmp_path / "again" / path.name).read_bytes() == path.read_bytes(), path.name


def write_plain_corpus(folder: Path) -> list[str]:
    """A corpus without part-of-speech and chunk tags, and the overrides that name it."""
    (folder / "train.conll").write_text("Ann B-PER\nleft O\n\n:smile: B-LOC\n[bold] O\n\n\x1b[31mred B-PER\n")
    (folder / "dev.conll").write_text("Bo B-PER\ncame O\n")
    return [f"data.train={folder / 'train.conll'}", f"data.dev={folder / 'dev.conll'}", "data.test=null"]


def test_a_corpus_without_pos_tags_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "pos_tags.png").write_bytes(b"left by an analysis of another corpus")
    assert run("analyze", "quickstart", *write_plain_corpus(tmp_path), "--out", str(out)) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "train, dev: no part-of-speech tags (column pos_tags); left out of the tables and charts" in lines
    assert "train, dev: no chunk tags (column chunk_tags); left out of the tables and charts" in lines
    assert {path.stem for path in out.iterdir()} == {"analysis", "ner_tags", "entity_types", "sentence_lengths"}
    found = json.loads((out / "analysis.json").read_text(encoding="utf-8"))
    assert set(found["splits"]["train"]["tags"]) == {"ner_tags"}


def test_a_train_that_nobody_has_labelled(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = write_plain_corpus(tmp_path)
    (tmp_path / "train.conll").write_text("Ann\nleft\n\nBo\n")
    out = tmp_path / "out"
    assert run("analyze", "quickstart", *words, "--out", str(out)) == 0
    lines = capsys.readouterr().out.splitlines()
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in lines]
    assert "train: no labels (column ner_tags); left out of the tables and charts" in lines
    for row in (
        ["sentences", "2", "1"],
        ["sentences without labels", "2", "0"],
        ["tokens", "3", "2"],
        ["entities", "", "1"],
        ["sentences without entities", "", "0 (0.0 %)"],
        ["entities that train never shows", "", ""],
    ):
        assert row in rows
    assert ["dev", "PER", "1", "100.0", "1.00", "1", ""] in rows
    assert not any(row[:2] == ["train", "PER"] for row in rows)
    assert {path.stem for path in out.iterdir()} == {"analysis", "ner_tags", "entity_types", "sentence_lengths"}
    assert "train" not in " ".join(texts(out / "ner_tags.svg"))
    assert any("train" in text for text in texts(out / "sentence_lengths.svg"))
    found = json.loads((out / "analysis.json").read_text(encoding="utf-8"))["splits"]["train"]
    assert (found["sentences"], found["unlabelled"], found["entities"], found["tags"]) == (2, 2, 0, {})


def test_words_of_the_corpus_do_not_speak_to_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("analyze", "quickstart", *write_plain_corpus(tmp_path), "--out", str(tmp_path / "out")) == 0
    printed = capsys.readouterr().out
    assert ":smile: 1" in printed
    assert "\x1b" not in printed
    assert "\N{REPLACEMENT CHARACTER}[31mred 1" in printed


def test_tables_show_the_counts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("analyze", "quickstart", *write_plain_corpus(tmp_path), "--out", str(tmp_path / "out")) == 0
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in capsys.readouterr().out.splitlines()]
    assert ["tokens", "5", "2"] in rows
    assert ["entities that train never shows", "", "1 (100.0 %)"] in rows
    assert ["B-PER", "2", "40.00", "1", "50.00"] in rows
    assert ["dev", "PER", "1", "100.0", "1.00", "1", "1 (100.0 %)"] in rows


def test_a_folder_that_cannot_be_written_is_named_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert run("analyze", "quickstart", "--out", str(tmp_path / "file" / "out")) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(f"error: --out {tmp_path / 'file' / 'out'}: can't be written")
    assert run("analyze", "quickstart", f"run.dir={tmp_path / 'file'}") == 1
    assert capsys.readouterr().err.startswith(f"error: run.dir = {tmp_path / 'file'}: can't be written")


@pytest.mark.parametrize("arguments", [["--help"], ["analyze", "--help"]])
def test_help_does_not_import_matplotlib(arguments: list[str]) -> None:
    code = (
        "import sys\nfrom nerc_trainer.cli import main\n"
        f"try:\n    main({arguments!r})\nexcept SystemExit as end:\n    assert end.code == 0, end.code\n"
        "heavy = {'matplotlib', 'numpy', 'datasets', 'rich'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "analyze" in done.stdout
