"""Entropy against random on the quickstart: the area under test F1 over the expert's words, three seeds each."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[2]
SEEDS = (13, 14, 15)
Curve = list[tuple[int, float]]


def measure(quick: bool) -> dict[str, Any]:
    """Mean areas, the gain of each seed in points of F1, and the rise from the first round to the last."""
    seeds = SEEDS[:1] if quick else SEEDS
    with tempfile.TemporaryDirectory() as folder:
        curves = {
            strategy: [_run(Path(folder) / f"{strategy}-{seed}", strategy, seed, quick) for seed in seeds]
            for strategy in ("entropy", "random")
        }
    areas = {strategy: [] for strategy in curves}
    for pair in zip(curves["entropy"], curves["random"], strict=True):
        # Areas are compared over the words that both strategies have reached.
        low, high = max(curve[0][0] for curve in pair), min(curve[-1][0] for curve in pair)
        for strategy, curve in zip(curves, pair, strict=True):
            areas[strategy].append(area(curve, low, high))
    return {
        "seeds": list(seeds),
        "entropy_area": round(statistics.mean(areas["entropy"]), 4),
        "random_area": round(statistics.mean(areas["random"]), 4),
        "gain_by_seed": [round(a - b, 4) for a, b in zip(areas["entropy"], areas["random"], strict=True)],
        "rise_by_seed": [round(curve[-1][1] - curve[0][1], 4) for curve in curves["entropy"]],
        "curves": curves,
    }


def area(curve: Sequence[tuple[int, float]], low: float, high: float) -> float:
    """Mean F1 between ``low`` and ``high`` words of a curve of (words, F1), straight between its points."""
    words, scores = np.array([point[0] for point in curve]), np.array([point[1] for point in curve])
    at = np.unique(np.concatenate([[low, high], words[(words > low) & (words < high)]]))
    return float(np.trapezoid(np.interp(at, words, scores), at) / (high - low))


def _run(folder: Path, strategy: str, seed: int, quick: bool) -> Curve:
    settings = [f"run.dir={folder}", f"run.seed={seed}", f"active.strategy={strategy}", "hub.mode=off"]
    settings += ["annotation.endpoints=[]", "active.initial_epochs=20"]  # the expert's labels alone
    if quick:
        settings += ["active.max_iterations=2", "active.min_iterations=2", "active.initial_epochs=2"]
    launch = [sys.executable, "-m", "accelerate.commands.accelerate_cli", "launch", "--main_process_port", "0"]
    launch += [
        "--config_file",
        "recipes/accelerate/cpu-2.yaml",
        "-m",
        "nerc_trainer",
        "active",
        "recipes/quickstart.yaml",
    ]
    subprocess.run([*launch, *settings], check=True, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    rows = [json.loads(line) for line in (folder / "history.jsonl").read_text(encoding="utf-8").splitlines()]
    return [(row["tokens"], row["test"]["f1"]) for row in rows]
