"""A run of the client that a test kills: `killed_calls.py URL LEDGER REQUESTS` asks for all that is missing."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from llm_calls import ask_all, endpoint, question

from nerc_trainer.annotation.ledger import Reply

if __name__ == "__main__":
    url, ledger, requests = sys.argv[1:]
    print("asking", flush=True)
    outcomes = ask_all([endpoint(url)], [question(number) for number in range(int(requests))], Path(ledger))
    sys.exit(not all(isinstance(outcome, Reply) for outcome in outcomes))
