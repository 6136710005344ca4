"""The main job: rounds of select, ask, extend, train, evaluate, publish, save the state.

`run_recipe` sets the stage and `Rounds.run` is the loop. Every step first looks into the journal for what an earlier
start of the same run has done, so a killed run carries on at the step where it was.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from nerc_trainer.active.console import say, show_loading, show_rounds
from nerc_trainer.active.journal import RunJournal
from nerc_trainer.active.labelling.desk import how_to_go_on
from nerc_trainer.active.labelling.hand_out import hand_out
from nerc_trainer.active.publishing import PENDING, Publishing
from nerc_trainer.active.record import installed_versions, paid_by_round, published_record, round_record
from nerc_trainer.active.round_training import RoundTraining
from nerc_trainer.active.stopping import stop_reason
from nerc_trainer.corpus.column import Column
from nerc_trainer.errors import NercError
from nerc_trainer.files import write_bytes, write_json, write_text
from nerc_trainer.ranks import on_main

if TYPE_CHECKING:
    from nerc_trainer.active.oracle import ExpertLabel
    from nerc_trainer.active.precision import PrecisionCheck
    from nerc_trainer.active.sampler import EntropySamplerCallback
    from nerc_trainer.active.second import SecondAnswer
    from nerc_trainer.corpus.encode import PieceDataset
    from nerc_trainer.hub import Publisher
    from nerc_trainer.recipe.sections import Recipe
    from nerc_trainer.training.workbench import Workbench


class LeftBehind(NamedTuple):
    """What earlier starts of a run have left for the next: their rounds, labels by the expert and by the second LLM,
    the folder of the newest model, and the optimizer steps of all rounds."""

    history: list[dict[str, Any]]
    expert: list[ExpertLabel]
    second: list[SecondAnswer]
    newest: Path | None
    steps: int


class Rounds:
    """One run of active learning on all ranks; every method is called by all of them together."""

    def __init__(
        self,
        bench: Workbench,
        sampler: EntropySamplerCallback,
        precision: PrecisionCheck,
        data: Mapping[str, Mapping[str, Any]],
        journal: RunJournal,
        publisher: Publisher,
        tell: Callable[[str], None] = say,
    ) -> None:
        """``data`` is what is published about each split; ``tell`` gets a line for the user on every rank."""
        self.bench = bench
        self.recipe = bench.recipe
        self.trainer = bench.trainer
        self.splits = bench.splits
        self.sampler = sampler
        self.precision = precision
        self.data = data
        self.journal = journal
        self.publishing = Publishing(publisher)
        self.tell = tell
        self.history: list[dict[str, Any]] = []
        self._training = RoundTraining(bench, sampler.training_set, journal, tell)

    def run(self) -> str | None:
        """Run rounds until there is a reason to stop, and return it; None where people have to label first."""
        self.restore()
        while (reason := self.reason_to_stop()) is None:
            number = len(self.history)
            self.trainer.begin_round(number)  # select, ask, extend: EntropySamplerCallback
            if self.sampler.waits:
                hand_out(self.bench, self.journal, number, self.sampler.selection["ids"])
                self.settle()
                self.trainer.end_rounds()
                return None
            record = self.evaluate(number, self.train(number))
            self.publish(number, record)
            self.trainer.end_round(self.history[-1])
        self.settle()
        self.trainer.end_rounds()
        on_main(partial(self.journal.finish, reason))
        return reason

    def restore(self) -> None:
        """Take up what earlier starts of the run have left: their rounds, the expert's labels, the newest model."""
        left = on_main(self._left_behind)
        self.history = left.history
        self.sampler.training_set.add_second(left.second)
        self.sampler.training_set.add_expert(left.expert)
        self.trainer.steps_taken = left.steps
        if left.newest is not None:
            self.tell(f"carrying on in round {len(self.history)} with the model of {left.newest}")
            self._load(left.newest)
        if self.history and self.history[-1]["published"] == PENDING:
            self._begin_to_publish(self.history[-1])

    def _left_behind(self) -> LeftBehind:
        journal, history = self.journal, self.journal.history()
        trained = journal.round(len(history)).trained() or journal.round(len(history) - 1).trained() or {}
        return LeftBehind(
            history,
            journal.expert_labels(),
            journal.second_labels(),
            journal.model_to_go_on_from(len(history)),
            trained.get("steps", 0),
        )

    def _load(self, folder: Path) -> None:
        from nerc_trainer.modeling.load import read_weights

        self.trainer.load_weights(
            read_weights(folder, self.recipe.model) if self.trainer.is_world_process_zero() else None
        )

    def reason_to_stop(self) -> str | None:
        """Why the run ends here, or None when another round is due; there is always a round 0."""
        if not self.history:
            return None
        return stop_reason(
            [row["f1"] for row in self.history],
            pool_left=len(self.sampler.training_set.pool()),
            can_ask=self.sampler.can_ask(),
            active=self.recipe.active,
            dollars=paid_by_round(self.history),
            signs=self.sampler.stop_set.signs(self.trainer, len(self.history) - 1),
        )

    def train(self, number: int) -> dict[str, float]:
        """Train on everything labelled so far and save the model; returns the seconds of all phases of the round."""
        folder = self.journal.round(number)
        stored = on_main(folder.trained)
        if stored is not None:
            return stored["seconds"]
        seconds = on_main(folder.seconds)
        started = time.perf_counter()
        self._training.fit(number)
        return self._save(number, {**seconds, "train": time.perf_counter() - started})

    def _save(self, number: int, seconds: Mapping[str, float]) -> dict[str, float]:
        started = time.perf_counter()
        folder = self.journal.round(number)
        model = on_main(folder.begin_model)
        self.trainer.save_weights(model)
        on_main(lambda: self.trainer.processing_class.save_pretrained(model))
        on_main(folder.sync_model)
        with_save = {**seconds, "save": time.perf_counter() - started}
        training = {"seconds": with_save, "steps": self.trainer.steps_taken}
        on_main(lambda: folder.complete_model(training))
        return with_save

    def evaluate(self, number: int, seconds: dict[str, float]) -> dict[str, Any]:
        """Measure the round's model on dev and test, and seal its folder with card and figures."""
        sealed = on_main(self.journal.round(number).record)
        if sealed is not None:
            return sealed
        started = time.perf_counter()
        scores = {name: self._scores(name, dataset) for name, dataset in self.splits.items()}
        if not math.isfinite(scores["dev"]["loss"]):
            raise NercError(
                f"round {number}: training diverged (the loss on dev is {scores['dev']['loss']}); lower "
                "training.learning_rate and begin again with another run.dir"
            )
        training_set = self.sampler.training_set
        record = round_record(
            self.recipe,
            number,
            selection=self.sampler.selection,
            scoring=self.precision.found,
            counts=training_set.counts(),
            fingerprint=training_set.fingerprint(),
            mixing=self._training.mode_used(number),
            dev=scores["dev"],
            test=scores.get("test"),
            seconds={**seconds, "evaluate": time.perf_counter() - started},
            earlier=self.history,
        )
        on_main(lambda: self._seal(number, record))
        return record

    def _scores(self, split: str, dataset: PieceDataset) -> dict[str, Any]:
        prefix = "eval" if split == "dev" else split
        metrics = self.trainer.evaluate(dataset, metric_key_prefix=prefix)
        return {name.removeprefix(f"{prefix}_"): value for name, value in metrics.items()}

    def _seal(self, number: int, record: dict[str, Any]) -> None:
        from nerc_trainer.card import render_card
        from nerc_trainer.card_chart import CHART_NAME, card_chart
        from nerc_trainer.hub import seal
        from nerc_trainer.training.workbench import write_labels

        folder = self.journal.round(number).model
        published = published_record(self.recipe, record, self.history, self.data, installed_versions())
        write_json(folder / "round.json", published)
        write_labels(folder, self.recipe, self.trainer.labels)
        write_bytes(folder / f"{CHART_NAME}.png", card_chart(published).png)
        write_text(folder / "README.md", render_card(published))
        seal(folder)
        self.journal.round(number).seal(record)

    def publish(self, number: int, record: dict[str, Any]) -> None:
        """Write the sealed round's line and hand the round to the Hub, which takes it while the next round goes on.

        Only one round is on its way at a time. The line says ``pending`` until `settle` knows more, so that a run
        killed between publishes the round again.
        """
        self.settle()
        line = {**record, "published": self.publishing.first_state, "commit": None}
        self.history = on_main(partial(self.journal.append, line))
        self.tell(_line(record))
        if line["published"] == PENDING:
            self._begin_to_publish(line)

    def _begin_to_publish(self, line: Mapping[str, Any]) -> None:
        number = line["round"]
        on_main(lambda: self.publishing.begin(number, self.journal.round(number).model, line["branch"]))

    def settle(self) -> None:
        """Wait for the round on its way to the Hub, if any, and write down what became of it; a Hub that fails never
        stops the run.
        """
        confirmed: list[dict[str, Any]] | None = on_main(self._confirm)
        self.history = confirmed or self.history

    def _confirm(self) -> list[dict[str, Any]] | None:
        settled = self.publishing.settle()
        if settled is None:
            return None
        number, publication, seconds = settled
        where = f" ({publication.detail})" if publication.detail else ""
        self.tell(f"{publication.branch} {publication.state}{where}")
        return self.journal.confirm(
            number,
            {
                "seconds": {**self.history[number]["seconds"], **seconds},
                "published": publication.state,
                "commit": publication.commit,
            },
        )


def _line(record: Mapping[str, Any]) -> str:
    test = f", test {record['test']['f1']:.4f}" if record["test"] else ""
    found = (record["scoring"] or {}).get("found")
    part = "" if found is None else f"; a part of the pool would have found {found:.0%} of what it asked for"
    second = f"{record['second_sentences']} from the second LLM, " if "second_sentences" in record else ""
    return (
        f"round {record['round']}: {record['expert_sentences']} sentences from the expert, {second}"
        f"F1 on dev {record['f1']:.4f}{test}{part}"
    )


def run_recipe(recipe: Recipe) -> None:
    """Run, or carry on with, the active learning that a recipe describes. Call it on every rank of the job."""
    from nerc_trainer.active.stage import build_rounds
    from nerc_trainer.training.job import join_ranks, leave_ranks, read_corpus

    arguments = join_ranks(recipe)
    corpus = read_corpus(recipe, unlabelled_train=recipe.active.oracle == "files")
    journal = RunJournal(recipe.run.dir)
    notes = on_main(lambda: journal.open(recipe, corpus.fingerprints, installed_versions()))
    try:
        reason = on_main(lambda: journal.finished)
        if reason is None:
            say(f"{arguments.world_size} process(es) on {arguments.device.type}")
            for note in [*corpus.notes, *notes]:
                say(note)
            if recipe.active.oracle == "files" and any(Column(corpus.train, "ner_tags")):
                say("train: its labels are not looked at, because active.oracle is files")
            rounds = build_rounds(recipe, arguments, corpus, journal)
            reason = rounds.run()
            if reason is not None:
                say(f"finished: {reason}")
        else:
            say(f"{recipe.run.dir}: this run is finished ({reason}); nothing to do. A new run needs another run.dir")
        history = on_main(journal.history)
        if history:
            show_rounds(history)
        say(f"the run is in {recipe.run.dir}")
        if reason is None:
            say(on_main(lambda: how_to_go_on(journal)))
        elif recipe.hub.mode == "off":
            folder = journal.round(history[-1]["round"]).model
            say(f"the tagger of its last round is in {folder}")
            show_loading(recipe.model, str(folder))
        else:
            shown = history[min(2, len(history) - 1)]
            waiting = sum(row["published"] == "waiting" for row in history)
            if waiting:
                say(f"{waiting} round(s) wait for the Hub; deliver them with: nerc-trainer hub sync {recipe.run.dir}")
            if shown["published"] == "waiting":
                show_loading(recipe.model, str(journal.round(shown["round"]).model))
            else:
                show_loading(recipe.model, str(recipe.hub.repo), shown["branch"], recipe.hub)
    finally:
        journal.close()
    leave_ranks()
