"""Pages of notices: what was sent, a trial of a channel, acknowledging by a signed address."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required, permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from govnet.accounts.models import User
from govnet.alarms import services as alarms
from govnet.alarms.models import Alarm
from govnet.core.paging import listing
from govnet.notices import links
from govnet.notices.channels.base import Message, TransportError
from govnet.notices.filters import DeliveryFilter
from govnet.notices.models import Channel, Delivery


@require_safe
@permission_required("notices.view_delivery", raise_exception=True)
def delivery_list(request: HttpRequest) -> HttpResponse:
    """Every notice within the person's scope and what became of it."""
    assert isinstance(request.user, User)
    rows = Delivery.objects.restrict(request.user).select_related(
        "alarm__rule", "channel", "recipient"
    )
    found = DeliveryFilter(request.GET, rows, request=request)
    return render(request, "notices/delivery_list.html", listing(request, found))


@require_POST
@permission_required("notices.change_channel", raise_exception=True)
def try_channel(request: HttpRequest, pk: int) -> HttpResponse:
    """Send a trial message to a channel's own recipients and say what came of it."""
    channel = get_object_or_404(Channel, pk=pk)
    transport = channel.transport()
    message = Message(_("Trial message of GovNet"), (_("This channel works."),))
    try:
        if transport.to_people and not channel.addresses:
            messages.error(request, _("Enter recipients of the channel first."))
        else:
            transport.send(message, channel.addresses)
            messages.success(request, _("The trial message was handed over."))
    except TransportError as error:
        messages.error(request, _("Not taken: %s") % transport.mask(str(error)))
    return redirect(channel)


@login_not_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def acknowledge(request: HttpRequest, token: str) -> HttpResponse:
    """Show the alarm that a signed address is for, and acknowledge it when confirmed."""
    permit = links.read(token)
    alarm = _alarm(permit)
    if permit is None or alarm is None:
        return render(request, "notices/acknowledge.html", status=404)
    if request.method == "POST":
        delivery = Delivery.objects.filter(pk=permit.delivery_id).first()
        alarms.acknowledge(Alarm.objects.filter(pk=alarm.pk), _actor(delivery), _by(delivery))
        alarm.refresh_from_db()
    return render(request, "notices/acknowledge.html", {"alarm": alarm})


def _alarm(permit: links.Permit | None) -> Alarm | None:
    if permit is None:
        return None
    return Alarm.objects.filter(pk=permit.alarm_id).select_related("rule").first()


def _actor(delivery: Delivery | None) -> User | None:
    """The account of whom the notice went to, where it went to one person who has one."""
    recipient = delivery.recipient if delivery else None
    if recipient is None or not recipient.account:
        return None
    return User.objects.filter(username=recipient.account, is_active=True).first()


def _by(delivery: Delivery | None) -> str:
    if delivery is None:
        return _("By the address in a notice")
    whom = str(delivery.recipient) if delivery.recipient else delivery.channel.name
    return _("By the address in the notice to %s") % whom
