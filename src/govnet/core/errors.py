"""Messages for people: English with named places, translated where they are shown.

Reading, scoring and printing also run without Django, so a message carries its pattern and
its values, and whoever shows it chooses the language.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext


def gettext_noop(message: str) -> str:
    """Marks a message for the catalogue; Django's own needs settings, a worker has none."""
    return message


Params = Mapping[str, str | int | float]


@dataclass(frozen=True, slots=True)
class Note:
    """A message pattern (``%(name)s``) with its values."""

    message: str
    params: Params = field(default_factory=dict)

    def __str__(self) -> str:
        return self.message % self.params

    def localized(self) -> str:
        """The message in the language of the request."""
        return gettext(self.message) % self.params

    def as_json(self) -> dict[str, Any]:
        """For a JSON column; ``from_json`` reads it."""
        return {"message": self.message, "params": dict(self.params)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Note:
        """A stored note."""
        return cls(str(data["message"]), dict(data["params"]))


class ToldError(Exception):
    """An error that a person can act on; ``note`` is its message to be translated."""

    def __init__(self, message: str, **params: str | float) -> None:
        self.note = Note(message, params)
        super().__init__(str(self.note))
