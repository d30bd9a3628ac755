"""The thread that tells people, with real servers at the far end."""

from __future__ import annotations

import threading

import pytest

from govnet.notices.models import Channel
from govnet.runtime.notifier import keep_notifying
from tests.alarms.faults import fault, see
from tests.city import City
from tests.notices.peers import HttpPeer, http_peer
from tests.notices.test_dispatch import policy
from tests.running import until

pytestmark = pytest.mark.django_db(transaction=True)


def test_an_alarm_is_told_within_seconds_while_another_channel_hangs(
    city: City, robot: Channel, peer: HttpPeer
) -> None:
    stop, news = threading.Event(), threading.Event()
    thread = threading.Thread(target=keep_notifying, args=(stop, news))
    with http_peer() as stuck:
        stuck.hang = threading.Event()
        hanging = Channel.objects.create(name="a", kind="wecom", address=stuck.url, secret="x")
        policy(hanging, 0)
        policy(robot, 0)
        see(fault(city.device))
        thread.start()
        try:
            until(lambda: stuck.requests and peer.requests, 30, "both channels are asked")
        finally:
            stuck.hang.set()
            stop.set()
            thread.join(20)
    assert not thread.is_alive()
