"""A Hub on loopback for tests: the calls that huggingface_hub makes to publish and load a model, with faults on demand.

Repositories are kept in memory as commits with whole trees. `HubServer` is a context manager; `faults` holds what goes
wrong, `log` what was asked. By hand: `python tests/hub_server.py --port 8000`, then set HF_ENDPOINT to its address.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from fnmatch import fnmatch
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit


@dataclass
class Fault:
    """What happens to `times` requests that match, from number `after` on, instead of a proper answer.

    status: answer this, with `headers`, and change nothing. Without a status the connection is closed in the end, and:
    served: the request takes effect, although the client may not hear of it. sent: fraction of the answer's body that
    is sent before `stall` seconds of silence; None sends not even the status line. `reached` is set when a request has
    taken effect or was put aside.
    """

    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    served: bool = False
    sent: float | None = None
    stall: float = 0.0
    times: int = 1
    after: int = 0
    reached: threading.Event = field(default_factory=threading.Event)


@dataclass(frozen=True)
class File:
    content: bytes
    is_lfs: bool

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    @property
    def git_blob(self) -> str:
        stored = self.content
        if self.is_lfs:
            lines = ["version https://git-lfs.github.com/spec/v1", f"oid sha256:{self.sha256}", f"size {len(stored)}"]
            stored = "".join(f"{line}\n" for line in lines).encode()
        return hashlib.sha1(b"blob %d\0" % len(stored) + stored).hexdigest()


@dataclass(frozen=True)
class Commit:
    oid: str
    parent: str | None
    files: dict[str, File]


@dataclass
class Repo:
    private: bool
    branches: dict[str, str] = field(default_factory=dict)
    commits: dict[str, Commit] = field(default_factory=dict)

    def add(self, parent: str | None, files: dict[str, File]) -> Commit:
        oid = hashlib.sha1(f"{len(self.commits)} {parent}".encode()).hexdigest()
        self.commits[oid] = Commit(oid, parent, files)
        return self.commits[oid]

    def find(self, revision: str) -> Commit:
        oid = self.branches.get(revision, revision)
        if oid not in self.commits:
            raise Refusal(404, "RevisionNotFound")
        return self.commits[oid]


@dataclass
class Answer:
    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


class Refusal(Exception):
    def __init__(self, status: int, code: str, body: dict[str, Any] | None = None) -> None:
        headers = {"X-Error-Code": code, "X-Error-Message": code}
        self.answer = Answer(status, json.dumps(body or {"error": code}).encode(), headers)


@dataclass
class Request:
    method: str
    path: str
    query: dict[str, list[str]]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class HubServer:
    """The server; `url` is its address once it has started.

    Files named *.safetensors go the way of LFS unless `lfs` is False, in parts of `part_bytes` if they are larger, and
    listings of trees come in pages of `page_entries`. With a `token`, requests to the API without it get a 401.
    """

    def __init__(
        self,
        port: int = 0,
        lfs: bool = True,
        part_bytes: int = 1 << 16,
        page_entries: int = 4,
        token: str | None = None,
    ) -> None:
        self.lfs, self.part_bytes, self.page_entries, self.token = lfs, part_bytes, page_entries, token
        self.repos: dict[str, Repo] = {}
        self.objects: dict[str, bytes] = {}
        self.parts: dict[tuple[str, int], bytes] = {}
        self.faults: list[tuple[str, str, Fault]] = []
        self.log: list[str] = []
        self._lock = threading.Lock()
        self.stopping = threading.Event()
        self._server = _Listener(("127.0.0.1", port), self)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> HubServer:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        self._server.shutdown()
        self._server.server_close()

    def fail(self, method: str, path: str, fault: Fault) -> Fault:
        """Let `fault` happen to requests of `method` whose path matches the regular expression `path` somewhere."""
        self.faults.append((method, path, fault))
        return fault

    def commits(self, repo: str, branch: str) -> list[Commit]:
        """The commits of a branch, newest first; [] if there is no such branch."""
        found = self.repos.get(repo)
        commits: list[Commit] = []
        oid = found.branches.get(branch) if found else None
        while found and oid:
            commits.append(found.commits[oid])
            oid = commits[-1].parent
        return commits

    def tree(self, repo: str, branch: str) -> dict[str, bytes]:
        """Content by path at the head of a branch, without .gitattributes."""
        head = self.commits(repo, branch)[0]
        return {path: file.content for path, file in head.files.items() if path != ".gitattributes"}

    def create(self, repo: str, private: bool = False) -> Repo:
        made = self.repos[repo] = Repo(private)
        attributes = File(b"*.safetensors filter=lfs diff=lfs merge=lfs -text\n", is_lfs=False)
        made.branches["main"] = made.add(None, {".gitattributes": attributes}).oid
        return made

    def take_fault(self, request: Request) -> Fault | None:
        with self._lock:
            for method, pattern, fault in self.faults:
                if fault.times and method == request.method and re.search(pattern, request.path):
                    if fault.after:
                        fault.after -= 1
                        continue
                    fault.times -= 1
                    return fault
        return None

    def wait(self, seconds: float) -> None:
        self.stopping.wait(seconds)

    def serve(self, request: Request, authorization: str | None) -> Answer:
        if self.token and request.path.startswith("/api/") and authorization != f"Bearer {self.token}":
            return Refusal(401, "Unauthorized").answer
        with self._lock:
            for method, pattern, serve in self._routes():
                if method == request.method and (found := re.fullmatch(pattern, request.path)):
                    try:
                        return serve(request, *map(unquote, found.groups()))
                    except Refusal as refusal:
                        return refusal.answer
        return Refusal(404, "NoSuchRoute").answer

    def _routes(self) -> list[tuple[str, str, Callable[..., Answer]]]:
        repo = r"([^/]+/[^/]+)"
        model = "/api/(?:models|datasets)/" + repo
        return [
            ("GET", "/api/whoami-v2", lambda _: _json({"name": "me", "type": "user", "orgs": [], "auth": {}})),
            ("POST", "/api/repos/create", self._create_repo),
            ("POST", "/api/validate-yaml", lambda _: _json({"errors": [], "warnings": []})),
            ("POST", model + "/branch/([^/]+)", self._create_branch),
            ("GET", model + "/refs", self._refs),
            ("POST", model + "/preupload/([^/]+)", self._preupload),
            ("POST", model + "/commit/([^/]+)", self._commit),
            ("GET", model, self._info),
            ("GET", model + "/revision/([^/]+)", self._info),
            ("GET", model + "/tree/([^/]+)", self._tree),
            ("POST", "/(?:datasets/)?" + repo + "[.]git/info/lfs/objects/batch", self._lfs_batch),
            ("PUT", "/lfs/([0-9a-f]+)", self._put_object),
            ("PUT", "/lfs/([0-9a-f]+)/([0-9]+)", self._put_part),
            ("POST", "/lfs/([0-9a-f]+)/complete", self._complete_parts),
            ("POST", "/lfs/([0-9a-f]+)/verify", self._verify_object),
            ("GET", "/lfs/([0-9a-f]+)", lambda _, oid: Answer(body=self.objects[oid])),
            ("HEAD", "/(?:datasets/)?" + repo + "/resolve/([^/]+)/(.+)", self._resolve),
            ("GET", "/(?:datasets/)?" + repo + "/resolve/([^/]+)/(.+)", self._resolve),
        ]

    def _repo(self, name: str) -> Repo:
        if name not in self.repos:
            raise Refusal(404, "RepoNotFound")
        return self.repos[name]

    def _create_repo(self, request: Request) -> Answer:
        asked = request.json()
        name = f"{asked['organization'] or 'me'}/{asked['name']}"
        if name in self.repos:
            raise Refusal(409, "RepoExists", {"error": "exists", "url": f"{self.url}/{name}"})
        self.create(name, private=asked.get("visibility") == "private")
        kind = "datasets/" if asked.get("type") == "dataset" else ""
        return _json({"url": f"{self.url}/{kind}{name}"})

    def _create_branch(self, request: Request, name: str, branch: str) -> Answer:
        repo = self._repo(name)
        if branch in repo.branches:
            raise Refusal(409, "BranchExists")
        repo.branches[branch] = repo.find(request.json().get("startingPoint", "main")).oid
        return _json({})

    def _refs(self, _: Request, name: str) -> Answer:
        heads = self._repo(name).branches.items()
        rows = [{"name": branch, "ref": f"refs/heads/{branch}", "targetCommit": oid} for branch, oid in heads]
        return _json({"branches": rows, "tags": [], "converts": []})

    def _preupload(self, request: Request, name: str, revision: str) -> Answer:
        files = self._repo(name).find(revision).files
        asked = request.json()
        stored = files[".gitignore"].content.decode() if ".gitignore" in files else ""
        ignored = (asked.get("gitIgnore") or stored).splitlines()
        modes = [
            {
                "path": file["path"],
                "uploadMode": "lfs" if self.lfs and file["path"].endswith(".safetensors") else "regular",
                "shouldIgnore": any(fnmatch(file["path"], pattern) for pattern in ignored),
            }
            for file in asked["files"]
        ]
        return _json({"files": modes})

    def _commit(self, request: Request, name: str, branch: str) -> Answer:
        repo = self._repo(name)
        rows = [json.loads(line) for line in request.body.splitlines()]
        head = repo.find(branch)
        if rows[0]["value"].get("parentCommit", head.oid) != head.oid:
            raise Refusal(412, "StaleParent")
        files = dict(head.files)
        for row in rows[1:]:
            path = row["value"]["path"]
            if row["key"] == "file":
                files[path] = File(base64.b64decode(row["value"]["content"]), is_lfs=False)
            elif row["key"] == "lfsFile" and row["value"]["oid"] in self.objects:
                files[path] = File(self.objects[row["value"]["oid"]], is_lfs=True)
            elif row["key"] == "deletedFile" and path in files:
                del files[path]
            else:
                raise Refusal(400, f"cannot apply {row['key']} {path}")
        repo.branches[branch] = repo.add(head.oid, files).oid
        oid = repo.branches[branch]
        return _json({"commitOid": oid, "commitUrl": f"{self.url}/{name}/commit/{oid}"})

    def _info(self, _: Request, name: str, revision: str = "main") -> Answer:
        commit = self._repo(name).find(revision)
        return _json({"id": name, "sha": commit.oid, "siblings": [{"rfilename": path} for path in commit.files]})

    def _tree(self, request: Request, name: str, revision: str) -> Answer:
        files = self._repo(name).find(revision).files
        rows: list[dict[str, Any]] = []
        for path, file in sorted(files.items()):
            row = {"type": "file", "path": path, "oid": file.git_blob, "size": len(file.content)}
            lfs = {"oid": file.sha256, "size": len(file.content), "pointerSize": 134}
            rows.append({**row, "lfs": lfs} if file.is_lfs else row)
        folders = {path.rsplit("/", 1)[0] for path in files if "/" in path}
        rows += [{"type": "directory", "path": path, "oid": "0" * 40, "size": 0} for path in sorted(folders)]
        start = int(request.query.get("cursor", ["0"])[0])
        end = start + self.page_entries
        link = f'<{self.url}{quote(request.path, safe="/%")}?recursive=True&cursor={end}>; rel="next"'
        return _json(rows[start:end], {"Link": link} if end < len(rows) else {})

    def _lfs_batch(self, request: Request, name: str) -> Answer:
        self._repo(name)
        return _json({"transfer": "basic", "objects": [self._lfs_object(row) for row in request.json()["objects"]]})

    def _lfs_object(self, asked: dict[str, Any]) -> dict[str, Any]:
        oid, size = asked["oid"], asked["size"]
        if oid in self.objects:
            return {"oid": oid, "size": size}
        upload: dict[str, Any] = {"href": f"{self.url}/lfs/{oid}"}
        if size > self.part_bytes:
            parts = range(1, -(-size // self.part_bytes) + 1)
            header = {str(part): f"{self.url}/lfs/{oid}/{part}" for part in parts}
            upload = {"href": f"{self.url}/lfs/{oid}/complete", "header": {"chunk_size": self.part_bytes, **header}}
        verify = {"href": f"{self.url}/lfs/{oid}/verify"}
        return {"oid": oid, "size": size, "actions": {"upload": upload, "verify": verify}}

    def _put_object(self, request: Request, oid: str) -> Answer:
        if hashlib.sha256(request.body).hexdigest() != oid:
            raise Refusal(400, "WrongContent")
        self.objects[oid] = request.body
        return _json({})

    def _put_part(self, request: Request, oid: str, part: str) -> Answer:
        self.parts[oid, int(part)] = request.body
        return Answer(headers={"ETag": hashlib.sha256(request.body).hexdigest()})

    def _complete_parts(self, request: Request, oid: str) -> Answer:
        contents = [self.parts[oid, part["partNumber"]] for part in request.json()["parts"]]
        return self._put_object(Request("PUT", request.path, {}, b"".join(contents)), oid)

    def _verify_object(self, request: Request, oid: str) -> Answer:
        if len(self.objects.get(oid, b"")) != request.json()["size"]:
            raise Refusal(400, "WrongSize")
        return _json({})

    def _resolve(self, _: Request, name: str, revision: str, path: str) -> Answer:
        commit = self._repo(name).find(revision)
        if path not in commit.files:
            raise Refusal(404, "EntryNotFound")
        file = commit.files[path]
        headers = {"X-Repo-Commit": commit.oid, "ETag": f'"{file.git_blob}"'}
        if not file.is_lfs:
            return Answer(body=file.content, headers=headers)
        linked = {"X-Linked-Etag": f'"{file.sha256}"', "X-Linked-Size": str(len(file.content))}
        # Another host, as on the Hub: the client takes what it must know of the file from the redirect itself.
        location = f"{self.url.replace('127.0.0.1', 'localhost')}/lfs/{file.sha256}"
        return Answer(302, headers={**headers, **linked, "Location": location})


def _json(value: Any, headers: dict[str, str] | None = None) -> Answer:
    return Answer(body=json.dumps(value).encode(), headers={"Content-Type": "application/json", **(headers or {})})


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, address: tuple[str, int], hub: HubServer) -> None:
        super().__init__(address, _Handler)
        self.hub = hub

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that hang up or are killed are what the tests are about, so nothing is printed for them."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Listener

    def do_GET(self) -> None:
        hub = self.server.hub
        if hub.stopping.is_set():  # a connection that a client kept open from before
            self.close_connection = True
            return
        url = urlsplit(self.path)
        request = Request(self.command, url.path, parse_qs(url.query), self._read_body())
        fault = hub.take_fault(request)
        hub.log.append(f"{request.method} {request.path}")
        if fault is None:
            self._send(hub.serve(request, self.headers.get("Authorization")))
            return
        if fault.status is not None:
            self._send(Answer(fault.status, b'{"error": "fault"}', fault.headers))
            return
        answer = hub.serve(request, self.headers.get("Authorization")) if fault.served else Answer(body=b" " * 100)
        fault.reached.set()
        if fault.sent is not None:
            self._send(answer, sent=fault.sent)
        hub.wait(fault.stall)
        self.close_connection = True

    do_HEAD = do_POST = do_PUT = do_GET

    def _send(self, answer: Answer, sent: float = 1.0) -> None:
        self.send_response(answer.status)
        for name, value in {**answer.headers, "Content-Length": str(len(answer.body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body[: int(len(answer.body) * sent)])
        self.wfile.flush()

    def _read_body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        chunks: list[bytes] = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(chunks)

    def log_message(self, format: str, *args: object) -> None:
        """Requests are kept in `HubServer.log`, not printed."""


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Serve an empty Hub on loopback until it is interrupted.")
    parser.add_argument("--port", type=int, default=8000)
    with HubServer(parser.parse_args().port) as server:
        print(f"export HF_ENDPOINT={server.url} HF_HUB_DISABLE_XET=1", flush=True)
        while True:
            server.wait(3600)
