"""A trained tagger, from a folder or a revision on the Hub, that tags sentences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from nerc_trainer.corpus.batches import collate, length_batches
from nerc_trainer.corpus.context import add_context
from nerc_trainer.corpus.encode import PieceDataset, encode_words
from nerc_trainer.corpus.labels import Span, detect_scheme, parse_tag, tags_to_spans, to_bio
from nerc_trainer.modeling.build import piece_length, quiet_transformers
from nerc_trainer.modeling.cpu_layers import quicken_layers
from nerc_trainer.modeling.load import load_model
from nerc_trainer.modeling.words import word_logits
from nerc_trainer.progress import progress

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


@dataclass(frozen=True)
class Tagged:
    """A sentence with its BIO tags and, float32 [words], the probability of each tag."""

    tokens: list[str]
    tags: list[str]
    confidence: np.ndarray

    def spans(self) -> list[tuple[Span, float]]:
        """The entities in words, each as sure as its least sure word."""
        return [(span, float(self.confidence[span.start : span.end].min())) for span in tags_to_spans(self.tags, "bio")]


_AT_A_TIME = 1_024

NOTHING = Tagged([], [], np.zeros(0, dtype=np.float32))  # what there is in a sentence of no words


class Tagger:
    """Tags sentences that are split into words; on the GPU where there is one.

    ``context`` is how many sub-words of the neighbouring sentences it has learnt to read on either side.
    """

    def __init__(self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.model = model.to(self.device).eval()
        quicken_layers(self.model)
        self.tokenizer = tokenizer
        self._names = [str(model.config.id2label[index]) for index in range(model.config.num_labels)]
        self._scheme = detect_scheme([self._names])
        self.context: int = getattr(model.config, "nerc_context", 0)
        self._longest = piece_length(getattr(model.config, "nerc_max_length", None), tokenizer, model)
        self._token_budget = 1_024 if self.device.type == "cpu" else 16_384

    @property
    def types(self) -> list[str]:
        """The entity types that the tagger knows."""
        return sorted({type_ for name in self._names if (type_ := parse_tag(name, "bioes")[1])})

    @torch.inference_mode()
    def tag(
        self,
        sentences: Sequence[Sequence[str]],
        repair: bool = True,
        documents: Sequence[str] | None = None,
        wanted: slice = slice(None),
    ) -> list[Tagged]:
        """Tag sentences; each has at least one word. Long ones are cut between words, none is left out.

        Without ``repair`` the BIO tags of a tagger stay as they are, an I- without its B- as well: so they are counted.
        ``documents`` names the document of each sentence, which a tagger that was trained with context reads in it;
        the ``wanted`` ones are tagged, the others serve as context alone.
        """
        places = np.arange(len(sentences))[wanted]
        if not len(places):
            return []
        text = encode_words(sentences, self.tokenizer, self._longest)
        if self.context and documents:
            text = add_context(text, documents, self.context, self.tokenizer, self._longest)
        pieces = PieceDataset(text, places)
        best = np.zeros(len(text.word_positions), dtype=np.int64)
        probability = np.zeros(len(best), dtype=np.float32)
        for batch in length_batches(pieces.lengths, self._token_budget):
            inputs = collate([pieces[index] for index in batch], text.pad_id)
            logits = word_logits(self.model, {name: tensor.to(self.device) for name, tensor in inputs.items()})
            most = logits.float().softmax(-1).max(-1)
            mask = inputs["word_mask"].numpy()
            words = (text.piece_words[pieces.pieces[batch]][:, None] + np.arange(mask.shape[1]))[mask]
            best[words] = most.indices.cpu().numpy()[mask]
            probability[words] = most.values.cpu().numpy()[mask]
        ends = np.cumsum(text.words())[:-1]
        as_they_are = self._scheme == "bio" and not repair

        def names(tags: np.ndarray) -> list[str]:
            said = [self._names[index] for index in tags]
            return said if as_they_are else to_bio(said, self._scheme)[0]

        tags, sure = np.split(best, ends), np.split(probability, ends)
        return [Tagged(list(sentences[place]), names(tags[place]), sure[place]) for place in places]


def load_tagger(where: str, encoder: str | None = None, trust_remote_code: bool = False) -> Tagger:
    """The tagger of a folder, of ``owner/name`` or of ``owner/name@revision`` on the Hub; see `load_model`."""
    quiet_transformers()
    return Tagger(*load_model(where, encoder, trust_remote_code))


def tag_all(tagger: Tagger, sentences: Sequence[Sequence[str]], documents: Sequence[str] = ()) -> list[Tagged]:
    """Tag a whole corpus to be counted: tags as the tagger says them, with a bar where it takes a while.

    ``documents`` names the document of each sentence, or is empty where there are none.
    """
    tagged: list[Tagged] = []
    with progress(total=len(sentences), unit="sentence", delay=2, leave=False) as bar:
        for begin in range(0, len(sentences), _AT_A_TIME):
            end = min(begin + _AT_A_TIME, len(sentences))
            # A sentence has at least one sub-word, so there are never more neighbours than this.
            first = max(begin - tagger.context, 0)
            seen = slice(first, end + tagger.context)
            tagged += tagger.tag(
                sentences[seen], repair=False, documents=documents[seen], wanted=slice(begin - first, end - first)
            )
            bar.update(end - begin)
    return tagged
