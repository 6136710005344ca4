"""A pool of a million generated sentences, scored on two ranks by a real run: megabytes a rank, seconds, shares.

`nerc-trainer active` runs one round after the first training, with the sample's tiny encoder, since what is measured
here does not hang on the encoder. Memory is read from the outside, a few times a second. "Above the model" is what a
rank holds beyond a rank of the same run over a thousand sentences, which has the same program and model. `loading`
lasts until round 0 is over, `scoring` from there to the end.

What a rank holds is its anonymous and shared memory: what nobody can take away from it. Pages of mapped files, of which
the system drops what it needs the room for, are told apart (`mapped`), and count half for each of two ranks that share
them. The corpus itself is read by a process that ends before there is a model: `reading` is what that one holds.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

ROOT = Path(__file__).parents[2]
RANKS = 2
TOKEN_BUDGET = 1_024
BASE = 1_000  # sentences of the run that the others are held against
SIZES = (10_000, 100_000, 1_000_000)
TURNS = {10_000: 3, 100_000: 3, 1_000_000: 1}


def measure(quick: bool) -> dict[str, Any]:
    """Megabytes a rank above the model, seconds and words by size, a line fitted to them, and the ranks' shares."""
    sizes = (2_000, 4_000) if quick else SIZES
    figures: dict[str, Any] = {"ranks": RANKS, "sizes": list(sizes)}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        base = _run(folder, BASE, 0)
        words, seconds = [], []
        for size in sizes:
            runs = [_run(folder, size, turn) for turn in range(1 if quick else TURNS[size])]
            words.append(runs[0]["words"])
            seconds.append(sorted(run["seconds"] for run in runs)[len(runs) // 2])
            for phase in ("loading", "scoring"):
                for kind in ("", "_mapped"):
                    above = max(run[phase + kind] - base[phase + kind] for run in runs)
                    figures[f"{phase}{kind}_mb_a_rank_{size}"] = round(above, 1)
            figures[f"reading_mb_{size}"] = round(max(run["reading"] for run in runs), 1)
            figures[f"seconds_{size}"] = round(seconds[-1], 2)
            figures[f"million_words_a_minute_{size}"] = round(words[-1] / seconds[-1] * 60 / 1e6, 3)
            figures[f"largest_share_{size}"] = runs[0]["largest_share"]
    return figures | _line(words, seconds)


def _line(words: list[int], seconds: list[float]) -> dict[str, Any]:
    """The line through the times of the smallest and the largest pool, and how far those between are from it.

    ``exponent`` is that of seconds ~ words ** exponent, fitted to all (1 where time is linear).
    """
    import numpy as np

    slope = (seconds[-1] - seconds[0]) / (words[-1] - words[0])
    start = seconds[0] - slope * words[0]
    off = [abs(taken - (start + slope * count)) / taken for count, taken in zip(words, seconds, strict=True)]
    exponent = np.polyfit(np.log(words), np.log(seconds), 1)[0]
    return {
        "seconds_a_million_words": round(slope * 1e6, 3),
        "seconds_besides": round(start, 3),
        "largest_deviation_from_the_line": round(max(off), 4),
        "exponent": round(float(exponent), 3),
    }


def _run(folder: Path, size: int, turn: int) -> dict[str, Any]:
    corpus = folder / f"{size}.conll"
    if not corpus.exists():
        _write_corpus(corpus, size)
    run_dir = folder / f"run-{size}-{turn}"
    sample = ROOT / "recipes" / "sample"
    settings = {
        "data.train": corpus,
        "data.dev": sample / "dev.conll",
        "data.test": sample / "test.conll",
        "run.dir": run_dir,
        "active.initial_expert": 50 / size,
        "active.token_budget": TOKEN_BUDGET,
        "active.min_iterations": 1,
        "active.max_iterations": 1,
    }
    words = [sys.executable, "-m", "accelerate.commands.accelerate_cli", "launch", "--main_process_port", "0"]
    words += ["--config_file", str(ROOT / "recipes" / "accelerate" / "cpu-2.yaml"), "-m", "nerc_trainer", "active"]
    words += [str(ROOT / "recipes" / "tiny.yaml"), *(f"{key}={value}" for key, value in settings.items())]
    memory = _watch(words)
    rows = [json.loads(line) for line in (run_dir / "history.jsonl").read_text(encoding="utf-8").splitlines()]
    return memory | {"seconds": rows[1]["seconds"]["score"]} | _shares(run_dir)


def _write_corpus(path: Path, size: int) -> None:
    sys.path.insert(0, str(ROOT / "recipes" / "sample"))
    from make_corpus import generate

    seen: set[int] = set()
    written = 0
    with path.open("w", encoding="utf-8") as file:
        for sentence in generate("train", 10 * size, 13):
            seen.add(hash(sentence.tokens))  # the expert is asked once for equals, so they are no part of a pool
            if len(seen) > written:
                rows = zip(sentence.tokens, sentence.ner_tags, strict=True)
                file.write("".join(f"{word} {tag}\n" for word, tag in rows) + "\n")
                written += 1
            if written == size:
                return
    raise RuntimeError(f"the grammar has only {written:,} different sentences")


def _watch(words: list[str]) -> dict[str, float]:
    """The largest megabytes of a rank while a run loads, and from the end of round 0 on; of mapped files apart; and of
    the process that reads the corpus, 0 where a rank reads it by itself.
    """
    import psutil

    largest = {"loading": 0.0, "scoring": 0.0, "loading_mapped": 0.0, "scoring_mapped": 0.0, "reading": 0.0}
    phase = ["loading"]
    launched = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    said: list[str] = []

    def listen() -> None:
        assert launched.stdout is not None
        for line in launched.stdout:
            if line.startswith("round 0"):
                phase[0] = "scoring"
            said.append(line)

    def complain() -> None:
        assert launched.stderr is not None
        said.extend(launched.stderr)

    readers = [threading.Thread(target=reader, daemon=True) for reader in (listen, complain)]
    for reader in readers:
        reader.start()
    ranks: list[psutil.Process] = []
    while launched.poll() is None:
        if len(ranks) < RANKS:
            children = psutil.Process(launched.pid).children()
            ranks = [child for child in children if "nerc_trainer" in _command(child)]
        for rank in ranks:
            now = phase[0]
            largest[now] = max(largest[now], _held(rank.pid))
            largest[f"{now}_mapped"] = max(largest[f"{now}_mapped"], _mapped(rank.pid))
            largest["reading"] = max([largest["reading"], *(_held(child.pid) for child in _children(rank))])
        time.sleep(0.2)
    for reader in readers:
        reader.join()
    if launched.returncode:
        raise RuntimeError(f"the run failed:\n{''.join(said[-30:])}")
    return largest


def _children(process: Any) -> list[Any]:
    import psutil

    try:
        return process.children()
    except psutil.Error:
        return []


def _command(process: Any) -> list[str]:
    import psutil

    try:
        return process.cmdline()
    except psutil.Error:
        return []


def _held(pid: int) -> float:
    """Megabytes (2**20 bytes) of anonymous and shared memory of a process; 0 when it has ended."""
    return _read_megabytes(Path(f"/proc/{pid}/status"), "RssAnon:", "RssShmem:")


def _mapped(pid: int) -> float:
    """Megabytes of mapped files that a process has in memory, shared pages counted in parts."""
    return _read_megabytes(Path(f"/proc/{pid}/smaps_rollup"), "Pss_File:")


def _read_megabytes(path: Path, *names: str) -> float:
    try:
        lines = [line.split() for line in path.read_text(encoding="ascii").splitlines()[1:]]
    except OSError:
        return 0.0
    return sum(int(line[1]) / 1024 for line in lines if line and line[0] in names)


def _shares(run_dir: Path) -> dict[str, Any]:
    """Words of the pool, and the sub-words of the rank that reads most of them over the mean of the ranks."""
    import numpy as np

    from nerc_trainer.corpus.batches import length_batches, share_batches
    from nerc_trainer.corpus.stored import stored_text

    text = stored_text(next(run_dir.glob("encoded/train-*")))
    assert text is not None
    lengths = np.diff(text.piece_offsets)
    shares = share_batches(length_batches(lengths, TOKEN_BUDGET), lengths, RANKS)
    read = np.array([lengths[np.concatenate(share)].sum() for share in shares])
    return {"words": len(text.word_positions), "largest_share": round(float(read.max() / read.mean()), 5)}
