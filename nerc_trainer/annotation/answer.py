"""What a server's bytes mean: an answer, or a refusal and what follows from it. Pure functions."""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any, Literal

# No sentence needs more; a server that runs away must not fill the memory.
LONGEST_BODY = 2 * 2**20
# Of a longer body the end is kept too: that is where the bill is.
LONGEST_TAIL = 8192
_TEXT_KEPT_OF_TOO_LARGE = 4096
LONGEST_DETAIL = 400  # characters that are shown and kept
_LONGEST_MESSAGE = 10 * LONGEST_DETAIL  # that are looked at: a key in them is taken out before they are cut
_MOST_TOKENS = 10**9

# retry: later. again: at once. reword: in another form, perhaps. give_up: never. lost: nor will any other request.
Consequence = Literal["retry", "again", "reword", "give_up", "lost"]


@dataclass
class Body:
    """The bytes of a response as they come: the beginning, and the end where it is too large."""

    head: bytearray = field(default_factory=bytearray)
    tail: bytearray = field(default_factory=bytearray)
    size: int = 0

    def add(self, chunk: bytes) -> None:
        self.size += len(chunk)
        room = LONGEST_BODY - len(self.head)
        self.head += chunk[:room]
        if self.is_too_large:
            self.tail = (self.tail + chunk)[-LONGEST_TAIL:]

    @property
    def is_too_large(self) -> bool:
        return self.size > LONGEST_BODY


@dataclass(frozen=True)
class Answer:
    """The content of a response with status 200. Tokens are None where the server does not count them."""

    text: str
    finish_reason: str
    prompt_tokens: int | None = None
    cached_tokens: int = 0
    completion_tokens: int | None = None
    logprobs: str | None = None


@dataclass(frozen=True)
class Refusal:
    """A response without an answer. pause is what the server asks to wait, in seconds."""

    kind: str
    detail: str
    then: Consequence
    pause: float | None = None


def read_answer(body: Body) -> Answer | Refusal:
    """The answer in a body that came with status 200.

    A body that is no chat completion is an answer all the same, `malformed` and empty: it is paid. One that holds
    nothing but an error is a refusal, as gateways send when the server behind them fails.
    """
    if body.is_too_large:
        return Answer(_content_of_part(bytes(body.head)), "too_large", *_usage(_usage_in(bytes(body.tail))))
    try:
        content = json.loads(bytes(body.head))
    except (ValueError, RecursionError):
        return Answer("", "malformed", *_usage(_usage_in(bytes(body.head[-LONGEST_TAIL:]))))
    return answer_in(content)


def answer_in(content: Any) -> Answer | Refusal:
    """`read_answer` of a body that is JSON."""
    if not isinstance(content, dict):
        return Answer("", "malformed")
    if isinstance(content.get("error"), dict) and not content.get("choices"):
        code = content["error"].get("code")
        status = code if isinstance(code, int) and 400 <= code <= 599 else 502
        return refusal_for(status, {}, content)
    usage = _usage(content.get("usage"))
    try:
        choice = content["choices"][0]
        message = choice["message"]
        text = _text(message.get("content"))
        is_refused = not text and bool(message.get("refusal"))
        finish_reason = "content_filter" if is_refused else str(choice.get("finish_reason") or "unknown")
        return Answer(text, finish_reason, *usage, _logprobs(choice.get("logprobs")))
    except (KeyError, IndexError, TypeError, AttributeError):
        return Answer("", "malformed", *usage)


def read_refusal(status: int, headers: Mapping[str, str], body: Body) -> Refusal:
    """What follows from a response with another status than 200."""
    try:
        content = json.loads(bytes(body.head))
    except (ValueError, RecursionError):
        content = {"message": body.head[:_LONGEST_MESSAGE].decode("utf-8", "replace")}
    return refusal_for(status, headers, content)


def refusal_for(status: int, headers: Mapping[str, str], content: Any) -> Refusal:
    """`read_refusal` of a body that is JSON."""
    error = content.get("error", content) if isinstance(content, dict) else content
    if not isinstance(error, dict):
        error = {"message": error}
    message = " ".join(str(error.get("message") or "").split())[:_LONGEST_MESSAGE]
    code = f"{error.get('code')} {error.get('type')}"
    detail = f"status {status}: {message}" if message else f"status {status}"
    if 300 <= status < 400:
        return Refusal(str(status), f"{detail}, sends on to another address; name that one in base_url", "lost")
    if status == 401:
        # Servers like to quote the key here.
        return Refusal("401", "status 401: the key is refused; set the variable that api_key_env names", "lost")
    if status == 402 or (status == 429 and "insufficient_quota" in code):
        return Refusal("quota", f"{detail}; the account has no money left", "lost")
    if status in (404, 405):
        return Refusal(str(status), f"{detail}; check base_url and model", "lost")
    if status in (400, 422):
        return Refusal(str(status), detail, "reword")
    if status in (408, 409, 425, 429) or status >= 500:
        return Refusal(str(status), detail, "retry", _pause(headers))
    return Refusal(str(status), detail, "give_up")


def speaks_of_form(refusal: Refusal) -> bool:
    """Whether a refused request is refused for the form of answer that it asks for."""
    return re.search("response_format|json|schema|grammar|guided|structured", refusal.detail, re.IGNORECASE) is not None


def _pause(headers: Mapping[str, str]) -> float | None:
    """Seconds that Retry-After asks for: as milliseconds, seconds or a date."""
    try:
        if (milliseconds := headers.get("retry-after-ms")) is not None:
            seconds = float(milliseconds) / 1000
        else:
            seconds = float(headers["retry-after"])
    except KeyError:
        return None
    except ValueError:
        try:
            # By the server's own clock where it tells the time, since ours may differ.
            until = parsedate_to_datetime(headers.get("retry-after", "")).timestamp()
            now = parsedate_to_datetime(headers["date"]).timestamp() if "date" in headers else time.time()
        except ValueError:
            return None
        seconds = until - now
    return max(0.0, seconds) if math.isfinite(seconds) else None


def _usage_in(part: bytes) -> Any:
    """The last object named usage in a part of a JSON text."""
    matches = list(re.finditer(rb'"usage"\s*:\s*(?=\{)', part))
    if not matches:
        return None
    try:
        return json.JSONDecoder().raw_decode(part[matches[-1].end() :].decode("utf-8", "replace"))[0]
    except ValueError:
        return None


def _usage(usage: Any) -> tuple[int | None, int, int | None]:
    """Prompt, cached and completion tokens."""
    if not isinstance(usage, dict):
        return None, 0, None
    details = usage.get("prompt_tokens_details")
    cached = _count(details.get("cached_tokens")) if isinstance(details, dict) else None
    return _count(usage.get("prompt_tokens")), cached or 0, _count(usage.get("completion_tokens"))


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MOST_TOKENS else None


def _text(content: Any) -> str:
    """The text of a message: a string, a list of parts, or nothing."""
    if isinstance(content, list):
        content = "".join(part["text"] for part in content if isinstance(part.get("text"), str))
    if content is None:
        return ""
    if not isinstance(content, str):
        raise TypeError("content is no text")
    # JSON can spell half of a surrogate pair, which no file can hold.
    return content.encode("utf-8", "surrogatepass").decode("utf-8", "replace")


def _logprobs(logprobs: Any) -> str | None:
    content = logprobs.get("content") if isinstance(logprobs, dict) else None
    if not isinstance(content, list) or not content:
        return None
    try:
        pairs = [(_text(entry["token"]), round(float(entry["logprob"]), 4)) for entry in content]
    except (KeyError, TypeError, ValueError):
        return None
    if not all(math.isfinite(value) for _, value in pairs):
        return None
    return json.dumps(pairs, ensure_ascii=False, separators=(",", ":"))


def _content_of_part(head: bytes) -> str:
    """The beginning of the message in a JSON text that was cut."""
    match = re.search(rb'"content"\s*:\s*"((?:[^"\\]|\\.)*)', head[: 8 * _TEXT_KEPT_OF_TOO_LARGE], re.DOTALL)
    if match is None:
        return ""
    # An escape such as \ud83d\ude00 may be cut anywhere in its twelve characters.
    literal = match[1].decode("utf-8", "replace")
    for cut in range(13):
        try:
            return _text(json.loads(f'"{literal[: len(literal) - cut]}"', strict=False))[:_TEXT_KEPT_OF_TOO_LARGE]
        except ValueError:
            continue
    return ""
