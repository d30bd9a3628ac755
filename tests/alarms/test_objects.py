"""The generic pages of maintenance windows and rules."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import pytest
from django.contrib.auth.models import Group
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from govnet.alarms import models
from govnet.core.registry import get_resource
from govnet.monitor.models import Target
from tests.core.cases import ObjectCase
from tests.core.world import IMMEDIATE, Importer, World, build_world

START = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)


@pytest.fixture
def world(db: None, settings: Settings) -> World:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    made = build_world()
    # Duty officers write here; the leader is who may only look.
    made.colleague.groups.set(Group.objects.filter(name="leader"))
    for side in (made.east, made.west):
        side.window = models.MaintenanceWindow.objects.create(  # type: ignore[attr-defined]
            unit=side.unit,
            reason=f"{side.mark}-work",
            starts_at=START,
            ends_at=START + timedelta(hours=1),
        )
    return made


@pytest.fixture
def importer(
    settings: Settings, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> Importer:
    settings.TASKS = IMMEDIATE
    return Importer(django_capture_on_commit_callbacks)


class TestWindows(ObjectCase):
    model = models.MaintenanceWindow
    form_data: ClassVar[dict[str, Any]] = {
        "reason": "new work",
        "unit": "east-unit",
        "starts_at": "2026-03-02T22:00",
        "ends_at": "2026-03-02T23:00",
        "repeat": "once",
        "subtree": "on",
    }
    edit: ClassVar[dict[str, Any]] = {"reason": "other work"}
    csv_data: ClassVar[list[str]] = [
        "reason,unit,starts_at,ends_at,repeat",
        "work 2,east-unit,2026-03-02 22:00,2026-03-02 23:00,once",
        "work 3,east-unit,2026-03-03 22:00,2026-03-03 23:00,每周",
    ]
    csv_bad: ClassVar[list[tuple[str, str, str]]] = [
        ("work 4,nowhere,2026-03-02 22:00,2026-03-02 23:00,once", "unit", "nowhere"),
        ("work 4,west-unit,2026-03-02 22:00,2026-03-02 23:00,once", "unit", "west-unit"),
        ("work 4,east-unit,2026-03-02 22:00,2026-03-02 21:00,once", "ends_at", ""),
        ("work 4,east-unit,2026-03-02 22:00,2026-03-09 22:00,daily", "ends_at", ""),
        ("work 4,east-unit,2026-02-30 22:00,2026-03-02 21:00,once", "starts_at", ""),
    ]
    bulk_edit_data: ClassVar[dict[str, Any]] = {"reason": "same work"}

    def make_more(self, world: World, number: int) -> list[Any]:
        start = models.MaintenanceWindow.objects.count()
        return [
            models.MaintenanceWindow.objects.create(
                unit=world.east.unit,
                reason=f"east-work {n}",
                starts_at=START + timedelta(days=n),
                ends_at=START + timedelta(days=n, hours=1),
            )
            for n in range(start, start + number)
        ]

    def test_who_entered_it_is_remembered(self, world: World) -> None:
        world.client(world.owner).post(self.resource.url("add"), self.form_data)
        made = models.MaintenanceWindow.objects.get(reason="new work")
        assert made.created_by == world.owner
        assert made.amended  # its start has passed

    def test_a_target_is_chosen_by_its_name_inside_the_scope(self, world: World) -> None:
        for side in (world.east, world.west):
            Target.objects.create(
                name=f"{side.mark}-icmp", kind="icmp", address="127.9.9.9", unit=side.unit
            )
        client = world.client(world.owner)
        data = {**self.form_data, "unit": "", "target_name": "west-icmp"}
        assert client.post(self.resource.url("add"), data).status_code == 422
        data["target_name"] = "east-icmp"
        assert client.post(self.resource.url("add"), data).status_code == 302
        assert models.MaintenanceWindow.objects.get(reason="new work").target is not None

    def test_two_objects_or_none_are_refused_beside_the_field(self, world: World) -> None:
        client = world.client(world.owner)
        for device in ("east-device", ""):
            data = {**self.form_data, "device": device, "unit": "east-unit" if device else ""}
            assert client.post(self.resource.url("add"), data).status_code == 422

    def test_the_calendar_shows_what_is_in_scope_on_each_of_its_days(self, world: World) -> None:
        page = world.client(world.owner).get("/alarms/maintenance/calendar/?month=2026-03")
        text = page.content.decode()
        assert "12:00–13:00" in text
        assert "east-work" in text
        assert "west-work" not in text
        broken = world.client(world.owner).get("/alarms/maintenance/calendar/?month=x")
        assert broken.status_code == 200
        nobody = world.client(world.nobody).get("/alarms/maintenance/calendar/")
        assert nobody.status_code == 403


class TestRules(ObjectCase):
    model = models.Rule
    common = True
    form_data: ClassVar[dict[str, Any]] = {
        "name": "hot",
        "code": "hot",
        "source": "metric",
        "condition": "temperature > 50C for 5m",
        "level": "minor",
        "enabled": "on",
    }
    edit: ClassVar[dict[str, Any]] = {"condition": "temperature > 55C"}
    csv_data: ClassVar[list[str]] = [
        "code,name,source,condition,level",
        "hot2,hot 2,metric,temperature > 51C,minor",
        "hot3,hot 3,测量值,temperature > 52C,重要",
    ]
    csv_bad: ClassVar[list[tuple[str, str, str]]] = [
        ("hot4,hot 4,nonsense,temperature > 51C,minor", "source", ""),
        ("hot 4,hot 4,metric,temperature > 51C,minor", "code", ""),
        ("hot4,hot 4,metric,temperature > 51C,deadly", "level", ""),
        ("hot4,hot 4,metric,temperature >,minor", "condition", ""),
        ("hot4,hot 4,metric,,minor", "condition", ""),
    ]
    bulk_edit_data: ClassVar[dict[str, Any]] = {"level": "major"}

    @pytest.fixture(autouse=True)
    def _mine(self, world: World) -> None:
        """The rule that the tests of one object look at; the shipped ones fill the first page."""
        models.Rule.objects.exclude(code="device_cpu").delete()
        world.east.rule = models.Rule.objects.create(  # type: ignore[attr-defined]
            name="the-rule", code="the-rule", source="metric", condition="cpu > 1"
        )

    def make_more(self, world: World, number: int) -> list[Any]:
        start = models.Rule.objects.count()
        return [
            models.Rule.objects.create(
                code=f"r{n}", name=f"rule no {n}", source="metric", condition=f"cpu > {n}"
            )
            for n in range(start, start + number)
        ]

    @pytest.mark.parametrize(
        ("condition", "source"),
        [("cpu >", "metric"), ("", "metric"), ("cpu > 1", "state"), ("cpu > 1", "expiry")],
    )
    def test_a_wrong_condition_is_told_beside_its_field(
        self, world: World, condition: str, source: str
    ) -> None:
        data = {**self.form_data, "condition": condition, "source": source}
        answer = world.client(world.owner).post(get_resource(self.model).url("add"), data)
        assert answer.status_code == 422
        assert answer.context["form"].errors["condition"]

    def test_a_shipped_rule_can_be_changed_and_set_back(self, world: World) -> None:
        rule = models.Rule.objects.get(code="device_cpu")
        before, rule.condition = rule.condition, "cpu > 99% for 1m"
        rule.save()
        client = world.client(world.owner)
        assert "set-back" in client.get(rule.get_absolute_url()).content.decode()
        assert (
            world.client(world.nobody).post(f"/alarms/rule/{rule.pk}/set-back/").status_code == 403
        )
        client.post(f"/alarms/rule/{rule.pk}/set-back/")
        assert models.Rule.objects.get(code="device_cpu").condition == before
        assert "set-back" not in client.get(rule.get_absolute_url()).content.decode()
