"""Progress bars, on standard error."""

import sys
from collections.abc import Iterable
from typing import Any

from tqdm.auto import tqdm

_SECONDS_IN_A_FILE = 30.0


def progress(items: Iterable[Any] | None = None, **settings: Any) -> Any:
    """tqdm's bar with its ``settings``: on a terminal as tqdm draws it; a file, such as the log of a cluster's job,
    which keeps each drawing, gets one in half a minute."""
    seconds = {} if sys.stderr.isatty() else dict.fromkeys(("mininterval", "maxinterval"), _SECONDS_IN_A_FILE)
    return tqdm(items, **seconds, **settings)
