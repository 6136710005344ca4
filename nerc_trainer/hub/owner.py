"""Whose rounds a branch holds: two runs must not write over each other's, though their branches have the same names."""

from __future__ import annotations

import json
from pathlib import Path

from nerc_trainer.hub.failures import HubRefusal

ROUND_NAME = "round.json"


def run_of(folder: Path) -> str | None:
    """The id of the run that a round's folder or snapshot comes from, None where it does not say."""
    try:
        return json.loads((folder / ROUND_NAME).read_text(encoding="utf-8")).get("run")
    except (FileNotFoundError, ValueError, AttributeError):
        return None


def refuse_other_run(repo: str, branch: str, mine: str | None, theirs: str | None) -> None:
    """HubRefusal if the branch holds something that another run, or something else than a run, has put there.

    A folder that does not say which run it is from may replace anything.
    """
    if mine is None or theirs == mine:
        return
    whose = f"a round of another run ({theirs})" if theirs else "something else than a round of this run"
    raise HubRefusal(
        f"branch {branch} of {repo} holds {whose} already; delete that branch, or give this run another hub.repo "
        "and run.dir"
    )
