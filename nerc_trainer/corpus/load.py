"""Load a corpus from any source into one schema, with stable ids, duplicates counted and tags as BIO."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nerc_trainer.corpus.conll import read_conll
from nerc_trainer.corpus.dataset import read_dataset
from nerc_trainer.corpus.jsonl import read_jsonl
from nerc_trainer.corpus.labels import LabelSet, describe_unknown_type, detect_scheme, parse_tag, to_bio
from nerc_trainer.corpus.llm_labels import LlmLabels, read_llm_labels
from nerc_trainer.corpus.source import LabelsMissing, Sentences, read_lines
from nerc_trainer.errors import NercError

if TYPE_CHECKING:
    from datasets import Dataset

    from nerc_trainer.recipe.sections import DataSection

PEOPLE_LABEL = "people label what has none in `nerc-trainer active RECIPE active.oracle=files`"
NO_ENTITY = "not one entity is marked in it, so F1 on it says nothing (are its tags lost?)"
_JSONL_SUFFIXES = (".jsonl", ".ndjson", ".json")


@dataclass(frozen=True)
class Corpus:
    """The splits of a corpus in one schema, and what was found on the way.

    The columns are ``id``, ``tokens`` and ``ner_tags`` (BIO; empty where nobody has labelled), ``pos_tags`` and
    ``chunk_tags`` where the source has them, ``document`` where context was asked for, and in train ``llm_tags`` and
    ``llm_status`` where LLM labels were given (empty for a sentence without) and ``llm_confidence`` where any of them
    has one.
    ``fingerprints`` holds the SHA-256 of the ids, tokens and tags of each split in their order, and of the documents
    where these are a column; under "llm" that of the LLM labels. ``duplicates`` counts, before any sentence is left
    out, the repeats inside each split ("train") and the sentences of one split whose tokens stand in another too
    ("train/dev": of train). ``notes`` are lines to show to the user.
    """

    train: "Dataset"
    dev: "Dataset"
    test: "Dataset | None"
    labels: LabelSet
    fingerprints: dict[str, str]
    duplicates: dict[str, int]
    notes: list[str]


def load_corpus(
    data: "DataSection",
    annotation_labels: Path | None = None,
    unlabelled_train: bool = False,
    context: int = 0,
    way_out: str = PEOPLE_LABEL,
) -> Corpus:
    """Load the corpus that the ``data`` section of a recipe describes, and the LLM's labels for its train sentences.

    A train sentence whose tokens stand in dev or test too is left out of train, so that no round can select it. With
    ``unlabelled_train`` the files of train may lack labels: such a sentence has no ``ner_tags``; else ``way_out`` says
    what to do about it. ``context`` is model.context: where it is above 0, the documents of the sentences are told too,
    and have to be known. What is left out of train is not even context there, so that nothing of dev and test is seen.
    Whatever the user can mend raises NercError with the file and line.
    """
    notes: list[str] = []
    names = {"train": data.train, "dev": data.dev} | ({"test": data.test} if data.test is not None else {})
    _check_columns_are_used(data, names.values())
    ways_out = {"train": way_out, "dev": "dev has to be labelled", "test": "or set data.test to null"}
    splits = {
        split: _read_split(data, name, ways_out[split], may_be_unlabelled=unlabelled_train and split == "train")
        for split, name in names.items()
    }
    for split, sentences in splits.items():
        if context and not sentences.documents:
            raise NercError(
                f"model.context = {context}: data.{split} = {names[split]} tells of no documents (rows of -DOCSTART- "
                "in CoNLL files, a key or column document elsewhere); add them, or set model.context to 0"
            )
        notes += _normalize_tags(split, sentences, data)

    digests = {split: [_digest(tokens) for tokens in sentences.tokens] for split, sentences in splits.items()}
    duplicates = _count_duplicates(digests)
    if duplicates.get("dev/test"):
        notes.append(f"dev: {duplicates['dev/test']:,} sentences stand in test too")
    for split, sentences in splits.items():
        notes += _assign_ids(split, sentences, digests[split])

    held_out = {digest for split in splits if split != "train" for digest in digests[split]}
    kept = [index for index, digest in enumerate(digests["train"]) if digest not in held_out]
    if not kept:
        raise NercError(f"data.train = {data.train}: every sentence of it stands in dev or test; name another file")
    everything, train = splits["train"], _select(splits["train"], kept)
    splits["train"] = train
    if len(kept) < len(everything.tokens):
        left_out = len(everything.tokens) - len(kept)
        notes.append(f"train: {left_out:,} of {len(everything.tokens):,} sentences left out: they stand in dev or test")

    repeats = len(kept) - len({digests["train"][index] for index in kept})
    if repeats:
        notes.append(
            f"train: {repeats:,} sentences repeat others; the expert is asked once for all with the same words"
        )

    labels, type_notes = _collect_types(splits, data.types)
    notes += type_notes
    notes += [f"{split}: {NO_ENTITY}" for split in splits if split != "train" and not _count_entities(splits[split])]
    notes += [_summarize(split, sentences) for split, sentences in splits.items()]
    fingerprints = {
        split: _fingerprint(
            zip(
                *(sentences.ids, sentences.tokens, sentences.ner_tags),
                *([sentences.documents] if context else []),
                strict=True,
            )
        )
        for split, sentences in splits.items()
    }

    columns = {split: _columns(sentences, bool(context)) for split, sentences in splits.items()}
    if annotation_labels is not None:
        # Matched against the whole of train: a row for a sentence that was left out is no mistake of the user's.
        llm = read_llm_labels(annotation_labels, everything.ids, everything.tokens, labels)
        columns["train"] |= {
            "llm_tags": [llm.tags[index] for index in kept],
            "llm_status": [llm.status[index] for index in kept],
        }
        if any(value is not None for value in llm.confidence):
            columns["train"]["llm_confidence"] = [llm.confidence[index] for index in kept]
        llm_columns = [columns["train"][name] for name in columns["train"] if name.startswith("llm_")]
        fingerprints["llm"] = _fingerprint(zip(train.ids, *llm_columns, strict=True))
        notes.append(_summarize_llm(llm, kept))
    return Corpus(
        train=_to_dataset(columns["train"]),
        dev=_to_dataset(columns["dev"]),
        test=_to_dataset(columns["test"]) if "test" in columns else None,
        labels=labels,
        fingerprints=fingerprints,
        duplicates=duplicates,
        notes=notes,
    )


def load_split(data: "DataSection", name: str, way_out: str, labelled: bool = True) -> tuple[Sentences, list[str]]:
    """One split by itself with its tags as BIO and the ids that it has in a corpus, and notes about it.

    Of a split that is not ``labelled`` only the words are wanted: whatever tags it has are left out. ``way_out`` says
    what to do about missing labels.
    """
    sentences = _read_split(data, name, way_out, may_be_unlabelled=not labelled)
    if not labelled:
        sentences.ner_tags = [[] for _ in sentences.tokens]
    notes = _normalize_tags(name, sentences, data) if labelled else []
    return sentences, notes + _assign_ids(name, sentences, [_digest(tokens) for tokens in sentences.tokens])


def _read_split(data: "DataSection", name: str, way_out: str, may_be_unlabelled: bool) -> Sentences:
    if data.dataset is not None:
        return read_dataset(data.dataset, data.config, data.revision, name)
    path = Path(name)
    try:
        if is_jsonl(path, data.format):
            return read_jsonl(path, may_be_unlabelled)
        return read_conll(path, data.columns, data.separator, may_be_unlabelled)
    except LabelsMissing as error:
        raise NercError(f"{error}; {way_out}") from None


def _check_columns_are_used(data: "DataSection", names: Iterable[str]) -> None:
    """Refuse what is said of CoNLL files where every file turns out to be JSONL."""
    for key in ("columns", "separator"):
        if getattr(data, key) is not None and all(is_jsonl(Path(name), data.format) for name in names):
            raise NercError(f"data.{key}: only CoNLL files have columns, and all files are JSONL; remove this key")


def is_jsonl(path: Path, given_format: str) -> bool:
    """Whether a file of data.format ``given_format`` holds JSON Lines rather than CoNLL columns."""
    return given_format == "jsonl" or (given_format == "auto" and _looks_like_jsonl(path))


def _looks_like_jsonl(path: Path) -> bool:
    """Tell JSONL by the file's name, or by a first line that is a JSON object."""
    if path.suffix.lower() in _JSONL_SUFFIXES:
        return True
    first = next((line for _, line in read_lines(path) if line.strip()), "")
    try:
        return isinstance(json.loads(first), dict)
    except ValueError:
        return False


def _normalize_tags(split: str, sentences: Sentences, data: "DataSection") -> list[str]:
    """Check the NER tags of a split and rewrite them as BIO, in place; return notes about it."""
    for tag, place in sentences.tag_places.items():
        try:
            # "bioes" knows every prefix, and any tags that pass it fit the scheme that is then read off them.
            _, type_ = parse_tag(tag, "bioes" if data.scheme == "auto" else data.scheme)
            if type_ and data.types is not None and type_ not in data.types:
                raise NercError(f"tag {tag!r}: {describe_unknown_type(type_, data.types)}")
        except NercError as error:
            raise NercError(f"{place}: {error}") from None
    scheme = detect_scheme(sentences.ner_tags) if data.scheme == "auto" else data.scheme
    repaired = 0
    for index, tags in enumerate(sentences.ner_tags):
        sentences.ner_tags[index], repairs = to_bio(tags, scheme)
        repaired += repairs
    notes = []
    if scheme != "bio":
        notes.append(f"{split}: {scheme.upper()} tags rewritten as BIO")
    if repaired:
        notes.append(f"{split}: {repaired:,} tags that break {scheme.upper()} repaired, read as conlleval reads them")
    if sentences.empty_rows:
        notes.append(f"{split}: {sentences.empty_rows:,} rows without words left out")
    return notes


def _digest(tokens: Sequence[str]) -> bytes:
    return hashlib.sha256("\x1f".join(tokens).encode()).digest()


def _count_duplicates(digests: dict[str, list[bytes]]) -> dict[str, int]:
    unique = {split: set(values) for split, values in digests.items()}
    counts = {split: len(values) - len(unique[split]) for split, values in digests.items()}
    for first, second in combinations(digests, 2):
        counts[f"{first}/{second}"] = sum(digest in unique[second] for digest in digests[first])
    return counts


def _assign_ids(split: str, sentences: Sentences, digests: Sequence[bytes]) -> list[str]:
    """Keep the source's ids if they are complete and unique, else make them of the tokens; return notes about it.

    An id made of the tokens does not change when other sentences come, go or move.
    """
    given = sentences.ids
    if given and all(given) and len(set(given)) == len(given):
        return []
    seen: Counter[str] = Counter()
    ids = []
    for digest in digests:
        name = digest.hex()[:16]
        seen[name] += 1
        ids.append(name if seen[name] == 1 else f"{name}-{seen[name]}")
    sentences.ids = ids
    return [f"{split}: the ids of the source are missing or repeated in places; made new ones"] if any(given) else []


def _select(sentences: Sentences, kept: Sequence[int]) -> Sentences:
    return Sentences(
        tokens=[sentences.tokens[index] for index in kept],
        ner_tags=[sentences.ner_tags[index] for index in kept],
        extra_tags={name: [rows[index] for index in kept] for name, rows in sentences.extra_tags.items()},
        ids=[sentences.ids[index] for index in kept],
        documents=[sentences.documents[index] for index in kept] if sentences.documents else [],
    )


def _count_entities(sentences: Sentences) -> Counter[str]:
    """Count the entities of each type in BIO tags."""
    return Counter(tag[2:] for tags in sentences.ner_tags for tag in tags if tag.startswith("B-"))


def _collect_types(splits: dict[str, Sentences], given: Sequence[str] | None) -> tuple[LabelSet, list[str]]:
    """Make the label set of the given types, else of those that any split has; return notes about odd ones."""
    seen = {split: set(_count_entities(sentences)) for split, sentences in splits.items()}
    labels = LabelSet.from_types(given if given is not None else set().union(*seen.values()))
    if not labels.types:
        raise NercError("no split has an entity; check data.columns, or name the types in data.types")
    notes = []
    for type_ in labels.types if any(splits["train"].ner_tags) else ():
        if type_ not in seen["train"]:
            others = " and ".join(split for split, types in seen.items() if type_ in types)
            notes.append(f"train: no entity of type {type_}" + (f", which {others} has" if others else " in any split"))
    return labels, notes


def _summarize(split: str, sentences: Sentences) -> str:
    entities = _count_entities(sentences)
    words = sum(map(len, sentences.tokens))
    by_type = ", ".join(f"{type_} {count:,}" for type_, count in sorted(entities.items()))
    unlabelled = sum(not tags for tags in sentences.ner_tags)
    return (
        f"{split}: {len(sentences.tokens):,} sentences, {words:,} tokens, {entities.total():,} entities"
        f"{f' ({by_type})' if by_type else ''}{f', {unlabelled:,} sentences without labels' if unlabelled else ''}"
    )


def _summarize_llm(llm: LlmLabels, kept: Sequence[int]) -> str:
    labelled = sum(bool(llm.tags[index]) for index in kept)
    repaired = f", {llm.repaired:,} tags repaired" if llm.repaired else ""
    return f"train: {labelled:,} of {len(kept):,} sentences have LLM labels{repaired}"


def _fingerprint(rows: Iterable[tuple[object, ...]]) -> str:
    """Hash rows in their order, each as one line of JSON, so that no two corpora write the same bytes."""
    digest = hashlib.sha256()
    for row in rows:
        digest.update(json.dumps(row, ensure_ascii=False).encode() + b"\n")
    return digest.hexdigest()


def _columns(sentences: Sentences, documents: bool) -> dict[str, list[Any]]:
    return {
        "id": sentences.ids,
        "tokens": sentences.tokens,
        "ner_tags": sentences.ner_tags,
        **sentences.extra_tags,
        **({"document": sentences.documents} if documents else {}),
    }


def _to_dataset(columns: dict[str, list[Any]]) -> "Dataset":
    from datasets import Dataset, Features, List, Value

    text = Value("string")
    single = {"id": text, "document": text, "llm_status": text, "llm_confidence": Value("float64")}
    features = Features({name: single.get(name, List(text)) for name in columns})
    return Dataset.from_dict(columns, features=features)
