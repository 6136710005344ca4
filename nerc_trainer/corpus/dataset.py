"""Read a split of a data set of the datasets library: from the Hub, a saved folder, or a folder of data files."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from nerc_trainer.corpus.source import Sentences, document_name
from nerc_trainer.errors import NercError

if TYPE_CHECKING:
    from datasets import Dataset

_TAG_COLUMNS = ("ner_tags", "tags", "labels")
_EXTRA_COLUMNS = ("pos_tags", "chunk_tags")
_DOCUMENT_COLUMNS = ("document", "document_id", "doc_id")


def read_dataset(name: str, config: str | None, revision: str | None, split: str) -> Sentences:
    """Read one split of a data set.

    ``name`` is a Hub id, a folder that ``DatasetDict.save_to_disk`` made, or a folder of Parquet, JSON or similar
    files; ``split`` may be a slice such as ``train[:90%]`` except in a saved folder. The columns are ``tokens``, one
    of ``ner_tags``, ``tags`` and ``labels``, and where there are any ``id``, ``pos_tags``, ``chunk_tags`` and one of
    ``document``, ``document_id`` and ``doc_id``. Numbers become the names that the data set's features give them. What
    cannot be read raises NercError.
    """
    dataset = _open_split(name, config, revision, split)
    where = f"{name}, split {split}"
    tag_column = next((column for column in _TAG_COLUMNS if column in dataset.column_names), None)
    if "tokens" not in dataset.column_names or tag_column is None:
        raise NercError(
            f"{where}: columns {', '.join(dataset.column_names)}; the columns tokens and {' or '.join(_TAG_COLUMNS)} "
            "are needed, so rename them with datasets and save the data set to a folder"
        )
    names = ["tokens", tag_column, *(column for column in _EXTRA_COLUMNS if column in dataset.column_names)]
    columns = {column: _read_strings(dataset, column, where) for column in names}
    ids = _read_ids(dataset) if "id" in dataset.column_names else []
    documents = _read_documents(dataset)

    lengths = [len(tokens) for tokens in columns["tokens"]]
    for column, rows in columns.items():
        for index, (row, length) in enumerate(zip(rows, lengths, strict=True)):
            if len(row) != length:
                raise NercError(f"{where}, row {index}: {len(row)} {column} for {length} tokens; give one for each")
    tag_places: dict[str, str] = {}
    for index, tags in enumerate(columns[tag_column]):
        for tag in tags:
            if tag not in tag_places:
                tag_places[tag] = f"{where}, row {index}"

    filled = [index for index, length in enumerate(lengths) if length]
    if not filled:
        raise NercError(f"{where}: no sentence in the split; name another one")
    columns = {column: [rows[index] for index in filled] for column, rows in columns.items()}
    tokens, ner_tags = columns.pop("tokens"), columns.pop(tag_column)
    return Sentences(
        tokens=tokens,
        ner_tags=ner_tags,
        extra_tags=columns,
        ids=[ids[index] for index in filled] if ids else [],
        tag_places=tag_places,
        empty_rows=len(lengths) - len(filled),
        documents=[documents[index] for index in filled] if any(documents) else [],
    )


def _open_split(name: str, config: str | None, revision: str | None, split: str) -> "Dataset":
    """Open one split, wherever it is, and tell what is wrong in the recipe's own words."""
    import datasets

    folder = Path(name)
    if (folder / "dataset_dict.json").is_file():
        if config is not None:
            raise NercError(f"data.config = {config}: {name} is a saved DatasetDict, which has none; remove this key")
        saved = datasets.DatasetDict.load_from_disk(str(folder))
        if split not in saved:
            raise NercError(f"{name}: no split {split!r}; those there are: {', '.join(saved)}")
        return saved[split]
    if (folder / "state.json").is_file():
        raise NercError(f"{name}: a single saved Dataset has no splits; save a DatasetDict with train and dev instead")
    try:
        return datasets.load_dataset(name, config, revision=revision, split=split)
    except datasets.exceptions.DatasetNotFoundError as error:
        raise NercError(
            f"data.dataset = {name}: {_one_line(error)}; check the name and data.revision, and set HF_TOKEN if it is "
            "private or gated"
        ) from error
    except ConnectionError as error:
        raise NercError(
            f"data.dataset = {name}: the Hub cannot be reached and there is no cached copy; load it once with a "
            "network (HF_HUB_OFFLINE=1 then reads the cache), or set data.dataset to a local folder"
        ) from error
    except (ValueError, FileNotFoundError, datasets.exceptions.DatasetGenerationError) as error:
        # The library's own messages list the splits, configurations or files that there are; what is wrong inside a
        # data file stands only in the cause.
        raise NercError(f"data.dataset = {name}, split {split!r}: {_one_line(error.__cause__ or error)}") from error
    except RuntimeError as error:
        if "scripts are no longer supported" not in str(error):
            raise
        raise NercError(
            f"data.dataset = {name}: it is loaded by a script, which datasets no longer runs; set data.revision to "
            "refs/convert/parquet"
        ) from error


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()).rstrip(".")


def _read_strings(dataset: "Dataset", column: str, where: str) -> list[list[str]]:
    """Read a column of lists as strings, numbers by the names that its feature gives them."""
    from datasets import ClassLabel, Value

    feature = getattr(dataset.features[column], "feature", None)
    rows = _read_column(dataset, column)
    if isinstance(feature, ClassLabel):
        names = feature.names
        for index, row in enumerate(rows):
            if row is None or not all(label is not None and 0 <= label < len(names) for label in row):
                raise NercError(f"{where}, row {index}: {column} {row} are not all in 0..{len(names) - 1}")
        return [[names[label] for label in row] for row in rows]
    if not (isinstance(feature, Value) and feature.dtype in ("string", "large_string")):
        raise NercError(
            f"{where}: column {column} is {dataset.features[column]}; a list of strings is needed, or a list of "
            "ClassLabel, so that numbers have names"
        )
    for index, row in enumerate(rows):
        if row is None or None in row:
            raise NercError(f"{where}, row {index}: {column} is null or holds a null")
    return rows


def _read_ids(dataset: "Dataset") -> list[str]:
    return ["" if row_id is None else str(row_id) for row_id in _read_column(dataset, "id")]


def _read_documents(dataset: "Dataset") -> list[str]:
    column = next((name for name in _DOCUMENT_COLUMNS if name in dataset.column_names), None)
    return [document_name(value) for value in _read_column(dataset, column)] if column is not None else []


def _read_column(dataset: "Dataset", column: str) -> list[Any]:
    return dataset.select_columns([column]).with_format("arrow")[:].column(column).to_pylist()
