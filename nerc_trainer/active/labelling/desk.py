"""Where batches go out and answers come in: the part that touches a run's folder."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from nerc_trainer.active.journal import RunJournal
from nerc_trainer.active.labelling.batch import Batch, Question
from nerc_trainer.active.labelling.check import Merged, check_answers, merge_answers
from nerc_trainer.active.labelling.conll import write_conll
from nerc_trainer.active.labelling.jsonl import write_jsonl
from nerc_trainer.active.labelling.label_studio import labelling_config, write_label_studio
from nerc_trainer.active.labelling.reading import read_answers
from nerc_trainer.active.oracle import ExpertLabel
from nerc_trainer.active.round_folder import Answers
from nerc_trainer.errors import NercError
from nerc_trainer.files import write_text
from nerc_trainer.run_lock import lock_run

WRITERS = {"jsonl": write_jsonl, "conll": write_conll, "label-studio": write_label_studio}
_SHOWN_PROBLEMS = 20
_SHOWN_IDS = 5


def export_batch(run_dir: Path, format: str, output: Path) -> list[str]:
    """Write the sentences that wait for an answer, in the order of their selection; returns what to tell the user.

    For Label Studio the labelling configuration stands beside them.
    """
    desk = _Desk(run_dir)
    waiting = desk.waiting()
    if not waiting and (reason := desk.journal.finished) is not None:
        raise NercError(f"{run_dir}: {_finished(reason)}")
    if not waiting:
        raise NercError(f"{run_dir}: round {desk.number} waits for no answer; go on with `nerc-trainer active`")
    config = output.with_suffix(".xml")
    if format == "label-studio" and config == output:
        raise NercError(f"--output {output}: the labelling configuration gets this name; end it in .json")
    try:
        write_text(output, WRITERS[format](waiting, desk.batch.types))
        lines = [f"{_amount(waiting)} of round {desk.number} are in {output}"]
        if format == "label-studio":
            write_text(config, labelling_config(desk.batch.types))
            lines.append(f"the labelling configuration of their project is in {config}")
    except OSError as error:
        raise NercError(f"--output {output}: can't be written ({error.strerror}); choose another file") from error
    return lines


def import_answers(run_dir: Path, file: Path, replace: bool, close: bool) -> list[str]:
    """Take the answers in a file into the run, all of them or none; returns what to tell the user.

    With ``replace`` other answers than before take their place; with ``close`` the run goes on without those that are
    missing. What comes when its round has gone on is kept for the next one. NercError names everything that is wrong.
    """
    desk = _Desk(run_dir)
    with lock_run(run_dir):
        given, problems = read_answers(file)
        checked = check_answers(given, desk.asked(), desk.batch.types)
        merged = merge_answers(checked.labels, desk.known(), settled=desk.settled(), replace=replace)
        problems += [*checked.problems, *(f"{file}: {problem}" for problem in merged.problems)]
        if problems:
            raise NercError("\n".join([f"{file}: nothing of it is imported", *_first(problems)]))
        if close and desk.is_open and not merged.answers:
            raise NercError(f"{file}: --close without a single answer leaves nothing to go on with; import some first")
        late = desk.keep(merged, close)
    lines = [f"round {desk.number}: {len(merged.new) - late} answers imported"]
    notes = {
        "were there already": len(checked.labels) - len(merged.new),
        f"are for sentences that an earlier round has gone on without; {desk.fate_of_late()}": late,
    }
    lines += [f"{count} answers {what}" for what, count in notes.items() if count]
    if missing := checked.unanswered:
        more = f" and {len(missing) - _SHOWN_IDS} more" if len(missing) > _SHOWN_IDS else ""
        named = ", ".join(missing[:_SHOWN_IDS])
        lines.append(f"{len(missing)} sentences of the file have no answer: {named}{more}")
    if checked.several:
        lines.append(f"{checked.several} sentences have several finished annotations; the newest of each was taken")
    if checked.repaired:
        lines.append(f"{checked.repaired} tags that break their scheme repaired, read as conlleval reads them")
    return [*lines, how_to_go_on(desk.journal)]


def how_to_go_on(journal: RunJournal) -> str:
    """What a run that rests waits for, and the commands to run next; for one that is finished, why it is."""
    if (reason := journal.finished) is not None:
        return _finished(reason)
    desk = _Desk(journal.run_dir)
    waiting, answers = desk.waiting(), desk.journal.round(desk.number).answers()
    run = shlex.quote(str(journal.run_dir))
    recipe = shlex.quote(str(journal.run_dir / "recipe.resolved.yaml"))
    carry_on = f"the command that began the run carries on, or: nerc-trainer active {recipe}"
    if not waiting or answers.closed:
        left = f" {_amount(waiting)} go back to the pool;" if waiting else ""
        return f"round {desk.number} has the answers that it needs;{left} {carry_on}"
    done = len(desk.batch.questions) - len(waiting)
    answered = f" ({done} have an answer)" if done else ""
    lines = [
        f"round {desk.number}: {_amount(waiting)} wait for the expert{answered}. Next:",
        f"  nerc-trainer label export {run} --format label-studio --output to_label.json   (or jsonl, conll)",
        f"  nerc-trainer label import {run} FILE   (--close to go on without what is missing)",
        f"then {carry_on}",
    ]
    return "\n".join(lines)


class _Desk:
    """A run's newest batch; NercError where there is none.

    Rounds after it have none: all that they had asked for was answered already, or they were cut off before.
    """

    def __init__(self, run_dir: Path) -> None:
        if not (run_dir / "recipe.resolved.yaml").is_file():
            raise NercError(
                f"{run_dir}: not a run's folder (it has no recipe.resolved.yaml); give the run.dir of a run"
            )
        self.journal = RunJournal(run_dir)
        self.number = self.journal.newest_batch()
        batch = self.journal.round(self.number).batch()
        if batch is None and (reason := self.journal.finished) is not None:
            raise NercError(f"{run_dir}: {_finished(reason)}")
        if batch is None:
            raise NercError(
                f"{run_dir}: no batch waits for labels; `nerc-trainer active` with active.oracle=files makes one"
            )
        self.batch: Batch = batch

    @property
    def is_open(self) -> bool:
        """Whether the round has still to learn from its answers."""
        return self.journal.round(self.number).labels() is None

    def waiting(self) -> list[Question]:
        """The sentences without an answer."""
        known = self.known()
        return [question for question in self.batch.questions if question.id not in known] if self.is_open else []

    def known(self) -> dict[str, ExpertLabel]:
        """The answers that no round has learnt from yet, by id."""
        settled = self.settled()
        late = {label.id: label for label in self.journal.late_answers() if label.id not in settled}
        return late | (self.journal.round(self.number).answers().by_id if self.is_open else {})

    def keep(self, merged: Merged, close: bool) -> int:
        """Write the answers down; returns how many of the new ones are for sentences outside the batch."""
        answers = merged.answers
        batch = {question.id for question in self.batch.questions} if self.is_open else set()
        if self.is_open and (close or merged.new):
            in_order = {one.id: answers[one.id] for one in self.batch.questions if one.id in answers}
            folder = self.journal.round(self.number)
            folder.write_answers(Answers(in_order, folder.answers().closed or close))
        late = [name for name in merged.new if name not in batch]
        if late:
            self.journal.write_late_answers(answers[name] for name in self.asked() if name in answers.keys() - batch)
        return len(late)

    def fate_of_late(self) -> str:
        """What becomes of answers that come after their round."""
        if self.journal.finished is not None:
            return "they are kept, but this run is finished"
        if self.is_open:
            return f"round {self.number} learns from them too"
        newest = self.journal.newest_selection()
        learns = newest if self.journal.round(newest).labels() is None else newest + 1
        return f"they are kept, and round {learns}, if the run has one, learns from them too"

    def asked(self) -> dict[str, Question]:
        """Every sentence that the run has asked people for, by its id."""
        batches = [self.journal.round(number).batch() for number in range(self.number + 1)]
        return {question.id: question for batch in batches if batch for question in batch.questions}

    def settled(self) -> dict[str, ExpertLabel]:
        """The labels of the rounds that have gone on, by id."""
        rounds = [self.journal.round(number).labels() for number in range(self.journal.newest_selection() + 1)]
        return {label.id: label for labels in rounds for label in labels or []}


def _finished(reason: str) -> str:
    return f"this run is finished ({reason}) and waits for no answer; a new run needs another run.dir"


def _amount(questions: Sequence[Question]) -> str:
    return f"{len(questions):,} sentences ({sum(len(question.tokens) for question in questions):,} words)"


def _first(problems: Sequence[str]) -> list[str]:
    more = len(problems) - _SHOWN_PROBLEMS
    return [*problems[:_SHOWN_PROBLEMS], *([f"and {more} more"] if more > 0 else [])]
