"""The journal of a run: phases in their order, a restart at every point of them, one process at a time."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from nerc_trainer.active.journal import RunJournal
from nerc_trainer.active.oracle import ExpertLabel
from nerc_trainer.active.second import SecondAnswer
from nerc_trainer.errors import NercError
from nerc_trainer.hub.seal import seal
from nerc_trainer.recipe.sections import Recipe

ROOT = Path(__file__).resolve().parents[2]
CORPUS = {"train": "a" * 64, "dev": "b" * 64}
VERSIONS = {"python": "3.11"}
SELECTION = {"strategy": "entropy", "ids": ["s1", "s2"], "priorities": [0.5, 0.25]}
LABELS = [
    ExpertLabel(id="s1", ner_tags=["O", "B-PER"], annotator="truth"),
    ExpertLabel(id="s2", ner_tags=["B-LOC"], annotator="日本"),
]
TRAINING = {"loss": 0.5, "seconds": {"train": 1.5}}
RECORD = {"round": 0, "f1": 0.5, "branch": "round-00-added-0000"}

MakeRecipe = Callable[..., Recipe]


@contextmanager
def opened(recipe: Recipe, corpus: dict[str, str] = CORPUS) -> Iterator[RunJournal]:
    """A start of the run: everything it knows comes from the disk."""
    journal = RunJournal(recipe.run.dir)
    journal.open(recipe, corpus, VERSIONS)
    try:
        yield journal
    finally:
        journal.close()


def train(journal: RunJournal, number: int) -> None:
    folder = journal.round(number).begin_model()
    (folder / "model.safetensors").write_bytes(b"weights")
    (folder / "config.json").write_text("{}")
    journal.round(number).complete_model(TRAINING)


PHASES: dict[str, Callable[[RunJournal], Any]] = {
    "selected": lambda journal: journal.round(0).write_selection(SELECTION),
    "answered": lambda journal: journal.round(0).write_labels(LABELS),
    "trained": lambda journal: train(journal, 0),
    "sealed": lambda journal: journal.round(0).seal(RECORD),
    "over": lambda journal: journal.append(RECORD),
    "finished": lambda journal: journal.finish("the pool is empty"),
}


def known(journal: RunJournal) -> list[str]:
    """The phases of round 0 that the journal knows of."""
    facts: dict[str, Any] = {
        "selected": journal.round(0).selection(),
        "answered": journal.round(0).labels(),
        "trained": journal.round(0).trained(),
        "sealed": journal.round(0).record(),
        "over": journal.history() or None,
        "finished": journal.finished,
    }
    return [phase for phase, fact in facts.items() if fact is not None]


def test_new_run_writes_down_its_recipe_and_corpus(make_recipe: MakeRecipe) -> None:
    recipe = make_recipe(active={"query_size": 7})
    with opened(recipe) as journal:
        assert known(journal) == []
    written = yaml.safe_load((recipe.run.dir / "recipe.resolved.yaml").read_text())
    assert written == recipe.model_dump(mode="json")
    state = json.loads((recipe.run.dir / "state.json").read_text())
    assert state == {"status": "running", "reason": None, "corpus": CORPUS, "versions": VERSIONS}


@pytest.mark.parametrize("last", range(len(PHASES) + 1))
def test_restart_knows_the_phases_that_are_done_and_no_other(make_recipe: MakeRecipe, last: int) -> None:
    recipe = make_recipe()
    done = list(PHASES)[:last]
    for phase in done:
        with opened(recipe) as journal:
            PHASES[phase](journal)
            assert known(journal)[-1] == phase
    with opened(recipe) as journal:
        assert known(journal) == done


def test_restart_gets_back_what_was_written(make_recipe: MakeRecipe) -> None:
    recipe = make_recipe()
    with opened(recipe) as journal:
        for write in PHASES.values():
            write(journal)
    with opened(recipe) as journal:
        assert journal.round(0).selection() == SELECTION
        assert journal.round(0).labels() == LABELS
        assert journal.round(0).trained() == TRAINING
        assert journal.round(0).record() == RECORD
        assert journal.history() == [RECORD]
        assert journal.expert_labels() == LABELS
        assert journal.finished == "the pool is empty"
        folder = journal.round(0).model
    assert folder == recipe.run.dir / "rounds" / "round-00" / "model"
    assert (folder / "model.safetensors").read_bytes() == b"weights"


def test_labels_of_a_round_that_is_not_over_are_not_among_those_of_the_past(make_recipe: MakeRecipe) -> None:
    """Else a restarted round would hand the training set the same labels twice."""
    with opened(make_recipe()) as journal:
        for phase in ("selected", "answered", "trained", "sealed"):
            PHASES[phase](journal)
            assert journal.expert_labels() == []
        journal.append(RECORD)
        journal.round(1).write_selection(SELECTION)
        journal.round(1).write_labels([ExpertLabel(id="s9", ner_tags=["O"], annotator="truth")])
        assert journal.expert_labels() == LABELS


def test_rounds_do_not_mix(make_recipe: MakeRecipe) -> None:
    with opened(make_recipe()) as journal:
        for write in list(PHASES.values())[:5]:
            write(journal)
        assert journal.round(1).selection() is None
        assert journal.round(1).labels() is None
        assert journal.round(1).trained() is None
        assert journal.round(1).record() is None
        journal.round(1).write_selection({"ids": ["s3"]})
        assert journal.round(0).selection() == SELECTION


def test_history_grows_line_by_line(make_recipe: MakeRecipe) -> None:
    recipe = make_recipe()
    rows = [{"round": number, "f1": number / 10, "note": "é"} for number in range(3)]
    with opened(recipe) as journal:
        for number, row in enumerate(rows):
            assert journal.append(row) == rows[: number + 1]
    with opened(recipe) as journal:
        assert journal.history() == rows


def test_line_separators_inside_ids_do_not_split_lines(make_recipe: MakeRecipe) -> None:
    with opened(make_recipe()) as journal:
        row = {"round": 0, "ids": ["s\u2028\u0085"]}
        journal.append(row)
        assert journal.history() == [row]
        label = ExpertLabel(id="s\u2028\u0085", ner_tags=["O"], annotator="truth")
        journal.round(0).write_labels([label])
        assert journal.round(0).labels() == [label]


def test_a_round_goes_on_from_its_own_model_or_from_that_of_the_round_before(make_recipe: MakeRecipe) -> None:
    with opened(make_recipe()) as journal:
        assert journal.model_to_go_on_from(0) is None
        train(journal, 0)
        assert journal.model_to_go_on_from(0) == journal.round(0).model
        seal(journal.round(0).model)
        journal.round(0).seal(RECORD)
        journal.round(1).begin_model()
        assert journal.model_to_go_on_from(1) == journal.round(0).model
        train(journal, 1)
        assert journal.model_to_go_on_from(1) == journal.round(1).model


@pytest.mark.parametrize("damage", ["gone", "shortened", "changed"])
def test_a_lost_or_damaged_model_is_named_and_no_older_one_takes_its_place(
    make_recipe: MakeRecipe, damage: str
) -> None:
    with opened(make_recipe()) as journal:
        for number in (0, 1):
            train(journal, number)
            seal(journal.round(number).model)
            journal.round(number).seal(RECORD)
        folder = journal.round(1).model
        if damage == "gone":
            shutil.rmtree(folder)
        else:
            (folder / "model.safetensors").write_bytes({"shortened": b"wei", "changed": b"weighed"}[damage])
        with pytest.raises(NercError, match=r"round-01/model: not the model of round 1 any more .*; restore it"):
            journal.model_to_go_on_from(2)


def test_half_written_model_is_not_taken_for_a_trained_one(make_recipe: MakeRecipe) -> None:
    recipe = make_recipe()
    with opened(recipe) as journal:
        folder = journal.round(0).begin_model()
        (folder / "model.safetensors").write_bytes(b"wei")
    with opened(recipe) as journal:
        assert journal.model_to_go_on_from(0) is None
        assert journal.round(0).trained() is None
        again = journal.round(0).begin_model()
        assert list(again.iterdir()) == []


def test_model_whose_folder_was_not_renamed_yet_is_not_taken_for_a_trained_one(make_recipe: MakeRecipe) -> None:
    """Killed between the last two steps of `complete_model`: training.json is there, the model is not."""
    recipe = make_recipe()
    with opened(recipe) as journal:
        train(journal, 0)
        folder = journal.round(0).model
        folder.rename(folder.with_name("model.partial"))
        assert journal.round(0).trained() is None
        train(journal, 0)
        assert journal.round(0).trained() == TRAINING


def test_round_whose_folder_was_not_renamed_yet_is_not_sealed(make_recipe: MakeRecipe) -> None:
    recipe = make_recipe()
    with opened(recipe) as journal:
        for phase in ("selected", "answered", "trained", "sealed"):
            PHASES[phase](journal)
        sealed = recipe.run.dir / "rounds" / "round-00"
        sealed.rename(sealed.with_name("round-00.partial"))
        assert journal.round(0).record() is None
        assert journal.round(0).trained() == TRAINING
        journal.round(0).seal(RECORD)
        assert journal.round(0).record() == RECORD


CHILD = """
import os, signal, sys
from pathlib import Path
from nerc_trainer.active.journal import RunJournal
from nerc_trainer.recipe.sections import Recipe

recipe = Recipe.model_validate_json(sys.argv[1])
journal = RunJournal(recipe.run.dir)
journal.open(recipe, {"train": "a" * 64, "dev": "b" * 64}, {"python": "3.11"})
journal.round(0).write_selection({"ids": ["s1"]})
folder = journal.round(0).begin_model()
(folder / "model.safetensors").write_bytes(b"half")
print("holding", flush=True)
sys.stdin.read()
"""


@contextmanager
def another_process(recipe: Recipe) -> Iterator[subprocess.Popen[str]]:
    """A process that holds the run, in the middle of writing a model, until it is killed."""
    with subprocess.Popen(
        [sys.executable, "-c", CHILD, recipe.model_dump_json()],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "holding\n"
        try:
            yield process
        finally:
            process.kill()


def test_a_run_is_held_by_one_process_until_that_is_killed(make_recipe: MakeRecipe) -> None:
    recipe = make_recipe()
    with another_process(recipe) as process:
        with pytest.raises(NercError, match=r"run\.dir = .*: another process works on this run"), opened(recipe):
            pass
        process.send_signal(signal.SIGKILL)
        process.wait()
        with opened(recipe) as journal:
            assert known(journal) == ["selected"]
            assert journal.model_to_go_on_from(0) is None


def test_a_closed_run_can_be_opened_again(make_recipe: MakeRecipe) -> None:
    recipe = make_recipe()
    with opened(recipe), pytest.raises(NercError, match="another process"), opened(recipe):
        pass
    with opened(recipe) as journal:
        assert known(journal) == []


def test_changed_recipe_is_refused_with_every_key_that_changed(make_recipe: MakeRecipe) -> None:
    with opened(make_recipe(active={"query_size": 50})) as journal:
        journal.round(0).write_selection(SELECTION)
    changed = make_recipe(
        active={"query_size": 20, "budget": {"words": 5}},
        training={"learning_rate": 1e-3},
        mixing={"mode": "concat"},
    )
    with pytest.raises(NercError) as refused, opened(changed):
        pass
    message = str(refused.value)
    assert "active.query_size: 50 -> 20" in message
    assert "active.budget.words: null -> 5" in message
    assert "training.learning_rate: null -> 0.001" in message
    assert "mixing.mode: null -> concat" in message
    assert "active.strategy" not in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("corpus", "wanted"),
    [
        ({"train": "a" * 64, "dev": "c" * 64}, "corpus dev: bbbbbbbbbbbb -> cccccccccccc"),
        ({"train": "a" * 64}, "corpus dev: bbbbbbbbbbbb -> none"),
        (CORPUS | {"llm": "d" * 64}, "corpus llm: none -> dddddddddddd"),
    ],
)
def test_changed_corpus_is_refused_with_the_split_that_changed(
    make_recipe: MakeRecipe, corpus: dict[str, str], wanted: str
) -> None:
    with opened(make_recipe()) as journal:
        journal.round(0).write_selection(SELECTION)
    with pytest.raises(NercError) as refused, opened(make_recipe(), corpus):
        pass
    assert wanted in str(refused.value)
    assert "corpus train" not in str(refused.value)


def test_refused_changes_leave_the_run_as_it_was(make_recipe: MakeRecipe) -> None:
    recipe = make_recipe()
    with opened(recipe) as journal:
        journal.round(0).write_selection(SELECTION)
    with pytest.raises(NercError), opened(make_recipe(active={"query_size": 1})):
        pass
    with opened(recipe) as journal:
        assert known(journal) == ["selected"]


@pytest.mark.parametrize("content", ["", '{"ids": ["s1"', "\x00\x00"])
def test_damaged_selection_is_named(make_recipe: MakeRecipe, content: str) -> None:
    with opened(make_recipe()) as journal:
        journal.round(0).write_selection(SELECTION)
        path = journal.run_dir / "rounds" / "round-00.partial" / "selection.json"
        path.write_text(content)
        with pytest.raises(NercError, match=r"selection\.json: damaged"):
            journal.round(0).selection()


def test_damaged_state_is_named(make_recipe: MakeRecipe) -> None:
    recipe = make_recipe()
    with opened(recipe):
        pass
    (recipe.run.dir / "state.json").write_text('{"status": "runn')
    with pytest.raises(NercError, match=r"state\.json: damaged"), opened(recipe):
        pass


def test_damaged_history_is_named(make_recipe: MakeRecipe) -> None:
    with opened(make_recipe()) as journal:
        journal.append(RECORD)
        (journal.run_dir / "history.jsonl").write_text('{"round": 0}\n{"round"')
        with pytest.raises(NercError, match=r"history\.jsonl"):
            journal.history()


@pytest.mark.parametrize("content", ['{"id": "s1", "ner', '{"id": "s1"}\n'])
def test_damaged_labels_are_named(make_recipe: MakeRecipe, content: str) -> None:
    with opened(make_recipe()) as journal:
        journal.round(0).write_labels(LABELS)
        (journal.run_dir / "rounds" / "round-00.partial" / "labels.jsonl").write_text(content)
        with pytest.raises(NercError, match=r"labels\.jsonl"):
            journal.round(0).labels()


@pytest.mark.parametrize("content", [None, "run: {name: ["])
def test_damaged_resolved_recipe_is_named(make_recipe: MakeRecipe, content: str | None) -> None:
    recipe = make_recipe()
    with opened(recipe) as journal:
        journal.round(0).write_selection(SELECTION)
    path = recipe.run.dir / "recipe.resolved.yaml"
    if content is None:
        path.unlink()
    else:
        path.write_text(content)
    with pytest.raises(NercError, match=r"recipe\.resolved\.yaml"), opened(recipe):
        pass


def test_rounds_without_a_state_are_not_written_over(make_recipe: MakeRecipe) -> None:
    recipe = make_recipe()
    with opened(recipe) as journal:
        journal.round(0).write_selection(SELECTION)
    (recipe.run.dir / "state.json").unlink()
    with pytest.raises(NercError, match=r"state\.json: missing beside rounds"), opened(recipe):
        pass


def test_run_folder_that_cannot_be_made_is_named(make_recipe: MakeRecipe) -> None:
    recipe = make_recipe()
    recipe.run.dir.write_text("a file stands here")
    with pytest.raises(NercError, match=r"run\.dir = .*: can't be written"), opened(recipe):
        pass


def test_until_something_is_asked_another_recipe_takes_the_place_of_the_first(make_recipe: MakeRecipe) -> None:
    """A first start may fail for what the recipe says (a budget too small, an encoder misspelt)."""
    with opened(make_recipe(active={"query_size": 50})):
        pass
    mended = make_recipe(active={"query_size": 20})
    with opened(mended, CORPUS | {"llm": "d" * 64}):
        pass
    assert yaml.safe_load((mended.run.dir / "recipe.resolved.yaml").read_text())["active"]["query_size"] == 20
    assert json.loads((mended.run.dir / "state.json").read_text())["corpus"]["llm"] == "d" * 64


def test_what_changes_no_figure_may_be_said_otherwise(make_recipe: MakeRecipe) -> None:
    recipe = make_recipe()
    with opened(recipe) as journal:
        journal.round(0).write_selection(SELECTION)
    moved = recipe.run.dir.with_name("moved")
    recipe.run.dir.rename(moved)
    changed = make_recipe(
        run={"dir": str(moved)},
        hub={"deadline_seconds": 9},
        training={"logging_steps": 3, "report_to": "none"},
        cheap_test={"sentences": 50},
    )
    with opened(changed) as journal:
        assert known(journal) == ["selected"]


def test_other_versions_are_told(make_recipe: MakeRecipe) -> None:
    recipe = make_recipe()
    with opened(recipe) as journal:
        journal.round(0).write_selection(SELECTION)
    journal = RunJournal(recipe.run.dir)
    assert journal.open(recipe, CORPUS, {"python": "3.12"}) == ["python was 3.11 when the run began and is 3.12 now"]
    journal.close()


def test_a_figure_that_is_no_number_is_not_written(make_recipe: MakeRecipe) -> None:
    with opened(make_recipe()) as journal:
        with pytest.raises(ValueError, match="JSON compliant"):
            journal.append(RECORD | {"f1": float("nan")})
        assert journal.history() == []


def test_what_the_second_llm_has_said_is_kept_round_by_round(make_recipe: MakeRecipe) -> None:
    agreed = SecondAnswer("s1", ["O", "B-PER"], "ok", agrees=True, dollars=0.000_000_001)
    others = [
        SecondAnswer("s2", ["B-LOC"], "repaired: 日本", agrees=False, dollars=0.5),
        SecondAnswer("s3", [], "rejected: no JSON", agrees=False, dollars=0.0),
    ]
    with opened(make_recipe()) as journal:
        assert journal.round(0).second() == []
        journal.round(0).write_second([agreed])
        journal.round(0).write_second([agreed, *others])
        journal.round(0).write_selection(SELECTION)
    with opened(make_recipe()) as journal:
        assert journal.round(0).second() == [agreed, *others]
        assert journal.round(0).settled() == [agreed]
        assert journal.second_labels() == []
        journal.append(RECORD)
        assert journal.second_labels() == [agreed]


def test_an_expert_who_was_asked_for_nothing_has_answered(make_recipe: MakeRecipe) -> None:
    with opened(make_recipe()) as journal:
        assert journal.round(0).labels() is None
        journal.round(0).write_labels([])
        assert journal.round(0).labels() == []
        (path,) = journal.run_dir.rglob("labels.jsonl")
        path.write_bytes(b"")
        with pytest.raises(NercError, match="damaged"):
            journal.round(0).labels()
