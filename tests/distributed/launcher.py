"""Starts runs the way users do, as processes of their own, for the tests of this folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from nerc_trainer.corpus.conll import read_conll

ROOT = Path(__file__).parents[2]
CPU_2 = ROOT / "recipes" / "accelerate" / "cpu-2.yaml"


def environment(home: Path) -> dict[str, str]:
    """The caller's environment with a Hub cache of its own and nothing of another job of ranks."""
    left_out = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT", "HF_TOKEN", "HF_ENDPOINT")
    kept = {name: value for name, value in os.environ.items() if name not in left_out}
    return kept | {"HF_HOME": str(home), "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}


def command(ranks: int, script: list[str]) -> list[str]:
    """The command line that runs ``script`` (a file or ``-m module``, and its arguments) on one rank or two."""
    if ranks == 1:
        return [sys.executable, *script]
    launch = [sys.executable, "-m", "accelerate.commands.accelerate_cli", "launch"]
    return [*launch, "--config_file", str(CPU_2), "--main_process_port", "0", *script]


def run(
    ranks: int, script: list[str], home: Path, timeout: float = 240, hub: str | None = None
) -> subprocess.CompletedProcess[str]:
    """Run to the end and return exit status and output; ``hub`` is the address of a Hub that may be talked to."""
    settings = environment(home)
    if hub is not None:
        settings |= {"HF_HUB_OFFLINE": "0", "HF_ENDPOINT": hub, "HF_TOKEN": "anything", "HF_HUB_DISABLE_XET": "1"}
    return subprocess.run(
        command(ranks, script), env=settings, capture_output=True, text=True, timeout=timeout, cwd=ROOT
    )


def small_recipe(folder: Path, with_llm: bool = False, **overrides: Any) -> list[str]:
    """The words of `active` for the tiny recipe on a part of the sample corpus, with its run in ``folder``.

    ``with_llm``: every second train sentence has its true labels as if by an LLM.
    """
    corpus = folder.parent / "corpus"
    if not corpus.exists():
        corpus.mkdir()
        for split, sentences in (("train", 240), ("dev", 50), ("test", 50)):
            text = (ROOT / "recipes" / "sample" / f"{split}.conll").read_text(encoding="utf-8")
            part = "\n\n".join(text.split("\n\n")[:sentences]) + "\n"
            (corpus / f"{split}.conll").write_text(part, encoding="utf-8")
    settings = {f"data.{split}": corpus / f"{split}.conll" for split in ("train", "dev", "test")}
    settings |= {"run.dir": folder, **overrides}
    if with_llm:
        sentences = read_conll(corpus / "train.conll")
        pairs = list(zip(sentences.tokens, sentences.ner_tags, strict=True))[::2]
        rows = [json.dumps({"tokens": tokens, "llm_tags": tags}) + "\n" for tokens, tags in pairs]
        settings["annotation.labels"] = corpus / "llm.jsonl"
        settings["annotation.labels"].write_text("".join(rows), encoding="utf-8")
    return ["active", str(ROOT / "recipes" / "tiny.yaml"), *(f"{key}={value}" for key, value in settings.items())]


def staged(home: Path) -> dict[str, str]:
    """The branches in the Hub cache of ``home`` and the snapshot that each names."""
    refs = [path for path in home.glob("hub/models--*/refs/**/*") if path.is_file()]
    return {path.name: path.read_text(encoding="utf-8") for path in refs}


def outcome(folder: Path) -> dict[str, Any]:
    """All of a run that must not hang on ranks or interruptions: history without seconds, and what was published."""
    waiting = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("outbox/**/*.json"))]
    rows = [json.loads(line) for line in (folder / "history.jsonl").read_text(encoding="utf-8").splitlines()]
    manifests = sorted(folder.glob("rounds/*/model/manifest.json"))
    return {
        "history": [{key: value for key, value in row.items() if key != "seconds"} for row in rows],
        "manifests": {path.parts[-3]: json.loads(path.read_text(encoding="utf-8")) for path in manifests},
        "outbox": waiting,
        "state": json.loads((folder / "state.json").read_text(encoding="utf-8"))["status"],
        "left_over": sorted(str(path.relative_to(folder)) for path in folder.rglob("*.partial")),
    }
