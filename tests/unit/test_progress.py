"""Progress bars: drawn often on a terminal, seldom in a file that keeps each drawing."""

from __future__ import annotations

import sys
import time

import pytest

from nerc_trainer.progress import progress


@pytest.mark.parametrize("terminal", [False, True])
def test_a_file_gets_few_drawings(
    terminal: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal, raising=False)
    for _ in progress(range(20), desc="scoring"):
        time.sleep(0.03)
    drawings = capsys.readouterr().err.count("scoring")
    assert drawings > 3 if terminal else drawings <= 2  # the first and the last
