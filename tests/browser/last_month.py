"""An outage that began in the last month and goes on: what the journey to the payment starts from.

Everything is written as its writer writes it: flips and the target's state as the engine does,
raw probes as the writer does. An engine that starts goes on from there.
"""

from __future__ import annotations

import json
from datetime import date, datetime, time, timedelta
from decimal import Decimal

from django.db import transaction
from django.utils import timezone

from govnet.evaluation.models import SelfEvaluation, TargetIndicator
from govnet.inventory.models import AccessPoint, Carrier, Circuit, Contractor, Region, Unit
from govnet.monitor.models import Flip, Target, TargetState
from govnet.projects import models, services
from govnet.projects.services import PlannedInstalment

UNIT = "岳阳楼区政务服务中心"
DOWN_HOURS = 8


def last_month() -> tuple[date, date]:
    """First and last day of the newest month of which a statement can be issued."""
    settled = timezone.localtime() - timedelta(hours=2)
    last = settled.date().replace(day=1) - timedelta(days=1)
    return last.replace(day=1), last


def _moment(day: date, hour: int) -> datetime:
    return datetime.combine(day, time(hour), timezone.get_default_timezone())


def _target(host: str, port: int) -> Target:
    region = Region.objects.create(code="430602", name="岳阳楼区", level="county")
    unit = Unit.objects.create(code="YY-2", name=UNIT, region=region, level="county")
    point = AccessPoint.objects.create(code="AP-2", name="政务中心接入点", unit=unit)
    carrier = Carrier.objects.create(name="电信")
    Contractor.objects.create(name="电信政企", kind="carrier", carrier=carrier)
    Circuit.objects.create(
        number="DX-0002", carrier=carrier, access_point=point, contract_number="YY-2026-01"
    )
    return Target.objects.create(
        name="专线业务",
        kind="tcp",
        address=host,
        params={"port": port},
        interval_s=2,
        access_point=point,
    )


def _outage(target: Target) -> datetime:
    first, last = last_month()
    since = _moment(last, 24 - DOWN_HOURS)
    changes = ((_moment(first - timedelta(days=3), 0), "unknown", "up"), (since, "up", "down"))
    for at, old, new in changes:
        Flip.objects.create(
            target=target,
            old_state=old,
            new_state=new,
            at=at,
            confirmed_at=at + timedelta(seconds=3),
            reason="refused" if new == "down" else "",
        )
    TargetState.objects.update_or_create(
        target=target,
        defaults={
            "state": "down",
            "since": since,
            # Ahead: an engine that starts late does not take its own absence for silence.
            "checked_at": timezone.now() + timedelta(minutes=20),
            "reason": "refused",
        },
    )
    return since


def _contract() -> models.Contract:
    table = models.DeductionTable.objects.create(name="可用率考核")
    for below, rate in (("99.9", 3), ("99", 12)):
        models.DeductionStep.objects.create(table=table, below=Decimal(below), rate=Decimal(rate))
    project = models.Project.objects.create(code="P1", name="骨干网运维", kind="maintenance")
    lot = models.Lot.objects.create(project=project, number=1, name="线路")
    first, _last = last_month()
    contract = models.Contract.objects.create(
        number="YY-2026-01",
        name="线路租赁",
        lot=lot,
        contractor=Contractor.objects.get(),
        amount=Decimal(120_000),
        monthly_fee=Decimal(10_000),
        deduction_table=table,
        signed_on=first,
        starts_on=first,
        expires_on=first + timedelta(days=365),
    )
    day = timezone.localdate()
    gates = (("availability", "95"),)
    services.plan_instalments(
        contract,
        [
            PlannedInstalment("首期", Decimal(72_000), day, gates=gates),
            PlannedInstalment("尾款", Decimal(48_000)),
        ],
    )
    services.put_in_force(contract)
    return contract


def _evaluation() -> None:
    first, last = last_month()
    evaluation = SelfEvaluation.objects.create(
        slug="network",
        project_name="骨干网自评",
        region=Region.objects.get(),
        period_start=first,
        period_end=last,
    )
    TargetIndicator.objects.create(
        evaluation=evaluation,
        position=1,
        level1="产出指标",
        level2="质量指标",
        content="网络可用率",
        target="≥99%",
        measure="availability",
    )


@transaction.atomic
def build(host: str, port: int) -> None:
    """Write all of it; prints the target, the outage's begin and the last day, as JSON."""
    target = _target(host, port)
    since = _outage(target)
    _contract()
    _evaluation()
    _first, last = last_month()
    print(json.dumps({"target": target.pk, "since": int(since.timestamp()), "day": str(last)}))
