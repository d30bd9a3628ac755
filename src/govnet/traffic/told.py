"""What an exporter told us, for its page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from django.http import HttpRequest
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from govnet.traffic.models import FlowExporter

# In the order of a datagram's way; the second word is what a number above zero means.
COUNTERS: Final[dict[str, tuple[str | Promise, str]]] = {
    "datagrams": (_("Datagrams received"), ""),
    "octets": (_("Octets received"), ""),
    "records": (_("Records decoded"), ""),
    "templates": (_("Templates received"), ""),
    "options": (_("Option records"), ""),
    "counter_samples": (_("Counter samples (sFlow)"), ""),
    "missing": (_("Missing by sequence numbers"), "warning"),
    "malformed": (_("Malformed"), "warning"),
    "no_template": (_("Data sets whose template never came"), "warning"),
    "unsupported": (_("Not understood"), "warning"),
    "queue_dropped": (_("Dropped because decoding lagged"), "warning"),
}


def exporter_panel(request: HttpRequest, exporter: FlowExporter) -> Mapping[str, Any]:
    """Counters since the receiver started, and each observation domain."""
    del request
    counters = [
        (label, exporter.counters[name], level if exporter.counters[name] else "")
        for name, (label, level) in COUNTERS.items()
        if name in exporter.counters
    ]
    return {"counters": counters, "domains": exporter.told.get("domains", [])}
