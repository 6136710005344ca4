"""A human round trip through a real Label Studio: tasks in by its API, answers, export, and the run carries on.

`make label-studio` installs it; LABEL_STUDIO names its program where it is elsewhere.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(1, str(Path(__file__).parents[1] / "distributed"))
from launcher import ROOT, outcome, run, small_recipe
from people import Truth, read_truth, results, without_labels

PROGRAM = Path(os.environ.get("LABEL_STUDIO", ROOT / ".venv-label-studio" / "bin" / "label-studio"))
TOKEN = "0123456789abcdef0123456789abcdef01234567"
MAIL = "ada@example.com"
# It talks to nobody but us.
SILENT = {"COLLECT_ANALYTICS": "False", "LATEST_VERSION_CHECK": "False", "SENTRY_DSN": "", "FRONTEND_SENTRY_DSN": ""}
SECONDS = 900  # for one step at most; on a busy machine its database alone takes minutes to set up
ODD = "😀 O\n{0} B-PER\n👩‍👩‍👧 O\nMarrow B-PER\n東京 B-LOC\nに O\n👍🏽 O\nNorland B-LOC"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(3600),
    pytest.mark.skipif(
        not PROGRAM.exists(),
        reason=f"no Label Studio at {PROGRAM}: run `make label-studio`, or name its program in LABEL_STUDIO",
    ),
]


class LabelStudio:
    """A Label Studio on loopback with an empty database, spoken to by its API."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        address = ["--host", self.url, "--internal-host", "127.0.0.1", "--port", str(port)]
        user = ["--username", MAIL, "--password", "only-for-tests", "--user-token", TOKEN, "--enable-legacy-api-token"]
        self._log = (folder / "log").open("w")
        self._process = subprocess.Popen(
            [str(PROGRAM), "start", "--no-browser", "--data-dir", str(folder), *address, *user],
            env={**os.environ, **SILENT, "LABEL_STUDIO_BASE_DATA_DIR": str(folder)},
            stdout=self._log,
            stderr=subprocess.STDOUT,
            cwd=folder,
        )
        deadline = time.monotonic() + SECONDS
        while not self._is_up():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.close()
                pytest.fail(f"Label Studio ended, or does not answer; see {self._log.name}")
            time.sleep(1)

    def _is_up(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/health", timeout=5) as reply:
                return bool(reply.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def call(self, method: str, path: str, body: Any = None) -> Any:
        content = None if body is None else json.dumps(body).encode()
        head = {"Authorization": f"Token {TOKEN}", "Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.url}/api/{path}", content, head, method=method)
        with urllib.request.urlopen(request, timeout=SECONDS) as reply:
            return json.loads(reply.read() or b"null")

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(60)
        self._log.close()


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabelStudio]:
    studio = LabelStudio(tmp_path_factory.mktemp("label-studio"))
    yield studio
    studio.close()


class Annotators:
    """A project, and people who answer its tasks with the truth."""

    def __init__(self, studio: LabelStudio, truth: Truth, config: Path) -> None:
        self.studio, self.truth = studio, truth
        said = {"title": "tagger", "label_config": config.read_text(encoding="utf-8")}
        self.project = studio.call("POST", "projects", said)["id"]

    def add(self, tasks: Path) -> list[dict[str, Any]]:
        """Import an exported file, and return the tasks as Label Studio has them."""
        said = json.loads(tasks.read_text(encoding="utf-8"))
        ids = self.studio.call("POST", f"projects/{self.project}/import?return_task_ids=true", said)["task_ids"]
        return [self.studio.call("GET", f"tasks/{number}") for number in ids]

    def answer(self, task: dict[str, Any], is_right: bool = True, skip: bool = False) -> None:
        tokens = task["data"]["text"].split(" ")
        found = results(tokens, self.truth[tuple(tokens)]) if is_right and not skip else []
        answer = {"result": found, "lead_time": 2.5, "was_cancelled": skip}
        self.studio.call("POST", f"tasks/{task['id']}/annotations", answer)

    def export(self, file: Path) -> Path:
        tasks = self.studio.call("GET", f"projects/{self.project}/export?exportType=JSON&download_all_tasks=true")
        file.write_text(json.dumps(tasks), encoding="utf-8")
        return file


def test_people_label_in_label_studio(studio: LabelStudio, tmp_path: Path) -> None:
    home, folder = tmp_path / "home", tmp_path / "run"
    settings = {"active.min_iterations": 1, "active.max_iterations": 1, "active.query_size": 6, "data.test": "null"}
    settings |= {"active.initial_expert": 0.2}
    labelled = tmp_path / "train.conll"
    sample = (ROOT / "recipes" / "sample" / "train.conll").read_text(encoding="utf-8").split("\n\n")[:20]
    names = ("Ilse", "Ünal", "Ada", "Zoë", "Iván", "Noor", "Mei", "Ján", "Ola", "Åse")
    odd = [ODD.format(name).replace(" ", " _ _ ") for name in names]
    labelled.write_text("\n\n".join([*sample, *odd]) + "\n", encoding="utf-8")
    truth = read_truth(labelled)
    simulated = small_recipe(tmp_path / "simulated", **settings, **{"data.types": "[LOC,MISC,ORG,PER]"})
    simulated.append(f"data.train={labelled}")
    assert run(1, ["-m", "nerc_trainer", *simulated], home, timeout=SECONDS).returncode == 0
    words = [*simulated, f"run.dir={folder}", "active.oracle=files"]
    words.append(f"data.train={without_labels(labelled, tmp_path / 'words.conll')}")

    def nerc_trainer(*arguments: object) -> str:
        done = run(1, ["-m", "nerc_trainer", *map(str, arguments)], home, timeout=SECONDS)
        assert done.returncode == 0, done.stderr
        return done.stdout

    nerc_trainer(*words)
    nerc_trainer("label", "export", folder, "--format", "label-studio", "--output", tmp_path / "tasks.json")
    people = Annotators(studio, truth, tmp_path / "tasks.xml")
    skipped, twice, *others = tasks = people.add(tmp_path / "tasks.json")
    assert any("👩‍👩‍👧" in task["data"]["text"] for task in tasks)
    people.answer(skipped, skip=True)
    people.answer(twice, is_right=False)
    people.answer(twice)
    for task in others:
        people.answer(task)
    said = nerc_trainer("label", "import", folder, people.export(tmp_path / "first.json"))
    assert f"round 0: {len(tasks) - 1} answers imported" in said
    assert "1 sentences of the file have no answer" in said
    assert "1 sentences have several finished annotations; the newest of each was taken" in said
    assert "1 sentences (" in said
    people.answer(skipped)
    said = nerc_trainer("label", "import", folder, people.export(tmp_path / "second.json"))
    assert f"round 0: 1 answers imported\n{len(tasks) - 1} answers were there already" in said

    nerc_trainer(*words)
    nerc_trainer("label", "export", folder, "--format", "label-studio", "--output", tmp_path / "tasks.json")
    more = people.add(tmp_path / "tasks.json")
    assert len(more) == 6
    for task in more:
        (prediction,) = task["predictions"]
        assert prediction["model_version"] == "tagger"
        assert 0 < prediction["score"] <= 1
        people.answer(task)
    said = nerc_trainer("label", "import", folder, people.export(tmp_path / "third.json"))
    assert f"round 1: 6 answers imported\n{len(tasks)} answers were there already" in said
    assert "finished: the maximum of 1 rounds" in nerc_trainer(*words)

    told = outcome(folder)["history"]
    assert told[-1]["expert_seconds"] == 2.5 * (len(tasks) + 6)
    only_people = ("expert_seconds", "timed_words")
    by_people, by_truth = (
        [{key: value for key, value in row.items() if key not in only_people} for row in rows]
        for rows in (told, outcome(tmp_path / "simulated")["history"])
    )
    assert by_people == by_truth
