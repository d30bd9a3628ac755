"""The page of what waits for a person."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from govnet.core.due import due_items
from govnet.core.views.base import signed_in


def due(request: HttpRequest) -> HttpResponse:
    """Everything that is due or overdue within the person's scope, by kind."""
    today = timezone.localdate()
    context = {"kinds": due_items(signed_in(request), today), "today": today}
    return render(request, "core/due.html", context)
