"""Access tokens: recognised in bytes that are about to leave the machine, and struck out of messages."""

from __future__ import annotations

import os
import re

_TOKEN_VARIABLES = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "OPENAI_API_KEY")
_TOKEN_FORM = re.compile(rb"hf_[A-Za-z0-9]{30,}")
# Shorter values (a placeholder such as "test") would be found by chance in any vocabulary.
_SHORTEST_TOKEN = 8

# A token that lies across two blocks of a file is found when this many bytes of the first are looked at again.
LONGEST_TOKEN = 512


def find_secret(content: bytes) -> str | None:
    """Name of the first secret in `content`: an environment variable whose value it holds, or "a Hub token"."""
    for variable, value in _environment_tokens().items():
        if value.encode() in content:
            return f"the value of {variable}"
    return "a Hub token (hf_...)" if _TOKEN_FORM.search(content) else None


def scrub(text: str) -> str:
    """`strike_out` on one line."""
    return " ".join(strike_out(text).split())


def strike_out(text: str) -> str:
    """`text` with every token that this process knows, or that looks like one, replaced by `***`."""
    for value in _environment_tokens().values():
        text = text.replace(value, "***")
    return _TOKEN_FORM.sub(b"***", text.encode()).decode()


def _environment_tokens() -> dict[str, str]:
    values = {variable: os.environ.get(variable, "").strip() for variable in _TOKEN_VARIABLES}
    return {variable: value for variable, value in values.items() if len(value) >= _SHORTEST_TOKEN}
