"""What can go wrong between this machine and the Hub, sorted by whether trying again may help."""

from __future__ import annotations

import email.utils
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from nerc_trainer.errors import NercError
from nerc_trainer.hub.secrets import scrub

# The request was fine, and the same request may succeed later.
TRANSIENT_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504})


class HubDelay(Exception):
    """The Hub cannot do it now; another try may succeed, after `retry_after` seconds if the Hub named them.

    `is_missing`: something was not found, which somebody may just be making, but hardly for long.
    """

    def __init__(self, message: str, retry_after: float | None = None, is_missing: bool = False) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.is_missing = is_missing


class HubRefusal(Exception):
    """The Hub will not do it, however often it is asked; the message says what the user can do."""


class DeadlineReached(Exception):
    """The time that was given for talking to the Hub is over."""


@contextmanager
def hub_failures(repo: str) -> Iterator[None]:
    """Turn what the Hub's client raises inside the block into HubDelay or HubRefusal; let errors of our own pass."""
    try:
        yield
    except Exception as error:
        translated = _translate(error, repo)
        if translated is error:
            raise
        raise translated from error


def seconds_to_wait(headers: Mapping[str, str]) -> float | None:
    """How long the Hub asks to wait: `Retry-After` in seconds or as a date, or the Hub's own `ratelimit` header."""
    from huggingface_hub.utils import parse_ratelimit_headers

    limit = parse_ratelimit_headers(headers)
    if limit is not None and limit.remaining == 0:
        return float(limit.reset_in_seconds)
    value = headers.get("Retry-After", "").strip()
    if value.isdigit():
        return float(value)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return None


def _translate(error: Exception, repo: str) -> Exception:
    import httpx2
    from huggingface_hub import errors

    if isinstance(error, (HubDelay, HubRefusal, DeadlineReached)):
        return error
    line = scrub(f"{type(error).__name__}: {error}")
    if isinstance(error, errors.HFValidationError):
        return NercError(f"hub.repo: {line}; give owner/name")
    if isinstance(error, errors.OfflineModeIsEnabled):
        return HubRefusal("HF_HUB_OFFLINE is set, so nothing is sent; unset it")
    if isinstance(error, errors.LocalTokenNotFoundError):
        return HubRefusal(_login_advice(repo, "no token"))
    if isinstance(error, errors.HfHubHTTPError):
        return _translate_status(error.response.status_code, line, repo)
    # hf_xet, which uploads by its own connections, raises built-in errors and some of its own that end up as OSError.
    if isinstance(error, (httpx2.TransportError, ConnectionError, TimeoutError)) or type(error).__name__[:3] == "Xet":
        return HubDelay(f"the Hub cannot be reached or broke off ({line})")
    if isinstance(error, (RuntimeError, ValueError, KeyError)):
        # The client wraps a failed upload in a RuntimeError, and a refused card in a ValueError.
        if isinstance(error.__cause__, Exception):
            return _translate(error.__cause__, repo)
        # What the Hub has done is unknown after an answer that cannot be read, so it is looked at again.
        return HubDelay(f"the Hub's answer could not be read, or an upload broke off ({line})")
    return error


def _translate_status(status: int, line: str, repo: str) -> Exception:
    if status in (401, 403):
        return HubRefusal(_login_advice(repo, str(status)))
    # 404 and 409 come from somebody who changes the same repository at this moment, 412 from one who was faster.
    if status in (404, 409, 412) or status in TRANSIENT_STATUSES:
        return HubDelay(f"the Hub answered {status} ({line})", is_missing=status == 404)
    return HubRefusal(f"the Hub answered {status} ({line})")


def _login_advice(repo: str, reason: str) -> str:
    return (
        f"the Hub refuses to let this user write to {repo} ({reason}): log in with `hf auth login`, or set HF_TOKEN to "
        "a token with write permission"
    )
