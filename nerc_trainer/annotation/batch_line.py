"""The JSON Lines of the Batch API: a request on its way out, an answer or a refusal on its way back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from nerc_trainer.annotation.answer import Answer, Refusal, answer_in, refusal_for

CHAT_COMPLETIONS: Final = "/v1/chat/completions"


def request_line(key: bytes, body: Mapping[str, Any]) -> bytes:
    """The line that asks for a chat completion; the key is its name."""
    line = {"custom_id": key.hex(), "method": "POST", "url": CHAT_COMPLETIONS, "body": body}
    return json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def read_line(line: str) -> tuple[bytes, Answer | Refusal] | None:
    """The key of the request that a line of an output or error file is about, and what it says; None if it is damaged.

    Requests that a batch had no time for, or that met an error of the server, may be asked again.
    """
    try:
        content = json.loads(line)
        key = bytes.fromhex(content["custom_id"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    response = content.get("response")
    if isinstance(response, dict) and isinstance(status := response.get("status_code"), int):
        body = response.get("body")
        return key, answer_in(body) if status == 200 else refusal_for(status, {}, body)
    error = content.get("error")
    error = error if isinstance(error, dict) else {}
    code = str(error.get("code") or "unknown")
    return key, Refusal(code, f"{code}: {error.get('message') or 'no answer'}", "retry")
