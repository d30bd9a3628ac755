"""Whom an alarm is told to, when, and what becomes of it, with real servers at the far end."""

from __future__ import annotations

import json
from datetime import UTC, datetime, time, timedelta

import pytest
import time_machine
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from govnet.alarms.models import Alarm, AlarmEntry
from govnet.alarms.services import acknowledge
from govnet.notices import links, sender
from govnet.notices.bucket import TokenBucket
from govnet.notices.choices import DeliveryState, To
from govnet.notices.dispatch import dispatch
from govnet.notices.models import Channel, Delivery, DutyShift, Policy, Recipient, Step, within
from govnet.notices.sender import Sender
from tests.alarms.faults import NOON, fault, see
from tests.city import City
from tests.notices.peers import HttpPeer
from tests.people import person

pytestmark = pytest.mark.django_db


def policy(channel: Channel, *after: int, **fields: object) -> Policy:
    made = Policy.objects.create(name=f"policy {Policy.objects.count()}", least="notice", **fields)
    for minutes in after:
        Step.objects.create(policy=made, channel=channel, after_min=minutes)
    return made


def at(minutes: float) -> time_machine.travel:
    return time_machine.travel(NOON + timedelta(minutes=minutes), tick=False)


def send(channel: Channel, minutes: float) -> None:
    with at(minutes):
        dispatch()
        Sender().send_due(channel)


def texts(peer: HttpPeer) -> list[str]:
    return [json.loads(request.body)["text"]["content"] for request in peer.requests]


def test_an_alarm_is_told_with_what_a_person_needs(
    city: City, robot: Channel, peer: HttpPeer
) -> None:
    policy(robot, 0)
    see(fault(city.device))
    send(robot, 0)
    text = texts(peer)[0]
    assert text.startswith("【")
    assert city.device.name in text
    assert "2026-03-02 12:00" in text
    assert "https://noc.example.gov.cn/notices/ack/" in text
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.attempts) == (DeliveryState.SENT, 1)
    entries = AlarmEntry.objects.filter(alarm=delivery.alarm, kind="notice")
    assert "duty room" in entries.get().text


def test_the_next_step_waits_its_minutes_and_acknowledging_drops_it(
    city: City, robot: Channel, peer: HttpPeer
) -> None:
    policy(robot, 0, 15)
    Step.objects.filter(after_min=15).update(to=To.DUTY)
    see(fault(city.device))
    send(robot, 0)
    send(robot, 14)
    assert len(peer.requests) == 1
    with at(14.5):
        acknowledge(Alarm.objects.all(), person("officer"), "on it")
    send(robot, 16)
    assert len(peer.requests) == 1
    assert Delivery.objects.filter(state=DeliveryState.DROPPED).count() == 1


def test_without_acknowledgement_the_next_step_is_told(
    city: City, robot: Channel, peer: HttpPeer
) -> None:
    policy(robot, 0, 15)
    Step.objects.filter(after_min=15).update(to=To.DUTY)
    see(fault(city.device))
    send(robot, 0)
    send(robot, 15)
    assert len(peer.requests) == 2


def test_who_was_told_of_a_fault_is_told_of_its_end_and_nobody_else(
    city: City, robot: Channel, peer: HttpPeer
) -> None:
    policy(robot, 0)
    silent = Channel.objects.create(name="late", kind="wecom", address=peer.url, secret="x")
    policy(silent, 30)
    see(fault(city.device))
    send(robot, 0)
    see(minutes=5)
    send(robot, 5)
    send(silent, 31)
    assert len(peer.requests) == 2
    assert "恢复" in texts(peer)[1]
    assert all("key=key" in request.path for request in peer.requests)


def test_an_alarm_that_another_explains_is_never_told(
    city: City, robot: Channel, peer: HttpPeer
) -> None:
    policy(robot, 0)
    root = fault(city.device)
    see(root, fault(city.point_east, root=root.key))
    send(robot, 0)
    assert len(peer.requests) == 1
    assert city.device.name in texts(peer)[0]


def test_many_alarms_at_once_are_one_message(city: City, robot: Channel, peer: HttpPeer) -> None:
    policy(robot, 0)
    objects = (city.device, city.point_east, city.point_west, city.unit_east, city.unit_west)
    see(*(fault(item) for item in objects))
    send(robot, 0)
    assert len(peer.requests) == 1
    assert texts(peer)[0].startswith("5 ")
    assert set(Delivery.objects.values_list("together", flat=True)) == {5}


def test_a_channel_over_its_rate_waits_and_loses_nothing(
    city: City, robot: Channel, peer: HttpPeer
) -> None:
    Channel.objects.update(per_minute=1)
    robot.refresh_from_db()
    policy(robot, 0)
    see(fault(city.device), fault(city.point_east))
    at_work = Sender()
    with at(0):
        dispatch()
        at_work.send_due(robot)
        assert len(peer.requests) == 1
        at_work._buckets.clear()  # a minute later
        at_work.send_due(robot)
    assert len(peer.requests) == 2
    assert set(Delivery.objects.values_list("state", flat=True)) == {DeliveryState.SENT}


def test_a_refused_message_is_tried_again_and_then_stays_failed(
    city: City, robot: Channel, peer: HttpPeer
) -> None:
    policy(robot, 0)
    see(fault(city.device))
    peer.status = 503
    minutes = 0.0
    for wait in (*sender.AGAIN_AFTER, timedelta(0)):
        send(robot, minutes)
        minutes += wait.total_seconds() / 60
    delivery = Delivery.objects.get()
    assert len(peer.requests) == len(sender.AGAIN_AFTER) + 1
    assert (delivery.state, "503" in delivery.reason) == (DeliveryState.FAILED, True)


def test_a_wrong_key_is_not_tried_again_and_never_shown(
    city: City, robot: Channel, peer: HttpPeer
) -> None:
    policy(robot, 0)
    see(fault(city.device))
    peer.answer = b'{"errcode": 93000, "errmsg": "invalid webhook key"}'
    send(robot, 0)
    delivery = Delivery.objects.get()
    assert delivery.state == DeliveryState.FAILED
    assert "key" not in delivery.reason.split()


def test_quiet_hours_hold_back_all_but_critical(city: City, robot: Channel, peer: HttpPeer) -> None:
    Channel.objects.update(quiet_from=time(11), quiet_until=time(13))
    robot.refresh_from_db()
    policy(robot, 0)
    see(fault(city.device), fault(city.point_east))
    Alarm.objects.filter(object_name=city.device.name).update(level="critical")
    Alarm.objects.exclude(object_name=city.device.name).update(level="minor")
    send(robot, 0)
    assert len(peer.requests) == 1
    send(robot, 61)
    assert len(peer.requests) == 2


def test_those_on_duty_are_mentioned(city: City, robot: Channel, peer: HttpPeer) -> None:
    on_duty = Recipient.objects.create(name="day", phone="170-DAY")
    off_duty = Recipient.objects.create(name="night", phone="170-NIGHT")
    hours = timedelta(hours=4)
    DutyShift.objects.create(recipient=on_duty, starts_at=NOON - hours, ends_at=NOON + hours)
    DutyShift.objects.create(recipient=off_duty, starts_at=NOON + hours, ends_at=NOON + 3 * hours)
    policy(robot, 0)
    Step.objects.update(to=To.DUTY)
    see(fault(city.device))
    send(robot, 0)
    text = json.loads(peer.requests[0].body)["text"]
    assert text["mentioned_mobile_list"] == ["170-DAY"]


def test_a_policy_of_a_region_tells_of_that_region_only(
    city: City, robot: Channel, peer: HttpPeer
) -> None:
    policy(robot, 0, region=city.west)
    see(fault(city.point_east))
    send(robot, 0)
    assert peer.requests == []
    see(fault(city.point_east), fault(city.point_west))
    send(robot, 1)
    assert city.point_west.name in texts(peer)[0]


def test_a_hanging_channel_holds_up_nobody_else(city: City, robot: Channel, peer: HttpPeer) -> None:
    """Each channel has one sending under way at most, in its own thread."""
    busy = Sender()
    policy(robot, 0)
    see(fault(city.device))
    with at(0):
        dispatch()
        assert busy.step() == 1
        assert busy.step() == 0
    busy.close()


def test_a_reminder_repeats_until_acknowledged(city: City, robot: Channel, peer: HttpPeer) -> None:
    policy(robot, 0)
    Step.objects.update(repeat_min=10)
    see(fault(city.device))
    for minutes in (0, 10, 20):
        send(robot, minutes)
    assert len(peer.requests) == 3
    with at(21):
        acknowledge(Alarm.objects.all(), person("officer"))
    send(robot, 31)
    assert len(peer.requests) == 3


# ---- Acknowledging by a signed address ---------------------------------------------------


def link_path(peer: HttpPeer) -> str:
    line = next(part for part in texts(peer)[0].split() if "/notices/ack/" in part)
    return line.partition("noc.example.gov.cn")[2]


def test_a_link_shows_the_alarm_and_acknowledges_only_when_confirmed(
    city: City, robot: Channel, peer: HttpPeer
) -> None:
    policy(robot, 0)
    see(fault(city.device))
    send(robot, 0)
    client = Client()
    with at(5):
        answer = client.get(link_path(peer))
        assert city.device.name in answer.content.decode()
        assert Alarm.objects.get().state == "raised"  # the preview of a chat changes nothing
        client.post(link_path(peer))
    assert Alarm.objects.get().state == "acknowledged"
    entry = AlarmEntry.objects.get(kind="acknowledged")
    assert "duty room" in entry.text


@pytest.mark.parametrize("token", ["", "x", "W10:1a:b"])
def test_a_forged_link_is_refused(token: str) -> None:
    assert links.read(token) is None
    assert Client().get(f"/notices/ack/{token or 'none'}/").status_code == 404


def test_a_link_ends_after_a_day(city: City, robot: Channel, peer: HttpPeer) -> None:
    policy(robot, 0)
    see(fault(city.device))
    send(robot, 0)
    with at(24 * 60 + 1):
        assert Client().post(link_path(peer)).status_code == 404
    assert Alarm.objects.get().state == "raised"


# ---- Pages --------------------------------------------------------------------------------


def test_deliveries_show_to_whom_the_alarm_shows(city: City, robot: Channel) -> None:
    policy(robot, 0)
    see(fault(city.point_east), fault(city.point_west))
    dispatch()
    for username, region, mine, other in (
        ("owner", city.east, city.point_east, city.point_west),
        ("stranger", city.west, city.point_west, city.point_east),
    ):
        client = Client()
        client.force_login(
            person(username, "duty_officer", regions=[region]),
            "django.contrib.auth.backends.ModelBackend",
        )
        text = client.get("/notices/deliveries/").content.decode()
        assert mine.name in text
        assert other.name not in text


def test_a_trial_message_is_sent_at_once_by_who_may_change_the_channel(
    robot: Channel, peer: HttpPeer
) -> None:
    client = Client()
    client.force_login(person("admin", superuser=True), "django.contrib.auth.backends.ModelBackend")
    assert client.post(f"/notices/channels/{robot.pk}/try/").status_code == 302
    assert len(peer.requests) == 1
    client.force_login(
        person("officer", "duty_officer"), "django.contrib.auth.backends.ModelBackend"
    )
    assert client.post(f"/notices/channels/{robot.pk}/try/").status_code == 403


# ---- Arithmetic ---------------------------------------------------------------------------


@given(st.times(), st.times(), st.times())
def test_a_span_of_the_day_and_its_rest_are_the_day(moment: time, first: time, last: time) -> None:
    if first != last:
        assert within(moment, first, last) != within(moment, last, first)


@given(st.lists(st.floats(min_value=0, max_value=30), max_size=60), st.integers(1, 30))
def test_a_bucket_never_gives_more_than_it_holds_and_fills(
    steps: list[float], per_minute: int
) -> None:
    bucket, now, taken = TokenBucket(per_minute), 0.0, 0
    for step in steps:
        now += step
        taken += bucket.take(now)
    assert taken <= per_minute + now * per_minute / 60 + 1e-6


def test_hours_over_midnight_belong_to_a_policy() -> None:
    night = Policy(name="n", hours_from=time(18), hours_until=time(8), days="workdays")
    assert night.holds(datetime(2026, 3, 2, 23, tzinfo=UTC))  # Tuesday, 07:00 in Shanghai
    assert not night.holds(NOON)
    assert not night.holds(datetime(2026, 2, 28, 12, tzinfo=UTC))  # Saturday, 20:00
