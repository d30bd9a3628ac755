"""The page of the twin: what is broken, what GovNet believes, and the buttons to break it.

Only for who may give orders to it. The pages never enter a namespace themselves: they read the
twin's files, and write orders to its director.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from govnet.accounts.models import User
from govnet.lab import belief, director, faults, words
from govnet.lab.forms import FaultForm
from govnet.lab.here import twin_here
from govnet.lab.models import Order
from govnet.lab.scenario import Step, truth_now, truth_with
from govnet.lab.services import give
from govnet.lab.truth import Truth
from govnet.lab.twin import Twin
from govnet.topology.map import draw
from govnet.topology.models import MapView

PAGE = 100
ORDERS_SHOWN = 10
NAMES_SHOWN = 60


def _here() -> Twin:
    twin = twin_here()
    if twin is None:
        raise Http404
    return twin


def _person(request: HttpRequest) -> User:
    assert isinstance(request.user, User)
    return request.user


@never_cache
@permission_required("lab.view_order", raise_exception=True)
def twin_page(request: HttpRequest) -> HttpResponse:
    """The whole page, or the part of it that refreshes itself."""
    twin, person = _here(), _person(request)
    part = request.GET.get("part", "") if getattr(request, "htmx", False) else ""
    context: dict[str, Any] = {
        "may_order": person.has_perm("lab.add_order"),
        "name": twin.city.name,
    }
    if part != "state":
        context |= _map(twin, person, request.GET.get("view", ""))
    if part != "map":
        context |= _state(request, twin, person)
    if not part:
        context |= _choices()
    template = {"map": "topology/map_drawing.html", "state": "lab/state.html"}
    return render(request, template.get(part, "lab/twin.html"), context)


def _map(twin: Twin, person: User, view: str) -> dict[str, Any]:
    drawn = draw(person, view if view in MapView.values else MapView.LAYERS)
    broken = belief.truly_broken(person, twin.city, truth_now(twin))
    for node in drawn.nodes:
        node.hit = node.id in broken
    return {"map": drawn}


def _state(request: HttpRequest, twin: Twin, person: User) -> dict[str, Any]:
    rows = belief.compare(person, twin)
    everything = request.GET.get("show") == "all"
    shown = rows if everything else [row for row in rows if row.is_remarkable]
    return {
        "faults": [_told(fault) for fault in faults.active(twin)],
        "page": Paginator(shown, PAGE).get_page(request.GET.get("page")),
        "everything": everything,
        "number": len(rows),
        "agreeing": sum(row.agrees for row in rows),
        "without_path": _titles(twin, truth_now(twin)),
        "orders": Order.objects.select_related("person")[:ORDERS_SHOWN],
        **_progress(twin),
    }


def _told(fault: faults.Fault) -> tuple[faults.Fault, str, list[str], datetime]:
    options = [words.option_words(name, value) for name, value in fault.options.items()]
    return fault, words.kind_word(fault.kind), options, datetime.fromtimestamp(fault.since, UTC)


def _titles(twin: Twin, truth: Truth) -> list[str]:
    return [twin.city.by_name[name].title for name in sorted(truth.without_path)]


def _progress(twin: Twin) -> dict[str, Any]:
    now = director.progress(twin)
    playing = director.shipped().get(now.name) if now else None
    if now is None or playing is None:
        return {}
    return {
        "progress": now,
        "playing": playing,
        "elapsed": min(timezone.now().timestamp() - now.began, now.length_s),
        "next": _step(playing.steps[now.done]) if now.done < len(playing.steps) else None,
        "ended": words.ENDINGS.get(now.ended, now.ended),
    }


def _choices() -> dict[str, Any]:
    groups = [(label, [(kind, *words.KINDS[kind]) for kind in of]) for label, of in words.GROUPS]
    scenarios = [
        (key, scenario, scenario.steps[-1].at, [_step(step) for step in scenario.steps])
        for key, scenario in director.shipped().items()
    ]
    return {"groups": groups, "scenarios": scenarios}


def _step(step: Step) -> tuple[float, str]:
    return step.at, words.step_words(step)


@never_cache
@permission_required("lab.add_order", raise_exception=True)
def fault(request: HttpRequest, kind: str) -> HttpResponse:
    """Choose target and options, see what would truly break, and let it happen."""
    twin = _here()
    if kind not in faults.KINDS:
        raise Http404
    if request.method != "POST":
        form = FaultForm(twin, kind, target=request.GET.get("target", "")[:80])
        return _fault_page(request, form, None)
    form = FaultForm(twin, kind, request.POST)
    if not form.is_valid() or form.supposed is None:
        return _fault_page(request, form, None)
    wanted = form.supposed
    if request.POST.get("act") != "inject":
        return _fault_page(request, form, truth_with(twin.city, [*faults.active(twin), wanted]))
    details = {"kind": wanted.kind, "target": wanted.target, "options": wanted.options}
    order = give(twin, _person(request), Order.What.INJECT, str(wanted), **details)
    return _after(request, order)


def _fault_page(request: HttpRequest, form: FaultForm, truth: Truth | None) -> HttpResponse:
    label, about = words.KINDS[form.kind.name]
    context: dict[str, Any] = {"form": form, "title": label, "about": about, "kind": form.kind.name}
    if truth is not None:
        city = form.twin.city
        affected = sorted(truth.affected.items(), key=lambda item: (item[1], item[0]))
        context["broken"] = [
            (city.by_name[node].title, words.SENSES[sense], state)
            for (node, sense), state in affected[:NAMES_SHOWN]
        ]
        context["broken_number"] = len(affected)
        context["without_path"] = _titles(form.twin, truth)
        context["unsettled"] = len(truth.unsettled)
        context["blind"] = truth.blind
    return render(request, "lab/fault.html", context)


@require_POST
@permission_required("lab.add_order", raise_exception=True)
def heal(request: HttpRequest) -> HttpResponse:
    """Heal one fault, or all."""
    kind, target = (request.POST.get(name, "")[:80] or None for name in ("kind", "target"))
    subject = f"{kind} {target or ''}".strip() if kind else ""
    order = give(_here(), _person(request), Order.What.HEAL, subject, kind=kind, target=target)
    return _after(request, order)


@require_POST
@permission_required("lab.add_order", raise_exception=True)
def play(request: HttpRequest) -> HttpResponse:
    """Begin a scenario."""
    name = request.POST.get("name", "")[:80]
    chosen = director.shipped().get(name)
    title = chosen.name if chosen else name
    return _after(request, give(_here(), _person(request), Order.What.PLAY, title, name=name))


@require_POST
@permission_required("lab.add_order", raise_exception=True)
def stop(request: HttpRequest) -> HttpResponse:
    """End the scenario that is being played; what it broke is healed."""
    return _after(request, give(_here(), _person(request), Order.What.STOP, ""))


def _after(request: HttpRequest, order: Order) -> HttpResponse:
    if order.refusal:
        messages.error(request, _("The twin refused: %s") % order.refusal)
    else:
        messages.success(request, str(order))
    return HttpResponseRedirect(reverse("lab:twin"))
