"""A question to a large language model, whom it may be put to, and the key under which its reply is kept."""

from __future__ import annotations

import hashlib
import ipaddress
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from json.encoder import encode_basestring_ascii
from typing import Any, Literal, NamedTuple
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


class Request(NamedTuple):
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
    digest: bytes = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "base_url", normalise_url(self.base_url))
        told = hashlib.sha256(json.dumps([self.base_url, self.model]).encode()).digest()
        object.__setattr__(self, "digest", told)

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
    last = request.messages[-1]
    # Requests share their first messages and their schema, which are digested once: a million keys take seconds.
    question = _shared_hash(request.schema, request.messages[:-1]).copy()
    question.update(_digest(last))
    question.update(
        _sampling(
            request.max_tokens, request.temperature, request.top_p, request.seed, request.sample, request.logprobs
        )
    )
    told = question.digest()
    return [hashlib.sha256(endpoint.digest + told).digest()[:16] for endpoint in endpoints]


def _digest(value: Any) -> bytes:
    """32 bytes for a message or schema; the order of a schema's keys is the order of its answers, so it counts."""
    if value is not None and value.keys() == {"role", "content"}:
        text = f"[{encode_basestring_ascii(value['role'])},{encode_basestring_ascii(value['content'])}]"
    else:
        text = _COMPACT.encode(value)
    return hashlib.sha256(text.encode()).digest()


@lru_cache(maxsize=4096)
def _sampling(
    max_tokens: int, temperature: float, top_p: float | None, seed: int | None, sample: int, logprobs: bool
) -> bytes:
    top_p = None if top_p is None else float(top_p)
    return repr((max_tokens, float(temperature), top_p, seed, sample, logprobs)).encode()


_hashes: dict[tuple[int, ...], tuple[Any, Any]] = {}
_MOST_HASHES = 16_384


def _shared_hash(schema: Any, messages: tuple[Mapping[str, str], ...]) -> Any:
    """The hash of what many requests share and nobody changes; it is known again by the identity of its parts."""
    identity = (id(schema), *map(id, messages))
    known = _hashes.get(identity)
    if known is None:
        if len(_hashes) >= _MOST_HASHES:
            _hashes.clear()
        told = hashlib.sha256(b"".join([_digest(value) for value in (schema, *messages)]))
        # The objects are kept with their hash, so no other object gets their identity.
        known = _hashes[identity] = ((schema, messages), told)
    return known[1]


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
