"""Publishing rounds to the Hub: seal a folder, publish it on a branch, deliver later what could not be delivered now.

`seal` and `Publisher` are what a run calls; `sync_outbox`, `list_branches` and `verify_branches` work on a run's folder
alone; `resolve_revision` pins what is loaded. Start reading with `publish.py`.
"""

from nerc_trainer.hub.publish import Publication, Publisher, sync_outbox
from nerc_trainer.hub.seal import Manifest, SealedFile, check_seal, read_manifest, seal
from nerc_trainer.hub.status import BranchCheck, BranchRow, list_branches, resolve_revision, verify_branches

__all__ = [
    "BranchCheck",
    "BranchRow",
    "Manifest",
    "Publication",
    "Publisher",
    "SealedFile",
    "check_seal",
    "list_branches",
    "read_manifest",
    "resolve_revision",
    "seal",
    "sync_outbox",
    "verify_branches",
]
