"""Charts of a corpus analysis: what stands in them, that it can be read, and that equal analyses give equal bytes."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

from nerc_trainer.corpus.analyze import CorpusAnalysis, analyze_split
from nerc_trainer.corpus.charts import CHART_NAMES, Chart, draw_charts

ROOT = Path(__file__).resolve().parents[2]
FONT_SIZE = 9
PENN_TREEBANK = (
    'NNP NN CD IN DT JJ NNS VBD . , VB VBN RB CC TO PRP ) ( VBG VBZ : " POS PRP$ VBP MD NNPS WP RP WDT SYM $ WRB JJR '
    "JJS FW RBR EX RBS '' PDT UH WP$ LS NN|SYM"
)
PENN_TAGS = PENN_TREEBANK.split()


def analysis_of(pos_tags: list[str], splits: tuple[str, ...] = ("train", "dev", "test")) -> CorpusAnalysis:
    """Each split is one long sentence, in which the first tag is the most frequent."""
    words = [tag for index, tag in enumerate(pos_tags) for _ in range(len(pos_tags) - index)]
    columns = {
        "tokens": [words, ["Oslo"]],
        "pos_tags": [words, ["NNP"]],
        "ner_tags": [["O"] * len(words), ["B-LOC"]],
    }
    return CorpusAnalysis(1, {}, {}, {split: analyze_split(columns, ["LOC"]) for split in splits})


def texts(chart: Chart) -> list[tuple[str, float]]:
    """The texts of a chart and how far down they stand, in points."""
    found = []
    for element in ElementTree.fromstring(chart.svg).iter("{http://www.w3.org/2000/svg}text"):
        place = re.search(r"translate\(\S+ (\S+?)\)", element.get("transform", ""))
        height = float(element.get("y") or (place.group(1) if place else "nan"))
        found.append(("".join(element.itertext()), height))
    return found


def chart(name: str, analysis: CorpusAnalysis) -> Chart:
    return next(drawn for drawn in draw_charts(analysis) if drawn.name == name)


def test_forty_five_tags_stand_one_below_the_other_without_touching() -> None:
    assert len(PENN_TAGS) == 45
    for splits in (("train",), ("train", "dev"), ("train", "dev", "test")):
        heights = dict(texts(chart("pos_tags", analysis_of(PENN_TAGS, splits))))
        steps = [heights[second] - heights[first] for first, second in pairwise(PENN_TAGS)]
        assert min(steps) > FONT_SIZE


def test_the_shares_at_the_bars_do_not_touch() -> None:
    labels = [
        height for text, height in texts(chart("pos_tags", analysis_of(PENN_TAGS))) if re.fullmatch(r"\d\.\d+", text)
    ]
    heights = sorted(set(labels))
    assert len(heights) >= 3 * len(PENN_TAGS)
    assert min(b - a for a, b in pairwise(heights)) > 6.5


def test_dollar_signs_are_no_formula() -> None:
    shown = [text for text, _ in texts(chart("pos_tags", analysis_of(["PRP$", "$", "WP$", "$x$"])))]
    assert {"PRP$", "$", "WP$", "$x$"} <= set(shown)


def test_o_is_told_but_not_drawn_among_the_ner_tags() -> None:
    shown = [text for text, _ in texts(chart("ner_tags", analysis_of(["NN"] * 3, ("train",))))]
    assert "O" not in shown
    assert "B-LOC" in shown
    # Six words and Oslo.
    assert any("O, train 85.7 %" in text for text in shown)


def test_a_chart_with_nothing_in_it_is_not_drawn() -> None:
    columns = {"tokens": [["a", "b"]], "ner_tags": [["O", "O"]]}
    analysis = CorpusAnalysis(1, {}, {}, {"train": analyze_split(columns, [])})
    assert [drawn.name for drawn in draw_charts(analysis)] == ["sentence_lengths"]


def test_all_charts_are_drawn_in_their_order() -> None:
    columns = {"tokens": [["a"]], "ner_tags": [["B-X"]], "pos_tags": [["N"]], "chunk_tags": [["O"]]}
    analysis = CorpusAnalysis(1, {}, {}, {"train": analyze_split(columns, ["X"])})
    assert tuple(drawn.name for drawn in draw_charts(analysis)) == CHART_NAMES


def test_hundreds_of_tags_are_cut_and_the_title_says_so() -> None:
    shown = [
        text for text, _ in texts(chart("pos_tags", analysis_of([f"T{index}" for index in range(120)], ("train",))))
    ]
    assert "T98" in shown
    assert "T110" not in shown
    assert any("the 100 most frequent of 121" in text for text in shown)


def test_a_split_keeps_its_colour_when_others_are_missing() -> None:
    both = {"tokens": [["a"]], "ner_tags": [["B-X"]], "pos_tags": [["N"]]}
    without_pos = {"tokens": [["a"]], "ner_tags": [["B-X"]]}
    analysis = CorpusAnalysis(
        1, {}, {}, {"train": analyze_split(without_pos, ["X"]), "dev": analyze_split(both, ["X"])}
    )
    drawn = {found.name: found.svg.lower() for found in draw_charts(analysis)}
    orange, blue = "#e69f00", "#0072b2"
    assert orange in drawn["ner_tags"]
    assert blue in drawn["ner_tags"]
    assert orange in drawn["pos_tags"]
    assert blue not in drawn["pos_tags"]


def test_sentence_lengths_end_in_an_open_bin() -> None:
    lengths = [*range(1, 34)] * 10 + [500]
    columns = {"tokens": [["a"] * n for n in lengths], "ner_tags": [["O"] * n for n in lengths]}
    analysis = CorpusAnalysis(1, {}, {}, {"train": analyze_split(columns, [])})
    shown = [text for text, _ in texts(chart("sentence_lengths", analysis))]
    assert [text for text in shown if "–" in text or "≥" in text] == [
        *(f"{start}–{start + 2}" for start in range(1, 34, 3)),
        "≥ 34",
    ]


DIGEST = """
import hashlib
from test_charts import analysis_of, PENN_TAGS
from nerc_trainer.corpus.charts import draw_charts

digest = hashlib.sha256()
for chart in draw_charts(analysis_of(PENN_TAGS)):
    digest.update(chart.png + chart.svg.encode())
print(digest.hexdigest())
"""


def test_equal_analyses_give_equal_bytes_whatever_the_user_set(tmp_path: Path) -> None:
    digest = hashlib.sha256()
    for drawn in draw_charts(analysis_of(PENN_TAGS)):
        digest.update(drawn.png + drawn.svg.encode())
    (tmp_path / "matplotlibrc").write_text("font.size: 20\naxes.facecolor: red\nbackend: svg\n")
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(Path(__file__).parent)]),
        "PYTHONHASHSEED": "7",
        "MATPLOTLIBRC": str(tmp_path / "matplotlibrc"),
    }
    again = subprocess.run([sys.executable, "-c", DIGEST], env=environment, capture_output=True, text=True, check=True)
    assert again.stdout.strip() == digest.hexdigest()


def test_drawing_leaves_no_trace_in_the_process() -> None:
    code = (
        "import sys, matplotlib\n"
        "from test_charts import analysis_of\n"
        "from nerc_trainer.corpus.charts import draw_charts\n"
        # Reading the backend would choose one, and so import pyplot.
        "names = [name for name in matplotlib.rcParams if not name.startswith('backend')]\n"
        "before = [matplotlib.rcParams[name] for name in names]\n"
        "for chart in draw_charts(analysis_of(['A', 'B'])):\n"
        "    assert [matplotlib.rcParams[name] for name in names] == before, chart.name\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(Path(__file__).parent)])}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
