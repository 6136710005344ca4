"""Keeps an encoded text in a folder, from where every rank maps it into memory and a later start finds it."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nerc_trainer.corpus.encode import EncodedText
from nerc_trainer.files import sync_folder

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

FORMAT = 2  # of the files; another number makes other keys, so that nobody reads what he does not know
ARRAYS = ("input_ids", "piece_offsets", "word_positions", "piece_words", "piece_sentence", "piece_ends")
PARTIAL = ".partial"  # ends the name of a folder that is not whole


def text_key(
    fingerprint: str, tokenizer: PreTrainedTokenizerFast, max_length: int, long_sentences: str, context: int
) -> str:
    """32 hex digits that name an encoded text by all that decides it; ``fingerprint`` is that of its sentences, and of
    their documents where there is context."""
    said = [
        str(FORMAT),
        fingerprint,
        tokenizer.backend_tokenizer.to_str(),
        str(max_length),
        long_sentences,
        str(context),
    ]
    special = [tokenizer.unk_token_id, tokenizer.pad_token_id]
    return hashlib.sha256("\n".join([*said, repr(special)]).encode()).hexdigest()[:32]


def store_text(folder: Path, encode: Callable[[], EncodedText]) -> None:
    """Write the text that ``encode`` makes to ``folder``, in one step, unless it is there. One process at a time."""
    if folder.is_dir():
        return
    text = encode()
    partial = _partial(folder)
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        for name in ARRAYS:
            np.save(partial / f"{name}.npy", getattr(text, name))
        np.save(partial / "counts.npy", np.array([text.sentences, text.pad_id]))
        for path in partial.iterdir():
            with path.open("rb") as file:
                os.fsync(file.fileno())
        partial.rename(folder)
    except OSError:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    sync_folder(folder.parent)


def drop_texts(folder: Path, used: Collection[str]) -> None:
    """Delete all texts in ``folder`` but the ``used`` ones. One process at a time; others may still read what goes.

    A text loses its name first, so that none is found of which a part is gone.
    """
    for text in [path for path in folder.iterdir() if path.name not in used]:
        if text.suffix != PARTIAL:
            shutil.rmtree(_partial(text), ignore_errors=True)
            text = text.rename(_partial(text))
        shutil.rmtree(text, ignore_errors=True)


def stored_text(folder: Path) -> EncodedText | None:
    """The text in ``folder``, mapped into memory; None if there is none (on another machine, say)."""
    if not folder.is_dir():
        return None
    arrays = {name: np.asarray(np.load(folder / f"{name}.npy", mmap_mode="r")) for name in ARRAYS}
    sentences, pad_id = np.load(folder / "counts.npy").tolist()
    return EncodedText(**arrays, sentences=sentences, pad_id=pad_id)


def _partial(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}{PARTIAL}")
