"""Query strategies: each gives every sentence of the pool a priority, and the highest are asked first.

Most are a number for each word, made of the tagger's logits, and a way to make one of a sentence's numbers: a mean
favours no length, a sum favours long sentences (which a budget in words makes up for), and the highest asks for the one
word that the tagger knows least of. In all of them more means less certain.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from nerc_trainer.active.scoring import ENTROPY, Combine, Measure, word_entropy
from nerc_trainer.corpus.batches import IGNORED
from nerc_trainer.recipe.active import SCORES_NOTHING

if TYPE_CHECKING:
    from nerc_trainer.recipe.active import ActiveSection


def asks_tagger(active: ActiveSection) -> bool:
    """Whether the rounds of a recipe score sentences with the tagger."""
    return active.strategy not in SCORES_NOTHING or active.llm_doubt > 0


def surprise(logits: torch.Tensor) -> torch.Tensor:
    """-log p of each word's most probable tag, in nats: logits [..., L] -> float32 [...].

    Its sum is -log of the probability of the best tagging of the whole sentence: least confidence (Culotta and
    McCallum 2005), in logarithms because 1 - p is 1 to the last bit for long sentences. Its mean is MNLP, the maximum
    normalised log-probability (Shen et al. 2018), with the sign turned.
    """
    return -torch.log_softmax(logits.float(), dim=-1).amax(dim=-1)


def doubt(logits: torch.Tensor) -> torch.Tensor:
    """1 - p of each word's most probable tag: logits [..., L] -> float32 [...].

    Its highest value is that of the word with the lowest token probability (Marcheggiani and Artières 2014).
    """
    return 1 - torch.softmax(logits.float(), dim=-1).amax(dim=-1)


def closeness(logits: torch.Tensor) -> torch.Tensor:
    """How close a word's second tag comes to its first, 1 - (p1 - p2): logits [..., L] -> float32 [...].

    Margin sampling (Scheffer et al. 2001), whose margin is a mean over the words.
    """
    first, second = torch.softmax(logits.float(), dim=-1).topk(2, dim=-1).values.unbind(-1)
    return 1 - (first - second)


def entity_entropy(logits: torch.Tensor) -> torch.Tensor:
    """A word's entropy times the probability that it is inside an entity: logits [..., L] -> float32 [...].

    Most words are surely outside; what they lack to full certainty adds up and hides the entities (Şapcı et al. 2023,
    who ask for likely entities too). Tag 0 is O, as in every `LabelSet`.
    """
    return (1 - torch.softmax(logits.float(), dim=-1)[..., 0]) * word_entropy(logits)


def consensus_entropy(logits: torch.Tensor) -> torch.Tensor:
    """Entropy of what a committee of M taggers says on average, in nats: logits [..., M, L] -> float32 [...].

    Query by committee (Seung et al. 1992) with the vote entropy of Dagan and Engelson (1995); each votes for all tags,
    as much as it believes in them, since three whole votes a word would give ties alone.
    """
    mean = torch.softmax(logits.float(), dim=-1).mean(dim=-2)
    return -torch.xlogy(mean, mean).sum(dim=-1)


def mutual_information(logits: torch.Tensor) -> torch.Tensor:
    """What a word's tag would tell about the tagger's weights, in nats: logits [..., K, L] -> float32 [...].

    BALD (Houlsby et al. 2011): the entropy of what K samples of the tagger say on average, less their mean entropy. It
    is high where each is sure and they differ, and 0 where all are equally unsure. Samples come from dropout in the
    last layer alone (Gal et al. 2017; Shelmanov et al. 2021), with masks that all sentences share (Kirsch et al. 2019).
    """
    return consensus_entropy(logits) - word_entropy(logits).mean(dim=-1)


def disagreement(logits: torch.Tensor, llm_tags: torch.Tensor) -> torch.Tensor:
    """The probability that a word's tag is another than the LLM's: logits [..., L], int64 [...] -> float32 [...].

    Between two views of a sentence as in co-testing (Muslea et al. 2000). A word without a tag of the LLM (IGNORED: its
    reply was rejected) has nothing that could be agreed with, so it counts 1.
    """
    p = torch.softmax(logits.float(), dim=-1)
    agreed = p.gather(-1, llm_tags.clamp(min=0)[..., None]).squeeze(-1)
    return torch.where(llm_tags == IGNORED, 1.0, 1 - agreed)


def _of_logits(of_words: Callable[[torch.Tensor], torch.Tensor], combine: Combine) -> Measure:
    return Measure(lambda logits, batch: of_words(logits), combine)


MEASURES: dict[str, Measure] = {
    "entropy": ENTROPY,  # Settles and Craven (2008): token entropy
    "sum_entropy": _of_logits(word_entropy, "sum"),  # the same paper: total token entropy
    "max_entropy": _of_logits(word_entropy, "max"),  # the same number a word, and the worst word for the sentence
    "entity_entropy": _of_logits(entity_entropy, "mean"),
    "least_confidence": _of_logits(surprise, "sum"),
    "mnlp": _of_logits(surprise, "mean"),
    "margin": _of_logits(closeness, "mean"),
    "lowest_probability": _of_logits(doubt, "max"),
    "disagreement": Measure(lambda logits, batch: disagreement(logits, batch["labels"]), "mean"),
}


def random(count: int, seed: int, round_number: int) -> np.ndarray:
    """Uniform priorities, the baseline that every other strategy has to beat."""
    return np.random.default_rng((seed, round_number)).random(count)


def longest(words: np.ndarray) -> np.ndarray:
    """Long sentences first: what a strategy has to beat that may just like long sentences. int [n] -> float64 [n]."""
    return words.astype(np.float64)


def ranks(values: np.ndarray) -> np.ndarray:
    """Each value's rank as a share, from just above 0 to 1; equal values have one rank, in the middle of theirs."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    middle = np.cumsum(counts) - (counts - 1) / 2
    return middle[place] / len(values)


def with_llm_doubt(
    priorities: np.ndarray, disagreements: np.ndarray, confidence: np.ndarray, weight: float
) -> np.ndarray:
    """Priorities that also rise with the doubt about the LLM's label, float64 [n]: rank + weight x rank of the doubt.

    The LLM's label of a sentence is as credible as the LLM is sure of it (``confidence``, 1 where it does not say) and
    the tagger agrees (1 - ``disagreements``); what their product lacks to 1 is the doubt. Entropies in nats and
    probabilities have no common scale, so their ranks are added: 1 makes both count alike, for every strategy.
    """
    doubts = 1 - confidence * (1 - disagreements)
    return ranks(priorities) + weight * ranks(doubts)


def top(priorities: np.ndarray, ids: Sequence[str], count: int) -> np.ndarray:
    """Indices of the ``count`` highest priorities, best first; of equals the smaller id comes first.

    Ties are broken by id, not by position, so the answer does not hang on the order of the pool. Only those that can be
    among the highest are sorted, and only ids of equals are read.
    """
    count = min(count, len(priorities))
    if not count:
        return np.zeros(0, dtype=np.int64)
    bound = np.partition(priorities, -count)[-count]
    order = np.flatnonzero(priorities >= bound)
    order = order[np.argsort(-priorities[order], kind="stable")]
    same = priorities[order[1:]] == priorities[order[:-1]]
    tied = np.flatnonzero(np.append(same, False) | np.append(False, same))
    equals = order[tied]
    order[tied] = equals[np.lexsort((np.asarray([ids[index] for index in equals.tolist()]), -priorities[equals]))]
    return order[:count]
