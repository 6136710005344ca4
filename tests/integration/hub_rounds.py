"""What the tests of publishing share: folders of rounds, and the Hub on loopback."""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from hub_server import HubServer

from nerc_trainer.hub import Publisher, seal

REPO = "me/tagger"
BRANCH = "round-01-added-0050"
FOLDER = "rounds/round-01/model"
WEIGHT_BYTES = 100_000


def make_round(run_dir: Path, folder: str = FOLDER, seed: int = 1, run: str | None = None) -> Path:
    """A sealed folder with what a round holds: large and small weights, text, an empty file, a file in a folder."""
    path = run_dir / folder
    (path / "more").mkdir(parents=True, exist_ok=True)
    (path / "model.safetensors").write_bytes(random.Random(seed).randbytes(WEIGHT_BYTES))
    (path / "adapter.safetensors").write_bytes(random.Random(-seed).randbytes(100))
    (path / "README.md").write_text("---\nlibrary_name: transformers\n---\n# A tagger\n")
    (path / "config.json").write_text(f'{{"seed": {seed}}}\n')
    (path / "round.json").write_text(json.dumps({"dev": {"f1": 0.75}} | ({"run": run} if run else {})))
    (path / "more" / "notes.txt").write_text("é\n", encoding="utf-8")
    (path / "empty.txt").write_bytes(b"")
    seal(path)
    return path


def contents(folder: Path) -> dict[str, bytes]:
    """Bytes by path of everything in a folder."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def online(run_dir: Path, server: HubServer, deadline_seconds: float = 30.0) -> Publisher:
    """A publisher that pushes to the server and waits next to nothing between tries."""
    return Publisher(
        run_dir, "online", REPO, deadline_seconds=deadline_seconds, endpoint=server.url, backoff_seconds=0.01
    )


def added_commits(server: HubServer, branch: str = BRANCH) -> int:
    """Commits on the branch above the one that it started from."""
    return max(0, len(server.commits(REPO, branch)) - 1)
