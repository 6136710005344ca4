"""The sentences that speed is measured on: a corpus of the user's (`run.py --corpus`), or the sample's own."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[2]
CORPUS = "NERC_BENCHMARK_CORPUS"


def labelled_sentences(count: int) -> tuple[list[list[str]], list[list[str]]]:
    """Words and BIO tags of so many sentences, drawn at random from the corpus."""
    if path := os.environ.get(CORPUS):
        from nerc_trainer.corpus.conll import read_conll
        from nerc_trainer.corpus.labels import detect_scheme, to_bio

        read = read_conll(Path(path))
        scheme = detect_scheme(read.ner_tags)
        chosen = np.random.default_rng(13).permutation(len(read.tokens))[:count].tolist()
        return [read.tokens[at] for at in chosen], [to_bio(read.ner_tags[at], scheme)[0] for at in chosen]
    sys.path.insert(0, str(ROOT / "recipes" / "sample"))
    from make_corpus import generate

    made = list(generate("train", count, 13))
    return [list(one.tokens) for one in made], [list(one.ner_tags) for one in made]
