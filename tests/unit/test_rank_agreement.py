"""Rank 0 works and everyone learns what came of it; a rank does not outlive its launcher."""

from __future__ import annotations

import os
import platform
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from nerc_trainer.errors import NercError
from nerc_trainer.ranks import on_main, prepare_environment

ROOT = Path(__file__).resolve().parents[2]
LAUNCHER_VARIABLES = ("WORLD_SIZE", "LOCAL_WORLD_SIZE", "RANK", "LOCAL_RANK", "GLOO_SOCKET_IFNAME")


@pytest.fixture(autouse=True)
def _no_launcher(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in LAUNCHER_VARIABLES:
        # Set first, so that what a test's code sets is taken back at its end.
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)


def environment(**variables: str) -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in LAUNCHER_VARIABLES} | variables


def test_alone_the_result_is_just_returned() -> None:
    assert on_main(lambda: {"round": 3}) == {"round": 3}


def test_alone_an_error_stays_what_it_is() -> None:
    with pytest.raises(KeyError, match="missing"):
        on_main(lambda: {}["missing"])


def test_alone_the_environment_is_left_as_it_is() -> None:
    prepare_environment()
    assert "GLOO_SOCKET_IFNAME" not in os.environ


PREPARED = (
    "import os; from nerc_trainer.ranks import prepare_environment as p; p(); print(os.getenv('GLOO_SOCKET_IFNAME'))"
)


@pytest.mark.skipif(sys.platform != "linux", reason="loopback is named lo on Linux only")
@pytest.mark.parametrize(
    ("variables", "wanted"),
    [
        ({"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}, "lo"),
        ({"WORLD_SIZE": "4", "LOCAL_WORLD_SIZE": "2"}, "None"),  # two machines can't talk over loopback
        ({"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "GLOO_SOCKET_IFNAME": "eth7"}, "eth7"),
    ],
)
def test_ranks_of_one_machine_talk_over_loopback(variables: dict[str, str], wanted: str) -> None:
    result = subprocess.run(
        [sys.executable, "-c", PREPARED],
        env=environment(**variables),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout.strip() == wanted


LAUNCHER = """
import subprocess, sys
rank = subprocess.Popen([sys.executable, "-c", sys.argv[1]], stdout=subprocess.PIPE, text=True)
print(rank.pid, rank.stdout.readline().strip(), flush=True)
rank.wait()
"""
RANK = """
import time
from nerc_trainer.ranks import prepare_environment
prepare_environment()
print("ready", flush=True)
time.sleep(60)
"""


def is_running(pid: int) -> bool:
    """Whether the process is there and no zombie, which nobody here could reap."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_a_rank_ends_when_its_launcher_is_killed() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", LAUNCHER, RANK],
        env=environment(WORLD_SIZE="2", LOCAL_WORLD_SIZE="2"),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    ) as launcher:
        assert launcher.stdout is not None
        pid, state = launcher.stdout.readline().split()
        assert state == "ready"
        assert is_running(int(pid))
        launcher.send_signal(signal.SIGKILL)
        launcher.wait()
    deadline = time.monotonic() + 20
    while is_running(int(pid)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not is_running(int(pid))


TWO_RANKS = """
from accelerate import PartialState
from nerc_trainer.errors import NercError
from nerc_trainer.ranks import on_main

state = PartialState(cpu=True)
assert state.num_processes == 2

def fail_with(error):
    def fail():
        assert state.process_index == 0, "only rank 0 works"
        raise error
    return fail

said = [on_main(lambda: {"from": state.process_index, "labels": ["é"]})]

class Odd(Exception):
    def __init__(self, one, two):
        super().__init__(one)

for error in (NercError("data.train = x: no such file"), FileNotFoundError(2, "gone", "file"), Odd("odd", 2)):
    try:
        on_main(fail_with(error))
    except Exception as raised:
        said.append(f"{type(raised).__name__}: {raised}")
said.append(on_main(lambda: None))
print(said, flush=True)
state.destroy_process_group()
"""


def test_two_ranks_learn_the_same_results_and_errors() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    ranks = [
        subprocess.Popen(
            [sys.executable, "-c", TWO_RANKS],
            env=environment(
                RANK=rank,
                LOCAL_RANK=rank,
                WORLD_SIZE="2",
                LOCAL_WORLD_SIZE="2",
                MASTER_ADDR="127.0.0.1",
                MASTER_PORT=port,
                GLOO_SOCKET_IFNAME="lo",
                OMP_NUM_THREADS="1",
            ),
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in ("0", "1")
    ]
    outputs = [rank.communicate(timeout=120) for rank in ranks]
    assert [rank.returncode for rank in ranks] == [0, 0], outputs
    common = [{"from": 0, "labels": ["é"]}, "NercError: data.train = x: no such file"]
    missing = "FileNotFoundError: [Errno 2] gone: 'file'"
    assert outputs[0][0].strip() == str([*common, missing, "Odd: odd", None])
    assert outputs[1][0].strip() == str([*common, missing, "RuntimeError: Odd: odd", None])


def test_the_one_exception_of_users_survives_the_way_to_another_rank() -> None:
    import pickle

    again = pickle.loads(pickle.dumps(NercError("model.encoder = x: can't be loaded")))
    assert type(again) is NercError
    assert str(again) == "model.encoder = x: can't be loaded"


BUFFERS = """
import resource
import torch
from nerc_trainer.ranks import settle_cpu

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        torch.ones(2_000_000)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

settle_cpu(threads=1)
faults()
print(faults())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="settings of glibc")
def test_freed_buffers_are_used_again_without_new_pages() -> None:
    done = subprocess.run([sys.executable, "-c", BUFFERS], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 2_000  # each of the 20 buffers has as many pages
