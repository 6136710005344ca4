"""A question to a large language model, whom it may be put to, and the key under which its reply is kept."""

from __future__ import annotations

import hashlib
import ipaddress
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal
from urllib.parse import SplitResult, urlsplit

from nerc_trainer.annotation.money import ModelPrice
from nerc_trainer.errors import NercError

Mode = Literal["json_schema", "json_object", "text"]
# How the form of an answer is asked for, the strictest first.
MODES: tuple[Mode, ...] = ("json_schema", "json_object", "text")

# The limit of an answer by the name that every server knows, and by the one that OpenAI's newer models ask for.
MAX_TOKENS = "max_tokens"
MAX_COMPLETION_TOKENS = "max_completion_tokens"

_COMPACT = json.JSONEncoder(separators=(",", ":"))
_DEFAULT_PORTS = {"http": 80, "https": 443}
# Role, separators and the like cost a server's chat template a few tokens a message.
_TOKENS_AROUND_MESSAGE = 16


@dataclass(frozen=True)
class Request:
    """One call of the chat completions API, the model left open. `sample` counts repeats of the same question."""

    messages: tuple[Mapping[str, str], ...]
    schema: Mapping[str, Any] | None
    max_tokens: int
    temperature: float
    top_p: float | None
    seed: int | None
    sample: int = 0
    logprobs: bool = False

    @property
    def characters(self) -> int:
        """Characters of all messages."""
        return sum(len(message["content"]) for message in self.messages)


@dataclass(frozen=True)
class Endpoint:
    """A model on a server with an OpenAI-compatible API, and the pace that is allowed there."""

    base_url: str
    model: str
    key: str | None = field(repr=False)
    concurrency: int
    requests_per_minute: float | None
    tokens_per_minute: float | None
    price: ModelPrice

    def __post_init__(self) -> None:
        object.__setattr__(self, "base_url", normalise_url(self.base_url))

    @property
    def is_local(self) -> bool:
        """Whether the server is on this machine's loopback."""
        host = urlsplit(self.base_url).hostname or ""
        try:
            return ipaddress.ip_address(host).is_loopback
        except ValueError:
            return host == "localhost"


def normalise_url(base_url: str) -> str:
    """One spelling of an address, so that a key does not hang on a capital letter or a slash at the end.

    Raises NercError for one that carries a user name, a password or a query: those would end up in the ledger.
    """
    parts = urlsplit(base_url)
    shown = f"{parts.scheme}://{parts.hostname}{parts.path}"
    try:
        port = parts.port
    except ValueError as error:
        raise NercError(f"base_url = {shown}: {error}") from error
    if parts.scheme.lower() not in _DEFAULT_PORTS or not parts.hostname:
        raise NercError(f"base_url = {shown}: not an address such as https://api.openai.com/v1")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise NercError(
            f"base_url = {shown}: must hold no user, password, query or fragment; name the variable that holds the "
            "key in api_key_env"
        )
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    if port not in (None, _DEFAULT_PORTS[parts.scheme.lower()]):
        host = f"{host}:{port}"
    return SplitResult(parts.scheme.lower(), host, parts.path.rstrip("/"), "", "").geturl()


def request_key(endpoint: Endpoint, request: Request) -> bytes:
    """16 bytes that stand for a request to an endpoint: equal exactly where the reply may be used again."""
    return request_keys([endpoint], request)[0]


def request_keys(endpoints: Sequence[Endpoint], request: Request) -> list[bytes]:
    """`request_key` for each of several endpoints."""
    *shared, last = request.messages
    sampling = (
        request.max_tokens,
        float(request.temperature),
        None if request.top_p is None else float(request.top_p),
        request.seed,
        request.sample,
        request.logprobs,
    )
    # Requests share their first messages and their schema, which are digested once: a million keys take seconds.
    question = hashlib.sha256(b"".join([_shared_digest(value) for value in (request.schema, *shared)]))
    question.update(_digest(last) + repr(sampling).encode())
    return [hashlib.sha256(_whom(endpoint) + question.digest()).digest()[:16] for endpoint in endpoints]


def _digest(value: Any) -> bytes:
    """32 bytes for a message or schema; the order of a schema's keys is the order of its answers, so it counts."""
    if value is not None and value.keys() == {"role", "content"}:
        value = [value["role"], value["content"]]
    return hashlib.sha256(_COMPACT.encode(value).encode()).digest()


@lru_cache(maxsize=64)
def _whom(endpoint: Endpoint) -> bytes:
    return hashlib.sha256(json.dumps([endpoint.base_url, endpoint.model]).encode()).digest()


_digests: dict[int, tuple[Any, bytes]] = {}
_MOST_DIGESTS = 65_536


def _shared_digest(value: Any) -> bytes:
    """`_digest` of an object that many requests share and nobody changes; it is known again by its identity."""
    known = _digests.get(id(value))
    if known is not None and known[0] is value:
        return known[1]
    if len(_digests) >= _MOST_DIGESTS:
        _digests.clear()
    digest = _digest(value)
    # The object is kept with its digest, so no other object gets its identity.
    _digests[id(value)] = value, digest
    return digest


def chat_body(model: str, request: Request, mode: Mode, limit_name: str = MAX_TOKENS) -> dict[str, Any]:
    """The JSON body of a chat completion; `mode` is how the form of the answer is asked for."""
    body: dict[str, Any] = {
        "model": model,
        "messages": [dict(message) for message in request.messages],
        limit_name: request.max_tokens,
        "temperature": request.temperature,
    }
    if request.top_p is not None:
        body["top_p"] = request.top_p
    if request.seed is not None:
        body["seed"] = request.seed
    if request.logprobs:
        body["logprobs"] = True
    if request.schema is not None and mode == "json_schema":
        # The nested form: it is the one that every server reads.
        schema = {"name": "answer", "schema": request.schema, "strict": True}
        body["response_format"] = {"type": "json_schema", "json_schema": schema}
    elif request.schema is not None and mode == "json_object":
        body["response_format"] = {"type": "json_object"}
    return body


def estimate_tokens(request: Request, tokens_per_character: float | None = None) -> int:
    """Tokens that the messages will take, about: by the ratio seen before, else four ASCII characters a token."""
    if tokens_per_character is not None:
        return math.ceil(request.characters * tokens_per_character)
    return sum(guess_tokens(message["content"]) for message in request.messages)


def most_tokens(request: Request) -> int:
    """Tokens of the prompt at the very most, a schema in it included: no tokenizer makes more tokens than bytes."""
    schema = len(json.dumps(request.schema)) if request.schema is not None else 0
    return schema + sum(len(message["content"].encode()) + _TOKENS_AROUND_MESSAGE for message in request.messages)


def guess_tokens(text: str) -> int:
    """Tokens of a text, about: four ASCII characters make one, and every other character is one."""
    if text.isascii():
        return math.ceil(len(text) / 4)
    ascii_characters = len(text.encode("ascii", "ignore"))
    return math.ceil(ascii_characters / 4) + len(text) - ascii_characters
