"""People who label as the sample corpus has it, for the tests: they fill in the files that `label export` writes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nerc_trainer.active.labelling.text import join
from nerc_trainer.corpus.conll import read_conll
from nerc_trainer.corpus.labels import tags_to_spans

Truth = Mapping[tuple[str, ...], list[str]]


def read_truth(path: Path) -> Truth:
    """The tags of each sentence, by its words; of equal ones the first."""
    sentences = read_conll(path)
    pairs = list(zip(sentences.tokens, sentences.ner_tags, strict=True))
    return {tuple(tokens): tags for tokens, tags in reversed(pairs)}


def without_labels(source: Path, target: Path) -> Path:
    """Write the words of a CoNLL file, and nothing else."""
    lines = source.read_text(encoding="utf-8").split("\n")
    target.write_text("\n".join(line.split(" ")[0] for line in lines), encoding="utf-8")
    return target


def results(tokens: list[str], tags: list[str]) -> list[dict[str, Any]]:
    """The entities of a sentence as Label Studio keeps them."""
    text, words = join(tokens)
    return [
        {
            "from_name": "label",
            "to_name": "text",
            "type": "labels",
            "value": {
                "start": words[start].start,
                "end": words[end - 1].end,
                "text": text[words[start].start : words[end - 1].end],
                "labels": [type_],
            },
        }
        for start, end, type_ in tags_to_spans(tags, "bio")
    ]


def fill_in(format: str, exported: Path, labelled: Path, truth: Truth, seconds: float | None = None) -> None:
    """Label all sentences of an exported file, in that format."""
    text = exported.read_text(encoding="utf-8")
    if format == "jsonl":
        rows = [json.loads(line) for line in text.splitlines()]
        said = [{**row, "ner_tags": truth[tuple(row["tokens"])], "seconds": seconds} for row in rows]
        text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in said)
    elif format == "conll":
        blocks = []
        for block in text.rstrip("\n").split("\n\n"):
            head, *lines = block.split("\n")
            words = [line.split("\t")[0] for line in lines]
            rows = "\n".join(f"{word}\t{tag}" for word, tag in zip(words, truth[tuple(words)], strict=True))
            blocks.append(f"{head}\n{rows}\n")
        text = "\n".join(blocks)
    else:
        tasks = json.loads(text)
        for number, task in enumerate(tasks, start=1):
            tokens = task["data"]["text"].split(" ")
            answer = {
                "id": number,
                "completed_by": 1,
                "lead_time": seconds,
                "result": results(tokens, truth[tuple(tokens)]),
            }
            task |= {"id": number, "annotations": [answer]}
        text = json.dumps(tasks)
    labelled.write_text(text, encoding="utf-8")
