"""One simulated run of active learning: the ordinary rounds in a folder of their own, on a borrowed workbench."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from transformers import TrainerControl, TrainerState, TrainingArguments

from nerc_trainer.active.journal import RunJournal
from nerc_trainer.active.record import installed_versions
from nerc_trainer.active.stage import rounds_on
from nerc_trainer.errors import NercError
from nerc_trainer.ranks import on_main
from nerc_trainer.recipe.active import StopSection
from nerc_trainer.training.callbacks import RoundCallback

if TYPE_CHECKING:
    from nerc_trainer.corpus.load import Corpus
    from nerc_trainer.recipe.sections import Recipe
    from nerc_trainer.training.trainer import NercTrainer
    from nerc_trainer.training.workbench import Workbench

FOLDER = "simulate"  # of a run, where nothing of its real rounds is


@dataclass(frozen=True)
class SimulatedRun:
    """A strategy at work with one seed, with the LLM's labels or without."""

    strategy: str
    with_llm: bool
    seed: int

    @property
    def arm(self) -> str:
        """What the runs of all seeds have in common."""
        return f"{self.strategy}-llm" if self.with_llm else self.strategy

    @property
    def name(self) -> str:
        return f"{self.arm}-seed-{self.seed}"


def recipe_of_all(recipe: Recipe) -> Recipe:
    """What all simulated runs have in common: a folder apart, and nothing that is published or tracked."""
    return recipe.model_copy(
        update={
            "run": recipe.run.model_copy(update={"dir": recipe.run.dir / FOLDER}),
            "hub": recipe.hub.model_copy(update={"mode": "off"}),
            "training": {**recipe.training, "report_to": "none"},
        }
    )


def recipe_of(common: Recipe, run: SimulatedRun) -> Recipe:
    """The recipe of one simulated run, from that of all: its strategy and seed, the truth as oracle, no second LLM,
    which would have to be paid, and no reason to stop but the number of rounds, the pool and the budget.

    Random is what all have to beat, so nothing else chooses with it: neither doubt about the LLM's labels nor
    diversity."""
    active: dict[str, Any] = {
        "strategy": run.strategy,
        "oracle": "truth",
        "llm_relabel": None,
        "min_iterations": common.active.max_iterations,
        "stop": StopSection(),
        **({} if run.with_llm and run.strategy != "random" else {"llm_doubt": 0.0}),
        **({"diversity": None} if run.strategy == "random" else {}),
    }
    folder = common.run.dir / "runs" / run.name
    annotation = common.annotation
    if annotation.labels is not None:  # beside these, endpoints are for a second LLM alone
        annotation = annotation.model_copy(update={"endpoints": []})
    return common.model_copy(
        update={
            "annotation": annotation,
            "run": common.run.model_copy(update={"dir": folder, "seed": run.seed}),
            "active": common.active.model_copy(update=active),
        }
    )


def corpus_of(corpus: Corpus, run: SimulatedRun) -> Corpus:
    """The corpus as a run sees it; without the LLM's labels the expert may still be asked for the same sentences."""
    if run.with_llm or "llm_tags" not in corpus.train.column_names:
        return corpus
    labels = [name for name in ("llm_tags", "llm_confidence") if name in corpus.train.column_names]
    fingerprints = {name: digest for name, digest in corpus.fingerprints.items() if name != "llm"}
    return replace(corpus, train=corpus.train.remove_columns(labels), fingerprints=fingerprints)


class AfterRound(RoundCallback):
    """Deletes the models that a simulated run needs no more, and tells that a round is over."""

    def __init__(self, recipe: Recipe, journal: RunJournal, tell: Callable[[], None]) -> None:
        self._journal, self._tell = journal, tell
        self._kept = recipe.active.committee if recipe.active.strategy == "committee" else 1

    def on_round_end(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        *,
        trainer: NercTrainer,
        record: dict[str, Any],
    ) -> None:
        on_main(lambda: self._journal.drop_models(record["round"] + 1 - self._kept))
        self._tell()


def play(bench: Workbench, run: SimulatedRun, after_round: Callable[[], None] = lambda: None) -> None:
    """Make or carry on with a run, whose history and state are then in its folder. Call it on every rank.

    The trainer of ``bench`` gets the weights that a run with this seed begins with, and at the end its callbacks back.
    """
    recipe = recipe_of(bench.recipe, run)
    own = replace(bench, recipe=recipe, corpus=corpus_of(bench.corpus, run))
    journal = RunJournal(recipe.run.dir)
    on_main(lambda: journal.open(recipe, own.corpus.fingerprints, installed_versions()))
    try:
        bench.trainer.args.seed = run.seed
        own.start_anew(run.seed)
        with _callbacks_of_its_own(bench.trainer):
            rounds = rounds_on(own, journal, tell=lambda line: None)
            bench.trainer.add_callback(AfterRound(recipe, journal, after_round))
            rounds.run()
        on_main(lambda: journal.drop_models(len(rounds.history)))
    except NercError as error:
        raise NercError(f"{run.name}: {error}") from error
    finally:
        journal.close()


@contextmanager
def _callbacks_of_its_own(trainer: NercTrainer) -> Iterator[None]:
    before = list(trainer.callback_handler.callbacks)
    try:
        yield
    finally:
        trainer.callback_handler.callbacks = before


def rounds_made(folder: Path) -> int:
    """How many rounds of a run are over, by its folder alone: another process may be at work on it."""
    try:
        return (folder / "history.jsonl").read_bytes().count(b"\n")
    except FileNotFoundError:
        return 0
