"""`nerc-trainer predict`: tag text as it is read."""

from __future__ import annotations

import queue
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain, islice, pairwise
from pathlib import Path
from typing import IO

from nerc_trainer.prediction.readers import InputFormat, Sentence, read_sentences
from nerc_trainer.prediction.tagger import NOTHING, load_tagger
from nerc_trainer.prediction.writers import OutputFormat, writer
from nerc_trainer.progress import progress

_AT_A_TIME = 1_024  # sentences: enough to sort by length, few enough to come out while more are read


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

    Without ``target_format``: colours on a terminal, else JSON Lines. A file appears when all of it is written. A
    tagger that was trained with context reads a file in it; standard input is tagged as it comes, sentence by sentence.
    """
    tagger = load_tagger(model, encoder, trust_remote_code)
    sentences = read_sentences(source, source_format)
    if str(source) == "-":
        chunks, width = _as_they_come(sentences), 0
    else:
        chunks, width = _of_one_size(sentences), tagger.context
    quiet = target is None and sys.stdout.isatty()  # a bar would stand between the sentences
    count = 0
    with _opened(target) as file, progress(unit="sentence", delay=2, leave=False, disable=quiet) as bar:
        write = writer(target_format or ("colour" if file.isatty() else "jsonl"), file, tagger.types)
        for before, chunk, after in _with_neighbours(chunks, width):
            filled = _filled(chunk)
            seen = [*before, *filled, *after]
            tagged = iter(
                tagger.tag(
                    [one.tokens for one in seen],
                    documents=[one.document for one in seen] if width else None,
                    wanted=slice(len(before), len(before) + len(filled)),
                )
            )
            for sentence in chunk:
                write(sentence, next(tagged) if sentence.tokens else NOTHING, count)
                count += 1
            file.flush()
            bar.update(len(chunk))
    return count


def _of_one_size(sentences: Iterator[Sentence]) -> Iterator[list[Sentence]]:
    while chunk := list(islice(sentences, _AT_A_TIME)):
        yield chunk


def _with_neighbours(
    chunks: Iterator[list[Sentence]], width: int
) -> Iterator[tuple[list[Sentence], list[Sentence], list[Sentence]]]:
    """Up to ``width`` sentences before each chunk, the chunk, and as many after it; it waits for these alone."""
    if not width:
        for chunk in chunks:
            yield [], chunk, []
        return
    before: list[Sentence] = []
    for chunk, following in pairwise(chain(chunks, [[]])):
        yield before, chunk, _filled(following)[:width]
        before = _filled(chunk)[-width:]


def _filled(sentences: list[Sentence]) -> list[Sentence]:
    return [one for one in sentences if one.tokens]


def _as_they_come(sentences: Iterator[Sentence]) -> Iterator[list[Sentence]]:
    """What has been read so far, while more is waited for: someone may type it, or a program write it bit by bit."""
    waiting: queue.Queue[Sentence | BaseException | None] = queue.Queue(_AT_A_TIME)

    def read() -> None:
        try:
            for sentence in sentences:
                waiting.put(sentence)
            waiting.put(None)
        except BaseException as failure:  # it is raised where the others are read
            waiting.put(failure)

    threading.Thread(target=read, daemon=True).start()
    end: BaseException | None = None
    is_over = False
    while not is_over:
        chunk: list[Sentence] = []
        while len(chunk) < _AT_A_TIME:
            try:
                item = waiting.get(block=not chunk)
            except queue.Empty:
                break
            if not isinstance(item, Sentence):
                end, is_over = item, True
                break
            chunk.append(item)
        if chunk:
            yield chunk
    if end is not None:
        raise end


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
