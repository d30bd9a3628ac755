"""Looks at everything again and again and keeps the alarms in line with it.

One look is: take over reports, read the states, explain them by the topology, write the
difference. It starts soon after something changed, and every few seconds in any case, for time
alone ends a maintenance window or a hold. Nothing but the flips' cursor and the clock of the
store's absence is kept between two looks, so a restart changes nothing.
"""

from __future__ import annotations

import time
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import structlog
from django.utils import timezone
from prometheus_client import Counter, Gauge, Histogram

from govnet.alarms import blindness, network, rulebook
from govnet.alarms.events import merge_reports
from govnet.alarms.models import Alarm, Cursor, ReportedEvent, Rule, RuleSource
from govnet.alarms.services import Reconciled, close_by_themselves, reconcile
from govnet.core.bell import ENGINE, ring
from govnet.monitor.models import Flip
from govnet.telemetry.client import TelemetryUnavailableError

log = structlog.get_logger()

LOOKS = Histogram("govnet_correlator_look_seconds", "Time that one look took")
FLIPS = Counter("govnet_correlator_flips_total", "Flips taken into account")
BLIND = Gauge("govnet_correlator_blind", "1 while the probe point is blind")

SETTLE_S: Final = 1.5
"""What happens together is looked at together: so long after the first sign of a change."""

FULL_LOOK_S: Final = 5.0
HELD_LOOK_S: Final = 0.5
"""The same while a notice is held back for news of what stands above; the engine is asked for
it."""

RULES_S: Final = 30.0
HOUSEKEEPING_S: Final = 300.0
FLIPS_AT_ONCE: Final = 20_000
FLIPS_KEPT_S: Final = 60.0
CURSOR: Final = "flips"


@dataclass(slots=True)
class Clock:
    """When each part is due; monotonic seconds."""

    look_at: float = 0.0
    rules_at: float = 0.0
    housekeeping_at: float = 0.0


class Correlator:
    """The correlator's loop body: ``step`` is called about once a second, or when it rings."""

    def __init__(self) -> None:
        cursor, _made = Cursor.objects.get_or_create(name=CURSOR, defaults={"value": _newest()})
        self._cursor = cursor.value
        self._flips: dict[int, list[int]] = {}
        self._flips_at: dict[int, float] = {}
        self._clock = Clock()
        self._away_since: datetime | None = None
        self.blind = False

    def step(self, mono: float | None = None, now: datetime | None = None) -> Reconciled | None:
        """Do what is due; None when nothing was."""
        mono = time.monotonic() if mono is None else mono
        now = now or timezone.now()
        self._follow_flips(mono)
        if ReportedEvent.objects.exists():
            merge_reports()
            self._clock.look_at = mono  # a trap is its own confirmation
        if mono >= self._clock.rules_at:
            self._clock.rules_at = mono + RULES_S
            self._apply_rules(now)
        if mono >= self._clock.housekeeping_at:
            self._clock.housekeeping_at = mono + HOUSEKEEPING_S
            close_by_themselves(now)
        if mono < self._clock.look_at:
            return None
        self._clock.look_at = mono + FULL_LOOK_S
        with LOOKS.time():
            return self._look(now)

    def due_in_s(self) -> float:
        """Seconds until the next look by the clock; 0 when it is due."""
        return max(self._clock.look_at - time.monotonic(), 0.0)

    # Following

    def _follow_flips(self, mono: float) -> None:
        rows = Flip.objects.filter(pk__gt=self._cursor).order_by("pk")
        new = list(rows.values_list("pk", "target_id")[:FLIPS_AT_ONCE])
        if not new:
            return
        for pk, target in new:
            self._flips.setdefault(target, []).append(pk)
            self._flips_at[target] = mono
        FLIPS.inc(len(new))
        self._cursor = new[-1][0]
        Cursor.objects.filter(name=CURSOR).update(value=self._cursor)
        self._clock.look_at = min(self._clock.look_at, mono + SETTLE_S)
        for target in [t for t, at in self._flips_at.items() if at < mono - FLIPS_KEPT_S]:
            del self._flips[target], self._flips_at[target]

    # Looking

    def _look(self, now: datetime) -> Reconciled:
        fault = blindness.blindness(now)
        picture = network.look(self._flips)
        faults, diagnosis = ([], None) if fault else network.faults_of(picture, now)
        if any(f.told_after is not None and f.told_after > now for f in faults):
            self._clock.look_at -= FULL_LOOK_S - HELD_LOOK_S
            ring(ENGINE)
        if diagnosis is not None and fault is None:
            fault = network.blind_fault(diagnosis, now)
        platform = [fault] if fault else []
        if self._away_since is not None:
            platform.append(blindness.store_away(self._away_since))
        self.blind = fault is not None
        BLIND.set(self.blind)
        reconcile(platform, blindness.KINDS, now=now)
        if self.blind:
            return Reconciled()
        return reconcile(
            faults, [*network.KINDS, *event_kinds()], network.nothing_known(picture), now
        )

    def _apply_rules(self, now: datetime) -> None:
        try:
            faults = rulebook.faults_now(now)
        except TelemetryUnavailableError as error:
            if self._away_since is None:
                log.warning("rules pause, the column store does not answer", reason=str(error))
            self._away_since = self._away_since or now
            return
        self._away_since = None
        if not self.blind:
            reconcile(faults, rulebook.kinds(), now=now)

    def open_alarms(self) -> dict[str, float]:
        """Active alarms by level, for the health port."""
        counts: dict[str, float] = defaultdict(float)
        for level in Alarm.objects.active().roots().values_list("level", flat=True):
            counts[f"active_{level}"] += 1
        return counts


def event_kinds() -> list[str]:
    """Kinds that traps and logs may report: the rules on events, and what is active of others."""
    known = set(Rule.objects.filter(source=RuleSource.EVENT).values_list("code", flat=True))
    others = Alarm.objects.active().filter(rule__isnull=True).values_list("kind", flat=True)
    return [*known, *set(others)]


def _newest() -> int:
    """A first start does not raise the alarms of years ago."""
    newest = Flip.objects.order_by("-pk").values_list("pk", flat=True).first()
    return newest or 0
