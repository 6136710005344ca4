"""The files and batches of `llm_server.LlmServer`: the Batch API on loopback, with faults that a test scripts."""

from __future__ import annotations

import json
import re
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from llm_server import Connection

Complete = Callable[[dict[str, Any], "str | None"], "dict[str, Any] | None"]

# Come one for one: an operation that is done but whose answer is lost, or one that is refused and not done.
SCRIPTED = ("lost_upload", "lost_create", "500_create", "500_look", "stall_look", "strange_look", "cut_content")


class BatchApi:
    """Files and batches in memory.

    complete: answers one request, given its fault; None for one that fails with a 500. looks: how often a batch is
    looked at before it has ended. enqueued: requests in a batch at most, a larger one fails. expires_after: requests
    that a batch has time for. forgets: leaves the last line out of what comes back. cancels: ends batches as cancelled.
    """

    def __init__(self, complete: Complete, fault_of: Callable[[list[dict[str, str]]], str | None]) -> None:
        self.looks = 1
        self.enqueued = 10**9
        self.expires_after = 10**9
        self.forgets = False
        self.cancels = False
        self.script: deque[str] = deque()
        self.stats: Counter[str] = Counter()
        self.batches: dict[str, dict[str, Any]] = {}
        self.lines: list[dict[str, Any]] = []
        self._files: dict[str, bytes] = {}
        self._complete, self._fault_of = complete, fault_of

    def receive(self, connection: Connection, method: str, path: str, body: bytes) -> None:
        """A request to /v1/files or /v1/batches."""
        path, _, query = path.partition("?")
        if (method, path) == ("POST", "/v1/files"):
            self._take_file(connection, body)
        elif (method, path) == ("POST", "/v1/batches"):
            self._take_batch(connection, json.loads(body))
        elif (method, path) == ("GET", "/v1/batches"):
            self._list(connection, query)
        elif match := re.fullmatch(r"/v1/batches/([^/]+)", path):
            self._look(connection, match[1])
        elif match := re.fullmatch(r"/v1/files/([^/]+)/content", path):
            content = self._files[match[1]]
            connection.send(200, content, sent=len(content) // 2 if self._meets("cut_content") else None)
        else:
            connection.send_error(404, f"no such path: {path}", "not_found")

    def _meets(self, fault: str) -> bool:
        if self.script and self.script[0] == fault:
            self.script.popleft()
            self.stats[fault] += 1
            return True
        return False

    def _take_file(self, connection: Connection, body: bytes) -> None:
        boundary = body.split(b"\r\n", 1)[0]
        parts = dict(re.findall(rb'name="(\w+)".*?\r\n\r\n(.*?)\r\n' + re.escape(boundary), body, re.DOTALL))
        assert parts[b"purpose"] == b"batch"
        name = self._keep(parts[b"file"])
        if self._meets("lost_upload"):
            connection.close()
            return
        connection.send_json(200, {"id": name, "object": "file", "purpose": "batch", "status": "processed"})

    def _keep(self, content: bytes) -> str:
        name = f"file-{len(self._files)}"
        self._files[name] = content
        return name

    def _take_batch(self, connection: Connection, request: Mapping[str, Any]) -> None:
        if self._meets("500_create"):
            connection.send_error(500, "internal error", "server_error")
            return
        assert request["endpoint"] == "/v1/chat/completions"
        assert request["completion_window"] == "24h"
        lines = [json.loads(line) for line in self._files[request["input_file_id"]].splitlines()]
        self.lines += lines
        self.stats["batches"] += 1
        batch = {
            "id": f"batch_{len(self.batches)}",
            "object": "batch",
            "endpoint": request["endpoint"],
            "completion_window": "24h",
            "input_file_id": request["input_file_id"],
            "metadata": request["metadata"],
            "created_at": int(time.time()),
            "status": "validating",
            "request_counts": {"total": len(lines), "completed": 0, "failed": 0},
            "_looks": self.looks,
        }
        self.batches[batch["id"]] = batch
        if self._meets("lost_create"):
            connection.close()
            return
        connection.send_json(200, _shown(batch))

    def _list(self, connection: Connection, query: str) -> None:
        """Two a page, the newest first, as a server with many batches does."""
        batches = list(reversed(self.batches.values()))
        after = re.search(r"after=([^&]+)", query)
        start = next((at + 1 for at, batch in enumerate(batches) if after and batch["id"] == after[1]), 0)
        page = batches[start : start + 2]
        more = start + 2 < len(batches)
        connection.send_json(200, {"object": "list", "data": [_shown(batch) for batch in page], "has_more": more})

    def _look(self, connection: Connection, name: str) -> None:
        if name not in self.batches:
            connection.send_error(404, f"no such batch: {name}", "not_found")
            return
        if self._meets("500_look"):
            connection.send_error(500, "internal error", "server_error")
            return
        if self._meets("stall_look"):
            return
        if self._meets("strange_look"):
            connection.send_json(200, {"detail": "hello"})
            return
        batch = self.batches[name]
        batch["_looks"] -= 1
        if batch["status"] in ("validating", "in_progress"):
            batch["status"] = "in_progress"
            if batch["_looks"] < 0:
                self._end(batch)
        connection.send_json(200, _shown(batch))

    def _end(self, batch: dict[str, Any]) -> None:
        lines = [json.loads(line) for line in self._files[batch["input_file_id"]].splitlines()]
        if len(lines) > self.enqueued:
            message = "Enqueued token limit reached"
            batch["status"] = "failed"
            batch["errors"] = {"object": "list", "data": [{"code": "token_limit_exceeded", "message": message}]}
            return
        good: list[dict[str, Any]] = []
        bad: list[dict[str, Any]] = []
        for line in lines[: self.expires_after]:
            answer = self._complete(line["body"], self._fault_of(line["body"]["messages"]))
            if answer is None:
                bad.append(_said(line, 500, {"error": {"message": "internal error", "type": "server_error"}}))
            elif "error" in answer:
                bad.append(_said(line, 400, answer))
            else:
                good.append(_said(line, 200, answer))
        for line in lines[self.expires_after :]:
            error = {
                "code": "batch_expired",
                "message": "The window has expired.",
            }
            bad.append({"id": "x", "custom_id": line["custom_id"], "response": None, "error": error})
        if self.forgets:
            good.pop()
        batch["status"] = "expired" if len(lines) > self.expires_after else "cancelled" if self.cancels else "completed"
        batch["completed_at"] = int(time.time()) + 1
        # An answer may come in any order.
        for key, part in (("output_file_id", good[::-1]), ("error_file_id", bad)):
            if part:
                batch[key] = self._keep("".join(json.dumps(said) + "\n" for said in part).encode())


def _said(line: Mapping[str, Any], status: int, body: Mapping[str, Any]) -> dict[str, Any]:
    response = {"status_code": status, "request_id": "1", "body": body}
    return {"id": "x", "custom_id": line["custom_id"], "response": response, "error": None}


def _shown(batch: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in batch.items() if not name.startswith("_")}
