#!/usr/bin/env python3
"""Measures what the project promises, and prints and writes the figures.

    python tests/benchmarks/run.py [--only NAME] [--quick] [--corpus FILE] [--peer FOLDER] --json FILE

FILE gets {NAME: {figure: value}}, what it holds of other names is kept. --quick takes smaller inputs and one seed: it
shows that a benchmark runs, no more. The real ones want a machine for themselves: on two cores scoring takes about 6
minutes, training 12, rounds 25, pool 20.

The peer's query needs two packages, which go into a folder of their own so that nothing else changes:

    pip install --no-deps --target FOLDER active-transformers==0.2.1 pytorch-ignite==0.5.5
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from sentences import CORPUS
from stock import PEER

NAMES = (
    *("scoring", "training", "rounds", "pool", "gpu", "annotate", "start-up"),
    *("entropy", "mixing", "cheap-test"),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=NAMES, help="one benchmark instead of all")
    parser.add_argument("--quick", action="store_true", help="smaller inputs, one seed")
    parser.add_argument("--json", type=Path, required=True, help="file to write the figures to")
    parser.add_argument("--corpus", type=Path, help="CoNLL columns to measure speed on instead of sample sentences")
    parser.add_argument("--peer", type=Path, help="folder with active-transformers, to score with it as well")
    options = parser.parse_args()
    if options.corpus:
        os.environ[CORPUS] = str(options.corpus.resolve())
    if options.peer:
        os.environ[PEER] = str(options.peer.resolve())
    figures = json.loads(options.json.read_text(encoding="utf-8")) if options.json.exists() else {}
    for name in [options.only] if options.only else NAMES:
        figures[name] = importlib.import_module(f"measure_{name.replace('-', '_')}").measure(options.quick)
        for figure, value in figures[name].items():
            print(f"{name}: {figure} = {value}", flush=True)
        options.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
