"""A language model on loopback for tests: the chat completions API with faults whose place is known beforehand.

Which fault a request meets hangs on its messages and a seed alone, so a test knows the truth without asking.
`LlmServer` is a context manager with its own thread; `stats` counts what was paid and what went wrong. By hand:
`python tests/llm_server.py --port 8077 --latency 0.2 --slots 64 --faults 429=0.05,cut=0.02`.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import re
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from batch_api import BatchApi

Messages = Sequence[Mapping[str, str]]
AnswerRule = Callable[[Messages, Mapping[str, Any] | None], str]

# Pass when the request is sent again: that many times, see `LlmServer.times`.
PASSING = ("429", "429_retry_after", "500", "503", "stall", "cut", "drop")
# Stay with the request: status 200, but the answer is not what was asked for.
LASTING = (
    *("empty", "null", "wrong_length", "unknown_tag", "fenced", "prose", "nan", "huge", "length", "malformed"),
    *("no_choices", "no_usage", "content_filter"),
)
# Stay with the request and are not paid.
REFUSING = ("context", "quota", "401", "404", "error_in_200")
FAULTS = (*PASSING, *LASTING, *REFUSING)
HUGE = 10_000_000


def count_tokens(text: str) -> int:
    """The server's own idea of a token, unlike that of any client: three characters."""
    return -(-len(text) // 3)


class LlmServer:
    """The server; `url` is its base_url once it has started.

    latency: seconds that a call takes in one of `slots`; calls beyond them wait, or get a 429 if `refuses_overload`.
    faults: {name: share of requests}; `script` holds faults for the next requests, whatever they ask, before those.
    times: how often a request meets a passing fault. forms: what `response_format` may be. limit_name: what the limit
    of an answer must be called. key: asked for if given. answer: writes the answers; by default every capitalised word
    is an entity of the first type of the schema. batches: whether it has the Batch API, which is then in `batch`.
    """

    def __init__(
        self,
        port: int = 0,
        *,
        latency: float = 0.0,
        slots: int = 1024,
        refuses_overload: bool = False,
        faults: Mapping[str, float] | None = None,
        seed: int = 0,
        times: int = 1,
        retry_after: str = "0.05",
        forms: Sequence[str] = ("json_schema", "json_object", "text"),
        limit_name: str = "max_tokens",
        key: str | None = None,
        answer: AnswerRule | None = None,
        batches: bool = True,
    ) -> None:
        unknown = set(faults or ()) - set(FAULTS)
        if unknown:
            raise ValueError(f"no such faults: {sorted(unknown)}")
        self.latency = latency
        self.slots = slots
        self.refuses_overload = refuses_overload
        self.faults = dict(faults or {})
        self.seed = seed
        self.times = times
        self.retry_after = retry_after
        self.forms = tuple(forms)
        self.limit_name = limit_name
        self.key = key
        self.answer = answer or answer_capitals
        self.script: deque[str] = deque()
        self.requests: list[dict[str, Any]] = []
        self.arrivals: list[float] = []
        self.stats: Counter[str] = Counter()
        self.busy = 0
        self._met: Counter[bytes] = Counter()
        self._waiting: deque[Callable[[], None]] = deque()
        self.batch = BatchApi(self._complete_in_batch, self.fault_of) if batches else None
        self._port = port
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._started = threading.Event()
        self._connections: set[asyncio.Transport] = set()

    # Start and stop

    def __enter__(self) -> LlmServer:
        self._thread.start()
        self._started.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}/v1"

    def hang_up(self) -> None:
        """Close all connections, as a server that is started anew does."""

        def abort() -> None:
            for connection in list(self._connections):
                connection.abort()

        self._loop.call_soon_threadsafe(abort)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        listener = self._loop.run_until_complete(
            self._loop.create_server(lambda: Connection(self), "127.0.0.1", self._port, backlog=1024)
        )
        self._port = listener.sockets[0].getsockname()[1]
        self._started.set()
        self._loop.run_forever()
        for connection in list(self._connections):
            connection.abort()
        listener.close()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    # What is answered

    def fault_of(self, messages: Messages) -> str | None:
        """The fault that a request with these messages meets, None for a proper answer."""
        digest = hashlib.sha256(json.dumps([self.seed, _plain(messages)]).encode()).digest()
        point = int.from_bytes(digest[:8], "big") / 2**64
        for fault, share in self.faults.items():
            if point < share:
                return fault
            point -= share
        return None

    def _next_fault(self, messages: Messages) -> str | None:
        if self.script:
            return self.script.popleft() or None
        fault = self.fault_of(messages)
        if fault in PASSING:
            request = hashlib.sha256(json.dumps(_plain(messages)).encode()).digest()
            self._met[request] += 1
            if self._met[request] > self.times:
                return None
        return fault

    def receive(self, connection: Connection, method: str, path: str, key: str, body: bytes) -> None:
        """One request, whose answer may come later."""
        if path == "/stats":
            connection.send_json(200, dict(self.stats))
        elif self.key is not None and key != f"Bearer {self.key}":
            self.stats["401"] += 1
            connection.send_error(401, f"Incorrect API key provided: {key.removeprefix('Bearer ')}", "invalid_api_key")
        elif (method, path) == ("POST", "/v1/chat/completions"):
            self._complete(connection, json.loads(body))
        elif self.batch is not None and path.startswith(("/v1/files", "/v1/batches")):
            self.batch.receive(connection, method, path, body)
        else:
            connection.send_error(404, f"no such path: {path}", "not_found")

    def _complete(self, connection: Connection, request: dict[str, Any]) -> None:
        self.requests.append(request)
        self.arrivals.append(time.monotonic())
        self.stats["calls"] += 1
        fault = self._next_fault(request["messages"])
        form = (request.get("response_format") or {"type": "text"})["type"]
        if fault is not None:
            self.stats[fault] += 1
        if self.refuses_overload and self.busy >= self.slots:
            self.stats["overload"] += 1
            connection.send_error(429, "too many requests at once", "rate_limit_exceeded")
        elif self.limit_name not in request:
            self.stats["400"] += 1
            message = f"Unsupported parameter: 'max_tokens'. Use '{self.limit_name}' instead."
            connection.send_error(400, message, "invalid_request_error")
        elif form not in self.forms:
            self.stats["400"] += 1
            connection.send_error(400, f"response_format of type {form} is not supported", "invalid_request_error")
        elif fault in _ERRORS:
            status, message, code = _ERRORS[fault]
            headers = {"Retry-After": self.retry_after} if fault == "429_retry_after" else {}
            connection.send_error(status, message, code, headers)
        elif fault == "drop":
            connection.close()
        elif fault != "stall":
            self._in_slot(lambda: self._reply(connection, request, fault))

    def _in_slot(self, done: Callable[[], None]) -> None:
        """Call `done` after the latency, in a slot."""
        if self.busy >= self.slots:
            self._waiting.append(done)
            return
        self.busy += 1
        self.stats["most_busy"] = max(self.stats["most_busy"], self.busy)

        def finish() -> None:
            self.busy -= 1
            if self._waiting:
                self._in_slot(self._waiting.popleft())
            done()

        if self.latency:
            self._loop.call_later(self.latency, finish)
        else:
            finish()

    def _reply(self, connection: Connection, request: dict[str, Any], fault: str | None) -> None:
        answer, usage = self._completion(request, fault)
        body = json.dumps(answer).encode()
        if fault == "malformed":
            body = body[:1] + b"'" + body[1:]
        if fault == "cut":
            connection.send(200, body, sent=len(body) // 2)
            return
        if connection.send(200, body):
            self.stats["paid"] += 1
            self.stats.update(usage)

    def _completion(self, request: Mapping[str, Any], fault: str | None) -> tuple[dict[str, Any], dict[str, int]]:
        """The body of an answer, and what it counts."""
        content: str | None = spoil(self.answer(request["messages"], request.get("response_format")), fault)
        prompt = sum(count_tokens(message["content"]) for message in request["messages"])
        completion, cached = count_tokens(content or ""), prompt // 2
        usage = {
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "prompt_tokens_details": {"cached_tokens": cached},
        }
        finish_reason = fault if fault in ("length", "content_filter") else "stop"
        choice: dict[str, Any] = {"index": 0, "message": {"role": "assistant", "content": content}}
        choice["finish_reason"] = finish_reason
        if request.get("logprobs"):
            tokens = (content or "").split(" ")
            choice["logprobs"] = {"content": [{"token": token, "logprob": -0.25} for token in tokens]}
        answer = {"id": "1", "object": "chat.completion", "choices": [choice], "usage": usage}
        if fault == "no_choices":
            answer["choices"] = []
        if fault == "no_usage":
            del answer["usage"]
        return answer, {"prompt_tokens": prompt, "cached_tokens": cached, "completion_tokens": completion}

    def _complete_in_batch(self, request: dict[str, Any], fault: str | None) -> dict[str, Any] | None:
        """A request of a batch: faults of the connection can't happen there."""
        assert self.batch is not None
        if fault in PASSING:
            question = hashlib.sha256(json.dumps(_plain(request["messages"])).encode()).digest()
            self._met[question] += 1
            if self._met[question] <= self.times:
                self.batch.stats["500"] += 1
                return None
            fault = None
        if fault in REFUSING:
            self.batch.stats["refused"] += 1
            return {"error": {"message": "This model's maximum context length is 4096 tokens", "code": "context"}}
        answer, usage = self._completion(request, fault)
        self.batch.stats["paid"] += 1
        self.batch.stats.update(usage)
        return answer


_ERRORS = {
    "429": (429, "slow down", "rate_limit_exceeded"),
    "429_retry_after": (429, "slow down", "rate_limit_exceeded"),
    "500": (500, "internal error", "server_error"),
    "503": (503, "overloaded", "server_error"),
    "context": (400, "This model's maximum context length is 4096 tokens", "context_length_exceeded"),
    "quota": (429, "You exceeded your current quota", "insufficient_quota"),
    "401": (401, "Incorrect API key provided", "invalid_api_key"),
    "404": (404, "The model does not exist", "model_not_found"),
    "error_in_200": (200, "the server behind this one fails", "502"),
}


def spoil(answer: str, fault: str | None) -> str | None:
    """An answer as a careless model would have given it."""
    if fault == "null":
        return None
    if fault in ("empty", "content_filter"):
        return ""
    if fault == "fenced":
        return f"```json\n{answer}\n```"
    if fault == "prose":
        return f"Sure! Here is what you asked for:\n\n{answer}\n\nLet me know if you need anything else."
    if fault == "length":
        return answer[: max(1, len(answer) // 2)]
    if fault == "huge":
        return answer + " " * HUGE
    if fault in ("wrong_length", "unknown_tag", "nan"):
        try:
            content = json.loads(answer)
        except ValueError:
            return f"{answer} <THING>thing</THING>"
        return _spoil_json(content, fault)
    return answer


def _spoil_json(content: dict[str, Any], fault: str) -> str:
    if fault == "nan":
        return json.dumps({**content, "score": float("nan")}, separators=(",", ":"))
    if "ner_tags" in content:
        tags = content["ner_tags"]
        content["ner_tags"] = tags[:-1] if fault == "wrong_length" else ["B-THING", *tags[1:]]
    else:
        content["entities"].append({"index": 10**6, "text": "no such words here", "type": "THING", "occurrence": 1})
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"))


def answer_capitals(messages: Messages, response_format: Mapping[str, Any] | None) -> str:
    """Every capitalised word of the last line is an entity of the first type, in the form that the schema asks for."""
    words = words_of(messages)
    schema = ((response_format or {}).get("json_schema") or {}).get("schema")
    if schema is None:
        return " ".join(f"<ENT>{word}</ENT>" if word[:1].isupper() else word for word in words)
    properties = schema["properties"]
    if "ner_tags" in properties:
        first = next((tag for tag in _enum(properties["ner_tags"]) if tag.startswith("B-")), "B-ENT")
        columns = {
            "tokens": words,
            "ner_tags": [first if word[:1].isupper() else "O" for word in words],
            "pos_tags": ["X"] * len(words),
            "chunk_tags": ["O"] * len(words),
        }
        return json.dumps({name: columns[name] for name in properties}, ensure_ascii=False, separators=(",", ":"))
    fields = properties["entities"]["items"]["properties"]
    type_ = next(iter(fields["type"].get("enum", ["ENT"])))
    entities = [
        {"index": index, "text": word, "type": type_, "occurrence": words[: index + 1].count(word)}
        for index, word in enumerate(words)
        if word[:1].isupper()
    ]
    kept = [{name: entity[name] for name in fields} for entity in entities]
    return json.dumps({"entities": kept}, ensure_ascii=False, separators=(",", ":"))


def words_of(messages: Messages) -> list[str]:
    """The sentence in the last message: words in back-ticks, numbered words, or the words of its last line."""
    line = messages[-1]["content"].strip().rsplit("\n", 1)[-1]
    if quoted := re.findall(r"`([^`]+)`", line):
        return quoted
    if numbered := re.findall(r"(?:^|\s)\d+:(\S+)", line):
        return numbered
    return line.split()


def _enum(column: Mapping[str, Any]) -> list[str]:
    return list(column.get("items", {}).get("enum", []))


def _plain(messages: Messages) -> list[list[str]]:
    return [[message["role"], message["content"]] for message in messages]


class Connection(asyncio.Protocol):
    """HTTP/1.1 with connections that stay open, as little of it as the client needs."""

    transport: asyncio.Transport

    def __init__(self, server: LlmServer) -> None:
        self._server = server
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._server._connections.add(transport)
        self._server.stats["connections"] += 1

    def connection_lost(self, error: Exception | None) -> None:
        self._server._connections.discard(self.transport)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while True:
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            first, *lines = self._buffer[:end].decode("latin-1").split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
            size = int(headers.get("content-length", 0))
            if len(self._buffer) < end + 4 + size:
                return
            body = self._buffer[end + 4 : end + 4 + size]
            self._buffer = self._buffer[end + 4 + size :]
            method, target, _ = first.split(" ")
            self._server.receive(self, method, target, headers.get("authorization", ""), body)

    def send_json(self, status: int, content: Any, headers: Mapping[str, str] | None = None) -> None:
        self.send(status, json.dumps(content).encode(), headers)

    def send_error(self, status: int, message: str, code: str, headers: Mapping[str, str] | None = None) -> None:
        error: dict[str, Any] = {"message": message, "type": code, "code": int(code) if code.isdigit() else code}
        self.send_json(status, {"error": error}, headers)

    def send(
        self, status: int, body: bytes, headers: Mapping[str, str] | None = None, *, sent: int | None = None
    ) -> bool:
        """Whether the answer went out whole; `sent` bytes of the body, then the connection is closed."""
        if self.transport.is_closing():
            return False
        lines = "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())
        head = f"HTTP/1.1 {status} x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n{lines}\r\n"
        self.transport.write(head.encode("latin-1") + body[:sent])
        if sent is not None:
            self.close()
        return sent is None

    def close(self) -> None:
        self.transport.close()


def main() -> None:
    parser = argparse.ArgumentParser(description="Serve a made-up language model on loopback until it is interrupted.")
    parser.add_argument("--port", type=int, default=8077)
    parser.add_argument("--latency", type=float, default=0.0, help="seconds a call")
    parser.add_argument("--slots", type=int, default=1024, help="calls at once")
    parser.add_argument("--faults", default="", help="such as 429=0.05,cut=0.02")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    pairs = [fault.split("=") for fault in options.faults.split(",") if fault]
    faults = {name: float(share) for name, share in pairs}
    with LlmServer(
        options.port, latency=options.latency, slots=options.slots, faults=faults, seed=options.seed
    ) as server:
        print(server.url, flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main()
