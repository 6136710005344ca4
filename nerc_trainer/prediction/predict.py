"""`nerc-trainer predict`: tag text as it is read."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import IO

from tqdm.auto import tqdm

from nerc_trainer.prediction.readers import InputFormat, read_sentences
from nerc_trainer.prediction.tagger import load_tagger
from nerc_trainer.prediction.writers import OutputFormat, writer

_AT_A_TIME = 1_024  # sentences: enough to sort by length, few enough to come out while more are read
_AT_A_TERMINAL = 1


def predict(
    model: str,
    source: Path,
    target: Path | None,
    source_format: InputFormat = "auto",
    target_format: OutputFormat | None = None,
    encoder: str | None = None,
    trust_remote_code: bool = False,
) -> int:
    """Tag a file, or standard input (``-``), and write to a file, or to standard output (None); returns the sentences.

    Without ``target_format``: colours on a terminal, else JSON Lines. A file appears when all of it is written.
    """
    tagger = load_tagger(model, encoder, trust_remote_code)
    sentences = read_sentences(source, source_format)
    typed = str(source) == "-" and sys.stdin.isatty()
    quiet = target is None and sys.stdout.isatty()  # a bar would stand between the sentences
    count = 0
    with _opened(target) as file, tqdm(unit="sentence", delay=2, leave=False, disable=quiet) as bar:
        write = writer(target_format or ("colour" if file.isatty() else "jsonl"), file, tagger.types)
        while chunk := list(islice(sentences, _AT_A_TERMINAL if typed else _AT_A_TIME)):
            for sentence, tagged in zip(chunk, tagger.tag([one.tokens for one in chunk]), strict=True):
                write(sentence, tagged, count)
                count += 1
            file.flush()
            bar.update(len(chunk))
    return count


@contextmanager
def _opened(target: Path | None) -> Iterator[IO[str]]:
    if target is None:
        yield sys.stdout
        return
    partial = target.with_name(f".{target.name}.partial")
    try:
        with partial.open("w", encoding="utf-8") as file:
            yield file
        partial.replace(target)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
