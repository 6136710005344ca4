"""How the labels of an LLM and of an expert become one tagger: five modes, a function each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from nerc_trainer.corpus.batches import IGNORED
from nerc_trainer.corpus.encode import PieceDataset
from nerc_trainer.corpus.labels import tags_to_spans
from nerc_trainer.evaluation.intervals import entity_counts, f1_of
from nerc_trainer.training.training_set import BY_LLM, EXPERT, UNLABELLED

if TYPE_CHECKING:
    from nerc_trainer.recipe.experiments import MixingMode
    from nerc_trainer.recipe.sections import MixingSection
    from nerc_trainer.training.trainer import NercTrainer
    from nerc_trainer.training.training_set import TrainingSet


# More than the trainings that any mode makes of one tagger: the stages of different rounds lie so far apart.
STAGES = 1_000
# The entity F1 of LLM labels from which one heap is better than to correct them: between 0.71 and 0.84 on CoNLL-2003
# with 12 % expert labels, see recipes/conll2003/README.md. And the expert's entities that it takes to tell.
GOOD_LABELS, ENOUGH_ENTITIES = 0.8, 20


@dataclass(frozen=True)
class Mix:
    """A tagger to train, the labels to train it on, and the optimizer steps from the encoder to the end.

    ``confidence`` float [sentences] is how sure the LLM is of a sentence, None where it does not say. ``restart`` gives
    the trainer the weights back that it began with. ``first_stage`` numbers the first training, so that no two of a
    run draw the same random numbers.
    """

    trainer: NercTrainer
    training_set: TrainingSet
    section: MixingSection
    steps: int
    restart: Callable[[], None]
    confidence: np.ndarray | None = None
    first_stage: int = 0
    steps_made: list[int] = field(default_factory=list)

    @property
    def llm(self) -> np.ndarray:
        """Indices of the sentences that the LLM labelled and the expert did not, those that a second LLM has labelled
        anew among them."""
        return self.training_set.labelled_by(*BY_LLM)

    @property
    def expert(self) -> np.ndarray:
        """Indices of the sentences that the expert labelled."""
        return self.training_set.labelled_by(EXPERT)

    @property
    def unlabelled(self) -> np.ndarray:
        """Indices of the sentences that nobody has labelled."""
        return self.training_set.labelled_by(UNLABELLED)

    def train(
        self,
        sentences: np.ndarray,
        tag_ids: np.ndarray,
        steps: int,
        stage: int,
        weights: np.ndarray | None = None,
    ) -> None:
        """Train on sentences, in their order in the text."""
        dataset = PieceDataset(self.training_set.text, np.sort(sentences), tag_ids, weights)
        self.steps_made.append(max(steps, 1))
        self.trainer.train_steps(dataset, max(steps, 1), self.first_stage + stage)


def judge(pairs: Iterable[tuple[list[str], list[str]]]) -> tuple[np.ndarray, int]:
    """How good an LLM's labels are: from its BIO tags and the expert's of some sentences the sum of their
    `entity_counts`, int [3], and how many sentences they are."""
    counts = [entity_counts(*(tags_to_spans(tags, "bio") for tags in pair)) for pair in pairs]
    return np.sum([(0, 0, 0), *counts], axis=0), len(counts)


def mode_by(counts: np.ndarray | None) -> MixingMode:
    """The mode that null stands for, by the quality of the LLM's labels on sentences that the expert has labelled too.

    ``counts`` int [3] are those of `entity_counts`; None without an LLM. Its labels are taken for bad ones unless
    enough of the expert's entities say that they are good: to correct good labels costs less F1 than to trust bad ones.
    """
    if counts is None:
        return "llm_then_expert"
    return "concat" if counts[2] >= ENOUGH_ENTITIES and f1_of(counts) >= GOOD_LABELS else "self_train"


def explain_mode(mode: str, counts: np.ndarray, sentences: int) -> str:
    """The line that says why a mode was taken."""
    return (
        f"mixing.mode: {mode}, as the LLM's labels have F1 {float(f1_of(counts)):.2f} on {sentences} sentence(s) of "
        f"the expert's with {counts[2]} entities (concat from {GOOD_LABELS} on {ENOUGH_ENTITIES} entities or more)"
    )


def train_mixed(mix: Mix) -> dict[str, float]:
    """Train as ``mixing.mode`` says; returns what the mode has to say of the labels, for the report.

    With the labels of only one of the two there is nothing to mix, and a mode is a plain training. Only self_train with
    ``mixing.unlabelled`` teaches an expert's tagger too, by text alone: else a comparison of both would take for the
    worth of the LLM's labels what its sentences are worth as text.
    """
    return MODES[mode_used(mix)](mix)


def mode_used(mix: Mix) -> MixingMode:
    """The mode that `train_mixed` trains by: concat, a plain training, where there is nothing to mix."""
    by_text = learns_from_text(mix.section) and len(mix.unlabelled)
    if not len(mix.expert) or not (len(mix.llm) or by_text):
        return "concat"
    assert mix.section.mode is not None, "mode_by says what null stands for"
    return mix.section.mode


def fine_tune(mix: Mix) -> None:
    """A later round of active learning, from the weights of the one before: on both in the modes that make one heap of
    them, and in the others on the expert's labels, which have the last word there.

    There the labels of a second LLM are left out with the LLM's: they are what the tagger said before the round."""
    if makes_one_heap(mix.section):
        train_mixed(mix)
    else:
        mix.train(mix.expert, mix.training_set.tag_ids(), mix.steps, stage=0)


def makes_one_heap(section: MixingSection) -> bool:
    """Whether a mode trains on the labels of both at once."""
    return section.mode in ("concat", "weighted")


def learns_from_text(section: MixingSection) -> bool:
    """Whether sentences that nobody has labelled take part in a training."""
    return section.mode == "self_train" and section.unlabelled


def concat(mix: Mix) -> dict[str, float]:
    """One heap of both, each sentence once: what the study did for its `init_12`."""
    mix.train(np.concatenate([mix.llm, mix.expert]), mix.training_set.tag_ids(), mix.steps, stage=0)
    return {}


def llm_then_expert(mix: Mix) -> dict[str, float]:
    """Pre-train on the LLM's labels, then train on the expert's alone (Huang et al. 2024 for LLM labels; Jie et al.
    2019 and others for distant ones)."""
    _in_two_steps(mix, mix.llm, mix.training_set.tag_ids(), stage=0)
    return {}


def weighted(mix: Mix) -> dict[str, float]:
    """One heap in which an LLM's label counts less than an expert's, and less still where the LLM was less sure.

    Instance weighting after Jiang and Zhai (2007). The weights are scaled to a mean of 1 over the words, so that they
    do not change the size of a step.
    """
    section = mix.section
    weights = np.full(len(mix.training_set.ids), section.llm_weight)
    if section.by_confidence and mix.confidence is not None:
        weights *= mix.confidence
    _in_one_heap(mix, mix.llm, mix.training_set.tag_ids(), weights, mix.steps, stage=0)
    return {"mean_llm_weight": float(weights[mix.llm].mean())}


def small_loss(mix: Mix) -> dict[str, float]:
    """What a young tagger finds hard to believe is taken for noise: dropped, or given the tagger's own labels.

    After a short training on both, a mixture of two Gaussians over the mean losses of the LLM's sentences tells clean
    from noisy ones (Arazo et al. 2019; Li et al. 2020, DivideMix; FreeAL for LLM labels). Then the tagger begins anew.
    """
    tag_ids = mix.training_set.tag_ids()
    mix.train(np.concatenate([mix.llm, mix.expert]), tag_ids, mix.steps // 4, stage=0)
    told = mix.trainer.predict_words(PieceDataset(mix.training_set.text, mix.llm, tag_ids))
    assert told.losses is not None  # the sentences are labelled
    clean = probably_clean(told.losses / np.maximum(mix.training_set.words[mix.llm], 1)) > 0.5
    kept = mix.llm[clean]
    if mix.section.noisy == "relabel":
        lengths = mix.training_set.words[mix.llm]
        tag_ids[mix.training_set.words_of(mix.llm[~clean])] = told.tags[np.repeat(~clean, lengths)]
        kept = mix.llm
    mix.restart()
    _in_two_steps(mix, kept, tag_ids, stage=1)
    return {"clean_share": float(clean.mean())}


def self_train(mix: Mix) -> dict[str, float]:
    """Taggers trained on both correct the LLM's labels and label what nobody has; another learns from that.

    ``mixing.teachers`` taggers, each trained on the LLM's labels and then on the expert's, vote on every word. Where
    their vote and the LLM agree the label stands; where they are surer than ``mixing.sure`` theirs does; other words do
    not count. Then the tagger begins anew, on these labels and the expert's in one heap, of whose loss the expert's few
    words make up a share of ``mixing.expert_loss``. With ``mixing.unlabelled`` the sentences that nobody has labelled
    take part.

    Self-training after Yarowsky (1995), with the agreement of two labellers after Blum and Mitchell (1998), a teacher
    for distant labels as in Liang et al. (2020, BOND), and several of them, whose disagreement tells what is unsure
    where a single one is sure of too much (Lakshminarayanan et al. 2017).
    """
    training_set, section = mix.training_set, mix.section
    given = training_set.tag_ids()
    taught = np.sort(np.concatenate([mix.llm, mix.unlabelled])) if section.unlabelled else mix.llm
    places = training_set.words_of(taught)
    by_llm = given[places] != IGNORED
    told = []
    for teacher in range(section.teachers):
        if teacher:
            mix.restart()
        _in_two_steps(mix, mix.llm, given, stage=2 * teacher)
        told.append(mix.trainer.predict_words(PieceDataset(training_set.text, taught)))
    tags, probability = vote([one.tags for one in told], [one.probability for one in told])
    agreed = tags == given[places]
    sure = probability >= section.sure
    tag_ids = given.copy()
    tag_ids[places] = np.where(agreed | sure, tags, IGNORED)

    others, experts = ((tag_ids[training_set.words_of(who)] != IGNORED).sum() for who in (taught, mix.expert))
    beside = (1 - section.expert_loss) / section.expert_loss * experts / max(others, 1)
    weights = np.full(len(training_set.ids), min(beside, 1.0))
    mix.restart()
    steps = round(section.student_steps * mix.steps)
    _in_one_heap(mix, taught, tag_ids, weights, steps, stage=2 * section.teachers)
    return {
        **(
            {}
            if not by_llm.any()
            else {
                "agreed_share": float(agreed[by_llm].mean()),
                "corrected_share": float((sure & ~agreed)[by_llm].mean()),
            }
        ),
        "labelled_share": float((agreed | sure).mean()),
        "unlabelled_sentences": float(len(taught) - len(mix.llm)),
    }


MODES: dict[str, Callable[[Mix], dict[str, float]]] = {
    "concat": concat,
    "llm_then_expert": llm_then_expert,
    "weighted": weighted,
    "small_loss": small_loss,
    "self_train": self_train,
}


def _in_two_steps(mix: Mix, llm: np.ndarray, tag_ids: np.ndarray, stage: int) -> None:
    """First on sentences that the LLM labelled, then on the expert's."""
    expert_steps = round(mix.section.expert_steps * mix.steps) if len(llm) else mix.steps
    if len(llm):
        mix.train(llm, tag_ids, mix.steps - expert_steps, stage)
    mix.train(mix.expert, tag_ids, expert_steps, stage + 1)


def _in_one_heap(
    mix: Mix, others: np.ndarray, tag_ids: np.ndarray, sentence_weights: np.ndarray, steps: int, stage: int
) -> None:
    """On sentences of others and the expert's at once, a word of others counting ``sentence_weights`` [sentences of the
    training set] beside 1 of the expert's. Scaled to a mean of 1 over the words that count, so that the size of a step
    stays as it is."""
    training_set = mix.training_set
    both = np.concatenate([others, mix.expert])
    by_sentence = np.ones(len(training_set.ids))
    by_sentence[others] = sentence_weights[others]
    weights = np.repeat(by_sentence, training_set.words)
    places = training_set.words_of(both)
    mean = weights[places[tag_ids[places] != IGNORED]].mean()
    mix.train(both, tag_ids, steps, stage, (weights / max(mean, 1e-9)).astype(np.float32))


def vote(tags: Sequence[np.ndarray], probabilities: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """The tag that several taggers give each word together and its probability, int [words] and float32 [words].

    Of each tagger its most probable tag [words] and the probability of that. The tag with the most probability over
    all taggers wins; what a tagger gives to other tags than its first is not counted, so the probability is at least
    what is said here.
    """
    masses = np.array(
        [
            np.sum([np.where(other == one, p, 0) for other, p in zip(tags, probabilities, strict=True)], axis=0)
            for one in tags
        ]
    )
    best, words = masses.argmax(axis=0), np.arange(masses.shape[1])
    return np.array(tags)[best, words], (masses[best, words] / len(tags)).astype(np.float32)


def probably_clean(losses: np.ndarray) -> np.ndarray:
    """The probability of each sentence to belong to the component with the smaller losses, float [n].

    Two Gaussians are fitted to the losses, scaled to [0, 1]. Where all losses are alike, all are clean.
    """
    spread = np.ptp(losses)
    if len(losses) < 2 or spread == 0:
        return np.ones(len(losses))
    from sklearn.mixture import GaussianMixture

    scaled = ((losses - losses.min()) / spread)[:, None]
    mixture = GaussianMixture(2, reg_covar=5e-4, random_state=0).fit(scaled)
    return mixture.predict_proba(scaled)[:, mixture.means_[:, 0].argmin()]
