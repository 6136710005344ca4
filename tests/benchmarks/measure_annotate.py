"""What labelling costs besides the model: calls a second, processor time a call, and resuming a large ledger."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
SLOTS, LATENCY = 64, 0.2
AT_ONCE = SLOTS + 8  # a few wait in the server's line: else a slot is idle while its answer is read
TYPES = ("LOC", "MISC", "ORG", "PER")


def measure(quick: bool) -> dict[str, Any]:
    """Share of a server's capacity that is used, processor milliseconds a call, seconds and megabytes of a resume.

    The server answers after 0.2 s in each of 64 slots, in a process of its own; 72 calls are in flight. A resume
    renders every request of the corpus and looks for its reply; its megabytes are what it adds to the process that has
    imported everything.
    """
    calls, rows = (640, 20_000) if quick else (6_400, 1_000_000)
    with tempfile.TemporaryDirectory() as folder:
        figures = _child("throughput", calls, folder) | _child("read", calls, folder)
        _child("fill", rows, folder)
        return figures | _child("resume", rows, folder)


def _child(what: str, count: int, folder: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, __file__, what, str(count), folder], capture_output=True, text=True, cwd=ROOT, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{what} failed:\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def _labeller() -> Any:
    from nerc_trainer.annotation.labeller import Labeller
    from nerc_trainer.annotation.prompts import EntityType, Renderer, load_prompt
    from nerc_trainer.recipe.annotation import AnnotationSection

    renderer = Renderer(load_prompt("text_spans_1"), [EntityType(name, name) for name in TYPES], "English", "text")
    return Labeller("m", renderer, None, AnnotationSection(), seed=13)


def _sentences(count: int) -> Iterator[Any]:
    """Sentences of 14 words, each unlike all others."""
    from nerc_trainer.annotation.labeller import Sentence

    words = ["The", "minister", "of", "Norland", "met", "Ilse", "Marrow", "in", "Harvell", "on", "day"]
    for number in range(count):
        yield Sentence(str(number), [*words, "number", str(number), "."])


def _endpoint(url: str) -> Any:
    from nerc_trainer.annotation.money import ModelPrice
    from nerc_trainer.annotation.request import Endpoint

    price = ModelPrice(Decimal("0.15"), Decimal("0.075"), Decimal("0.6"), "benchmark")
    return Endpoint(url, "m", None, AT_ONCE, None, None, price)


def _throughput(calls: int, folder: Path) -> dict[str, Any]:
    from nerc_trainer.annotation.answering import ask_all
    from nerc_trainer.annotation.client import Client
    from nerc_trainer.annotation.ledger import Ledger
    from nerc_trainer.annotation.money import Purse

    listening = ["--port", "0", "--latency", str(LATENCY), "--slots", str(SLOTS)]
    server = subprocess.Popen(
        [sys.executable, str(ROOT / "tests" / "llm_server.py"), *listening], stdout=subprocess.PIPE, text=True
    )
    assert server.stdout is not None
    try:
        url = server.stdout.readline().strip()
        sentences, labeller = list(_sentences(calls)), _labeller()

        async def run() -> tuple[float, float]:
            with Ledger(folder / "throughput.sqlite") as ledger:
                async with Client([_endpoint(url)], ledger, Purse(None), deadline_seconds=60) as client:
                    await ask_all(labeller, sentences[:AT_ONCE], client, AT_ONCE, lambda *_: None)  # opens connections
                    wall, processor = time.perf_counter(), time.process_time()
                    await ask_all(labeller, sentences[AT_ONCE:], client, AT_ONCE, lambda *_: None)
                    return time.perf_counter() - wall, time.process_time() - processor

        seconds, processor = asyncio.run(run())
    finally:
        server.terminate()
        server.wait()
    asked = calls - AT_ONCE
    return {
        "calls": asked,
        "calls_per_second": round(asked / seconds, 1),
        "share_of_capacity": round(asked / seconds / (SLOTS / LATENCY), 4),
        "processor_ms_per_call": round(1000 * processor / asked, 3),
    }


def _read(replies: int, folder: Path) -> dict[str, Any]:
    """Processor time of reading a reply that repeats a sentence of 25 words but for one of them."""
    from nerc_trainer.annotation.formats import write_answer
    from nerc_trainer.annotation.reading import read_reply
    from nerc_trainer.corpus.labels import Span

    words = [f"word{number}" for number in range(25)]
    spans = [Span(2, 4, "PER"), Span(10, 11, "LOC"), Span(20, 23, "ORG")]
    changed = [*words[:7], "wrong", *words[8:]]
    text = write_answer("tokens_tags", changed, spans, ("tokens", "ner_tags"))
    started = time.process_time()
    for _ in range(replies):
        reading = read_reply("tokens_tags", words, TYPES, text, "stop", ("tokens", "ner_tags"))
    seconds = time.process_time() - started
    if list(reading.spans) != spans:
        raise AssertionError(f"read {reading}")
    return {"read_ms_per_reply": round(1000 * seconds / replies, 3)}


def _fill(rows: int, folder: Path) -> dict[str, Any]:
    """A ledger with the replies to all requests but the last ten."""
    import sqlite3

    from nerc_trainer.annotation.ledger import Ledger
    from nerc_trainer.annotation.request import request_key

    path = folder / "large.sqlite"
    Ledger(path).close()
    labeller, endpoint = _labeller(), _endpoint("http://127.0.0.1:9/v1")
    with sqlite3.connect(path) as database:
        columns = [row[1] for row in database.execute("PRAGMA table_info(reply)") if row[1] != "id"]
        plain = {
            "base_url": endpoint.base_url,
            "model": "m",
            "text": '{"entities":[]}',
            "finish_reason": "stop",
            "prompt_tokens": 300,
            "cached_tokens": 0,
            "completion_tokens": 6,
            "price": 10**6,
            "seconds": 0.2,
            "created": 0.0,
            "mode": "json_schema",
            "logprobs": None,
            "batch": 0,
            "estimated": 0,
            "prompt_characters": 900,
        }
        keys = (
            request_key(endpoint, request)
            for sentence in _sentences(rows - 10)
            for request in labeller.requests(sentence)
        )
        database.executemany(
            f"INSERT INTO reply ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})",
            ([key if name == "key" else plain[name] for name in columns] for key in keys),
        )
    return {}


def _resume(rows: int, folder: Path) -> dict[str, Any]:
    from nerc_trainer.annotation.ledger import Ledger
    from nerc_trainer.annotation.plan import make_plan

    labeller, endpoint = _labeller(), _endpoint("http://127.0.0.1:9/v1")
    before, started = _resident(), time.perf_counter()
    sentences = list(_sentences(rows))
    corpus, loaded = _resident(), time.perf_counter()
    with Ledger(folder / "large.sqlite") as ledger:
        plan = make_plan(labeller, sentences, [endpoint], ledger)
    if plan.calls - plan.known != 10:
        raise AssertionError(f"{plan.calls - plan.known} calls are missing, not 10")
    return {
        "resume_rows": rows,
        "resume_seconds": round(time.perf_counter() - loaded, 2),
        "resume_added_mb": round(_resident() - corpus, 1),
        "corpus_mb": round(corpus - before, 1),
        "corpus_seconds": round(loaded - started, 2),
    }


def _resident() -> float:
    """Megabytes (2**20 bytes) of this process at their peak so far."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


if __name__ == "__main__":
    work = {"throughput": _throughput, "read": _read, "fill": _fill, "resume": _resume}[sys.argv[1]]
    print(json.dumps(work(int(sys.argv[2]), Path(sys.argv[3]))))
