"""An encoder from the Hub on a machine without network: from the cache, or one line at once."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from huggingface_hub import constants

from nerc_trainer.hub.offline import stage_offline
from nerc_trainer.hub.seal import seal

ROOT = Path(__file__).parents[2]
BUILD = """
import sys
from nerc_trainer.errors import NercError
from nerc_trainer.modeling.build import load_tokenizer
from nerc_trainer.recipe.sections import ModelSection
try:
    print(len(load_tokenizer(ModelSection(encoder=sys.argv[1]))))
except NercError as error:
    sys.exit(f"error: {error}")
"""


def load(home: Path, encoder: str) -> subprocess.CompletedProcess[str]:
    settings = {name: value for name, value in os.environ.items() if name != "HF_HUB_OFFLINE"}
    settings |= {"HF_HOME": str(home), "HF_ENDPOINT": "http://127.0.0.1:9"}
    return subprocess.run(
        [sys.executable, "-c", BUILD, encoder], env=settings, capture_output=True, text=True, timeout=60, cwd=ROOT
    )


def test_a_cached_encoder_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = shutil.copytree(ROOT / "recipes" / "sample" / "tiny-encoder", tmp_path / "encoder")
    seal(encoder)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "home" / "hub"))
    stage_offline(encoder, "me/encoder", "main")
    done = load(tmp_path / "home", "me/encoder")
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 100
    assert "http://127.0.0.1:9 does not answer" in done.stderr
    assert "Retrying" not in done.stderr


def test_another_one_is_named_without_a_minute_of_noise(tmp_path: Path) -> None:
    done = load(tmp_path, "me/nothing")
    assert done.returncode == 1
    assert "error: model.encoder = me/nothing: can't be loaded" in done.stderr
    assert "one that is in its cache" in done.stderr
    assert "Retrying" not in done.stderr
