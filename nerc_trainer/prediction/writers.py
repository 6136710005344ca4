"""Tagged sentences as JSON Lines, CoNLL columns, a line an entity, or in colour for the terminal."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import IO, TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from rich.text import Text

    from nerc_trainer.prediction.readers import Sentence
    from nerc_trainer.prediction.tagger import Tagged

OutputFormat = Literal["jsonl", "conll", "spans", "colour"]
Writer = Callable[["Sentence", "Tagged", int], None]
_COLOURS = ("green", "blue", "magenta", "yellow", "cyan", "red")


def writer(format: OutputFormat, file: IO[str], types: Sequence[str]) -> Writer:
    """What writes one sentence after the other to an open file; ``types`` are the tagger's."""
    if format == "colour":
        return _in_colour(file, {type_: _COLOURS[index % len(_COLOURS)] for index, type_ in enumerate(sorted(types))})
    lines = {"jsonl": _jsonl, "conll": _conll, "spans": _spans}[format]

    def write(sentence: Sentence, tagged: Tagged, number: int) -> None:
        file.write(lines(sentence, tagged, number))

    return write


def entities(sentence: Sentence, tagged: Tagged) -> list[dict[str, Any]]:
    """The entities of a sentence: offsets in characters where it came as text, else in words, ``end`` exclusive."""
    found = []
    for (start, end, type_), confidence in tagged.spans():
        if sentence.text is None:
            covered = " ".join(tagged.tokens[start:end])
        else:
            start, end = sentence.words[start].start, sentence.words[end - 1].end
            covered = sentence.text[start:end]
        found.append({"start": start, "end": end, "type": type_, "text": covered, "confidence": round(confidence, 4)})
    return found


def _jsonl(sentence: Sentence, tagged: Tagged, _: int) -> str:
    said: dict[str, Any] = {} if sentence.text is None else {"text": sentence.text}
    row = {
        **sentence.row,
        **said,
        "tokens": tagged.tokens,
        "ner_tags": tagged.tags,
        "confidence": [round(float(value), 4) for value in tagged.confidence],
        "spans": entities(sentence, tagged),
    }
    return json.dumps(row, ensure_ascii=False) + "\n"


def _conll(_: Sentence, tagged: Tagged, __: int) -> str:
    return "".join(f"{word}\t{tag}\n" for word, tag in zip(tagged.tokens, tagged.tags, strict=True)) + "\n"


def _spans(sentence: Sentence, tagged: Tagged, number: int) -> str:
    name = sentence.row.get("id", number)
    rows = ({"sentence": name, **entity} for entity in entities(sentence, tagged))
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def _in_colour(file: IO[str], colours: Mapping[str, str]) -> Writer:
    from rich.console import Console

    console = Console(file=file, highlight=False, soft_wrap=True)

    def write(sentence: Sentence, tagged: Tagged, _: int) -> None:
        console.print(render(sentence, tagged, colours))

    return write


def render(sentence: Sentence, tagged: Tagged, colours: Mapping[str, str]) -> Text:
    """The sentence with its entities on coloured ground, each followed by its type."""
    from rich.text import Text

    line, position = Text(), 0
    text = sentence.text if sentence.text is not None else " ".join(tagged.tokens)
    starts = [word.start for word in sentence.words] if sentence.text is not None else _starts(tagged.tokens)
    for (start, end, type_), _ in tagged.spans():
        first, last = starts[start], starts[end - 1] + len(tagged.tokens[end - 1])
        colour = colours.get(type_, "white")
        line.append(text[position:first])
        line.append(f" {text[first:last]} ", style=f"black on {colour}")
        line.append(f"{type_} ", style=f"bold {colour} on grey15")
        position = last
    line.append(text[position:])
    return line


def _starts(tokens: Sequence[str]) -> list[int]:
    """Where each token begins when they are joined by spaces."""
    starts, position = [], 0
    for token in tokens:
        starts.append(position)
        position += len(token) + 1
    return starts
