"""The question sheet and the summary of a survey as Word."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING, Final

from django.utils import timezone, translation
from django.utils.translation import gettext as _

from govnet.core.office import as_docx, fill
from govnet.surveys import services
from govnet.surveys.models import Rating

if TYPE_CHECKING:
    from govnet.surveys.models import Survey

TEMPLATES: Final = ("question-sheet", "summary")


def figures(survey: Survey) -> list[tuple[str, str]]:
    """The counts and what follows from them, each with its name, in the present language."""
    found = services.result(survey)
    interval = found.interval
    return [
        (_("invited"), str(found.invited)),
        (_("returned"), str(found.returned)),
        (_("Return rate"), _percent(found.return_rate)),
        (_("valid"), str(found.valid)),
        (_("satisfied"), str(found.satisfied)),
        (_("Satisfied of valid"), _percent(found.percent)),
        (_("Wilson interval, 95 percent"), f"{interval[0]}% – {interval[1]}%" if interval else "—"),
    ]


def _percent(value: object) -> str:
    return "—" if value is None else f"{value}%"


def render(survey: Survey, kind: str) -> bytes:
    """A document of a survey in Chinese, whatever the language of the page."""
    template = resources.files("govnet.surveys") / "word" / f"{kind}.docx"
    ballots = survey.ballots.filter(returned_at__isnull=False, invalid_reason="")
    ratings = list(ballots.values_list("rating", flat=True))
    with translation.override("zh-hans"):
        data = {
            "title": survey.name,
            "code": survey.code,
            "question": survey.question,
            "questions": [question.text for question in survey.questions.all()],
            "choices": [str(rating.label) for rating in Rating],
            "satisfied_from": str(Rating(survey.satisfied_from).label),
            "closes_on": str(survey.closes_on),
            "printed_on": str(timezone.localdate()),
            "figures": [{"name": name, "value": value} for name, value in figures(survey)],
            "distribution": [
                {"name": str(rating.label), "number": ratings.count(rating.value)}
                for rating in Rating
            ],
            "comments": [row.comment for row in ballots.exclude(comment="")],
        }
    return as_docx(fill(template.read_bytes(), data))
