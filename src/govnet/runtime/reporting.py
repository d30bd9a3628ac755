"""Events of messages and traps, told to the alarms."""

from __future__ import annotations

import time
from typing import Final

from govnet.alarms.choices import ObjectKind
from govnet.alarms.refs import Ref
from govnet.alarms.services import report_event
from govnet.engine.snmp.vendors import VendorCatalog
from govnet.engine.syslog.dialects import Event

MOMENT_S: Final = 600.0
"""What only happens (a restart, a changed configuration) and never ends is over after so long
without being repeated."""

MAX_MOMENTARY: Final = 10_000
TEXT_KEPT: Final = 300


class EventReporter:
    """Reports what a ledger object's messages raise and clear.

    Args:
        catalog: tells which alarms some message ends; the others are momentary.
    """

    def __init__(self, catalog: VendorCatalog) -> None:
        logs = {rule.clears for p in catalog for dialect in p.logs for rule in dialect.events}
        self._lasting = logs | {rule.clears for p in catalog for rule in p.traps}
        self._momentary: dict[tuple[str, Ref], tuple[float, str]] = {}

    def report(
        self,
        event: Event,
        device_id: int,
        port_id: int,
        source: str,
        text: str,
        *,
        lasting: bool | None = None,
    ) -> None:
        """Tell the alarms, when the event raises or clears one.

        Args:
            event: what a message means.
            device_id: whose message it is.
            port_id: the ledger's port that it names, or 0.
            source: ``syslog`` or ``trap``.
            text: the evidence.
            lasting: something will say that it is over; by default as the vendors' rules are.
        """
        kind = event.raises or event.clears
        if not kind or (event.port and not port_id):
            return  # of an interface that the ledger does not have nobody wants an alarm
        port = Ref(ObjectKind.PORT.value, port_id)
        about = port if port_id else Ref(ObjectKind.DEVICE.value, device_id)
        raised = bool(event.raises)
        evidence = {"text": text[:TEXT_KEPT], "about": event.about}
        report_event(kind, about, raised=raised, source=source, evidence=evidence)
        ends = kind in self._lasting if lasting is None else lasting
        if raised and not ends and len(self._momentary) < MAX_MOMENTARY:
            self._momentary[kind, about] = (time.monotonic() + MOMENT_S, source)

    def end_momentary(self, *, everything: bool = False) -> None:
        """Clear what was not repeated for ``MOMENT_S``."""
        now = time.monotonic()
        over = [key for key, (at, _s) in self._momentary.items() if everything or at <= now]
        for kind, about in over:
            _at, source = self._momentary.pop((kind, about))
            report_event(kind, about, raised=False, source=source)

    def close(self) -> None:
        """Nobody would end them later."""
        self.end_momentary(everything=True)
