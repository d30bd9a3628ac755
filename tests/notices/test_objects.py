"""Channels (with secrets) and shifts (with moments) pass the tests of the generic layer."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, ClassVar

import pytest
from django.utils import timezone

from govnet.notices import models
from govnet.notices.models import Channel, DutyShift, Recipient
from tests.core.cases import ObjectCase
from tests.core.world import World

pytestmark = pytest.mark.django_db
EIGHT = timezone.make_aware(datetime(2026, 11, 23, 8, 0))  # noqa: DTZ001


@pytest.fixture(autouse=True)
def _one_of_each(world: World) -> None:
    recipient = Recipient.objects.create(name="the-officer", phone="+86 1")
    channel = Channel.objects.create(
        name="the-robot", kind="wecom", address="https://robot.example", secret="k"
    )
    world.common = {
        Recipient: recipient,
        Channel: channel,
        DutyShift: DutyShift.objects.create(
            recipient=recipient, starts_at=EIGHT, ends_at=EIGHT + timedelta(hours=12)
        ),
    }


class TestShifts(ObjectCase):
    model = models.DutyShift
    common = True
    form_data: ClassVar[dict[str, Any]] = {
        "recipient": 1,
        "starts_at": "2026-11-24T08:00",
        "ends_at": "2026-11-24T20:00",
    }
    edit: ClassVar[dict[str, Any]] = {"notes": "swapped with the next"}
    csv_data: ClassVar[list[str]] = [
        "recipient,starts_at,ends_at",
        "the-officer,2026-11-25 08:00,2026-11-25 20:00",
        "the-officer,2026年11月26日 8:00,2026/11/26 20:00",
    ]
    csv_bad: ClassVar[list[tuple[str, str, str]]] = [
        ("nobody,2026-11-25 08:00,2026-11-25 20:00", "recipient", "nobody"),
        ("the-officer,2026-11-27,2026-11-27 20:00", "starts_at", "08:00"),
        ("the-officer,2026-11-27 08:00,2026-11-27 07:00", "", ""),
    ]
    bulk_edit_data: ClassVar[dict[str, Any]] = {"notes": "swapped"}

    @pytest.fixture(autouse=True)
    def _refer(self, _one_of_each: None, world: World) -> None:
        type(self).form_data["recipient"] = world.common[Recipient].pk

    def make_more(self, world: World, number: int) -> list[Any]:
        start = DutyShift.objects.count()
        return [
            DutyShift.objects.create(
                recipient=world.common[Recipient],
                starts_at=EIGHT + timedelta(days=n),
                ends_at=EIGHT + timedelta(days=n, hours=12),
            )
            for n in range(start, start + number)
        ]


class TestChannels(ObjectCase):
    model = models.Channel
    common = True
    form_data: ClassVar[dict[str, Any]] = {
        "name": "new robot",
        "kind": "dingtalk",
        "enabled": "on",
        "address": "https://oapi.example/robot/send",
        "secret": "token",
        "charset": "utf-8",
        "per_minute": "20",
    }
    edit: ClassVar[dict[str, Any]] = {"per_minute": "10"}
    csv_data: ClassVar[list[str]] = [
        "name,kind,enabled,address,secret,sender,body",
        "robot 2,wecom,yes,https://r.example,key,,",
        "mail 1,mail,no,mail.example:25,,noc@example.cn,",
    ]
    csv_bad: ClassVar[list[tuple[str, str, str]]] = [
        ("robot 3,pigeon,yes,x,,,", "kind", "/"),
        ("sms 1,sms,yes,https://s.example,,,", "body", ""),
        ("robot 2,wecom,yes,https://r.example,key,,", "name", "2"),
    ]
    bulk_edit_data: ClassVar[dict[str, Any]] = {"per_minute": "5"}

    def make_more(self, world: World, number: int) -> list[Any]:
        start = Channel.objects.count()
        return [
            Channel.objects.create(
                name=f"robot no {n}", kind="wecom", address="https://r.example", secret="k"
            )
            for n in range(start, start + number)
        ]
