"""What every reader hands on: the sentences of one split, and where each of its tags stands first."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from sys import intern

from nerc_trainer.errors import NercError

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class LabelsMissing(NercError):
    """No labels where they are needed; the way out hangs on who asked for the split."""


@dataclass
class Sentences:
    """The sentences of one split as the source has them, all lists in the source's order.

    ``ids`` holds "" for a row without one, and is empty where the source knows no ids. ``extra_tags`` holds
    ``pos_tags`` and ``chunk_tags`` where there are any. ``tag_places`` tells for every different NER tag the place
    that an error should name; what is wrong with a tag can be seen from the tag alone, so a place for each word is not
    needed. A sentence that nobody has labelled has no tags at all, which is not the same as having no entity.
    ``documents`` names the document of each sentence, "" for none, and is empty where the source tells of none.
    ``empty_rows`` counts the rows without words, which are left out.
    """

    tokens: list[list[str]] = field(default_factory=list)
    ner_tags: list[list[str]] = field(default_factory=list)
    extra_tags: dict[str, list[list[str]]] = field(default_factory=dict)
    ids: list[str] = field(default_factory=list)
    tag_places: dict[str, str] = field(default_factory=dict)
    empty_rows: int = 0
    documents: list[str] = field(default_factory=list)


def document_name(value: object) -> str:
    """What a source says of a sentence's document as a name; "" for what is neither a string nor a whole number.

    That is no mistake: the key or column may hold something else of the user's.
    """
    return intern(str(value)) if type(value) in (str, int) else ""


def read_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the lines of a UTF-8 file with their numbers, from 1, without line ends (\\n or \\r\\n) or a BOM.

    Only \\n ends a line, as characters such as U+2028 stand in real tokens. A file that cannot be opened, or bytes
    that are not UTF-8, raise NercError.
    """
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if number == 1:
                    line = line.removeprefix(_BYTE_ORDER_MARK)
                try:
                    yield number, line.removesuffix(b"\n").removesuffix(b"\r").decode("utf-8")
                except UnicodeDecodeError as error:
                    raise NercError(
                        f"{path}:{number}: byte 0x{line[error.start]:02x} is not UTF-8; save the file as UTF-8"
                    ) from None
    except OSError as error:
        raise NercError(f"{path}: {error.strerror or error}; check the path") from error
