"""Labels, in training alone, for what a tokenizer takes for words inside the words of a corpus.

BERT's tokenizer makes four words of "U.S." and three of "Bulnik-based". A corpus labels each as one word, at its first
sub-word, where it is scored. In raw text nobody says where words end: the stock pipeline asks the tagger about each of
the parts, which would have learnt nothing of the others. So they are trained to go on with the word's entity.
"""

from __future__ import annotations

import numpy as np
from torch.utils.data import Dataset

from nerc_trainer.corpus.encode import PieceDataset
from nerc_trainer.corpus.labels import LabelSet


class InnerWords(Dataset):
    """The pieces of a labelled dataset; parts of words that begin words to the tokenizer are words of their own here.

    ``starts`` bool [vocabulary] says which sub-words begin a word, as `word_starts` tells it.
    """

    def __init__(self, dataset: PieceDataset, starts: np.ndarray, labels: LabelSet) -> None:
        self.dataset = dataset
        self.text = dataset.text
        self._starts = starts
        # By the id of the word's tag: B- is followed by I-, and all others by themselves.
        self._inner = np.array([labels.tag_ids[f"I{tag[1:]}" if tag != "O" else tag] for tag in labels.tags])

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> dict[str, np.ndarray]:
        item = self.dataset[index]
        positions, labels = item["word_positions"], item["labels"]
        begins = self._starts[item["input_ids"]]
        begins[: positions[0] + 1] = False
        begins[positions] = False
        begins[self.text.piece_ends[self.dataset.pieces[index]] :] = False  # the context
        inner = np.flatnonzero(begins)
        if not len(inner):
            return item
        owner = np.searchsorted(positions, inner, side="right") - 1
        order = np.argsort(np.concatenate([positions, inner]), kind="stable")
        theirs = labels[owner]
        theirs = np.where(theirs >= 0, self._inner[np.maximum(theirs, 0)], theirs)  # some do not count
        added = {"word_positions": inner.astype(positions.dtype), "labels": theirs}
        if "weights" in item:
            added["weights"] = item["weights"][owner]
        return item | {name: np.concatenate([item[name], more])[order] for name, more in added.items()}
