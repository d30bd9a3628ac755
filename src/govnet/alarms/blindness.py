"""Whether the platform itself can see: the one alarm that stands for all when it cannot.

While the probe point is blind nothing is raised or cleared of the network: its states are
unknown, and no unit is blamed. The engine's state tracker (docs/explanation/states.md) says
``probe_blind`` and ``mass_outage``; here these become one alarm that heals by itself.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from django.db.models import Max, Min, Q

from govnet.alarms.refs import PLATFORM
from govnet.alarms.services import Fault
from govnet.engine.result import State
from govnet.monitor.models import Target, TargetState

PROBE_BLIND: Final = "probe_blind"
STORE_AWAY: Final = "store_away"
MASS_OUTAGE: Final = "mass_outage"
KINDS: Final = (PROBE_BLIND, STORE_AWAY)

SILENT_AFTER: Final = timedelta(seconds=45)
"""Last values are written every 5 s; without any for so long the engine does not run."""

ANSWERING: Final = (State.UP, State.DEGRADED)


def blindness(now: datetime) -> Fault | None:
    """The probe point's blindness, if it is blind: why and since when."""
    silent = _engine_silent(now)
    if silent is not None:
        return _blind("engine_silent", silent)
    measured = TargetState.objects.filter(target__enabled=True, target__withdrawn=False)
    references = measured.filter(target__reference=True)
    # Without carrier there is no route, and what could not be asked is not down: it did answer.
    lost = Q(state=State.UNKNOWN, answered_at__isnull=False)
    failing = references.filter(Q(state=State.DOWN) | Q(reason=PROBE_BLIND) | lost)
    if not references.filter(state__in=ANSWERING).exists() and failing.exists():
        return _blind("references", failing.aggregate(since=Max("since"))["since"] or now)
    held = measured.filter(state=State.UNKNOWN, reason=MASS_OUTAGE)
    since = held.aggregate(since=Min("since"))["since"]
    return None if since is None else _blind(MASS_OUTAGE, since)


def _engine_silent(now: datetime) -> datetime | None:
    """Since when nothing has been measured; None when something was or there is nothing to."""
    if not Target.objects.measured().exists():
        return None
    newest = TargetState.objects.aggregate(newest=Max("checked_at"))["newest"]
    return newest if newest is not None and now - newest > SILENT_AFTER else None


def _blind(reason: str, since: datetime) -> Fault:
    return Fault(PROBE_BLIND, PLATFORM, since, detail={"reason": reason})


def store_away(since: datetime) -> Fault:
    """The column store does not answer: rules on measured values pause."""
    return Fault(STORE_AWAY, PLATFORM, since, detail={"reason": "store_away"})
