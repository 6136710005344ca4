"""A seal names every file by content, lets no private file through, and notices every change."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from nerc_trainer.errors import NercError
from nerc_trainer.hub import check_seal, read_manifest, seal

HUB_TOKEN = "hf_" + "Ab3" * 12


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "model"
    (path / "inner").mkdir(parents=True)
    (path / "config.json").write_text("{}")
    (path / "inner" / "vocabulary.txt").write_text("the\n")
    return path


def test_manifest_names_every_file_by_the_ids_of_sha256sum_and_git(folder: Path) -> None:
    manifest = seal(folder)
    assert set(manifest.files) == {"config.json", "inner/vocabulary.txt"}
    for path in manifest.published():
        sha256 = subprocess.run(["sha256sum", folder / path], capture_output=True, text=True, check=True).stdout.split()
        blob = subprocess.run(["git", "hash-object", folder / path], capture_output=True, text=True, check=True).stdout
        file = manifest.published()[path]
        assert (file.sha256, file.git_blob) == (sha256[0], blob.strip())
        assert file.size == (folder / path).stat().st_size


def test_sealing_twice_gives_the_same_manifest_and_reading_gives_it_back(folder: Path) -> None:
    first = seal(folder)
    (folder / ".manifest.json.killed").write_text("half")
    assert seal(folder) == first == read_manifest(folder)
    assert check_seal(folder) == []
    assert not (folder / ".manifest.json.killed").exists()


@pytest.mark.parametrize(
    "name",
    [
        *("training_args.bin", "pytorch_model.bin", "x.pt", "x.pth", "x.pkl", "x.PICKLE", "last.ckpt"),
        *("optimizer.safetensors", "optimizer/state.json", "scheduler.json", ".env", "inner/.env.local", ".git/HEAD"),
    ],
)
def test_private_files_are_refused_by_name(folder: Path, name: str) -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text("x")
    with pytest.raises(NercError, match=Path(name).name):
        seal(folder)
    assert not (folder / "manifest.json").exists()


@pytest.mark.parametrize("target", ["config.json", "inner", "nowhere"])
def test_links_are_refused(folder: Path, target: str) -> None:
    (folder / "link").symlink_to(target)
    with pytest.raises(NercError, match=r"link: is a link"):
        seal(folder)


@pytest.mark.parametrize("before", [0, 100, (1 << 20) - 5, (1 << 21) - 30])
def test_a_hub_token_is_found_wherever_it_lies_and_is_not_repeated(folder: Path, before: int) -> None:
    (folder / "notes.txt").write_bytes(b" " * before + HUB_TOKEN.encode() + b" " * 2000)
    with pytest.raises(NercError, match=r"notes\.txt: holds a Hub token") as caught:
        seal(folder)
    assert HUB_TOKEN not in str(caught.value)


@pytest.mark.parametrize("variable", ["HF_TOKEN", "OPENAI_API_KEY"])
def test_values_of_token_variables_are_found(folder: Path, variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, "sk-private-value")
    (folder / "config.json").write_text('{"key": "sk-private-value"}')
    with pytest.raises(NercError, match=f"config.json: holds the value of {variable}"):
        seal(folder)
    (folder / "config.json").write_text('{"key": "sk-private-valu"}')
    seal(folder)


def test_an_empty_or_missing_folder_cannot_be_sealed(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(NercError, match="holds no file"):
        seal(tmp_path / "empty")
    with pytest.raises(NercError, match="no such folder"):
        seal(tmp_path / "missing")


def test_every_change_after_sealing_is_named(folder: Path) -> None:
    (folder / "same.txt").write_text("same")
    seal(folder)
    (folder / "config.json").write_text("[]")
    (folder / "inner" / "vocabulary.txt").unlink()
    (folder / "new.txt").write_text("")
    assert check_seal(folder) == [
        "inner/vocabulary.txt: deleted since it was sealed",
        "new.txt: added since the folder was sealed",
        "config.json: changed since it was sealed",
    ]
    assert check_seal(folder / "gone") == [f"{folder / 'gone'}: the folder is gone"]


@pytest.mark.parametrize("text", ["", "[]", '{"files": {"a": {}}}', '{"files": 3}'])
def test_a_damaged_manifest_is_named(folder: Path, text: str) -> None:
    (folder / "manifest.json").write_text(text)
    with pytest.raises(NercError, match=r"manifest\.json: not a manifest"):
        read_manifest(folder)
