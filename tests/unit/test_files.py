"""Files are whole or not there: after an error, on a full disk, and after a kill at any moment."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from nerc_trainer.files import sha256_of, sync_folder, write_json, write_text

ROOT = Path(__file__).resolve().parents[2]


def test_text_is_written_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "notes.txt"
    write_text(path, "é\n1\r\n2\n")
    assert path.read_bytes() == "é\n1\r\n2\n".encode()
    write_text(path, "")
    assert path.read_bytes() == b""
    assert os.listdir(path.parent) == ["notes.txt"]


def test_json_keeps_the_order_of_its_keys_and_is_readable(tmp_path: Path) -> None:
    path = tmp_path / "value.json"
    value = {"b": [1, 2.5, None], "a": "日本"}
    write_json(path, value)
    assert json.loads(path.read_text(encoding="utf-8")) == value
    assert path.read_text(encoding="utf-8").startswith('{\n  "b": [')
    assert "日本" in path.read_text(encoding="utf-8")
    again = path.read_bytes()
    write_json(path, value)
    assert path.read_bytes() == again


def test_value_that_is_no_json_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "value.json"
    write_json(path, {"kept": True})
    with pytest.raises(TypeError):
        write_json(path, {"path": object()})
    assert json.loads(path.read_text()) == {"kept": True}
    assert os.listdir(tmp_path) == ["value.json"]


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from nerc_trainer.files import write_text

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
try:
    write_text(Path(sys.argv[1]), "new" * 100_000)
except OSError as error:
    print(error.errno)
"""


def test_full_disk_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    write_text(path, "old")
    result = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(path)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert int(result.stdout) == errno.EFBIG
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["state.json"]


OVER_AND_OVER = """
import sys
from pathlib import Path
from nerc_trainer.files import write_text

while True:
    for letter in "ab":
        write_text(Path(sys.argv[1]), letter * 300_000)
"""


def test_readers_and_a_killed_writer_see_whole_files_only(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    whole = {"a" * 300_000, "b" * 300_000}
    with subprocess.Popen([sys.executable, "-c", OVER_AND_OVER, str(path)], cwd=ROOT) as writer:
        deadline = time.monotonic() + 30
        while not path.exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        seen = {path.read_text() for _ in range(100)}
        writer.send_signal(signal.SIGKILL)
        writer.wait()
    assert seen <= whole
    assert path.read_text() in whole
    write_text(path, "after")
    assert path.read_text() == "after"
    assert os.listdir(tmp_path) == ["state.json"], "what the killed writer left is still there"


def test_sha256(tmp_path: Path) -> None:
    content = os.urandom(3_000_001)
    (tmp_path / "weights").write_bytes(content)
    assert sha256_of(tmp_path / "weights") == hashlib.sha256(content).hexdigest()


def test_syncing_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    sync_folder(tmp_path)
    with pytest.raises(FileNotFoundError):
        sync_folder(tmp_path / "missing")
