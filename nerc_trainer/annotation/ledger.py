"""Every reply that was ever paid for: one SQLite file, one row a reply, written when the reply arrives.

A row that was written outlives the process however it ends: SQLite's write-ahead log holds it. One process writes,
any number may read.
"""

from __future__ import annotations

import fcntl
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from decimal import Decimal
from pathlib import Path
from typing import IO, Any, cast

from nerc_trainer.annotation.money import dollars
from nerc_trainer.annotation.request import Mode
from nerc_trainer.errors import NercError

_APPLICATION = 0x4E455243  # "NERC"
_VERSION = 1
_LOOK_SECONDS = 0.2  # between two looks at a lock that another process holds
_KEYS_AT_A_TIME = 500  # SQLite takes no more than 999 values in a question everywhere
# Totals and ratios are sums over the second index, which is a tenth of the table.
_TABLES = f"""
BEGIN;
CREATE TABLE reply (
    id INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, base_url TEXT NOT NULL, model TEXT NOT NULL,
    text TEXT NOT NULL, finish_reason TEXT NOT NULL, prompt_tokens INTEGER NOT NULL, cached_tokens INTEGER NOT NULL,
    completion_tokens INTEGER NOT NULL, price INTEGER NOT NULL, seconds REAL NOT NULL, created REAL NOT NULL,
    mode TEXT NOT NULL, logprobs TEXT, batch INTEGER NOT NULL, estimated INTEGER NOT NULL,
    prompt_characters INTEGER NOT NULL
);
CREATE INDEX reply_sums ON reply
    (model, estimated, prompt_characters, prompt_tokens, cached_tokens, completion_tokens, price);
CREATE TABLE failure (
    id INTEGER PRIMARY KEY, key BLOB NOT NULL, base_url TEXT NOT NULL, kind TEXT NOT NULL, detail TEXT NOT NULL,
    price INTEGER NOT NULL, created REAL NOT NULL
);
CREATE TABLE capability (base_url TEXT, model TEXT, mode TEXT NOT NULL, PRIMARY KEY (base_url, model));
PRAGMA application_id = {_APPLICATION};
PRAGMA user_version = {_VERSION};
COMMIT;
"""


@dataclass(frozen=True)
class Reply:
    """What a server answered, and what it cost.

    finish_reason is the server's own, or `malformed` (status 200 but no answer in it: text is empty) or `too_large`
    (text is cut). Tokens are the server's count, or a guess where `estimated`. price is in picodollars, seconds from
    the last sending to the end of the answer, created in seconds since 1970. logprobs is a JSON list of
    [token, log-probability] or None.
    """

    key: bytes
    base_url: str
    model: str
    text: str
    finish_reason: str
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    price: int
    seconds: float
    created: float
    mode: Mode
    logprobs: str | None
    batch: bool
    estimated: bool
    prompt_characters: int


@dataclass(frozen=True)
class Totals:
    """Sums over a ledger: what was answered, and what failed by kind. Money is exact.

    perhaps_dollars is the worst case of calls that broke off after they were sent, which a server may bill.
    """

    calls: int
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    dollars: Decimal
    perhaps_dollars: Decimal
    failures: dict[str, int]


_COLUMNS = tuple(field.name for field in fields(Reply))
_SELECT = f"SELECT {', '.join(_COLUMNS)} FROM reply WHERE key = ?"
_INSERT = f"INSERT INTO reply ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))})"


class Ledger:
    """The ledger in `path`, held by this process; `known` are ledgers that are only read, and may lie in a read-only
    folder.

    Raises NercError where a file is damaged, something else, of another version, or held by another process for longer
    than ``patience`` seconds.
    """

    def __init__(self, path: Path, known: Sequence[Path] = (), patience: float = 0.0) -> None:
        self.path = path
        self._lock = _take_lock(path, patience)
        try:
            self._database = _open(path)
            self._known = [(other, open_read_only(other, "annotation.known_replies")) for other in known]
        except NercError:
            self._lock.close()
            raise

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file; what is in the write-ahead log goes into the file itself, which then stands alone."""
        for _, database in self._known:
            database.close()
        with _named(self.path):
            self._database.close()
        self._lock.close()

    # Replies

    def get(self, key: bytes) -> Reply | None:
        """The reply to a request, from this ledger or else from a known one."""
        for path, database in self._databases():
            with _named(path):
                row = database.execute(_SELECT, (key,)).fetchone()
            if row is not None:
                values = dict(zip(_COLUMNS, row, strict=True))
                return Reply(**{**values, "batch": bool(values["batch"]), "estimated": bool(values["estimated"])})
        return None

    def holds(self, key: bytes) -> bool:
        """Whether `get` would find a reply."""
        for path, database in self._databases():
            with _named(path):
                if database.execute("SELECT 1 FROM reply WHERE key = ?", (key,)).fetchone() is not None:
                    return True
        return False

    def known(self, keys: Sequence[bytes]) -> set[bytes]:
        """Those of many keys that `get` would find a reply for."""
        found: set[bytes] = set()
        for path, database in self._databases():
            for start in range(0, len(keys), _KEYS_AT_A_TIME):
                part = keys[start : start + _KEYS_AT_A_TIME]
                question = f"SELECT key FROM reply WHERE key IN ({', '.join('?' * len(part))})"
                with _named(path):
                    found.update(key for (key,) in database.execute(question, part))
        return found

    def paid(self, keys: Sequence[bytes]) -> int:
        """Picodollars that this ledger's replies to some requests have cost; known ones were paid by someone else."""
        rows = [self.read("SELECT price FROM reply WHERE key = ?", (key,)) for key in dict.fromkeys(keys)]
        return sum(price for found in rows for (price,) in found)

    def put(self, reply: Reply) -> None:
        """Keep a reply. When this returns, a kill of the process loses nothing."""
        self.write((_INSERT, tuple(getattr(reply, column) for column in _COLUMNS)))

    # What is known of servers

    def note_failure(self, key: bytes, base_url: str, kind: str, detail: str, price: int = 0) -> None:
        """Count a call without an answer; `price` is what it may have cost all the same, in picodollars."""
        self.write(
            (
                "INSERT INTO failure (key, base_url, kind, detail, price, created) VALUES (?, ?, ?, ?, ?, ?)",
                (key, base_url, kind, detail, price, time.time()),
            )
        )

    def capability(self, base_url: str, model: str) -> Mode | None:
        """The strictest form of answer that the server has been seen to accept for the model."""
        rows = self.read("SELECT mode FROM capability WHERE base_url = ? AND model = ?", (base_url, model))
        return cast(Mode, rows[0][0]) if rows else None

    def remember_capability(self, base_url: str, model: str, mode: Mode) -> None:
        self.write(("INSERT OR REPLACE INTO capability VALUES (?, ?, ?)", (base_url, model, mode)))

    # Sums

    def totals(self) -> Totals:
        """Sums over this ledger; known ones were paid by someone else."""
        ((calls, prompt, cached, completion, price),) = self.read(
            "SELECT count(*), sum(prompt_tokens), sum(cached_tokens), sum(completion_tokens), sum(price) FROM reply"
        )
        kinds = self.read("SELECT kind, count(*), sum(price) FROM failure GROUP BY kind ORDER BY kind")
        return Totals(
            calls=calls,
            prompt_tokens=prompt or 0,
            cached_tokens=cached or 0,
            completion_tokens=completion or 0,
            dollars=dollars(price or 0),
            perhaps_dollars=dollars(sum(perhaps for *_, perhaps in kinds)),
            failures={kind: count for kind, count, _ in kinds},
        )

    def tokens_per_character(self, model: str) -> float | None:
        """Prompt tokens for a character of the messages, as servers have counted them; None before the first reply."""
        characters = tokens = 0
        for path, database in self._databases():
            with _named(path):
                row = database.execute(
                    "SELECT sum(prompt_characters), sum(prompt_tokens) FROM reply WHERE model = ? AND estimated = 0",
                    (model,),
                ).fetchone()
            characters += row[0] or 0
            tokens += row[1] or 0
        return tokens / characters if characters else None

    # SQL, for what else is kept in the file

    def read(self, statement: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """The rows that a statement selects from this ledger."""
        with _named(self.path):
            return self._database.execute(statement, values).fetchall()

    def write(self, *changes: tuple[str, Sequence[object]]) -> None:
        """Make changes, all of them or none. When this returns, a kill of the process loses nothing."""
        with _named(self.path):
            if len(changes) == 1:
                self._database.execute(*changes[0])
                return
            self._database.execute("BEGIN IMMEDIATE")
            try:
                for statement, values in changes:
                    self._database.execute(statement, values)
            except BaseException:
                self._database.execute("ROLLBACK")
                raise
            self._database.execute("COMMIT")

    def _databases(self) -> list[tuple[Path, sqlite3.Connection]]:
        return [(self.path, self._database), *self._known]


def _take_lock(path: Path, patience: float) -> IO[str]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = path.with_name(f"{path.name}.lock").open("a+")
    except OSError as error:
        raise NercError(f"annotation.ledger = {path}: can't be written ({error.strerror}); choose another") from error
    deadline = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return lock
        except OSError as error:
            if time.monotonic() >= deadline:
                lock.close()
                raise NercError(
                    f"annotation.ledger = {path}: another process writes to it; wait for it or end it, or name another"
                ) from error
        time.sleep(_LOOK_SECONDS)


def _open(path: Path) -> sqlite3.Connection:
    with _named(path):
        database = sqlite3.connect(path, isolation_level=None)
        is_new = database.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone() is None
    if not is_new:
        _check_version(path, database)
    with _named(path):
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = NORMAL")
        if is_new:
            database.executescript(_TABLES)
    return database


def open_read_only(path: Path, key: str) -> sqlite3.Connection:
    """A ledger that is only read, though another process may write to it; ``key`` is the recipe's that names it."""
    if not path.is_file():
        raise NercError(f"{key} = {path}: there is no such file")
    log = path.with_name(f"{path.name}-wal")
    # A file that nobody writes to can be read without the lock files that SQLite would put beside it.
    is_closed = not log.exists() or log.stat().st_size == 0
    with _named(path):
        database = sqlite3.connect(
            f"{path.resolve().as_uri()}?{'immutable=1' if is_closed else 'mode=ro'}", uri=True, isolation_level=None
        )
    _check_version(path, database)
    return database


def _check_version(path: Path, database: sqlite3.Connection) -> None:
    with _named(path):
        application = database.execute("PRAGMA application_id").fetchone()[0]
        version = database.execute("PRAGMA user_version").fetchone()[0]
    if application != _APPLICATION:
        raise NercError(f"{path}: a database, but not a ledger of nerc-trainer; name another file")
    if version != _VERSION:
        raise NercError(
            f"{path}: a ledger of version {version}, and this program reads version {_VERSION}; use the release of "
            "nerc-trainer that wrote it"
        )


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Say of SQLite's errors which file they are about and what to do."""
    try:
        yield
    except sqlite3.IntegrityError:
        raise
    except sqlite3.Error as error:
        if "full" in str(error):
            raise NercError(
                f"{path}: the disk is full; make room and start again, all replies up to now are kept"
            ) from error
        raise NercError(f"{path}: {error}; restore the file from a copy, or name another") from error
