"""The words of alarms: levels, states, causes, responsible parties.

Work orders, availability statements and reports use the same words, so that one cause is told
in one way from the alarm to the contract payment.
"""

from __future__ import annotations

from typing import Final

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy


class Level(models.TextChoices):
    """How urgent an alarm is (紧急/重要/次要/提示)."""

    CRITICAL = "critical", pgettext_lazy("alarm level", "Critical")
    MAJOR = "major", pgettext_lazy("alarm level", "Major")
    MINOR = "minor", pgettext_lazy("alarm level", "Minor")
    NOTICE = "notice", pgettext_lazy("alarm level", "Notice")


RANK: Final = {
    Level.NOTICE.value: 0,
    Level.MINOR.value: 1,
    Level.MAJOR.value: 2,
    Level.CRITICAL.value: 3,
}
"""Urgency as a number: an alarm sorts by it."""


class AlarmState(models.TextChoices):
    """Where an alarm stands in its life: raised, acknowledged, cleared, closed with a cause."""

    RAISED = "raised", pgettext_lazy("alarm state", "Raised")
    ACKNOWLEDGED = "acknowledged", pgettext_lazy("alarm state", "Acknowledged")
    CLEARED = "cleared", pgettext_lazy("alarm state", "Cleared")
    CLOSED = "closed", pgettext_lazy("alarm state", "Closed")


ACTIVE: Final = (AlarmState.RAISED, AlarmState.ACKNOWLEDGED)
"""The fault is still there."""

OPEN: Final = (*ACTIVE, AlarmState.CLEARED)
"""Somebody still has to say what it was."""


class ResponsibleParty(models.TextChoices):
    """Who answers for a fault; what availability and deductions count by."""

    CARRIER = "carrier", _("Carrier")
    CONTRACTOR = "contractor", _("Maintenance contractor")
    UNIT = "unit", _("Access unit")
    OWN_CENTRE = "own_centre", _("Own centre")
    POWER = "power", _("Power supply")
    THIRD_PARTY = "third_party", _("Third party")
    FORCE_MAJEURE = "force_majeure", _("Force majeure")
    PLANNED = "planned", _("Planned work")
    UNKNOWN = "unknown", _("Not known yet")


class Cause(models.TextChoices):
    """What a fault was, in the words of a fault report."""

    FIBRE_CUT = "fibre_cut", _("Fibre cut")
    CARRIER_NETWORK = "carrier_network", _("Fault in the carrier's network")
    DEVICE_HARDWARE = "device_hardware", _("Device hardware")
    DEVICE_SOFTWARE = "device_software", _("Device software or hang")
    OPTICS = "optics", _("Optical module or patch cord")
    POWER_OUTAGE = "power_outage", _("Power outage")
    UNIT_INTERNAL = "unit_internal", _("Inside the unit (power, cabling, own device)")
    CONFIGURATION = "configuration", _("Configuration mistake")
    CONGESTION = "congestion", _("Congestion")
    ATTACK = "attack", _("Attack")
    APPLICATION = "application", _("Application or server")
    EXPIRY = "expiry", _("Certificate, domain or contract expired")
    PLANNED_WORK = "planned_work", _("Planned work")
    WEATHER = "weather", _("Weather or disaster")
    FALSE_ALARM = "false_alarm", _("False alarm")
    BY_ITSELF = "by_itself", _("Recovered by itself")
    OTHER = "other", _("Other")


class ObjectKind(models.TextChoices):
    """What an alarm or a maintenance window may be about."""

    PLATFORM = "platform", _("Platform")
    REGION = "region", _("region")
    UNIT = "unit", _("unit")
    ACCESS_POINT = "access_point", _("access point")
    DEVICE = "device", _("device")
    PORT = "port", _("port")
    CIRCUIT = "circuit", _("circuit")
    TARGET = "target", _("target")
    CONTRACT = "contract", _("contract")


class EntryKind(models.TextChoices):
    """What a line of an alarm's timeline says."""

    RAISED = "raised", pgettext_lazy("timeline", "Raised")
    REPEATED = "repeated", pgettext_lazy("timeline", "Raised again")
    EVIDENCE = "evidence", pgettext_lazy("timeline", "Further evidence")
    SHADOWED = "shadowed", pgettext_lazy("timeline", "Explained by another alarm")
    RELEASED = "released", pgettext_lazy("timeline", "No longer explained by another alarm")
    LEVEL = "level", pgettext_lazy("timeline", "Level changed")
    PLANNED = "planned", pgettext_lazy("timeline", "Inside a maintenance window")
    ACKNOWLEDGED = "acknowledged", pgettext_lazy("timeline", "Acknowledged")
    COMMENT = "comment", pgettext_lazy("timeline", "Comment")
    FLAPPING = "flapping", pgettext_lazy("timeline", "Flapping")
    CLEARED = "cleared", pgettext_lazy("timeline", "Cleared")
    CLOSED = "closed", pgettext_lazy("timeline", "Closed")
    NOTICE = "notice", pgettext_lazy("timeline", "Notified")


class NoticeKind(models.TextChoices):
    """What the notice side is told about an alarm."""

    RAISED = "raised", pgettext_lazy("notice", "New alarm")
    ESCALATED = "escalated", pgettext_lazy("notice", "Level raised")
    ACKNOWLEDGED = "acknowledged", pgettext_lazy("notice", "Acknowledged")
    CLEARED = "cleared", pgettext_lazy("notice", "Recovered")
    CLOSED = "closed", pgettext_lazy("notice", "Closed")
