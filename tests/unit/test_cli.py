"""The command line: what it prints, its exit status, and that it starts without heavy imports."""

import errno
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from nerc_trainer.cli import main
from nerc_trainer.hub import Publisher, seal
from nerc_trainer.recipe.load import load_recipe
from nerc_trainer.recipe.shipped import recipes_folder

ROOT = Path(__file__).parents[2]
VERBS = [
    (),
    ("active",),
    ("analyze",),
    ("annotate",),
    ("cheap-test",),
    ("sweep",),
    ("recipes",),
    *(("recipes", verb) for verb in ("ls", "show", "cp", "validate", "schema")),
    ("label",),
    *(("label", verb) for verb in ("export", "import")),
    ("report",),
    ("hub",),
    *(("hub", verb) for verb in ("ls", "sync", "verify")),
]
JOIN_RANKS = """
from accelerate import Accelerator

accelerator = Accelerator(cpu=True)
assert accelerator.num_processes == 2, accelerator.num_processes
accelerator.wait_for_everyone()
accelerator.end_training()
"""


def run(*arguments: str) -> int:
    """Exit status of a command in this process."""
    with pytest.raises(SystemExit) as exit_:
        main(arguments)
    assert isinstance(exit_.value.code, int)
    return exit_.value.code


def environment(**variables: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "GLOO_SOCKET_IFNAME": "lo", **variables}


def fail_with(failure: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `active` end in an error that cannot be had at will, such as a full disk."""

    def run_recipe(recipe: object) -> None:
        raise failure

    monkeypatch.setattr("nerc_trainer.active.rounds.run_recipe", run_recipe)


# Help and start-up


@pytest.mark.parametrize("verb", VERBS, ids=" ".join)
def test_help_ends_with_examples(verb: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*verb, "--help") == 0
    options, _, examples = capsys.readouterr().out.partition("Examples:\n")
    assert options.startswith("Usage: nerc-trainer")
    assert any(
        " ".join(["nerc_trainer", *verb]).replace("-", "_") in line.replace("-", "_") for line in examples.splitlines()
    )


@pytest.mark.parametrize(
    "arguments",
    [
        *(["--help"], ["active", "--help"], ["cheap-test", "--help"], ["hub", "sync", "--help"]),
        *(["report", "--help"], ["recipes", "ls"]),
    ],
)
def test_light_commands_import_nothing_heavy(arguments: list[str]) -> None:
    code = (
        "import sys\nfrom nerc_trainer.cli import main\n"
        f"try:\n    main({arguments!r})\nexcept SystemExit as end:\n    assert end.code == 0, end.code\n"
        "heavy = {'torch', 'transformers', 'datasets', 'accelerate', 'huggingface_hub', 'numpy'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_without_a_verb_the_help_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert run() == 2
    assert capsys.readouterr().err.startswith("Usage: nerc-trainer")


# Recipes


def test_recipes_ls_names_each_and_says_what_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("recipes", "ls") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == sorted(line.split()[0] for line in lines)
    (quickstart,) = [line for line in lines if line.startswith("quickstart ")]
    assert "sample corpus" in quickstart


def test_recipes_show_prints_a_recipe(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert run("recipes", "show", "quickstart", "active.query_size=7") == 0
    text = capsys.readouterr().out
    assert yaml.safe_load(text)["active"]["query_size"] == 7
    (tmp_path / "shown.yaml").write_text(text)
    assert load_recipe(tmp_path / "shown.yaml") == load_recipe("quickstart", ["active.query_size=7"])


def test_recipes_cp_prints_the_new_file(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    target = tmp_path / "mine.yaml"
    assert run("recipes", "cp", "tiny", str(target)) == 0
    assert capsys.readouterr().out == f"{target}\n"
    assert run("recipes", "cp", "tiny", str(target)) == 1
    assert "exists already" in capsys.readouterr().err


def test_recipes_validate_reports_every_file(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("extends: tiny\nseed: 3\n")
    (tmp_path / "b.yaml").write_text("extends: tiny\nactive: {query_size: 0, patience: 0}\n")
    assert run("recipes", "validate", str(tmp_path / "a.yaml"), "tiny", str(tmp_path / "b.yaml")) == 1
    captured = capsys.readouterr()
    assert captured.out == "tiny: ok\n"
    lines = captured.err.splitlines()
    assert len(lines) == 3
    assert all(line.startswith("error: ") for line in lines)
    assert [name in line for name, line in zip(("a.yaml", "b.yaml", "b.yaml"), lines, strict=True)] == [True] * 3


def test_recipes_validate_takes_overrides(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("recipes", "validate", "tiny", "quickstart", "active.query_size=7") == 0
    assert capsys.readouterr().out == "tiny: ok\nquickstart: ok\n"
    assert run("recipes", "validate", "tiny", "quickstart", "active.query_siz=7") == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: command line: active.query_siz = 7: unknown key")
    types = [f"annotation.types.T{number}.description={'what it is ' * 30}" for number in range(2)]
    assert run("recipes", "validate", "tiny", *types) == 0
    assert capsys.readouterr().out == "tiny: ok\n"
    assert run("recipes", "validate", "tiny", f"hub.token=s3cr3t{'x' * 300}") == 1
    assert "s3cr3t" not in capsys.readouterr().err
    assert run("recipes", "validate", "active.query_size=7") == 2
    assert "name a recipe" in capsys.readouterr().err


def test_recipes_schema_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("recipes", "schema") == 0
    assert "active" in json.loads(capsys.readouterr().out)["properties"]


# Errors


def test_an_error_is_lines_without_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("active", "tiny", "active.query_siz=3", "run.sed=4") == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines() == [
        "error: command line: run.sed = 4: unknown key; did you mean run.seed?",
        "error: command line: active.query_siz = 3: unknown key; did you mean active.query_size?",
    ]


@pytest.mark.parametrize("arguments", [["--debug", "recipes", "show", "nope"], ["recipes", "show", "nope", "--debug"]])
def test_debug_shows_the_traceback(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*arguments) == 1
    errors = capsys.readouterr().err
    assert "Traceback" in errors
    assert "error: nope: no such file" in errors.splitlines()[-1]


def test_a_wrong_call_has_its_own_status(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("recipes", "shw") == 2
    assert run("active") == 2
    first, second = capsys.readouterr().err.splitlines()
    assert "Did you mean 'show'?" in first
    assert "Missing argument 'RECIPE'" in second


def test_a_bug_is_one_line_that_names_debug(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fail_with(ZeroDivisionError("division\nby zero"), monkeypatch)
    assert run("active", "tiny") == 1
    assert capsys.readouterr().err == (
        "error: ZeroDivisionError: division by zero (run again with --debug for the traceback)\n"
    )


def test_a_full_disk_names_the_folder_of_the_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fail_with(OSError(errno.ENOSPC, "No space left on device"), monkeypatch)
    assert run("active", "tiny", "run.dir=somewhere/full") == 1
    assert capsys.readouterr().err.startswith("error: no space left on the disk of somewhere/full; make room")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_below_the_output() -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "nerc_trainer", "recipes", "schema"],
            env=environment(),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode != 0
    assert "error: no space left on the disk" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(("local_rank", "lines"), [("0", 1), ("1", 0)])
def test_one_process_of_a_machine_tells_what_all_meet(
    local_rank: str, lines: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RANK", local_rank)
    monkeypatch.setenv("LOCAL_RANK", local_rank)
    assert run("active", "nope") == 1
    assert len(capsys.readouterr().err.splitlines()) == lines


def test_a_crash_of_one_process_is_told_by_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RANK", "1")
    fail_with(RuntimeError("out of memory"), monkeypatch)
    assert run("active", "tiny") == 1
    assert "RuntimeError: out of memory" in capsys.readouterr().err


def test_an_interrupt_ends_in_one_line(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "nerc_trainer", "active", "tiny", f"run.dir={tmp_path}/run"]
    process = subprocess.Popen(
        [*command, "active.initial_epochs=5000"],
        env=environment(PYTHONUNBUFFERED="1"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        assert any(line.startswith("train:") for line in process.stdout), "the run has begun"
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130
    assert errors.strip().splitlines()[-1] == "error: interrupted; the same command carries on where it stopped"
    assert "Traceback" not in errors


INTERRUPTED = """
import click
from nerc_trainer import cli

def interrupted(*words, **settings):
    try:
        exec("raise KeyboardInterrupt")
    except KeyboardInterrupt:
        raise click.Abort from None

cli.cli.main = interrupted
cli.main([])
"""


def test_an_interrupt_inside_an_exec_has_the_same_status(tmp_path: Path) -> None:
    (tmp_path / "interrupted.py").write_text(INTERRUPTED, encoding="utf-8")
    command = [sys.executable, "-m", "interrupted"]  # as a module, which is where CPython looks for such interrupts
    path = f"{tmp_path}:{ROOT}"
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment(PYTHONPATH=path))
    assert done.returncode == 130
    assert done.stderr.splitlines() == ["error: interrupted; the same command carries on where it stopped"]


# Several processes


def test_cpu_2_starts_two_ranks(tmp_path: Path) -> None:
    script = tmp_path / "join.py"
    script.write_text(JOIN_RANKS)
    config = recipes_folder() / "accelerate" / "cpu-2.yaml"
    launch = [sys.executable, "-m", "accelerate.commands.launch", "--config_file", str(config)]
    done = subprocess.run(
        [*launch, "--main_process_port", "0", str(script)],
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


CONFIGURATIONS = [ROOT / "accelerate_config.yaml", *sorted((recipes_folder() / "accelerate").glob("*.yaml"))]


@pytest.mark.parametrize("path", CONFIGURATIONS, ids=lambda path: path.stem)
def test_accelerate_takes_each_configuration(path: Path) -> None:
    from accelerate.commands.config.config_args import load_config_from_file
    from accelerate.commands.launch import launch_command_parser

    configuration = load_config_from_file(str(path))
    assert "accelerate launch --config_file" in path.read_text(encoding="utf-8"), "its launch command stands on top"
    options = vars(launch_command_parser().parse_args(["script.py"]))
    assert set(configuration.fsdp_config) <= set(options), "accelerate drops the keys that it does not know"


# The Hub


@pytest.fixture
def published_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run with one round that is staged in the local cache; the Hub's address answers nobody."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    run_dir = tmp_path / "run"
    model = run_dir / "rounds" / "round-00" / "model"
    model.mkdir(parents=True)
    (model / "config.json").write_text("{}")
    (model / "round.json").write_text(json.dumps({"dev": {"f1": 0.5}}))
    (run_dir / "recipe.resolved.yaml").write_text("")
    seal(model)
    publisher = Publisher(run_dir, "offline", "owner/name", endpoint="http://127.0.0.1:9")
    assert publisher.publish(model, "round-00-added-0000").state == "offline"
    return run_dir


def test_hub_ls_shows_the_branches(published_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("hub", "ls", str(published_run)) == 0
    text = capsys.readouterr().out
    assert "round-00-added-0000" in text
    assert "0.5000" in text


def test_hub_verify_names_what_differs(published_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("hub", "verify", str(published_run)) == 0
    (snapshot,) = (tmp_path / "cache").glob("models--owner--name/snapshots/*/config.json")
    snapshot.unlink()
    snapshot.write_text('{"changed": 1}')
    assert run("hub", "verify", str(published_run)) == 1
    assert "error: round-00-added-0000: " in capsys.readouterr().err


def test_hub_sync_pushes_once(
    published_run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HF_TOKEN", "not-a-real-one")
    monkeypatch.syspath_prepend(str(ROOT / "tests"))
    from hub_server import HubServer

    with HubServer() as server:
        assert run("hub", "sync", str(published_run), "--endpoint", server.url) == 0
        assert "pushed" in capsys.readouterr().out
        assert server.tree("owner/name", "round-00-added-0000")["config.json"] == b"{}"
    assert run("hub", "sync", str(published_run)) == 0
    assert capsys.readouterr().out == "nothing waits to be pushed\n"


def test_hub_verbs_want_a_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for verb in ("ls", "sync", "verify"):
        assert run("hub", verb, str(tmp_path)) == 1
        assert "not a run's folder" in capsys.readouterr().err


def test_hub_verbs_without_publications(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "recipe.resolved.yaml").write_text("")
    for verb in ("ls", "verify"):
        assert run("hub", verb, str(tmp_path)) == 0
        assert capsys.readouterr().out == "nothing has been published\n"
