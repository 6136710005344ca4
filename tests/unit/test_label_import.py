"""What `label import` takes, what it refuses and by which name, and that it takes a file whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nerc_trainer.active.journal import RunJournal
from nerc_trainer.active.labelling.batch import Batch, Question
from nerc_trainer.active.labelling.desk import export_batch, how_to_go_on, import_answers
from nerc_trainer.active.oracle import ExpertLabel, FilesOracle
from nerc_trainer.active.round_folder import Answers
from nerc_trainer.errors import NercError
from nerc_trainer.files import write_json
from nerc_trainer.run_lock import lock_run

TYPES = ("LOC", "PER")
SENTENCES = {
    "s1": ["Ilse", "Marrow", "scored", "."],
    "s2": ["Nothing", "happened", "."],
    "s3": ["New York", "and", "東京"],
    "s4": ["Rain"],
}
ROWS: dict[str, dict[str, Any]] = {
    "s1": {"id": "s1", "tokens": SENTENCES["s1"], "ner_tags": ["B-PER", "I-PER", "O", "O"], "seconds": 4},
    "s2": {"id": "s2", "tokens": SENTENCES["s2"], "spans": [], "annotator": "Ada"},
    "s3": {
        "id": "s3",
        "text": "New York and 東京",
        "spans": [{"start": 0, "end": 8, "type": "LOC"}, {"start": 13, "end": 15, "label": "LOC"}],
    },
}
LABELS = {
    "s1": ExpertLabel("s1", ["B-PER", "I-PER", "O", "O"], "expert", 4.0),
    "s2": ExpertLabel("s2", ["O", "O", "O"], "Ada"),
    "s3": ExpertLabel("s3", ["B-LOC", "O", "B-LOC"], "expert"),
}


class Waiting:
    """A run that waits for three sentences, and a file of answers to it."""

    def __init__(self, folder: Path) -> None:
        self.run_dir, self.file = folder / "run", folder / "labelled.jsonl"
        self.run_dir.mkdir()
        (self.run_dir / "recipe.resolved.yaml").write_text("{}")
        self.journal = RunJournal(self.run_dir)
        self.ask(0, "s3", "s1", "s2")

    def ask(self, number: int, *ids: str) -> None:
        self.journal.round(number).write_selection({"ids": list(ids)})
        self.journal.round(number).write_batch(Batch(TYPES, [Question(name, SENTENCES[name]) for name in ids]))

    def take(self, *rows: dict[str, Any] | str, replace: bool = False, close: bool = False) -> str:
        """Import these rows and return what is said."""
        lines = [row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in rows]
        self.file.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return "\n".join(import_answers(self.run_dir, self.file, replace, close))

    def refused(self, *rows: dict[str, Any] | str, **options: bool) -> list[str]:
        """Import these rows in vain and return what is wrong."""
        before = self.answers()
        with pytest.raises(NercError) as failure:
            self.take(*rows, **options)
        assert self.answers() == before
        head, *problems = str(failure.value).split("\n")
        assert head == f"{self.file}: nothing of it is imported"
        return [problem.removeprefix(f"{self.file}:").lstrip() for problem in problems]

    def answers(self) -> Answers:
        return self.journal.round(self.journal.newest_selection()).answers()


@pytest.fixture
def waiting(tmp_path: Path) -> Waiting:
    return Waiting(tmp_path)


def test_a_whole_batch(waiting: Waiting) -> None:
    said = waiting.take(*ROWS.values())
    assert "round 0: 3 answers imported" in said
    assert "has the answers that it needs" in said
    assert f"nerc-trainer active {waiting.run_dir}/recipe.resolved.yaml" in said
    assert waiting.answers() == Answers(LABELS)
    oracle = FilesOracle(waiting.journal)
    assert oracle.label(["s3", "s1", "s2"]) == [LABELS["s3"], LABELS["s1"], LABELS["s2"]]


def test_a_batch_in_parts(waiting: Waiting) -> None:
    oracle = FilesOracle(waiting.journal)
    assert oracle.label(["s3", "s1", "s2"]) is None
    said = waiting.take(
        ROWS["s1"], {"id": "s2", "tokens": SENTENCES["s2"], "spans": None}, {**ROWS["s3"], "spans": None}
    )
    assert "round 0: 1 answers imported\n2 sentences of the file have no answer: s2, s3\n" in said
    assert "2 sentences (6 words) wait for the expert (1 have an answer)" in said
    assert oracle.label(["s3", "s1", "s2"]) is None
    assert "1 sentences (3 words) wait for the expert (2 have an answer)" in waiting.take(ROWS["s2"])
    waiting.take(ROWS["s3"])
    assert waiting.answers() == Answers(LABELS)


def test_a_finished_run_says_that_it_is(waiting: Waiting) -> None:
    said = "this run is finished (the maximum of 1 rounds is reached) and waits for no answer; a new run needs another"
    waiting.take(*ROWS.values())
    waiting.journal.round(0).write_labels(list(LABELS.values()))
    state = {"status": "running", "reason": None}
    (waiting.run_dir / "state.json").write_text(json.dumps(state))
    with pytest.raises(NercError, match="round 0 waits for no answer; go on with"):
        export_batch(waiting.run_dir, "jsonl", waiting.file)
    finished = {"status": "finished", "reason": "the maximum of 1 rounds is reached"}
    (waiting.run_dir / "state.json").write_text(json.dumps(finished))
    with pytest.raises(NercError) as failure:
        export_batch(waiting.run_dir, "jsonl", waiting.file)
    assert said in str(failure.value)
    again = waiting.take(*ROWS.values())
    assert "0 answers imported\n3 answers were there already" in again
    assert said in again
    assert "nerc-trainer active" not in again


def test_the_same_file_twice_changes_nothing(waiting: Waiting) -> None:
    waiting.take(ROWS["s1"], ROWS["s2"])
    before = waiting.answers()
    said = waiting.take(ROWS["s1"], ROWS["s2"])
    assert "0 answers imported\n2 answers were there already" in said
    assert waiting.answers() == before


def test_rows_without_ids_are_found_by_their_words(waiting: Waiting) -> None:
    waiting.take(*({name: value for name, value in row.items() if name != "id"} for row in ROWS.values()))
    assert waiting.answers() == Answers(LABELS)


def test_a_closed_batch_goes_on_without_the_rest(waiting: Waiting) -> None:
    said = waiting.take(ROWS["s1"], close=True)
    assert "has the answers that it needs; 2 sentences (6 words) go back to the pool" in said
    assert FilesOracle(waiting.journal).label(["s3", "s1", "s2"]) == [LABELS["s1"]]


def test_nothing_can_be_closed_without_an_answer(waiting: Waiting) -> None:
    with pytest.raises(NercError, match="--close without a single answer"):
        waiting.take({**ROWS["s1"], "ner_tags": None}, close=True)
    assert waiting.answers() == Answers()


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({**ROWS["s1"], "id": "s9"}, "sentence 's9' was never asked for in this run"),
        ({**ROWS["s1"], "id": None, "tokens": ["a", "b", "c", "d"]}, "no id, and no sentence that was asked for reads"),
        ({**ROWS["s1"], "tokens": ["Ilse", "Marow", "scored", "."]}, "'s1' was changed: word 2 is 'Marow' and not"),
        ({**ROWS["s1"], "tokens": ["Ilse", "scored"], "ner_tags": ["O", "O"]}, "'s1' was changed: 2 words and not 4"),
        ({**ROWS["s3"], "text": "New York und 東京"}, "'s3' was changed: at character 9 stands 'und"),
        ({**ROWS["s3"], "text": "New York and"}, "'s3' was changed: at character 12 stands ''"),
        ({**ROWS["s1"], "ner_tags": ["B-PRE", "O", "O", "O"]}, "'s1': unknown entity type 'PRE'; did you mean 'PER'?"),
        ({**ROWS["s1"], "ner_tags": ["PER", "O", "O", "O"]}, "'s1': tag 'PER' is no"),
        ({**ROWS["s1"], "ner_tags": ["O"]}, "1 ner_tags for 4 tokens"),
        ({**ROWS["s1"], "ner_tags": None, "spans": [{"start": 3, "end": 5, "type": "PER"}]}, "'s1': words 3:5 'PER'"),
        ({**ROWS["s1"], "spans": []}, "ner_tags and spans in the row"),
        ({"id": "s1", "ner_tags": ["O"]}, "neither tokens nor text"),
        ({**ROWS["s3"], "spans": None, "ner_tags": ["O", "O", "O"]}, "ner_tags without tokens"),
        ({**ROWS["s3"], "spans": [{"start": 4, "end": 8, "type": "LOC"}]}, "('York') cuts the word 'New York'"),
        ({**ROWS["s3"], "spans": [{"start": 9, "end": 14, "type": "LOC"}]}, "('and 東') cuts the word '東京'"),
        ({**ROWS["s3"], "spans": [{"start": 13, "end": 16, "type": "LOC"}]}, "out of range in a text of 15"),
        (
            {**ROWS["s3"], "spans": [{"start": 0, "end": 12, "type": "LOC"}, {"start": 9, "end": 12, "type": "PER"}]},
            "'s3': words 1:2 'PER' overlap words 0:2 'LOC'",
        ),
        ({**ROWS["s1"], "seconds": -1}, "seconds = -1"),
        ({**ROWS["s1"], "seconds": True}, "seconds = True"),
        ({**ROWS["s1"], "seconds": 10**400}, "seconds = 1000"),
        ({**ROWS["s1"], "seconds": float("nan")}, "seconds = nan"),
        ({**ROWS["s1"], "annotator": ["Ada"]}, "annotator = ['Ada']"),
        (
            {**ROWS["s1"], "ner_tags": None, "ner_tag": ["O"] * 4},
            "ner_tag: unknown key, and the row has no answer; did you mean ner_tags?",
        ),
        ({"id": "s1", "tokens": SENTENCES["s1"], "NER-tags": ["O"] * 4}, "did you mean ner_tags?"),
        (
            {"id": "s3", "text": ROWS["s3"]["text"], "span": []},
            "span: unknown key, and the row has no answer; did you mean spans?",
        ),
        ({"id": "s2", "tokens": SENTENCES["s2"], "entites": []}, "did you mean entities?"),
        ({"id": "s2", "tokens": SENTENCES["s2"], "nertags": ["O", "O", "O"]}, "did you mean ner_tags?"),
        ({"id": "s2", "tokens": SENTENCES["s2"], "tagss": ["B-LOC", "O", "O"]}, "did you mean tags?"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_imported(waiting: Waiting, row: dict[str, Any], message: str) -> None:
    (problem,) = waiting.refused(ROWS["s2"], row)
    assert problem.startswith("2: ")
    assert message in problem


def test_keys_of_the_users_own_are_no_answers(waiting: Waiting) -> None:
    own = {
        "model_spans": [],
        "llm_spans": [],
        "pos_tags": ["X"] * 4,
        "llm_tags": ["O"] * 4,
        "ner_tag": "?",
        "note": "x",
    }
    assert "1 sentences of the file have no answer: s1" in waiting.take({**ROWS["s1"], "ner_tags": None, **own})
    waiting.take({**ROWS["s1"], **own, "ner_tags_old": ["O"] * 4})
    assert waiting.answers() == Answers({"s1": LABELS["s1"]})


@pytest.mark.parametrize(
    "key", ["llm_ner_tags", "ner_tags_llm", "ner_tags_old", "old_ner_tags", "new_tags", "user_tags"]
)
@pytest.mark.parametrize("answer", [{}, {"ner_tags": None}])
def test_rows_may_hold_tags_of_others(waiting: Waiting, key: str, answer: dict[str, None]) -> None:
    row = {"id": "s1", "tokens": SENTENCES["s1"], **answer, key: ["O"] * 4, "tag": ["news"], "span": ["page 3"]}
    assert "1 sentences of the file have no answer: s1" in waiting.take(row)


def test_of_many_sentences_without_an_answer_the_first_are_named(tmp_path: Path) -> None:
    waiting = Waiting(tmp_path)
    names = [f"w{index}" for index in range(7)]
    waiting.journal.round(0).write_batch(Batch(TYPES, [Question(name, [name]) for name in names]))
    said = waiting.take(*({"id": name, "tokens": [name]} for name in names))
    assert "7 sentences of the file have no answer: w0, w1, w2, w3, w4 and 2 more\n" in said


def test_all_that_is_wrong_is_told_at_once(waiting: Waiting) -> None:
    problems = waiting.refused(
        {**ROWS["s1"], "ner_tags": ["B-ORG", "O", "O", "O"]}, ROWS["s2"], ROWS["s2"], {**ROWS["s3"], "id": "s9"}
    )
    assert [problem.partition(":")[0] for problem in problems] == ["1", "3", "4"]
    assert f"'s2' has an answer in {waiting.file}:2 already" in problems[1]


def test_of_many_problems_the_first_are_told(waiting: Waiting) -> None:
    problems = waiting.refused(*({"id": f"x{index}", "tokens": ["a"], "spans": []} for index in range(30)))
    assert len(problems) == 21
    assert problems[-1] == "and 10 more"


def test_a_contradiction_is_refused_unless_it_is_meant(waiting: Waiting) -> None:
    waiting.take(ROWS["s1"])
    other = {**ROWS["s1"], "ner_tags": ["O", "B-PER", "O", "O"]}
    (problem,) = waiting.refused(other, ROWS["s2"])
    assert "sentence 's1' was answered otherwise before; " in problem
    assert "--replace" in problem
    waiting.take(other, replace=True)
    assert waiting.answers().by_id["s1"].ner_tags == ["O", "B-PER", "O", "O"]


def go_on(waiting: Waiting, number: int, *ids: str) -> None:
    """The round has learnt from what was answered for these sentences, and is over."""
    waiting.journal.round(number).write_labels([LABELS[name] for name in ids])
    waiting.journal.append({"round": number})


def test_rounds_that_are_over_keep_their_labels(waiting: Waiting) -> None:
    waiting.take(ROWS["s1"], close=True)
    go_on(waiting, 0, "s1")
    waiting.ask(1, "s2")
    said = waiting.take(ROWS["s1"], ROWS["s2"])
    assert "round 1: 1 answers imported\n1 answers were there already\n" in said
    assert waiting.answers() == Answers({"s2": LABELS["s2"]})
    (problem,) = waiting.refused({**ROWS["s1"], "ner_tags": ["O"] * 4}, replace=True)
    assert "sentence 's1' was answered otherwise in a round that the run has gone on from" in problem


def test_an_answer_that_comes_late_joins_the_round_that_waits(waiting: Waiting) -> None:
    waiting.take(ROWS["s3"], close=True)
    go_on(waiting, 0, "s3")
    oracle = FilesOracle(waiting.journal)
    waiting.ask(1, "s2")
    said = waiting.take(ROWS["s1"], {**ROWS["s2"], "spans": None})
    assert (
        "round 1: 0 answers imported\n1 answers are for sentences that an earlier round has gone on without; round 1 le"
        in said
    )
    assert oracle.label(["s2"]) is None, "the batch itself is waited for"
    assert "1 answers were there already" in waiting.take(ROWS["s1"], ROWS["s2"])
    assert oracle.label(["s2"]) == [LABELS["s2"], LABELS["s1"]], "with its seconds"
    go_on(waiting, 1, "s2", "s1")
    waiting.ask(2, "s4")
    assert "2 answers were there already" in waiting.take(ROWS["s1"], ROWS["s3"])
    waiting.take({"id": "s4", "tokens": SENTENCES["s4"], "spans": []})
    assert oracle.label(["s4"]) == [ExpertLabel("s4", ["O"], "expert")], "what is learnt is not learnt again"
    (problem,) = waiting.refused({**ROWS["s1"], "ner_tags": ["O"] * 4}, replace=True)
    assert "'s1' was answered otherwise in a round that the run has gone on from" in problem


def test_nobody_is_asked_again_for_what_came_late(waiting: Waiting, tmp_path: Path) -> None:
    waiting.take(ROWS["s3"], close=True)
    go_on(waiting, 0, "s3")
    said = waiting.take(ROWS["s1"])
    assert "gone on without; they are kept, and round 1, if the run has one, learns from them too" in said
    waiting.ask(1, "s2", "s1")
    export_batch(waiting.run_dir, "jsonl", tmp_path / "out.jsonl")
    assert [json.loads(line)["id"] for line in (tmp_path / "out.jsonl").read_text().splitlines()] == ["s2"]
    assert "1 sentences (3 words) wait for the expert (1 have an answer)" in how_to_go_on(waiting.journal)
    assert "has the answers that it needs" in waiting.take(ROWS["s2"])
    assert FilesOracle(waiting.journal).label(["s2", "s1"]) == [LABELS["s2"], LABELS["s1"]]
    waiting.ask(1, "s1")
    assert FilesOracle(waiting.journal).label(["s1"]) == [LABELS["s1"]], "a batch that is answered is not waited for"


def test_a_round_that_needed_no_batch_does_not_close_the_desk(waiting: Waiting, tmp_path: Path) -> None:
    waiting.take(ROWS["s1"], close=True)
    go_on(waiting, 0, "s1")
    waiting.journal.round(1).write_selection({"ids": ["s2"]})
    assert "they are kept, and round 1, if the run has one, learns from them too" in waiting.take(ROWS["s2"])
    assert FilesOracle(waiting.journal).label(["s2"]) == [LABELS["s2"]], "so that round 1 hands out no batch"
    waiting.journal.round(1).write_labels([LABELS["s2"]])
    said = waiting.take(ROWS["s2"], ROWS["s3"])
    assert "1 answers were there already\n" in said
    assert "they are kept, and round 2, if the run has one, learns from them too" in said
    assert waiting.journal.late_answers() == [LABELS["s3"]]
    with pytest.raises(NercError, match="waits for no answer; go on with"):
        export_batch(waiting.run_dir, "jsonl", tmp_path / "out.jsonl")
    write_json(waiting.run_dir / "state.json", {"status": "finished", "reason": "enough"})
    with pytest.raises(NercError, match=r"this run is finished \(enough\)"):
        export_batch(waiting.run_dir, "jsonl", tmp_path / "out.jsonl")
    assert "1 answers were there already" in waiting.take(ROWS["s3"])


def test_a_finished_run_that_never_asked_people_says_that_it_is(tmp_path: Path) -> None:
    (tmp_path / "recipe.resolved.yaml").write_text("{}")
    write_json(tmp_path / "state.json", {"status": "finished", "reason": "enough"})
    with pytest.raises(NercError, match=r"this run is finished \(enough\)"):
        export_batch(tmp_path, "jsonl", tmp_path / "out.jsonl")


def test_a_late_answer_is_replaced_only_where_that_is_meant(waiting: Waiting) -> None:
    waiting.take(ROWS["s3"], close=True)
    go_on(waiting, 0, "s3")
    waiting.ask(1, "s2")
    waiting.take(ROWS["s1"])
    other = {**ROWS["s1"], "ner_tags": ["O"] * 4}
    (problem,) = waiting.refused(other, ROWS["s2"])
    assert "sentence 's1' was answered otherwise before; " in problem
    waiting.take(other, ROWS["s2"], replace=True)
    assert FilesOracle(waiting.journal).label(["s2"]) == [LABELS["s2"], ExpertLabel("s1", ["O"] * 4, "expert", 4.0)]
    waiting.ask(1, "s2", "s1")
    waiting.take(ROWS["s1"], replace=True)
    assert FilesOracle(waiting.journal).label(["s2", "s1"]) == [LABELS["s2"], LABELS["s1"]]


def test_a_batch_may_be_closed_with_late_answers_alone(waiting: Waiting) -> None:
    waiting.take(ROWS["s3"], close=True)
    go_on(waiting, 0, "s3")
    waiting.ask(1, "s2")
    waiting.take(ROWS["s1"], close=True)
    assert FilesOracle(waiting.journal).label(["s2"]) == [LABELS["s1"]]


def test_a_finished_run_keeps_what_comes_late_and_says_so(waiting: Waiting) -> None:
    waiting.take(ROWS["s3"], close=True)
    go_on(waiting, 0, "s3")
    write_json(waiting.run_dir / "state.json", {"status": "finished", "reason": "enough"})
    said = waiting.take(ROWS["s1"], close=True)
    assert (
        "1 answers are for sentences that an earlier round has gone on without; they are kept, but this run is fin"
        in said
    )
    assert waiting.journal.late_answers() == [LABELS["s1"]]


def test_a_run_at_work_is_left_alone(waiting: Waiting) -> None:
    held = lock_run(waiting.run_dir)
    with pytest.raises(NercError, match="another process works on this run"):
        waiting.take(*ROWS.values())
    held.close()
    assert waiting.answers() == Answers()


def test_only_what_waits_is_exported_in_its_order(waiting: Waiting, tmp_path: Path) -> None:
    waiting.take(ROWS["s1"])
    (said,) = export_batch(waiting.run_dir, "jsonl", tmp_path / "out.jsonl")
    assert said == f"2 sentences (6 words) of round 0 are in {tmp_path / 'out.jsonl'}"
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [row["id"] for row in rows] == ["s3", "s2"]
    waiting.take(*ROWS.values())
    with pytest.raises(NercError, match="round 0 waits for no answer"):
        export_batch(waiting.run_dir, "jsonl", tmp_path / "out.jsonl")


def test_tasks_and_configuration_do_not_take_each_others_name(waiting: Waiting, tmp_path: Path) -> None:
    with pytest.raises(NercError, match=r"end it in \.json"):
        export_batch(waiting.run_dir, "label-studio", tmp_path / "out.xml")
    assert not (tmp_path / "out.xml").exists()


@pytest.mark.parametrize("row", ['{"id": ' + "1" * 5000 + "}", '{"id": ' + "[" * 200_000], ids=["number", "depth"])
def test_json_beyond_what_python_reads_is_named(waiting: Waiting, row: str) -> None:
    with pytest.raises(NercError, match=r"labelled\.jsonl:1: JSON that can't be read: .*; mend the line"):
        waiting.take(row)


def test_the_configuration_stands_beside_the_tasks(waiting: Waiting, tmp_path: Path) -> None:
    said = export_batch(waiting.run_dir, "label-studio", tmp_path / "out.json")
    assert (tmp_path / "out.xml").read_text().startswith("<View>")
    assert str(tmp_path / "out.xml") in said[1]
    assert [task["data"]["sentence_id"] for task in json.loads((tmp_path / "out.json").read_text())] == [
        "s3",
        "s1",
        "s2",
    ]


@pytest.mark.parametrize(
    "act", [lambda run: export_batch(run, "jsonl", run / "x"), lambda run: how_to_go_on(RunJournal(run))]
)
def test_a_folder_without_a_batch_is_named(act: Callable[[Path], object], tmp_path: Path) -> None:
    with pytest.raises(NercError, match=r"not a run's folder"):
        act(tmp_path)
    (tmp_path / "recipe.resolved.yaml").write_text("{}")
    with pytest.raises(NercError, match="no batch waits for labels"):
        act(tmp_path)
