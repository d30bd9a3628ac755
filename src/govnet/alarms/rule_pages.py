"""What a rule's page has beside its fields: the test against history, and the way back."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from govnet.alarms import shipped
from govnet.alarms.metrics import METRICS
from govnet.alarms.models import Rule
from govnet.alarms.refs import MODELS, Ref
from govnet.core.views.base import signed_in
from govnet.telemetry.client import TelemetryUnavailableError


def rule_panel(request: HttpRequest, rule: Rule) -> dict[str, Any]:
    """The buttons of the test, the language's words, and whether there is a way back."""
    known = shipped.shipped_rules().get(rule.code)
    changed = known is not None and any(getattr(rule, n) != v for n, v in known.items())
    return {
        "testable": bool(rule.condition),
        "days": (1, 7, 30),
        "metrics": METRICS.values(),
        "changed": changed and request.user.has_perm("alarms.change_rule"),
    }


@require_safe
def history(request: HttpRequest, pk: int) -> HttpResponse:
    """What a rule would have raised in the last days."""
    from govnet.alarms import rulebook  # noqa: PLC0415  # numpy and lark; no other page needs them
    from govnet.alarms.conditions import ConditionError, parse  # noqa: PLC0415

    if not signed_in(request).has_perm("alarms.view_rule"):
        raise PermissionDenied
    rule = get_object_or_404(Rule, pk=pk)
    asked = request.GET.get("days", "7")
    days = int(asked) if asked in {str(d) for d in rulebook.HISTORY_DAYS} else 7
    context: dict[str, Any] = {"days": days, "error": ""}
    try:
        condition = parse(rule.condition)
        context["history"] = rulebook.against_history(
            condition, days, _visible(request, condition.metrics[0].subject)
        )
    except ConditionError as error:
        context["error"] = str(error)
    except TelemetryUnavailableError:
        context["error"] = _("The data store is not answering.")
    return render(request, "alarms/history.html", context)


def _visible(request: HttpRequest, kind: str) -> list[Ref] | None:
    """The objects that the person may see; None for all."""
    user = signed_in(request)
    if user.sees_everything:
        return None
    manager: Any = MODELS[kind]._default_manager
    return [Ref(str(kind), pk) for pk in manager.restrict(user).values_list("pk", flat=True)]


@require_POST
def set_back(request: HttpRequest, pk: int) -> HttpResponse:
    """Give a shipped rule its first values again."""
    if not signed_in(request).has_perm("alarms.change_rule"):
        raise PermissionDenied
    rule = get_object_or_404(Rule, pk=pk, code__in=shipped.shipped_rules())
    shipped.set_back(rule)
    messages.success(request, _("The rule has its shipped values again."))
    return redirect(rule.get_absolute_url())
