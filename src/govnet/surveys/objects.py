"""Surveys, declared to the generic layer: table, filters, form, resource, panel."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, ClassVar

import django_filters
import django_tables2 as tables
from django.http import HttpRequest
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from govnet.core import panels
from govnet.core.filters import ObjectFilterSet
from govnet.core.forms import ObjectForm
from govnet.core.naturalkeys import NaturalKey
from govnet.core.registry import Inline, Resource, register
from govnet.core.tables import LinkColumn, ObjectTable
from govnet.surveys import services
from govnet.surveys.forms import ManualForm
from govnet.surveys.models import Question, Rating, Survey, SurveyState


class SurveyTable(ObjectTable):
    """Surveys."""

    name = LinkColumn()
    region = tables.Column(linkify=True)

    class Meta(ObjectTable.Meta):
        model = Survey
        fields = ("name", "code", "region", "state", "closes_on", "satisfied_from", "notes")

    default_columns = ("name", "code", "region", "state", "closes_on")


class SurveyFilter(ObjectFilterSet):
    """Surveys."""

    state = django_filters.ChoiceFilter(choices=SurveyState.choices, label=_("state"))

    class Meta:
        model = Survey
        fields = ()


class SurveyForm(ObjectForm):
    """A survey with its further questions below."""

    class Meta:
        model = Survey
        fields = ("name", "code", "region", "question", "satisfied_from", "closes_on", "notes")
        help_texts: ClassVar[dict[str, str | Promise]] = {
            "code": _("The site's own number, e.g. MY-2026."),
            "region": _("Every accepted unit in it gets one ballot; empty for the whole site."),
            "question": _("The one question whose answers make the percentage."),
            "satisfied_from": _("The lowest answer that counts as satisfied; it is printed."),
        }


def survey_panel(request: HttpRequest, survey: Survey) -> Mapping[str, Any]:
    """Counts, percentage with interval, distribution, ballots."""
    ballots = list(survey.ballots.select_related("unit"))
    counted = [b for b in ballots if b.returned_at and not b.invalid_reason]
    ratings = Counter(b.rating for b in counted)
    return {
        "survey": survey,
        "result": services.result(survey),
        "distribution": [
            (r.label, ratings[r.value], ratings[r.value] / len(counted) * 100 if counted else 0)
            for r in Rating
        ],
        "ballots": ballots,
        "comments": [b.comment for b in counted if b.comment],
        "manual": getattr(survey, "manual", None),
        "manual_form": ManualForm(),
        "draft": survey.state == SurveyState.DRAFT,
        "open": survey.state == SurveyState.OPEN,
        "may_change": request.user.has_perm("surveys.change_survey"),
    }


def register_all() -> None:
    """Declare surveys; safe to call again."""
    fields = ("code", "name", "region", "question", "satisfied_from", "closes_on", "notes")
    register(
        Resource(
            model=Survey,
            table=SurveyTable,
            filterset=SurveyFilter,
            form=SurveyForm,
            key=NaturalKey((("code",),)),
            identity=(("code",),),
            search=("name", "code"),
            file_columns=fields,
            detail=fields,
            bulk_edit=("closes_on", "notes"),
            prepare=lambda rows: rows.select_related("region", "manual"),
            region="region",
            inlines=(
                Inline(
                    Question,
                    ("text",),
                    _("Further questions"),
                    _("Rated like the overall question; they do not enter the percentage."),
                ),
            ),
        )
    )
    panels.register(Survey, template="surveys/panel.html", context=survey_panel, order=-1)
