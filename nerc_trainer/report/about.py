"""How to make the same run again: recipe, versions, data. Nothing of this machine is in it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from nerc_trainer.report.collect import RunData
from nerc_trainer.report.parts import Part, Table

# Where servers stand is nobody's business who reads the page.
_ADDRESSES = {"base_url", "endpoint"}


def about_part(run: RunData) -> Part | None:
    """The recipe, the versions and the fingerprints of the data; None where the run has none of them."""
    tables = []
    fingerprints = fingerprints_of(run)
    if fingerprints:
        rows = [[name, digest] for name, digest in fingerprints.items()]
        tables.append(Table("SHA-256 of the data", ["split", "digest"], rows, texts=2))
    if versions := versions_of(run):
        rows = [[name, version] for name, version in versions.items()]
        tables.append(Table("Versions", ["what", "version"], rows, texts=2))
    if run.recipe is None and not tables:
        return None
    listing = ""
    if run.recipe is not None:
        said = public_values(run.recipe.model_dump(mode="json"))
        listing = yaml.safe_dump(said, sort_keys=False, allow_unicode=True, width=88)
    text = ["Files are named without their folders, and addresses of servers are left out."] if listing else []
    return Part("about", "To make it again", text, tables=tables, listing=listing)


def fingerprints_of(run: RunData) -> Mapping[str, str]:
    """What the run's corpus is, by split."""
    if run.state is not None and run.state.get("corpus"):
        return dict(run.state["corpus"])
    for record in run.models.values():
        return {split: facts["sha256"] for split, facts in record["data"].items()}
    return dict(run.analysis["fingerprints"]) if run.analysis is not None else {}


def versions_of(run: RunData) -> Mapping[str, str]:
    """The versions that the run began with."""
    if run.state is not None and run.state.get("versions"):
        return dict(run.state["versions"])
    for record in run.models.values():
        return dict(record["versions"])
    return {}


def public_values(value: Any, key: str = "") -> Any:
    """A recipe's values without folders of this machine and without addresses."""
    if isinstance(value, Mapping):
        return {name: public_values(inner, name) for name, inner in value.items()}
    if isinstance(value, list):
        return [public_values(inner, key) for inner in value]
    if not isinstance(value, str):
        return value
    if key in _ADDRESSES:
        return "(not shown)"
    is_path = os.path.isabs(value) or value.startswith("~") or "\\" in value or ".." in value.split("/")
    return Path(value.replace("\\", "/")).name if is_path or os.path.exists(value) else value
