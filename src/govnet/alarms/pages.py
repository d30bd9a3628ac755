"""Pages of alarms: the list that lives, one alarm, what people do with them, counts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from http import HTTPStatus
from typing import Any, ClassVar, Final
from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Model, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from govnet.accounts.models import User
from govnet.alarms import refs, services
from govnet.alarms.choices import ACTIVE, AlarmState, EntryKind, Level
from govnet.alarms.forms import AcknowledgeForm, CloseForm, CommentForm
from govnet.alarms.models import Alarm, AlarmEntry
from govnet.core import panels
from govnet.core.registry import get_resource
from govnet.core.views.base import ListState, is_fragment, signed_in
from govnet.core.views.lists import ObjectList
from govnet.inventory.models import AccessPoint, Circuit, Device, Port, Region, Unit
from govnet.logs.pages import messages_around
from govnet.monitor.models import Flip, Target
from govnet.topology import services as topology
from govnet.topology.panels import impact_panel

AROUND: Final = timedelta(minutes=30)
ENTRIES_SHOWN: Final = 300
SHADOWED_SHOWN: Final = 100
CHARTS_SHOWN: Final = 3
SPEAKERS: Final = 50
NAV_LEVELS: Final = 2
"""The most urgent levels, for which there is room beside the navigation's entry."""
MAX_AT_ONCE: Final = 10_000

MOST_URGENT_FIRST: Final = (Level.CRITICAL, Level.MAJOR, Level.MINOR, Level.NOTICE)


# ---- Counts -------------------------------------------------------------------------------


def counts_by_level(visible: QuerySet[Alarm]) -> list[tuple[str, int]]:
    """Active alarms that nothing explains, by level, the most urgent first; zeros included."""
    rows = visible.active().roots().order_by().values_list("level")  # type: ignore[attr-defined]
    found = dict(rows.annotate(number=Count("pk")))
    return [(level.value, found.get(level.value, 0)) for level in MOST_URGENT_FIRST]


def newest_critical(visible: QuerySet[Alarm]) -> int:
    """Id of the newest unacknowledged critical alarm that people were to be told; 0 without."""
    rows = visible.filter(level=Level.CRITICAL, state=AlarmState.RAISED, root__isnull=True)
    told = rows.filter(window__isnull=True).order_by("-pk")
    return told.values_list("pk", flat=True).first() or 0


@never_cache
def counts(request: HttpRequest) -> HttpResponse:
    """The counts beside the navigation's entry."""
    _require(request, "alarms.view_alarm")
    visible = Alarm.objects.restrict(request.user)
    urgent = counts_by_level(visible)[:NAV_LEVELS]
    context = {"counts": urgent, "critical": newest_critical(visible)}
    return render(request, "alarms/counts.html", context)


def _require(request: HttpRequest, permission: str) -> None:
    if not signed_in(request).has_perm(permission):
        raise PermissionDenied


# ---- The list -----------------------------------------------------------------------------


class AlarmList(ObjectList):
    """The list of alarms; the same URL gives the table alone, which asks again by itself."""

    page = "alarms/list.html"
    fragment = "alarms/list_body.html"

    def rights(self) -> dict[str, bool]:
        """Alarms are raised by machines: nobody adds, imports or deletes one."""
        return {"view": True, "add": False, "change": False, "delete": False}

    def get(self, request: HttpRequest) -> HttpResponse:
        """The page or the table."""
        answer = super().get(request)
        if isinstance(answer, TemplateResponse):
            visible = Alarm.objects.restrict(self.user)
            answer.context_data = {
                **(answer.context_data or {}),
                "counts": counts_by_level(visible),
                "critical": newest_critical(visible),
                "may_act": self.may("change"),
            }
        if request.GET.get("live"):
            del answer["HX-Push-Url"]
        return answer


# ---- One alarm ----------------------------------------------------------------------------


def _alarm_or_404(request: HttpRequest, pk: int) -> Alarm:
    rows = get_resource(Alarm).rows(signed_in(request))
    found: Alarm | None = rows.filter(pk=pk).first()
    if found is None:
        raise Http404
    return found


@never_cache
def alarm(request: HttpRequest, pk: int) -> HttpResponse:
    """What happened, since when, to whom; why; what to do next; and everything that was seen."""
    _require(request, "alarms.view_alarm")
    shown = _alarm_or_404(request, pk)
    instance = refs.find(shown.ref)
    context = {"alarm": shown, "about_url": _page_of(request, instance), **_facts(request, shown)}
    fragment = is_fragment(request)
    if not fragment or request.GET.get("seen") != shown.state:
        context |= _acts(request, shown)
    if fragment:
        return render(request, "alarms/alarm_live.html", context)
    context |= {"comment": CommentForm(auto_id="id_comment_%s"), **_charts(request, shown)}
    context |= _behind(request, instance) if shown.is_open else {}
    context["said"] = messages_around(request, _speakers(request, instance), shown.first_at)
    return render(request, "alarms/alarm.html", context)


def _acts(request: HttpRequest, shown: Alarm) -> dict[str, Any]:
    """What can be done with an alarm in its present state, and what other apps offer."""
    may = request.user.has_perm("alarms.change_alarm")
    below = panels.render(request, shown)["below"]
    return {"acts": True, "may_act": may, "forms": _forms(shown) if may else {}, "panels": below}


def _forms(shown: Alarm) -> dict[str, forms.Form]:
    """The forms that depend on the state."""
    found: dict[str, forms.Form] = {}
    if shown.state == AlarmState.RAISED:
        found["acknowledge"] = AcknowledgeForm(auto_id="id_acknowledge_%s")
    if services.closable(Alarm.objects.filter(pk=shown.pk)).exists():
        party = shown.party if shown.party != "unknown" else ""
        cause = shown.rule.cause if shown.rule else ""
        initial = {"party": party, "cause": cause}
        found["close"] = CloseForm(initial=initial, auto_id="id_close_%s")
    return found


def _facts(request: HttpRequest, shown: Alarm) -> dict[str, Any]:
    visible = Alarm.objects.restrict(request.user)
    root = visible.filter(pk=shown.root_id or 0).select_related("rule").first()
    behind = visible.filter(root=shown).select_related("rule", "unit")
    active = behind.filter(state__in=ACTIVE).order_by("-urgency", "object_name")
    same = visible.filter(object_kind=shown.object_kind, object_id=shown.object_id)
    return {
        "root": root,
        "hidden_root": shown.root_id is not None and root is None,
        "shadowed": list(active[:SHADOWED_SHOWN]),
        "shadowed_total": active.count(),
        "timeline": _timeline(shown, names_root=root is not None or _sees_all(request)),
        "earlier": list(same.exclude(pk=shown.pk).select_related("rule")[:5]),
    }


def _sees_all(request: HttpRequest) -> bool:
    return signed_in(request).sees_everything


def _page_of(request: HttpRequest, instance: Model | None) -> str:
    """The page of the object, if the person may open it."""
    if isinstance(instance, Target):
        may = signed_in(request).has_perm("monitor.view_target")
        return reverse("dashboards:target", args=[instance.pk]) if may else ""
    if instance is None:
        return ""
    resource = get_resource(type(instance))
    seen = signed_in(request).has_perm(resource.permission("view"))
    return resource.url("", instance.pk) if seen else ""


def _timeline(shown: Alarm, *, names_root: bool) -> list[dict[str, Any]]:
    """The entries with the evidence they refer to, oldest first."""
    rows = AlarmEntry.objects.filter(alarm=shown).select_related("actor").order_by("-at", "-pk")
    entries = list(rows[:ENTRIES_SHOWN])[::-1]
    ids = [pk for entry in entries for pk in entry.evidence.get("flips", [])]
    flips = {f.pk: f for f in Flip.objects.filter(pk__in=ids).select_related("target")}
    hidden = () if names_root else (EntryKind.SHADOWED, EntryKind.RELEASED)
    return [
        {
            "entry": entry,
            "text": "" if entry.kind in hidden else entry.text,
            "flips": [flips[pk] for pk in entry.evidence.get("flips", []) if pk in flips],
            "events": entry.evidence.get("events", []),
        }
        for entry in entries
    ]


def _behind(request: HttpRequest, instance: Model | None) -> dict[str, Any]:
    """What hangs on the object by the ledger, kind by kind, and where it is on the map."""
    if not isinstance(instance, Device | Circuit | Port):
        return {}
    found = impact_panel(request, instance)
    if found is None or not request.user.has_perm("inventory.view_device"):
        return found or {}
    name = instance.device.name if isinstance(instance, Port) else str(instance)
    asked = urlencode({"q": name, "act": "find"})
    return {**found, "map_url": f"{reverse('topology:map')}?{asked}"}


def _speakers(request: HttpRequest, instance: Model | None) -> list[int]:
    """Devices that may have logged a fault: the object's own, and those next to it."""
    near = topology.with_neighbours(_elements(instance))
    found = (refs.ref_of(element) for element in near)
    devices = [ref.pk for ref in found if ref and ref.kind == "device"]
    visible = Device.objects.restrict(signed_in(request)).filter(pk__in=devices)
    return list(visible.values_list("pk", flat=True)[:SPEAKERS])


def _elements(instance: Model | None) -> list[str]:
    if instance is None or isinstance(instance, Region):
        return []
    if isinstance(instance, Target):
        return [topology.element_of_target(instance.pk) or ""]
    own = topology.elements_of(instance)
    return [*own, f"device:{instance.device_id}"] if isinstance(instance, Port) else own


def _charts(request: HttpRequest, shown: Alarm) -> dict[str, Any]:
    """Charts of what was measured from half an hour before to half an hour after."""
    start = shown.first_at - AROUND
    end = min((shown.cleared_at or timezone.now()) + AROUND, shown.first_at + timedelta(days=7))
    span = {"from": int(start.timestamp()), "to": int(end.timestamp())}
    if not request.user.has_perm("monitor.view_target"):
        return {"charts": [], "span": span}
    return {"charts": _charts_of(shown), "span": span}


def _charts_of(shown: Alarm) -> list[dict[str, str]]:
    if shown.object_kind == "circuit":
        return [_chart("circuit", shown.object_id, shown.object_name)]
    if shown.object_kind == "port":
        return [_chart("errors", shown.object_id, shown.object_name)]
    targets = Target.objects.filter(_measuring(shown.ref)).order_by("kind", "pk")[:CHARTS_SHOWN]
    charts = [_chart("latency", target.pk, target.name) for target in targets]
    charts += [_chart("loss", target.pk, f"{target.name} · {_('Loss')}") for target in targets[:1]]
    if shown.object_kind == "device":
        charts.append(_chart("resources", shown.object_id, shown.object_name))
    return charts


def _measuring(ref: refs.Ref) -> Q:
    """The targets that tell of an object."""
    fields: Mapping[str, str] = {
        "target": "pk",
        "device": "device_id",
        "access_point": "access_point_id",
        "circuit": "circuit_id",
        "unit": "unit_id",
    }
    name = fields.get(ref.kind)
    return Q(**{name: ref.pk}) if name else Q(pk__in=[])


def _chart(name: str, pk: int, title: str) -> dict[str, str]:
    return {"url": reverse("dashboards:chart", args=[name, pk]), "title": title}


# ---- What people do -----------------------------------------------------------------------


class _Acts:
    """The three things that people do with alarms, each with its form."""

    FORMS: ClassVar[dict[str, type[forms.Form]]] = {
        "acknowledge": AcknowledgeForm,
        "comment": CommentForm,
        "close": CloseForm,
    }

    @staticmethod
    def do(action: str, alarms: QuerySet[Alarm], request: HttpRequest, data: dict[str, str]) -> int:
        """Do it; how many alarms it was done to."""
        user = signed_in(request)
        if action == "acknowledge":
            return services.acknowledge(alarms, user, data["text"])
        if action == "comment":
            return services.comment(alarms, user, data["text"])
        return services.close(alarms, user, data["cause"], data["party"], data["text"])


@require_POST
def act(request: HttpRequest, action: str) -> HttpResponse:
    """Acknowledge, comment or close the alarms that are ticked, or all that match the filter."""
    _require(request, "alarms.change_alarm")
    if action not in _Acts.FORMS:
        raise Http404
    chosen = _chosen(request)
    number = chosen.count()
    back = request.POST.get("back") or _list_url(request)
    if not back.startswith("/alarms/"):
        raise Http404
    if not 0 < number <= MAX_AT_ONCE:
        messages.warning(request, _("Select at least one row.") if not number else _("Too many."))
        return _see(back)
    if "ready" not in request.POST:
        form = _Acts.FORMS[action]()
        return _ask(request, action, chosen, number, back, form)
    form = _Acts.FORMS[action](request.POST)
    if not form.is_valid():
        return _ask(request, action, chosen, number, back, form, status=422)
    done = _Acts.do(action, chosen, request, form.cleaned_data)
    messages.success(request, _done_text(action, done))
    if action == "close" and done < number:
        messages.info(request, _("What has not recovered yet stays open: acknowledge it instead."))
    return _see(back)


def _list_url(request: HttpRequest) -> str:
    query = request.POST.get("query", "")
    url = reverse("alarms:alarm_list")
    return f"{url}?{query}" if query else url


def _see(url: str) -> HttpResponse:
    answer = redirect(url)
    answer.status_code = HTTPStatus.SEE_OTHER
    return answer


def _chosen(request: HttpRequest) -> QuerySet[Alarm]:
    """The alarms that are meant, out of those that the person may see."""
    visible = Alarm.objects.restrict(signed_in(request))
    if request.POST.get("all"):
        query = QueryDict(request.POST.get("query", "")[:2000])
        rows = ListState(get_resource(Alarm), request, query).rows
        return visible.filter(pk__in=rows.values("pk"))
    keys = [int(key) for key in request.POST.getlist("pk") if key.isdecimal() and len(key) < 19]
    return visible.filter(pk__in=keys[:MAX_AT_ONCE])


def _ask(
    request: HttpRequest,
    action: str,
    chosen: QuerySet[Alarm],
    number: int,
    back: str,
    form: forms.Form,
    status: int = 200,
) -> HttpResponse:
    """The form, for the alarms that were ticked."""
    everything = bool(request.POST.get("all"))
    context = {
        "action": action,
        "title": _TITLES[action](),
        "form": form,
        "back": back,
        "query": request.POST.get("query", ""),
        "count": number,
        "names": [str(item) for item in chosen.select_related("rule")[:10]],
        "keys": [] if everything else list(chosen.values_list("pk", flat=True)),
        "all_matching": everything,
    }
    return render(request, "alarms/act.html", context, status=status)


_TITLES: Final = {
    "acknowledge": lambda: _("Acknowledge alarms"),
    "comment": lambda: _("Comment on alarms"),
    "close": lambda: _("Close alarms with a cause"),
}


def _done_text(action: str, number: int) -> str:
    if action == "acknowledge":
        return ngettext("%d alarm acknowledged.", "%d alarms acknowledged.", number) % number
    if action == "comment":
        return (
            ngettext("Comment added to %d alarm.", "Comment added to %d alarms.", number) % number
        )
    return ngettext("%d alarm closed.", "%d alarms closed.", number) % number


STRIP_ALARMS: Final = 4


def alarm_strip(user: User) -> dict[str, Any]:
    """For the overview: counts by level, and the most urgent alarms that nothing explains."""
    visible = Alarm.objects.restrict(user)
    rows = visible.active().roots().select_related("rule")
    newest = list(rows.order_by("-urgency", "-raised_at")[:STRIP_ALARMS])
    return {"alarm_counts": counts_by_level(visible), "newest_alarms": newest}


# ---- Panels on object pages ---------------------------------------------------------------


def alarms_panel(request: HttpRequest, instance: Any) -> dict[str, Any] | None:
    """The open alarms of an object and of what belongs to it; nothing when there are none."""
    if not request.user.has_perm("alarms.view_alarm"):
        return None
    rows = Alarm.objects.restrict(request.user).open().filter(_belonging(instance))
    found = list(rows.select_related("rule", "unit", "root")[:11])
    if not found:
        return None
    return {"alarms": found[:10], "more": len(found) > 10}


def _belonging(instance: Any) -> Q:
    kind = refs.Ref.of(instance).kind
    mine = Q(object_kind=kind, object_id=instance.pk)
    if isinstance(instance, Unit):
        return Q(unit=instance)
    if isinstance(instance, Circuit):
        return mine | Q(object_kind="access_point", object_id=instance.access_point_id or 0)
    if isinstance(instance, Device):
        ports = instance.ports.values("pk")
        mine |= Q(object_kind="port", object_id__in=ports)
    field = {Device: "device", AccessPoint: "access_point"}.get(type(instance))
    if field is None:
        return mine
    targets = Target.objects.filter(**{field: instance}).values("pk")
    return mine | Q(object_kind="target", object_id__in=targets)


PANELLED: Final = (Unit, AccessPoint, Device, Port, Circuit)
