"""The ledger keeps what was paid for: exactly, for one writer, and through a kill."""

from __future__ import annotations

import fcntl
import random
import sqlite3
import subprocess
import sys
import threading
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from nerc_trainer.annotation.ledger import Ledger, Reply
from nerc_trainer.errors import NercError

REPLY = Reply(
    key=b"k" * 16,
    base_url="http://127.0.0.1:8077/v1",
    model="m",
    text='{"entities":[]} \u2028 \0 ☂',
    finish_reason="stop",
    prompt_tokens=100,
    cached_tokens=60,
    completion_tokens=20,
    price=123_456_789_012,
    seconds=0.25,
    created=1.5e9,
    mode="json_schema",
    logprobs='[["a",-0.1]]',
    batch=True,
    estimated=False,
    prompt_characters=400,
)

# Writes replies until it is killed, and says which it has written.
WRITER = """
import sys
from dataclasses import replace
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from test_ledger import REPLY, Ledger
ledger = Ledger(Path(sys.argv[1]))
number = ledger.totals().calls
while True:
    ledger.put(replace(REPLY, key=number.to_bytes(16, "big")))
    number += 1
    print(number, flush=True)
"""


def put_all(ledger: Ledger, keys: list[bytes]) -> None:
    for key in keys:
        ledger.put(replace(REPLY, key=key))


def test_a_reply_comes_back_as_it_was(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        assert ledger.get(REPLY.key) is None
        assert not ledger.holds(REPLY.key)
        ledger.put(REPLY)
        assert ledger.get(REPLY.key) == REPLY
        assert ledger.holds(REPLY.key)
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        assert ledger.get(REPLY.key) == REPLY
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ledger.sqlite", "ledger.sqlite.lock"]


def test_a_reply_is_written_once(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        ledger.put(REPLY)
        with pytest.raises(sqlite3.IntegrityError):
            ledger.put(REPLY)


def test_totals_are_exact(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        for number in range(3):
            ledger.put(replace(REPLY, key=bytes([number]) * 16))
        ledger.note_failure(REPLY.key, REPLY.base_url, "429", "slow down")
        ledger.note_failure(REPLY.key, REPLY.base_url, "timeout", "no answer", price=7)
        ledger.note_failure(REPLY.key, REPLY.base_url, "429", "slow down")
        totals = ledger.totals()
    assert (totals.calls, totals.prompt_tokens, totals.cached_tokens, totals.completion_tokens) == (3, 300, 180, 60)
    assert totals.dollars == Decimal("0.370370367036")
    assert totals.perhaps_dollars == Decimal("0.000000000007")
    assert totals.failures == {"429": 2, "timeout": 1}


def test_an_empty_ledger_has_totals(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        totals = ledger.totals()
        assert (totals.calls, totals.dollars, totals.failures) == (0, 0, {})
        assert ledger.tokens_per_character("m") is None


def test_tokens_per_character_come_from_counted_replies_of_the_model(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        ledger.put(REPLY)
        ledger.put(replace(REPLY, key=b"2" * 16, estimated=True, prompt_tokens=9000))
        ledger.put(replace(REPLY, key=b"3" * 16, model="other", prompt_tokens=9000))
        assert ledger.tokens_per_character("m") == 0.25


def test_a_form_of_answer_is_remembered_for_a_model_of_a_server(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        ledger.remember_capability("http://a/v1", "m", "json_object")
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        assert ledger.capability("http://a/v1", "m") == "json_object"
        assert ledger.capability("http://a/v1", "other") is None


def test_known_ledgers_are_looked_into_and_never_written(tmp_path: Path) -> None:
    shipped = tmp_path / "shipped"
    with Ledger(shipped / "known.sqlite") as ledger:
        ledger.put(REPLY)
    (shipped / "known.sqlite.lock").unlink()
    before = (shipped / "known.sqlite").read_bytes()
    (shipped / "known.sqlite").chmod(0o444)
    shipped.chmod(0o555)
    with Ledger(tmp_path / "own.sqlite", known=(shipped / "known.sqlite",)) as ledger:
        assert ledger.get(REPLY.key) == REPLY
        assert ledger.holds(REPLY.key)
        assert ledger.tokens_per_character("m") == 0.25
        assert ledger.totals().calls == 0
        assert [path.name for path in shipped.iterdir()] == ["known.sqlite"]
    assert (shipped / "known.sqlite").read_bytes() == before


def test_a_known_ledger_that_someone_writes_to_is_read_as_it_is(tmp_path: Path) -> None:
    with Ledger(tmp_path / "team.sqlite") as team:
        team.put(REPLY)
        with Ledger(tmp_path / "own.sqlite", known=(tmp_path / "team.sqlite",)) as ledger:
            assert ledger.get(REPLY.key) == REPLY
            team.put(replace(REPLY, key=b"2" * 16))
            assert ledger.holds(b"2" * 16)


def test_a_second_writer_is_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    with Ledger(path), pytest.raises(NercError, match=r"^annotation\.ledger = .*another process writes to it"):
        Ledger(path)
    Ledger(path).close()


def test_a_patient_writer_waits_for_another(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    held = path.with_name("ledger.sqlite.lock").open("a+")
    fcntl.flock(held, fcntl.LOCK_EX)
    timer = threading.Timer(0.3, held.close)
    timer.start()
    Ledger(path, patience=60).close()
    timer.join()


def test_a_second_process_may_read(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    with Ledger(path) as ledger:
        ledger.put(REPLY)
        code = (
            "import sqlite3, sys; print(*sqlite3.connect(sys.argv[1], uri=True).execute('SELECT count(*) FROM reply'))"
        )
        command = [sys.executable, "-c", code, f"file:{path}?mode=ro"]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "(1,)\n"


@pytest.mark.parametrize("known", [False, True])
@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"id,text\n1,two\n" * 100, "file is not a database"),
        (b"SQLite format 3\0" + b"\xff" * 8000, "not a database|malformed|disk image"),
    ],
)
def test_another_file_is_named_in_one_line(tmp_path: Path, content: bytes, says: str, known: bool) -> None:
    path = tmp_path / "other.sqlite"
    path.write_bytes(content)
    with pytest.raises(NercError, match=f"^{path}: .*({says})") as caught:
        Ledger(tmp_path / "own.sqlite", known=(path,)) if known else Ledger(path)
    assert "\n" not in str(caught.value)
    assert path.read_bytes() == content


def test_another_programs_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "other.sqlite"
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE songs (name)")
    before = path.read_bytes()
    with pytest.raises(NercError, match="not a ledger of nerc-trainer"):
        Ledger(path)
    assert path.read_bytes() == before


def test_a_ledger_of_another_version_is_named(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    Ledger(path).close()
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA user_version = 99")
    with pytest.raises(NercError, match="a ledger of version 99"):
        Ledger(path)


def test_a_missing_known_ledger_is_named(tmp_path: Path) -> None:
    with pytest.raises(NercError, match=r"annotation\.known_replies = .*no such file"):
        Ledger(tmp_path / "own.sqlite", known=(tmp_path / "none.sqlite",))


def test_a_refused_ledger_leaves_no_lock_behind(tmp_path: Path) -> None:
    with pytest.raises(NercError):
        Ledger(tmp_path / "own.sqlite", known=(tmp_path / "none.sqlite",))
    Ledger(tmp_path / "own.sqlite").close()


def test_damage_is_named_when_it_is_met(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    with Ledger(path) as ledger:
        put_all(ledger, [number.to_bytes(16, "big") for number in range(2000)])
    content = bytearray(path.read_bytes())
    content[8192:] = random.Random(0).randbytes(len(content) - 8192)
    path.write_bytes(content)
    with pytest.raises(NercError, match=rf"^{path}: .*restore the file from a copy"), Ledger(path) as ledger:
        [ledger.get(number.to_bytes(16, "big")) for number in range(2000)]


def test_a_full_disk_is_named_and_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    keys = [number.to_bytes(16, "big") for number in range(1000)]
    with Ledger(path) as ledger:
        # What SQLite says when the file may not grow is what it says when the disk is full.
        ledger._database.execute("PRAGMA max_page_count = 20")
        with pytest.raises(NercError, match="the disk is full; make room and start again"):
            put_all(ledger, keys)
    with Ledger(path) as ledger:
        written = ledger.totals().calls
        assert 0 < written < 1000
        assert all(ledger.get(key) == replace(REPLY, key=key) for key in keys[:written])
        ledger.put(replace(REPLY, key=keys[written]))


def test_what_was_written_outlives_a_kill(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    said = 0
    for kill_after in (1, 7, 50):
        command = [sys.executable, "-c", WRITER, str(path), str(Path(__file__).parent)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None
            for _ in range(kill_after):
                said = int(writer.stdout.readline())
            writer.kill()
            said = int([str(said), *writer.stdout.read().split()][-1])
        with Ledger(path) as ledger:
            assert ledger.totals().calls >= said
            assert all(ledger.holds(number.to_bytes(16, "big")) for number in range(said))
