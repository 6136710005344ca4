"""One model, asked about a few sentences now and then by a run that does other things between."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nerc_trainer.annotation.choice import choose
from nerc_trainer.annotation.live import ask_live, why_left
from nerc_trainer.annotation.stage import Stage, endpoints_for, open_ledger
from nerc_trainer.errors import NercError

if TYPE_CHECKING:
    from nerc_trainer.annotation.labeller import Labelled, Sentence
    from nerc_trainer.annotation.ledger import Reply
    from nerc_trainer.corpus.load import Corpus
    from nerc_trainer.recipe.sections import Recipe

_PATIENCE = 60.0  # seconds for other runs to answer a few questions, but not for an `annotate`


@dataclass(frozen=True)
class Told:
    """What came of a sentence.

    ``labelled`` is None where servers have read the sentence and refused it; ``price`` is what its replies in the
    ledger have cost, in picodollars, also where another run that shares the ledger has paid.
    """

    labelled: Labelled | None
    price: int


class Inquiry:
    """The model and prompt of ``recipe.annotation``, put to train sentences through the ledger, the client and the
    readers of `annotate`; always live, since a round can't wait for a batch.

    The ledger is held only while something is asked, and a run waits a minute for it, so that runs can share it. Raises
    NercError where prompt, server, key or price are not known.
    """

    def __init__(self, recipe: Recipe, corpus: Corpus) -> None:
        self._recipe, self._train = recipe, corpus.train
        self._choice = choose(recipe)
        self._endpoints = endpoints_for(recipe, self._choice.model)
        self._stage = Stage(recipe, corpus)

    def prepare(self, places: Sequence[int]) -> list[Sentence]:
        """The train sentences at these places as `ask` takes them. All that is known at once: where examples are chosen
        by nearness, each call runs the encoder over all that examples may be taken from."""
        return self._stage.sentences(self._train.select(places), range(len(places)))

    def ask(self, sentences: Sequence[Sentence], progress: str = "") -> list[Told]:
        """What the model says of sentences, each in at most one call at a time; ``progress`` is shown beside its name.

        NercError where some are left without an answer; what has been answered is in the ledger, and not asked again.
        """
        model = self._choice.model
        labeller = self._stage.labeller(self._choice.prompt, model)
        fallback = self._stage.labeller(self._choice.fallback, model) if self._choice.fallback else None
        section, keys = self._recipe.annotation, defaultdict[str, list[bytes]](list)

        def heard(labelled: Labelled, replies: Sequence[Reply]) -> None:
            keys[labelled.sentence.id] += [reply.key for reply in replies]

        with open_ledger(self._recipe, _PATIENCE) as ledger:
            answers = ask_live(
                section, (labeller, fallback), sentences, self._endpoints, ledger, f"{model}{progress}", heard
            )
            if left := answers.labelled.count(None) - answers.refused + answers.second_tries_left:
                what = f"active.llm_relabel: {model} has not answered for {left:,} sentences"
                raise NercError(why_left(what, answers, section))
            prices = [ledger.paid(keys[sentence.id]) for sentence in sentences]
        return [Told(labelled, price) for labelled, price in zip(answers.labelled, prices, strict=True)]
