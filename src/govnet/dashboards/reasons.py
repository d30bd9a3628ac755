"""The words for the engine's reason codes."""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

REASONS: dict[str, str | Promise] = {
    "": "",
    "timeout": _("No answer in time"),
}
