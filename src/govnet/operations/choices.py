"""The words of work orders."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy


class OrderState(models.TextChoices):
    """Where a work order stands (派单 → 签收 → 到场 → 恢复 → 回访 → 销单)."""

    NEW = "new", pgettext_lazy("order", "To be dispatched")
    DISPATCHED = "dispatched", pgettext_lazy("order", "Dispatched")
    ACCEPTED = "accepted", pgettext_lazy("order", "Accepted")
    ON_SITE = "on_site", pgettext_lazy("order", "On site")
    RESTORED = "restored", pgettext_lazy("order", "Restored")
    CONFIRMED = "confirmed", pgettext_lazy("order", "Confirmed")
    CLOSED = "closed", pgettext_lazy("order", "Closed")
    CANCELLED = "cancelled", pgettext_lazy("order", "Cancelled")


ENDED = (OrderState.CLOSED, OrderState.CANCELLED)
"""Nothing more is to be done."""


class Source(models.TextChoices):
    """Where a work order comes from."""

    ALARM = "alarm", _("Alarm")
    UNIT = "unit", _("Unit portal")
    PHONE = "phone", _("Phone")
    MANUAL = "manual", _("Entered by hand")


class Action(models.TextChoices):
    """What can be done with a work order."""

    DISPATCH = "dispatch", pgettext_lazy("order", "Dispatch")
    ACCEPT = "accept", pgettext_lazy("order", "Accept")
    REJECT = "reject", pgettext_lazy("order", "Send back")
    ARRIVE = "arrive", pgettext_lazy("order", "Report on site")
    RESTORE = "restore", pgettext_lazy("order", "Report restored")
    CONFIRM = "confirm", pgettext_lazy("order", "Confirm by callback")
    REOPEN = "reopen", pgettext_lazy("order", "Not restored: reopen")
    CLOSE = "close", pgettext_lazy("order", "Close")
    CANCEL = "cancel", pgettext_lazy("order", "Cancel")
    PAUSE = "pause", pgettext_lazy("order", "Pause the clocks")
    RESUME = "resume", pgettext_lazy("order", "Go on")
    COMMENT = "comment", pgettext_lazy("order", "Comment")


class EntryKind(models.TextChoices):
    """What a line of a work order's history says; actions and what the system did."""

    OPENED = "opened", pgettext_lazy("order", "Opened")
    DISPATCH = Action.DISPATCH.value, pgettext_lazy("order", "Dispatched")
    ACCEPT = Action.ACCEPT.value, pgettext_lazy("order", "Accepted")
    REJECT = Action.REJECT.value, pgettext_lazy("order", "Sent back")
    ARRIVE = Action.ARRIVE.value, pgettext_lazy("order", "On site")
    RESTORE = Action.RESTORE.value, pgettext_lazy("order", "Restored")
    CONFIRM = Action.CONFIRM.value, pgettext_lazy("order", "Confirmed")
    REOPEN = Action.REOPEN.value, pgettext_lazy("order", "Reopened")
    CLOSE = Action.CLOSE.value, pgettext_lazy("order", "Closed")
    CANCEL = Action.CANCEL.value, pgettext_lazy("order", "Cancelled")
    PAUSE = Action.PAUSE.value, pgettext_lazy("order", "Clocks paused")
    RESUME = Action.RESUME.value, pgettext_lazy("order", "Clocks go on")
    COMMENT = Action.COMMENT.value, pgettext_lazy("order", "Comment")
    OVERDUE = "overdue", pgettext_lazy("order", "Overdue")


class ClockName(models.TextChoices):
    """What is timed."""

    RESPOND = "respond", _("Response")
    ON_SITE = "on_site", _("On site")
    RESTORE = "restore", _("Restoration")


class PauseReason(models.TextChoices):
    """Why nobody can go on."""

    NO_ACCESS = "no_access", _("The unit gives no access")
    FORCE_MAJEURE = "force_majeure", _("Force majeure")
    OWN_REQUEST = "own_request", _("At the centre's request")
    OTHER = "other", _("Other")
