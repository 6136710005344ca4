"""The lines of Python that a run prints load its round as they stand."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from launcher import environment, run, small_recipe


def test_the_printed_lines_load_round_2_offline(tmp_path: Path) -> None:
    home = tmp_path / "home"
    words = small_recipe(tmp_path / "run", **{"hub.mode": "offline", "hub.repo": "me/tagger"})
    done = run(1, ["-m", "nerc_trainer", *words], home=home)
    assert done.returncode == 0, done.stderr
    _, _, said = done.stdout.partition("To load round-02-")
    assert "HF_HUB_OFFLINE=1" in said.splitlines()[0]
    lines = [line.strip() for line in said.splitlines() if line.startswith("  ")]
    assert len(lines) == 3
    loaded = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)],
        env=environment(home),
        capture_output=True,
        text=True,
        timeout=120,
        cwd=tmp_path,
    )
    assert loaded.returncode == 0, loaded.stderr
    assert loaded.stdout.startswith("[")
