"""The one exception that means: this reply can't be used."""

from typing import Literal

Reason = Literal[
    "empty",  # nothing was said
    "cut",  # the server stopped the model at its limit of tokens
    "refused",  # a content filter, not the model, had the last word
    "not_json",
    "wrong_shape",  # JSON or marks, but not the ones that were asked for
    "length_mismatch",  # lists that should go together do not
    "unknown_type",
    "misaligned",  # the sentence was not repeated
    "not_found",  # no entity of the reply is in the sentence
]


class Rejection(Exception):
    """A reply from which no entities can be read, which is not the same as a reply without entities."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail
