"""What stands in a Markdown page that a reader would type, for the tests that type it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

_FENCE = re.compile(r"^```(\S*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_INDENTED = re.compile(r"(?:^ {4}.*\n)+", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, and what is between the fences."""

    language: str
    text: str

    def commands(self) -> list[str]:
        """The command lines of a shell block, each with what it continues on the next line, without its comment."""
        lines = (without_comment(line) for line in re.sub(r" *\\\n *", " ", self.text).splitlines())
        return [line for line in lines if line]


def blocks(page: str) -> list[Block]:
    """All fenced blocks, in their order."""
    return [Block(language, text) for language, text in _FENCE.findall(page)]


def indented(page: str) -> list[str]:
    """The blocks that are code because they are indented."""
    return _INDENTED.findall(_FENCE.sub("", page))


def column(page: str, table: str, number: int) -> list[str]:
    """The inline code in a column, from 1, of the table whose first row begins with ``table``."""
    rows = page[page.index(table) :].split("\n\n")[0].splitlines()
    return [code for row in rows for code in inline_code(row.split("|")[number])]


def inline_code(page: str) -> list[str]:
    """What stands between backticks in a line of text or a table."""
    return re.findall(r"`([^`\n]+)`", _FENCE.sub("", page))


def without_comment(line: str) -> str:
    """A command line without the comment behind it."""
    return re.sub(r"(^|\s+)#\s.*$", "", line).strip()


def shown_commands(text: str) -> Iterator[list[str]]:
    """The words of every `nerc-trainer` command in inline code, or in a line of a comment or epilog that begins with
    one; `accelerate launch … -m nerc_trainer` counts as well."""
    lines = [line.lstrip("# ") for line in text.splitlines() if line.lstrip().startswith("#")]
    for shown in [*inline_code(text), *lines]:
        for part in shown.replace("python -m nerc_trainer", "nerc-trainer").split(" && "):
            command = re.sub(r"^accelerate launch .*-m nerc_trainer", "nerc-trainer", part)
            if command.startswith("nerc-trainer "):
                yield shlex.split(re.sub(r"\s{2,}\(.*$", "", command), comments=True)[1:]
