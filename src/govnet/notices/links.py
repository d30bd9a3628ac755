"""Addresses in notices: to the alarm, and a signed one that acknowledges without signing in.

A signed address opens a page that shows the alarm and asks to confirm, so that neither the
preview of a chat nor a mail scanner acknowledges anything. It holds for one alarm and a day.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from django.core import signing
from django.urls import reverse

from govnet.config import get_config

if TYPE_CHECKING:
    from govnet.alarms.models import Alarm
    from govnet.notices.models import Delivery

SALT: Final = "govnet.notices.acknowledge"
VALID_S: Final = 24 * 3600


@dataclass(frozen=True, slots=True)
class Permit:
    """What a signed address admits.

    Attributes:
        alarm_id: the alarm that it acknowledges.
        delivery_id: the notice that carried it, and so whom it was sent to.
    """

    alarm_id: int
    delivery_id: int


def absolute(path: Callable[[], str]) -> str:
    """An address that opens a page from elsewhere; empty when the site has no public address.

    Args:
        path: works out the page's path; not asked in vain, for the first time loads every page:
            a second of CPU.
    """
    base = get_config().public_url
    return f"{base.rstrip('/')}{path()}" if base else ""


def alarm_url(alarm: Alarm) -> str:
    """The alarm's page; empty when the site has no public address."""
    return absolute(alarm.get_absolute_url)


def list_url() -> str:
    """The list of alarms; empty when the site has no public address."""
    return absolute(lambda: reverse("alarms:alarm_list"))


def acknowledge_url(delivery: Delivery) -> str:
    """A signed address for one notice; empty when the site has no public address."""
    token = signing.dumps([delivery.alarm_id, delivery.pk], salt=SALT)
    return absolute(lambda: reverse("notices:acknowledge", args=[token]))


def read(token: str) -> Permit | None:
    """What a signed address admits; None when it is forged or too old."""
    try:
        alarm_id, delivery_id = signing.loads(token, salt=SALT, max_age=VALID_S)
        return Permit(int(alarm_id), int(delivery_id))
    except (signing.BadSignature, ValueError, TypeError):
        return None
