"""Read the labels that an LLM gave to the sentences of a split, and find the sentence of each."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nerc_trainer.corpus.jsonl import read_id, read_rows, read_spans, read_tags, read_tokens
from nerc_trainer.corpus.labels import (
    LabelSet,
    describe_unknown_type,
    detect_scheme,
    parse_tag,
    spans_to_tags,
    to_bio,
)
from nerc_trainer.errors import NercError

_REJECTED = "rejected"
_DEFAULT_STATUS = "ok"
_EXAMPLE = 'a row is such as {"tokens": ["In", "Oslo"], "llm_tags": ["O", "B-LOC"]}, or has the "id" of its sentence'


@dataclass(frozen=True)
class LlmLabels:
    """The LLM's labels for each sentence, in their order; an empty list where it gave none.

    ``confidence`` is in [0, 1], None where the row does not give it. ``repaired`` counts the tags that were no
    well-formed BIO.
    """

    tags: list[list[str]]
    status: list[str]
    confidence: list[float | None]
    repaired: int


@dataclass(frozen=True)
class _Row:
    place: str
    tags: list[str]
    status: str
    confidence: float | None


def read_llm_labels(
    path: Path, ids: Sequence[str], tokens: Sequence[list[str]], labels: LabelSet, split: str = "train"
) -> LlmLabels:
    """Read a JSONL file of labels for the sentences of ``split``, which have these ids and tokens.

    A row is ``{"id" and/or "tokens", "llm_tags": […] or "llm_spans": [{"start", "end", "type"}, …], "llm_status",
    "llm_confidence"}``, with spans in words. It is matched by its id, else by its tokens: the k-th row for the same
    words goes to the k-th such sentence, and the last one to those that are left. A sentence without a row, or whose
    status starts with "rejected", stays unlabelled, which is not the same as having no entity. A row for no sentence,
    with a wrong length, or with a tag outside ``labels``, raises NercError.
    """
    position_of_id = {sentence_id: index for index, sentence_id in enumerate(ids)}
    positions_of_tokens: defaultdict[tuple[str, ...], list[int]] = defaultdict(list)
    for index, sentence in enumerate(tokens):
        positions_of_tokens[tuple(sentence)].append(index)

    row_at: dict[int, _Row] = {}
    rows_of_tokens: defaultdict[tuple[str, ...], list[_Row]] = defaultdict(list)
    for number, fields in _rows(path):
        place = f"{path}:{number}"
        try:
            row_id = read_id(fields)
            words = tuple(read_tokens(fields)) if "tokens" in fields else None
            if row_id:
                index = _find_by_id(row_id, words, position_of_id, tokens, split)
                if index in row_at:
                    raise NercError(f"id {row_id!r} stands in {row_at[index].place} already; keep one of the two rows")
                row_at[index] = _read_row(fields, len(tokens[index]), labels, place)
            elif words is not None:
                positions, rows = positions_of_tokens.get(words, []), rows_of_tokens[words]
                if len(rows) >= len(positions):
                    raise NercError(
                        f"{split} has {len(positions)} sentences with the tokens {_shorten(words)}, so there is none "
                        f"for this row; take it out, or label the corpus that data.{split} names"
                    )
                rows.append(_read_row(fields, len(words), labels, place))
            else:
                raise NercError("neither id nor tokens in the row; give one of them")
        except NercError as error:
            raise NercError(f"{place}: {error}") from None
    for same_words, rows in rows_of_tokens.items():
        for order, index in enumerate(positions_of_tokens[same_words]):
            row_at.setdefault(index, rows[min(order, len(rows) - 1)])
    return _gather(row_at, len(ids))


def _rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    try:
        yield from read_rows(path)
    except NercError as error:
        raise NercError(f"{error}; {_EXAMPLE}") from None


def _find_by_id(
    row_id: str,
    words: Sequence[str] | None,
    position_of_id: dict[str, int],
    tokens: Sequence[list[str]],
    split: str,
) -> int:
    if row_id not in position_of_id:
        raise NercError(f"no {split} sentence has the id {row_id!r}; label the corpus that data.{split} names")
    index = position_of_id[row_id]
    if words is not None and list(words) != tokens[index]:
        raise NercError(
            f"the tokens {_shorten(words)} are not those of sentence {row_id!r}, {_shorten(tokens[index])}; "
            f"label the corpus that data.{split} names"
        )
    return index


def _shorten(words: Sequence[str]) -> str:
    return repr(" ".join(words)[:60])


def _read_row(fields: dict[str, Any], length: int, labels: LabelSet, place: str) -> _Row:
    """Read the labels of one row; a rejected one has none, whatever else stands in it."""
    status = fields.get("llm_status", _DEFAULT_STATUS)
    if not isinstance(status, str) or not status:
        raise NercError(f"llm_status = {status!r}: a word such as ok or rejected is expected")
    if status.startswith(_REJECTED):
        return _Row(place, [], status, None)
    confidence = fields.get("llm_confidence")
    if confidence is not None and not (isinstance(confidence, int | float) and 0 <= confidence <= 1):
        raise NercError(f"llm_confidence = {confidence!r}: a number between 0 and 1 or null is expected")
    if ("llm_tags" in fields) == ("llm_spans" in fields):
        raise NercError(f"give either llm_tags or llm_spans, or an llm_status that starts with rejected; {_EXAMPLE}")
    if "llm_tags" in fields:
        tags = read_tags(fields, "llm_tags", length)
    else:
        tags = spans_to_tags(read_spans(fields, "llm_spans"), length)
    for tag in tags:
        _, type_ = parse_tag(tag, "bioes")
        if type_ and type_ not in labels.types:
            raise NercError(f"tag {tag!r}: {describe_unknown_type(type_, labels.types)}")
    return _Row(place, tags, status, confidence)


def _gather(row_at: dict[int, _Row], sentences: int) -> LlmLabels:
    """Put the rows into the order of the sentences, as BIO."""
    scheme = detect_scheme(row.tags for row in row_at.values())
    all_tags: list[list[str]] = [[] for _ in range(sentences)]
    all_status = [""] * sentences
    all_confidence: list[float | None] = [None] * sentences
    all_repaired = 0
    for index, row in row_at.items():
        all_tags[index], repaired = to_bio(row.tags, scheme)
        all_status[index] = row.status
        all_confidence[index] = row.confidence
        all_repaired += repaired
    return LlmLabels(all_tags, all_status, all_confidence, all_repaired)
